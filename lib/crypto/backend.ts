/**
 * The interface of a crypto backend: pseudorandom functions, ciphers, integrity algorithms, key exchanges and
 * signatures, found by their IANA transform number (RFC 7296 §3.3.2). Two backends implement it and give the
 * same octets: the portable one, and the native one over libcrypto. Symmetric algorithms are plain calls;
 * asymmetric ones may return a promise, and the core asks for them by a `compute` effect.
 *
 * Keys, IVs and data are neither kept nor changed; what is returned belongs to the caller.
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
  /** Octets of the result of {@linkcode compute}. */
  readonly outputOctets: number;
  /**
   * Whether the function is defined for keys of one length, like those made of AES. Then only the first
   * `keyOctets / 2` octets of Ni and of Nr are the key of SKEYSEED (RFC 7296 §2.14). Other keys, such as a
   * PSK, may have any length: RFC 4434 §2 and RFC 4615 §3 adapt them.
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
  /** Octets of key material; the last `saltOctets` of them are the salt. */
  readonly keyOctets: number;
  /** Octets of salt (nonce) at the end of the key material; 0 for none. */
  readonly saltOctets: number;
  /** Octets of the IV that precedes the ciphertext in a payload or packet. */
  readonly ivOctets: number;
  /** The length of plaintext must be a multiple of this; 1 if any length is allowed. */
  readonly blockOctets: number;
  /** Octets of the integrity check value; 0 means not AEAD. */
  readonly icvOctets: number;
  /**
   * Encrypts. `aad` is only used by AEAD ciphers. The caller adds padding.
   * @returns ciphertext ‖ ICV.
   * @throws {Bug} if key, IV or plaintext has a length that the cipher does not accept.
   */
  seal(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /**
   * The same in place: `text` is the plaintext and `icvOctets` more, and holds ciphertext ‖ ICV afterwards.
   * @throws {Bug} as {@linkcode seal}.
   */
  sealInPlace(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, text: Uint8Array): void;
  /**
   * Decrypts ciphertext ‖ ICV.
   * @returns the plaintext with its padding; undefined if the ICV is wrong, or {@linkcode seal} never gives
   * that length.
   * @throws {Bug} if key or IV has a length that the cipher does not accept.
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
 * A private value with its public value. Only the backend that made it reads the secret, which is never
 * printed. {@linkcode newKeyPair} makes it.
 */
export interface KeyPair {
  /** Transform Type 4 number. */
  readonly group: number;
  /** The content of the KE payload. */
  readonly publicValue: Uint8Array;
  /** The private value in a form that only the backend knows. */
  readonly secret: unknown;
}

/** The responder's answer for its KE payload, with the shared secret. */
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
  /** Octets of the responder's answer: those of a KEM's ciphertext, otherwise as `publicOctets`. */
  readonly answerOctets: number;
  /** Whether the answer depends on the initiator's value, so that a pair must not be used twice. */
  readonly isKem: boolean;
  /** Octets of the shared secret: those of the modulus, of x, or of u; leading zeros are kept. */
  readonly secretOctets: number;
  /**
   * Makes a fresh key pair. With `random` the pair depends only on its octets and is returned at once instead
   * of by promise, so that a simulation can be repeated.
   */
  generate(random?: RandomOctets): Promise<KeyPair> | KeyPair;
  /**
   * Computes the responder's answer to the initiator's public value, and the shared secret. With `random`
   * both depend only on its octets and are returned at once.
   * @throws {KeyExchangeError} (or rejects) for a public value that must not be used.
   */
  respond(
    peerPublic: Uint8Array,
    random?: RandomOctets,
  ): Promise<KeyExchangeAnswer> | KeyExchangeAnswer;
  /**
   * The shared secret of `secretOctets` octets from the own pair and the peer's value: g^ir (RFC 7296 §2.14),
   * or the decapsulation of a KEM's ciphertext.
   * @throws {KeyExchangeError} (or rejects) for a public value that RFC 6989 §2 or RFC 8031 §4 refuses.
   */
  derive(pair: KeyPair, peerPublic: Uint8Array): Promise<Uint8Array> | Uint8Array;
}

/** All algorithms of one implementation; one that it lacks is undefined. */
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
  /** SHA-1, 20 octets, for NAT_DETECTION_*_IP (RFC 7296 §2.23). */
  sha1(data: Uint8Array): Uint8Array;
  /** SHA-256, 32 octets. */
  sha256(data: Uint8Array): Uint8Array;
  /** Unpredictable octets for nonces, SPIs and IVs. */
  readonly randomOctets: RandomOctets;
}

/** A public value of a peer that must not be used (RFC 6989 §2, RFC 8031 §4). */
export class KeyExchangeError extends Error {
  override name = "KeyExchangeError";
}

/** Answers as the responder of a method in which both ends make a pair: with a fresh pair and g^ir. */
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

/**
 * Makes a {@linkcode KeyPair} whose secret appears neither in a dump nor in JSON, and which can be cloned.
 */
export function newKeyPair(group: number, publicValue: Uint8Array, secret: unknown): KeyPair {
  return new HiddenPair(group, publicValue, secret);
}

/** A pair that does not show its secret when it is printed. */
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
