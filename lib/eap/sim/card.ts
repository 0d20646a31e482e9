/**
 * A SIM or USIM in software, and the subscriber's record at the home network: the keys that both
 * have, and the sequence numbers by which each is remembered (3GPP TS 33.102 §6.3).
 * @module
 */

/** What both ends know of a subscriber. */
export interface SimKeys {
  /** K, 16 octets. */
  readonly k: Uint8Array;
  /** OPc, 16 octets (3GPP TS 35.206 §4.1). */
  readonly opc: Uint8Array;
  /** AMF of the vectors that are made, uint16; for AKA′ its top bit is set (RFC 9048 §3.4). */
  readonly amf: number;
  /** SQN, 48 bits: the highest that was used (at the network) or taken (at the card). Moves. */
  sqn: bigint;
}

/** The peer's card: its keys, and what the network gave it for the next time. */
export interface SimCard extends SimKeys {
  /** The International Mobile Subscriber Identity, 6 to 15 digits. */
  readonly imsi: string;
  /** Realm behind the `@` of identities; empty for none. */
  readonly realm: string;
  /** A pseudonym username to use in place of the IMSI (RFC 4187 §4.1.1.7). */
  pseudonym: string | undefined;
  /** What a fast re-authentication needs (RFC 4187 §5). */
  reauth: ReauthState | undefined;
}

/** What a full authentication leaves for the next fast re-authentication. */
export interface ReauthState {
  /** EAP type of the full authentication: each has identities of its own. */
  readonly method: number;
  /** Whole identity, realm included. */
  readonly identity: string;
  /** Master Key of SIM and AKA, 20 octets; K_re of AKA′, 32 octets. */
  readonly masterKey: Uint8Array;
  readonly kEncr: Uint8Array;
  readonly kAut: Uint8Array;
  /** uint16: the counter of the last re-authentication that was taken. */
  counter: number;
}
