/**
 * AES-CCM (RFC 3610) as ESP and IKE use it (RFC 4309, RFC 5282): with a nonce of 11 octets, which leaves 4
 * for the length (L = 4). `node:crypto` in Deno has no CCM, so it is made here of its two halves, CBC-MAC and
 * counter mode.
 * @module
 */
import { createCipheriv } from "node:crypto";
import { sameOctets } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import { cbcMac } from "@/crypto/aes_mac.ts";
import { plain } from "@/crypto/portable_hash.ts";

/** The value L - 1 in the low three bits of both flag octets. */
const LENGTH_FLAG = 3;
const ADATA_FLAG = 0x40;
/** The most associated data whose length fits into two octets; IKE and ESP stay far below. */
const AAD_OCTETS_MAX = 0xfeff;

/**
 * The inputs of CCM: the key without salt, a nonce of 11 octets, associated data, and the octets of the check
 * value.
 */
export interface CcmInput {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  /** Octets of the check value: 8, 12 or 16. */
  readonly icvOctets: number;
}

/** Encrypts; returns ciphertext ‖ ICV. */
export function ccmSeal(input: CcmInput, plaintext: Uint8Array): Uint8Array {
  const tag = ccmTag(input, plaintext);
  const sealed = new Uint8Array(plaintext.length + input.icvOctets);
  const [mask, ciphertext] = counterMode(input, plaintext);
  sealed.set(ciphertext);
  for (let i = 0; i < input.icvOctets; i++) sealed[plaintext.length + i] = tag[i]! ^ mask[i]!;
  return sealed;
}

/** Decrypts; returns the plaintext, or undefined if the ICV is wrong. */
export function ccmOpen(input: CcmInput, sealed: Uint8Array): Uint8Array | undefined {
  const octets = sealed.length - input.icvOctets;
  if (octets < 0) return undefined;
  const [mask, plaintext] = counterMode(input, sealed.subarray(0, octets));
  const expected = ccmTag(input, plaintext).subarray(0, input.icvOctets);
  for (let i = 0; i < expected.length; i++) expected[i]! ^= mask[i]!;
  return sameOctets(expected, sealed.subarray(octets)) ? plaintext : undefined;
}

/**
 * Computes CBC-MAC over B_0, the length of the associated data with the data, and the plaintext (RFC 3610
 * §2.2).
 */
function ccmTag(input: CcmInput, plaintext: Uint8Array): Uint8Array {
  const { aad } = input;
  must(aad.length <= AAD_OCTETS_MAX, "associated data with a length of two octets");
  const aadOctets = aad.length > 0 ? wholeBlocks(2 + aad.length) : 0;
  const blocks = new Uint8Array(16 + aadOctets + wholeBlocks(plaintext.length));
  const tagFlag = (input.icvOctets - 2) / 2 << 3;
  blocks[0] = (aad.length > 0 ? ADATA_FLAG : 0) | tagFlag | LENGTH_FLAG;
  blocks.set(input.nonce, 1);
  new DataView(blocks.buffer).setUint32(12, plaintext.length);
  if (aad.length > 0) {
    blocks[16] = aad.length >>> 8;
    blocks[17] = aad.length;
    blocks.set(aad, 18);
  }
  blocks.set(plaintext, 16 + aadOctets);
  return cbcMac(input.key, blocks);
}

/** Computes S_0, which masks the tag, and encrypts the data with S_1, S_2, … (RFC 3610 §2.3). */
function counterMode(input: CcmInput, data: Uint8Array): [mask: Uint8Array, data: Uint8Array] {
  const counter = new Uint8Array(16);
  counter[0] = LENGTH_FLAG;
  counter.set(input.nonce, 1);
  const stream = createCipheriv(`aes-${input.key.length * 8}-ctr`, input.key, counter);
  const mask = plain(stream.update(new Uint8Array(16)));
  return [mask, plain(stream.update(data))];
}

function wholeBlocks(octets: number): number {
  return octets + 15 & ~15;
}
