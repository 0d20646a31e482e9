/**
 * The interface of TLS: records in, records out, and the exporter. The engine is an argument; the only
 * one is that of libssl (`native/libssl.ts`).
 * @module
 */

/** The settings of a TLS end. */
export interface TlsSettings {
  /** PEM of the trusted certificates; if it is empty, any chain is accepted. */
  readonly anchors: string;
  /** PEM of the own certificate and its chain, the own one first; empty for none. */
  readonly certificate: string;
  /** PEM of its private key; empty for none. */
  readonly key: string;
  /** Highest version: 0x0303 is TLS 1.2, 0x0304 is TLS 1.3. */
  readonly versionMax: number;
  /** For a client: the name that the server's certificate must contain; undefined or empty for any. */
  readonly serverName?: string | undefined;
}

/** The end of TLS. A server that asks for a certificate fails if it gets none. */
export interface TlsRole {
  readonly server: boolean;
  /** For a server: whether the client must have a certificate. */
  readonly asksCertificate: boolean;
}

/** The result of received records. */
export interface TlsStep {
  /** Records to send, perhaps with an alert in them; may be empty. */
  readonly out: Uint8Array;
  /** Plaintext that arrived; may be empty. */
  readonly plaintext: Uint8Array;
  /** Whether the handshake is complete. */
  readonly established: boolean;
  /** The reason why TLS has failed, in the words of the library, with the result of the certificate check. */
  readonly failure: string | undefined;
}

/** One TLS connection. */
export interface TlsSession {
  /** Takes whole or partial records of the other end; empty when a client begins. */
  feed(records: Uint8Array): TlsStep;
  /** Encrypts application data. */
  write(plaintext: Uint8Array): Uint8Array;
  /** 0x0303 or 0x0304; 0 before it is known. */
  version(): number;
  /** Keying material (RFC 5705, RFC 8446 §7.5); no `context` differs from an empty one. */
  exportKey(label: string, context: Uint8Array | undefined, octets: number): Uint8Array;
  /** Subject of the other end's certificate in the form of RFC 2253; undefined if it sent none. */
  peerSubject(): string | undefined;
  /** Frees the connection; further calls have no effect. */
  close(): void;
}

/** Opens connections. */
export interface TlsEngine {
  /** Opens a connection. @throws {Error} with a sentence if the PEM cannot be used. */
  open(role: TlsRole, settings: TlsSettings): TlsSession;
}
