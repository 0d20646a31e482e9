/**
 * Key exchanges that compute at once and draw their private values from a given source: MODP (RFC 7296 §2.14)
 * and Brainpool (RFC 6954), and for repeatable simulations also the curves for which the portable backend has
 * something faster.
 * @module
 */
import { createDiffieHellman } from "node:crypto";
import { ecdh, weierstrass } from "@noble/curves/abstract/weierstrass.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { x448 } from "@noble/curves/ed448.js";
import { brainpoolP256r1, brainpoolP384r1, brainpoolP512r1 } from "@noble/curves/misc.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { concat, fromHex, toHex } from "@/base/bytes.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { GroupMeasures } from "@/crypto/algorithms.ts";
import { modpPrime } from "@/crypto/modp_prime.ts";
import { checkPublicLength, drawPrivate, unusablePublic } from "@/crypto/public_value.ts";
import { KeGroup } from "@/iana/ke_group.ts";

/** The arithmetic of one group over octets. */
export interface GroupArithmetic {
  /** Draws a private value from the source, again as long as the octets are none. */
  drawPrivate(random: RandomOctets): Uint8Array;
  /** The public value of a private value. */
  publicOf(privateValue: Uint8Array): Uint8Array;
  /** Whether a public value of the right length may be used; for X25519 and X448 only the result shows it. */
  isUsable(peerPublic: Uint8Array): boolean;
  /** The shared secret. @throws {KeyExchangeError} for a public value that must not be used. */
  sharedOf(privateValue: Uint8Array, peerPublic: Uint8Array): Uint8Array;
}

/** The functions of the library that are used for every curve. */
interface AnyCurve {
  getPublicKey(secretKey: Uint8Array, compressed?: boolean): Uint8Array;
  getSharedSecret(secretKey: Uint8Array, publicKey: Uint8Array, compressed?: boolean): Uint8Array;
}

/** The functions that are used for a short Weierstrass curve. */
interface Curve extends AnyCurve {
  readonly utils: {
    isValidSecretKey(secretKey: Uint8Array): boolean;
    isValidPublicKey(publicKey: Uint8Array, compressed?: boolean): boolean;
  };
}

const CURVES: Readonly<Record<number, () => Curve>> = {
  [KeGroup.ECP_256]: () => p256,
  [KeGroup.ECP_384]: () => p384,
  [KeGroup.ECP_521]: () => p521,
  [KeGroup.BRAINPOOL_P224R1]: brainpoolP224r1,
  [KeGroup.BRAINPOOL_P256R1]: () => brainpoolP256r1,
  [KeGroup.BRAINPOOL_P384R1]: () => brainpoolP384r1,
  [KeGroup.BRAINPOOL_P512R1]: () => brainpoolP512r1,
};

/** The arithmetic of a group; undefined if there is none here. */
export function groupArithmetic(group: GroupMeasures): GroupArithmetic | undefined {
  if (group.family === "modp") return modpArithmetic(group);
  if (group.family === "x") {
    if (group.group === KeGroup.CURVE25519) return xArithmetic(group, x25519);
    return group.group === KeGroup.CURVE448 ? xArithmetic(group, x448) : undefined;
  }
  const curve = CURVES[group.group];
  return curve && curveArithmetic(group, curve);
}

function modpArithmetic(group: GroupMeasures): GroupArithmetic {
  const holder = (privateValue: Uint8Array) => {
    const prime = fromHex(modpPrime(group.group).toString(16))!;
    const dh = createDiffieHellman(prime, Uint8Array.of(2));
    dh.setPrivateKey(privateValue);
    return dh;
  };
  // For safe primes 1 < r < p - 1 is the only check (RFC 6989 §2.1).
  const isUsable = (peerPublic: Uint8Array) => {
    const value = BigInt(`0x${toHex(peerPublic)}`);
    return value > 1n && value < modpPrime(group.group) - 1n;
  };
  return {
    isUsable,
    drawPrivate: (random) => drawPrivate(group, random, () => true),
    publicOf: (value) => padLeft(holder(value).generateKeys(), group.publicOctets),
    sharedOf: (value, peerPublic) => {
      checkPublicLength(group, peerPublic);
      if (!isUsable(peerPublic)) throw unusablePublic(group);
      return padLeft(holder(value).computeSecret(peerPublic), group.secretOctets);
    },
  };
}

function curveArithmetic(group: GroupMeasures, curve: () => Curve): GroupArithmetic {
  const uncompressed = (value: Uint8Array) => concat(Uint8Array.of(4), value);
  return {
    // Both coordinates must be below p, and the point on the curve (RFC 6989 §2.3).
    isUsable: (peerPublic) => curve().utils.isValidPublicKey(uncompressed(peerPublic), false),
    drawPrivate: (random) =>
      drawPrivate(group, random, (value) => curve().utils.isValidSecretKey(value)),
    publicOf: (value) => curve().getPublicKey(value, false).slice(1),
    sharedOf: (value, peerPublic) => {
      checkPublicLength(group, peerPublic);
      try {
        return curve().getSharedSecret(value, uncompressed(peerPublic), true).slice(1);
      } catch {
        throw unusablePublic(group);
      }
    },
  };
}

function xArithmetic(group: GroupMeasures, curve: AnyCurve): GroupArithmetic {
  return {
    isUsable: () => true,
    drawPrivate: (random) => drawPrivate(group, random, () => true),
    publicOf: (value) => curve.getPublicKey(value),
    sharedOf: (value, peerPublic) => {
      checkPublicLength(group, peerPublic);
      try {
        return curve.getSharedSecret(value, peerPublic);
      } catch {
        // The library refuses a result of all zeros (RFC 8031 §4).
        throw unusablePublic(group);
      }
    },
  };
}

/** Pads a value with zeros on the left to the length of the modulus (RFC 7296 §2.14). */
function padLeft(value: Uint8Array, octets: number): Uint8Array {
  const padded = new Uint8Array(octets);
  padded.set(value, octets - value.length);
  return padded;
}

let p224: Curve | undefined;

/** The curve brainpoolP224r1 (RFC 5639 §3.3), as the library only has the larger three. */
function brainpoolP224r1(): Curve {
  return p224 ??= ecdh(weierstrass({
    p: 0xd7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0ffn,
    a: 0x68a5e62ca9ce6c1c299803a6c1530b514e182ad8b0042a59cad29f43n,
    b: 0x2580f63ccfe44138870713b1a92369e33e2135d266dbb372386c400bn,
    n: 0xd7c134aa264366862a18302575d0fb98d116bc4b6ddebca3a5a7939fn,
    Gx: 0x0d9029ad2c7e5cf4340823b2a87dc68c9e4ce3174c1e6efdee12c07dn,
    Gy: 0x58aa56f772c0726f24c6b89e4ecdac24354b9e99caa3f6d3761402cdn,
    h: 1n,
  }));
}
