/**
 * The algorithms of an IKE SA, as functions of the backend.
 * @module
 */
import type { Cipher, Integrity, Prf } from "@/crypto/backend.ts";

/** Negotiated algorithms of an IKE SA (RFC 7296 §3.3.2). */
export interface IkeSuite {
  readonly cipher: Cipher;
  /** The integrity algorithm; undefined with an AEAD cipher. */
  readonly integrity: Integrity | undefined;
  readonly prf: Prf;
  /** Transform Type 4 number. */
  readonly group: number;
  /** The methods of the additional key exchanges, in their order (RFC 9370); empty: none. */
  readonly additional: readonly number[];
}
