/**
 * What a crypto backend offers: pseudorandom functions, ciphers, integrity algorithms and key
 * exchanges, and signatures, found by their IANA transform number (RFC 7296 §3.3.2). Two backends answer to it and
 * give the same octets: the portable one, and the native one over libcrypto. Symmetric work is a
 * plain call; asymmetric work may be a promise, and the core asks for it by a `compute` effect.
 *
 * Keys, IVs and data are only read, never kept and never changed; what is returned is the caller's.
 * @module
 */
import type { RandomOctets } from "@/base/random.ts";
import type { Signatures } from "@/crypto/signature.ts";

/** A pseudorandom function (RFC 7296 §2.13). */
export interface Prf {
  /** Transform Type 2 number. */
  readonly id: number;
  /** IANA name, `PRF_HMAC_SHA2_256`. */
  readonly name: string;
  /** Preferred key length in octets: that of SK_d, SK_pi and SK_pr (RFC 7296 §2.14). */
  readonly keyOctets: number;
  /** Octets that one {@linkcode compute} gives. */
  readonly outputOctets: number;
  /**
   * Whether the function is defined over a key of one length only, as those built on AES are. Then
   * only the first `keyOctets / 2` octets of Ni and of Nr key SKEYSEED (RFC 7296 §2.14), though any
   * key, a PSK too, is taken: longer and shorter ones as RFC 4434 §2 and RFC 4615 §3 say.
   */
  readonly fixedKey: boolean;
  /** prf(key, data): `outputOctets` octets. */
  compute(key: Uint8Array, data: Uint8Array): Uint8Array;
  /**
   * The first `octets` of prf+(key, seed) (RFC 7296 §2.13).
   * @throws {Bug} beyond 255 times `outputOctets`, where prf+ is not defined.
   */
  plus(key: Uint8Array, seed: Uint8Array, octets: number): Uint8Array;
}

