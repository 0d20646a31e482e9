/**
 * TLS as the room sees it: records in, records out, and the exporter. The engine is handed in; the
 * one there is binds libssl (`native/libssl.ts`).
 * @module
 */

/** With what, and against what, a TLS end is opened. */
export interface TlsSettings {
  /** PEM of the certificates that are trusted; empty: any chain is taken (peers of a test). */
  readonly anchors: string;
  /** PEM of the own certificate and its chain, the own one first; empty for none. */
  readonly certificate: string;
  /** PEM of its private key; empty for none. */
  readonly key: string;
  /** Highest version: 0x0303 is TLS 1.2, 0x0304 is TLS 1.3. */
  readonly versionMax: number;
  /** A client: the name the server's certificate must hold; `undefined` or empty: any. */
  readonly serverName?: string | undefined;
}

/** Which end of TLS; a server that asks for a certificate fails without one. */
export interface TlsRole {
  readonly server: boolean;
  /** A server: whether the client must have a certificate. */
  readonly asksCertificate: boolean;
}

/** What came of records. */
export interface TlsStep {
  /** Records to send, perhaps with an alert in them; may be empty. */
  readonly out: Uint8Array;
  /** Plaintext that arrived; may be empty. */
  readonly plaintext: Uint8Array;
  /** Whether the handshake is complete. */
  readonly established: boolean;
  /** Why TLS has failed, in the library's words, with what the certificate check said. */
  readonly failure: string | undefined;
}

/** One TLS connection. */
export interface TlsSession {
  /** Takes whole or partial records of the other end; empty at a client's beginning. */
  feed(records: Uint8Array): TlsStep;
  /** Encrypts application data. */
  write(plaintext: Uint8Array): Uint8Array;
  /** 0x0303 or 0x0304; 0 before it is known. */
  version(): number;
  /** Keying material (RFC 5705, RFC 8446 §7.5); `context` `undefined` for none, which is not empty. */
  exportKey(label: string, context: Uint8Array | undefined, octets: number): Uint8Array;
  /** Subject of the other end's certificate in RFC 2253 form; `undefined` where it showed none. */
  peerSubject(): string | undefined;
  /** Frees it; twice does no harm. */
  close(): void;
}

/** Opens connections. */
export interface TlsEngine {
  /** @throws {Error} with a sentence where the PEM cannot be used. */
  open(role: TlsRole, settings: TlsSettings): TlsSession;
}
