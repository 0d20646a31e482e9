/**
 * The negotiated algorithms of a CHILD_SA (RFC 7296 §2.17, §2.22), and its state.
 * @module
 */

/** The states of a CHILD_SA, in the order of the API's numbers 1 to 6. */
export type ChildState = "creating" | "established" | "rekeying" | "rekeyed" | "closing" | "closed";

/** The transforms of a CHILD_SA by IANA number. */
export interface ChildSuite {
  /** 3 for ESP, 2 for AH. */
  readonly protocol: number;
  /** Encryption algorithm (transform type 1); 0 for AH. */
  readonly encryption: number;
  /** Value of the Key Length attribute; 0 for a cipher of fixed key length. */
  readonly keyBits: number;
  /** Integrity algorithm (transform type 3); 0 for none, as with an AEAD cipher. */
  readonly integrity: number;
  /** Whether sequence numbers have 64 bits (RFC 4303 §2.2.1). */
  readonly esn: boolean;
  /** Octets of the encryption key of one direction, including its salt. */
  readonly encryptionOctets: number;
  readonly integrityOctets: number;
}

/** The negotiated IPComp (RFC 7296 §2.22). */
export interface Ipcomp {
  /** The CPI of sent packets, uint16. */
  readonly cpiOut: number;
  /** IANA IPCOMP Transform ID; 2 is DEFLATE. */
  readonly transform: number;
}
