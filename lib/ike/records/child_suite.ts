/**
 * What is negotiated for a CHILD_SA (RFC 7296 §2.17, §2.22), and where it stands.
 * @module
 */

/** As the API's CHILD State counts them: 1 creating … 6 closed. */
export type ChildState = "creating" | "established" | "rekeying" | "rekeyed" | "closing" | "closed";

/** The transforms of a CHILD_SA, IANA numbers. */
export interface ChildSuite {
  /** 3 ESP, 2 AH. */
  readonly protocol: number;
  /** Transform type 1; 0 for AH. */
  readonly encryption: number;
  /** The Key Length attribute; 0: a cipher of fixed length. */
  readonly keyBits: number;
  /** Transform type 3; 0: none (AEAD). */
  readonly integrity: number;
  /** Whether sequence numbers have 64 bits (RFC 4303 §2.2.1). */
  readonly esn: boolean;
  /** Octets of one direction's encryption key, its salt included. */
  readonly encryptionOctets: number;
  readonly integrityOctets: number;
}

/** IPComp as it was settled (RFC 7296 §2.22). */
export interface Ipcomp {
  /** uint16; the CPI of what we send. */
  readonly cpiOut: number;
  /** IANA IPCOMP Transform ID: 2 DEFLATE. */
  readonly transform: number;
}