/** An encryption algorithm, with its integrity check where it is combined-mode (AEAD). */
export interface Cipher {
  /** Transform Type 1 number. */
  readonly id: number;
  /** As in the Key Length attribute, in bits without salt; 0 where the key length is fixed. */
  readonly keyBits: number;
  /** IANA name, `ENCR_AES_GCM_16`. */
  readonly name: string;
  /** Key material to take, in octets; the last `saltOctets` of it are the salt. */
  readonly keyOctets: number;
  /** Octets of salt (nonce) at the end of the key material; 0 for none. */
  readonly saltOctets: number;
  /** Octets of the IV that precedes the ciphertext in a payload or packet. */
  readonly ivOctets: number;
  /** The plaintext must be a multiple of this; 1 where any length will do. */
  readonly blockOctets: number;
  /** Octets of the integrity check value; 0 means not AEAD. */
  readonly icvOctets: number;
  /**
   * Encrypts. `aad` counts for AEAD ciphers only. Padding is the caller's.
   * @returns ciphertext ‖ ICV.
   * @throws {Bug} where key, IV or plaintext has a length the cipher does not take.
   */
  seal(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /**
   * Decrypts ciphertext ‖ ICV.
   * @returns the plaintext, padding included; `undefined` where the ICV is wrong, or where the
   * length is none that {@linkcode seal} gives.
   * @throws {Bug} where key or IV has a length the cipher does not take.
   */
  open(
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined;
}

/** An integrity algorithm, for a cipher that is not AEAD. */
export interface Integrity {
  /** Transform Type 3 number. */
  readonly id: number;
  /** IANA name, `AUTH_HMAC_SHA2_256_128`. */
  readonly name: string;
  /** Octets of key. */
  readonly keyOctets: number;
  /** Octets of the integrity check value. */
  readonly icvOctets: number;
  /** The integrity check value, already truncated to `icvOctets`. */
  mac(key: Uint8Array, data: Uint8Array): Uint8Array;
}

/**
 * A private value with its public one. The secret is for the backend that made it; it prints as
 * nothing. Made by {@linkcode newKeyPair} only.
 */
export interface KeyPair {
  /** Transform Type 4 number. */
  readonly group: number;
  /** What the KE payload carries. */
  readonly publicValue: Uint8Array;
  /** Opaque to all but the backend. */
  readonly secret: unknown;
}

/** What a responder sends in its KE payload, and the shared secret that it has from then on. */
export interface KeyExchangeAnswer {
  readonly publicValue: Uint8Array;
  readonly shared: Uint8Array;
}

/**
 * A key exchange method (RFC 7296 §3.4; RFC 5903 for ECP groups, RFC 8031 for curves), or a key
 * encapsulation method (RFC 9370 §2.1), whose responder answers with a ciphertext.
 */
export interface KeyExchange {
  /** Transform Type 4 number. */
  readonly group: number;
  /** IANA name, `2048-bit MODP Group`. */
  readonly name: string;
  /** Octets of the public value: of the modulus, or of x ‖ y, or of u, or of a KEM's key. */
  readonly publicOctets: number;
  /** Octets of what the responder answers: of a KEM's ciphertext, else as `publicOctets`. */
  readonly answerOctets: number;
  /** Whether the answer depends on the initiator's value; such a pair is never used twice. */
  readonly isKem: boolean;
  /** Octets of the shared secret: of the modulus, or of x, or of u; leading zeros stay. */
  readonly secretOctets: number;
  /**
   * A fresh key pair. With `random` the pair depends on its octets alone, and both calls of the
   * pair answer at once instead of by promise: for worlds that repeat.
   */
  generate(random?: RandomOctets): Promise<KeyPair> | KeyPair;
  /**
   * The responder's half: what it answers the initiator's public value with, and the shared secret.
   * With `random` it depends on its octets alone and is there at once.
   * @throws {KeyExchangeError} (or rejects) on a public value that must not be used.
   */
  respond(
    peerPublic: Uint8Array,
    random?: RandomOctets,
  ): Promise<KeyExchangeAnswer> | KeyExchangeAnswer;
  /**
   * The shared secret, `secretOctets` long, of our pair and what the peer sent: g^ir (RFC 7296
   * §2.14), or what a KEM's ciphertext decapsulates to.
   * @throws {KeyExchangeError} (or rejects) on a public value that RFC 6989 §2 or RFC 8031 §4 refuses.
   */
  derive(pair: KeyPair, peerPublic: Uint8Array): Promise<Uint8Array> | Uint8Array;
}

/** All the algorithms of one implementation; what it lacks is `undefined`. */
export interface CryptoBackend {
  readonly name: "portable" | "native";
  /** By Transform Type 2 number. */
  prf(id: number): Prf | undefined;
  /** By Transform Type 1 number and Key Length attribute in bits, 0 for none. */
  cipher(id: number, keyBits: number): Cipher | undefined;
  /** By Transform Type 3 number. */
  integrity(id: number): Integrity | undefined;
  /** By Transform Type 4 number. */
  keyExchange(group: number): KeyExchange | undefined;
  /** Signing and verifying, by the kind of key; see `lib/crypto/signature.ts`. */
  readonly signatures: Signatures;
  /** SHA-1, 20 octets: NAT_DETECTION_*_IP (RFC 7296 §2.23). */
  sha1(data: Uint8Array): Uint8Array;
  /** SHA-256, 32 octets. */
  sha256(data: Uint8Array): Uint8Array;
  /** Octets nobody can foresee: nonces, SPIs, IVs. */
  readonly randomOctets: RandomOctets;
}

/** A peer's public value that must not be used (RFC 6989 §2, RFC 8031 §4). */
export class KeyExchangeError extends Error {
  override name = "KeyExchangeError";
}

/** The responder's half of an exchange in which both ends make a pair: a fresh one, and g^ir. */
export function respondByPair(
  exchange: Pick<KeyExchange, "generate" | "derive">,
  peerPublic: Uint8Array,
  random?: RandomOctets,
): Promise<KeyExchangeAnswer> | KeyExchangeAnswer {
  const answerOf = (pair: KeyPair) => {
    const shared = exchange.derive(pair, peerPublic);
    const { publicValue } = pair;
    return shared instanceof Promise
      ? shared.then((shared) => ({ publicValue, shared }))
      : { publicValue, shared };
  };
  const pair = exchange.generate(random);
  return pair instanceof Promise ? pair.then(answerOf) : answerOf(pair);
}

/** A {@linkcode KeyPair} whose secret shows neither in a dump nor in JSON, and which can be cloned. */
export function newKeyPair(group: number, publicValue: Uint8Array, secret: unknown): KeyPair {
  return new HiddenPair(group, publicValue, secret);
}

/** Says nothing of its secret, whoever prints it. */
class HiddenPair implements KeyPair {
  constructor(
    readonly group: number,
    readonly publicValue: Uint8Array,
    readonly secret: unknown,
  ) {}

  toJSON(): string {
    return `KeyPair of group ${this.group}, its secret hidden`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toJSON();
  }
}
