/**
 * Key exchange of the portable backend. Curve25519, Curve448 and the NIST curves are computed by WebCrypto,
 * off the event loop; MODP and Brainpool, which it lacks, are computed at once.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { GroupMeasures } from "@/crypto/algorithms.ts";
import { type KeyExchange, type KeyPair, newKeyPair, respondByPair } from "@/crypto/backend.ts";
import { checkPublicLength, unusablePublic } from "@/crypto/public_value.ts";
import { groupArithmetic } from "@/crypto/seeded_exchange.ts";
import { KeGroup } from "@/iana/ke_group.ts";

/** WebCrypto's name of a group, and the bits that it derives. */
interface WebGroup {
  readonly algorithm: { readonly name: string; readonly namedCurve?: string };
  readonly bits: number;
  /** Octets before a raw public key of WebCrypto: 0x04 of an uncompressed point. */
  readonly prefix: Uint8Array<ArrayBuffer>;
}

const POINT = Uint8Array.of(4);
const WEB_GROUPS: Readonly<Record<number, WebGroup>> = {
  [KeGroup.ECP_256]: { algorithm: { name: "ECDH", namedCurve: "P-256" }, bits: 256, prefix: POINT },
  [KeGroup.ECP_384]: { algorithm: { name: "ECDH", namedCurve: "P-384" }, bits: 384, prefix: POINT },
  [KeGroup.ECP_521]: { algorithm: { name: "ECDH", namedCurve: "P-521" }, bits: 528, prefix: POINT },
  [KeGroup.CURVE25519]: { algorithm: { name: "X25519" }, bits: 256, prefix: new Uint8Array(0) },
  [KeGroup.CURVE448]: { algorithm: { name: "X448" }, bits: 448, prefix: new Uint8Array(0) },
};

/** The key exchange with these properties; undefined if this backend has none. */
export function portableExchange(
  group: GroupMeasures,
  randomOctets: RandomOctets,
): KeyExchange | undefined {
  const arithmetic = groupArithmetic(group);
  if (!arithmetic) return undefined;
  const web = WEB_GROUPS[group.group];
  const exchange: KeyExchange = {
    group: group.group,
    name: group.name,
    publicOctets: group.publicOctets,
    answerOctets: group.answerOctets,
    secretOctets: group.secretOctets,
    isKem: false,
    respond: (peerPublic, random) => respondByPair(exchange, peerPublic, random),
    generate: (random) => {
      if (web && !random) return generateByWeb(group, web);
      const privateValue = arithmetic.drawPrivate(random ?? randomOctets);
      return newKeyPair(group.group, arithmetic.publicOf(privateValue), privateValue);
    },
    derive: (pair, peerPublic) => {
      must(pair.group === group.group, `a key pair of group ${group.group}`);
      if (web && pair.secret instanceof CryptoKey) {
        checkPublicLength(group, peerPublic);
        if (!arithmetic.isUsable(peerPublic)) throw unusablePublic(group);
        return deriveByWeb(group, web, pair.secret, peerPublic);
      }
      must(pair.secret instanceof Uint8Array, "a key pair of this backend");
      return arithmetic.sharedOf(pair.secret, peerPublic);
    },
  };
  return exchange;
}

async function generateByWeb(group: GroupMeasures, web: WebGroup): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey(web.algorithm, false, ["deriveBits"]);
  must("publicKey" in pair, "WebCrypto makes pairs for key exchange");
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return newKeyPair(group.group, raw.slice(web.prefix.length), pair.privateKey);
}

async function deriveByWeb(
  group: GroupMeasures,
  web: WebGroup,
  secret: CryptoKey,
  peerPublic: Uint8Array,
): Promise<Uint8Array> {
  const raw = new Uint8Array(concat(web.prefix, peerPublic));
  const peer = await crypto.subtle.importKey("raw", raw, web.algorithm, true, []);
  const algorithm = { name: web.algorithm.name, public: peer };
  try {
    return new Uint8Array(await crypto.subtle.deriveBits(algorithm, secret, web.bits));
  } catch (error) {
    // For X25519 and X448 the refused case is a result of all zeros (RFC 8031 §4).
    if (group.family === "x" && error instanceof DOMException) throw unusablePublic(group);
    throw error;
  }
}
