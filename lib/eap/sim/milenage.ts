/**
 * Milenage (3GPP TS 35.206 §4.1): f1, f1*, f2 to f5 and f5* on AES-128, with the constants that the
 * specification recommends, and the GSM triplets that are derived from it (3GPP TS 55.205 §4).
 * @module
 */
import { aesEncryptBlock } from "@/crypto/legacy.ts";
import { must } from "@/base/errors.ts";

/** Keys of a subscriber: K and OPc, 16 octets each. */
export interface MilenageKeys {
  readonly k: Uint8Array;
  readonly opc: Uint8Array;
}

/** The results of f2 to f5 for a RAND. */
export interface MilenageAnswer {
  /** 8 octets. */
  readonly res: Uint8Array;
  /** 16 octets. */
  readonly ck: Uint8Array;
  /** 16 octets. */
  readonly ik: Uint8Array;
  /** 6 octets: hides SQN. */
  readonly ak: Uint8Array;
}

/** Rotations r1 to r5 in octets, and the last octets of c1 to c5. */
const ROTATIONS = [8, 0, 4, 8, 12];
const CONSTANTS = [0, 1, 2, 4, 8];

/** OPc of a subscriber from the operator's OP: E_K(OP) ⊕ OP. */
export function opcOf(k: Uint8Array, op: Uint8Array): Uint8Array {
  return xor(aesEncryptBlock(k, op), op);
}

/**
 * f1 and f1* of a RAND, an SQN of 6 octets and an AMF of 2.
 * @returns MAC-A, by which the network is authenticated, and MAC-S, by which the card asks for
 * resynchronisation; 8 octets each.
 */
export function milenageMacs(
  { k, opc }: MilenageKeys,
  rand: Uint8Array,
  { sqn, amf }: { readonly sqn: Uint8Array; readonly amf: Uint8Array },
): { readonly macA: Uint8Array; readonly macS: Uint8Array } {
  must(sqn.length === 6 && amf.length === 2, "an SQN of 6 octets and an AMF of 2");
  const temp = aesEncryptBlock(k, xor(rand, opc));
  const in1 = new Uint8Array(16);
  in1.set(sqn), in1.set(amf, 6), in1.set(sqn, 8), in1.set(amf, 14);
  const rotated = xor(temp, rotate(xor(in1, opc), ROTATIONS[0]!));
  rotated[15]! ^= CONSTANTS[0]!;
  const out = xor(aesEncryptBlock(k, rotated), opc);
  return { macA: out.slice(0, 8), macS: out.slice(8) };
}

/** f2, f3, f4 and f5 of a RAND. */
export function milenage(keys: MilenageKeys, rand: Uint8Array): MilenageAnswer {
  const out2 = out(keys, rand, 1);
  return {
    res: out2.slice(8),
    ck: out(keys, rand, 2),
    ik: out(keys, rand, 3),
    ak: out2.slice(0, 6),
  };
}

/** f5* of a RAND, 6 octets: hides the card's SQN when it asks for resynchronisation. */
export function milenageAkStar(keys: MilenageKeys, rand: Uint8Array): Uint8Array {
  return out(keys, rand, 4).slice(0, 6);
}

/** The answer of a SIM to a RAND: SRES of 4 octets and Kc of 8. */
export function gsmTriplet(
  keys: MilenageKeys,
  rand: Uint8Array,
): { readonly sres: Uint8Array; readonly kc: Uint8Array } {
  const { res, ck, ik } = milenage(keys, rand);
  const halves = (block: Uint8Array) => xor(block.subarray(0, 8), block.subarray(8));
  return { sres: xor(res.subarray(0, 4), res.subarray(4)), kc: xor(halves(ck), halves(ik)) };
}

/** OUT2 to OUT5, counted from 1. */
function out({ k, opc }: MilenageKeys, rand: Uint8Array, index: number): Uint8Array {
  const temp = aesEncryptBlock(k, xor(rand, opc));
  const rotated = rotate(xor(temp, opc), ROTATIONS[index]!);
  rotated[15]! ^= CONSTANTS[index]!;
  return xor(aesEncryptBlock(k, rotated), opc);
}

/** Rotates 16 octets to the left. */
function rotate(block: Uint8Array, octets: number): Uint8Array {
  return Uint8Array.from(block, (_, i) => block[(i + octets) % 16]!);
}

/** Octet by octet; both have the same length. */
export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Uint8Array.from(a, (octet, i) => octet ^ b[i]!);
}
