/**
 * ML-KEM (FIPS 203) as a key exchange method of IKEv2, in both backends. The initiator's public value is an
 * encapsulation key, the responder's is the ciphertext that it has encapsulated under that key, and the
 * shared secret has 32 octets (draft-ietf-ipsecme-ikev2-mlkem §2). Fresh pairs are computed by WebCrypto, off
 * the event loop; pairs of a given source of randomness are computed at once.
 * @module
 */
import { ml_kem1024, ml_kem512, ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { must } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import { type KemMeasures, KEMS } from "@/crypto/algorithms.ts";
import {
  type KeyExchange,
  type KeyExchangeAnswer,
  KeyExchangeError,
  type KeyPair,
  newKeyPair,
} from "@/crypto/backend.ts";
import { KeGroup } from "@/iana/ke_group.ts";

/** Octets of the seeds d ‖ z from which a key pair is made (FIPS 203 §7.1). */
const SEED_OCTETS = 64;
/** Octets of the random message m of one encapsulation (FIPS 203 §7.2). */
const MESSAGE_OCTETS = 32;

const LIBRARY = {
  [KeGroup.ML_KEM_512]: ml_kem512,
  [KeGroup.ML_KEM_768]: ml_kem768,
  [KeGroup.ML_KEM_1024]: ml_kem1024,
} as const;

/** The part of WebCrypto's modern algorithms that TypeScript's own types do not declare yet. */
interface WebKem {
  exportKey(format: "raw-public", key: CryptoKey): Promise<ArrayBuffer>;
  importKey(
    format: "raw-public",
    octets: Uint8Array,
    algorithm: { readonly name: string },
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKey>;
  generateKey(
    algorithm: { readonly name: string },
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKeyPair>;
  encapsulateBits(
    algorithm: { readonly name: string },
    key: CryptoKey,
  ): Promise<{ readonly ciphertext: ArrayBuffer; readonly sharedKey: ArrayBuffer }>;
  decapsulateBits(
    algorithm: { readonly name: string },
    key: CryptoKey,
    ciphertext: Uint8Array,
  ): Promise<ArrayBuffer>;
}

/** All key encapsulation methods by Transform Type 4 number. */
export function kemExchanges(): Map<number, KeyExchange> {
  return new Map(KEMS.map((measures) => [measures.group, kemExchange(measures)]));
}

function kemExchange(kem: KemMeasures): KeyExchange {
  const { group, name, publicOctets, secretOctets, answerOctets } = kem;
  return {
    group,
    name,
    publicOctets,
    secretOctets,
    answerOctets,
    isKem: true,
    generate: (random) => random ? generateSeeded(kem, random) : generateFresh(kem),
    respond: (peerPublic, random) => {
      checkOctets(kem, peerPublic, publicOctets, "an encapsulation key");
      return random ? encapsulateSeeded(kem, peerPublic, random) : encapsulate(kem, peerPublic);
    },
    derive: (pair, ciphertext) => {
      must(pair.group === group, `a key pair of method ${group}`);
      checkOctets(kem, ciphertext, answerOctets, "a ciphertext");
      return decapsulate(kem, pair, ciphertext);
    },
  };
}

function generateSeeded({ group }: KemMeasures, random: RandomOctets): KeyPair {
  // The library erases the seed that it is given, so that it gets a copy.
  const { publicKey, secretKey } = libraryOf(group).keygen(random(SEED_OCTETS).slice());
  return newKeyPair(group, publicKey, secretKey);
}

async function generateFresh({ group, webName }: KemMeasures): Promise<KeyPair> {
  const pair = await web().generateKey({ name: webName }, false, [
    "encapsulateBits",
    "decapsulateBits",
  ]);
  const raw = new Uint8Array(await web().exportKey("raw-public", pair.publicKey));
  return newKeyPair(group, raw, pair.privateKey);
}

function encapsulateSeeded(
  kem: KemMeasures,
  key: Uint8Array,
  random: RandomOctets,
): KeyExchangeAnswer {
  try {
    const message = random(MESSAGE_OCTETS).slice();
    const { cipherText, sharedSecret } = libraryOf(kem.group).encapsulate(key, message);
    return { publicValue: cipherText, shared: sharedSecret };
  } catch {
    throw unusableKey(kem);
  }
}

async function encapsulate(kem: KemMeasures, octets: Uint8Array): Promise<KeyExchangeAnswer> {
  const algorithm = { name: kem.webName };
  try {
    const key = await web().importKey("raw-public", octets, algorithm, true, ["encapsulateBits"]);
    const { ciphertext, sharedKey } = await web().encapsulateBits(algorithm, key);
    return { publicValue: new Uint8Array(ciphertext), shared: new Uint8Array(sharedKey) };
  } catch (error) {
    // An encapsulation key with a coefficient that is not below q is refused (FIPS 203 §7.2).
    if (error instanceof DOMException) throw unusableKey(kem);
    throw error;
  }
}

/** Decapsulates; a ciphertext that was altered gives another secret, and no error (FIPS 203 §7.3). */
function decapsulate(
  { group, webName }: KemMeasures,
  { secret }: KeyPair,
  ciphertext: Uint8Array,
): Promise<Uint8Array> | Uint8Array {
  if (secret instanceof CryptoKey) {
    return web().decapsulateBits({ name: webName }, secret, ciphertext)
      .then((shared) => new Uint8Array(shared));
  }
  must(secret instanceof Uint8Array, "a key pair of this backend");
  return libraryOf(group).decapsulate(ciphertext, secret);
}

/** Checks the length of a value. @throws {KeyExchangeError} if it is not that of the method. */
function checkOctets(kem: KemMeasures, value: Uint8Array, octets: number, what: string): void {
  if (value.length === octets) return;
  throw new KeyExchangeError(
    `Cannot use ${what} of ${value.length} octets, ${kem.name} takes ${octets}`,
  );
}

function unusableKey({ name }: KemMeasures): KeyExchangeError {
  return new KeyExchangeError(`Cannot use an encapsulation key that is none of ${name}`);
}

function libraryOf(group: number): typeof ml_kem768 {
  const found = LIBRARY[group as keyof typeof LIBRARY];
  must(found !== undefined, `a key encapsulation method, not ${group}`);
  return found;
}

function web(): WebKem {
  return crypto.subtle as unknown as WebKem;
}
