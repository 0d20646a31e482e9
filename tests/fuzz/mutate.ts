/**
 * Changes octets and chains of payloads, drawn from a seed.
 * @module
 */
import type { SeededRandom } from "@/base/random.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { Chain, Corpus } from "./corpus.ts";

/** Octets that are often a length, a count, a tag or a flag. */
const TELLING = [0, 1, 2, 3, 4, 5, 7, 8, 16, 20, 40, 0x7f, 0x80, 0xfe, 0xff];
/** The most octets that one change adds. */
const GROWTH_MAX = 64;

/** A buffer in which mutated octets are made, used again for each message. */
export class Scratch {
  readonly octets = new Uint8Array(0x20000);
  length = 0;

  /** A view of the present message, which is valid until the next one. */
  view(): Uint8Array {
    return this.octets.subarray(0, this.length);
  }

  /** Appends octets. */
  put(octets: Uint8Array): void {
    this.octets.set(octets, this.length);
    this.length += octets.length;
  }
}

/**
 * Makes one change between `start` and the end: of an octet, or by deleting, doubling, inserting or
 * truncating a run of octets. Lengths are not corrected.
 */
export function mutateOctets(s: Scratch, start: number, random: SeededRandom): void {
  const { octets } = s;
  const count = s.length - start;
  const change = count === 0 ? 7 : random.below(9);
  const at = start + random.below(change === 7 ? count + 1 : count);
  const run = 1 + random.below(random.chance(0.9) ? 4 : GROWTH_MAX);
  switch (change) {
    case 0:
    case 1:
      octets[at]! ^= 1 << random.below(8);
      break;
    case 2:
    case 3:
      octets[at] = random.pick(TELLING);
      break;
    case 4:
      octets[at] = random.u32();
      break;
    case 5: { // cut out
      const end = Math.min(at + run, s.length);
      octets.copyWithin(at, end, s.length);
      s.length -= end - at;
      break;
    }
    case 6: // cut off
      s.length -= Math.min(run, count);
      break;
    case 7: // put in
      octets.copyWithin(at + run, at, s.length);
      for (let i = 0; i < run; i++) octets[at + i] = random.u32() >>> 24;
      s.length += run;
      break;
    case 8: { // double
      const twice = Math.min(run, s.length - at);
      octets.copyWithin(at + twice, at, s.length);
      s.length += twice;
      break;
    }
  }
}

/** How a chain is changed. */
export interface ChainChange {
  /** Probability that a payload's body is changed. */
  readonly body: number;
  /** Probability that payloads are left out, doubled, exchanged, or get another type. */
  readonly order: number;
}

/**
 * Appends a mutated chain, with correct lengths and Next Payload fields of its generic headers; returns the
 * type of its first payload.
 */
export function buildChain(
  s: Scratch,
  chain: Chain,
  { corpus, change, random }: {
    readonly corpus: Corpus;
    readonly change: ChainChange;
    readonly random: SeededRandom;
  },
): number {
  let first: number = PayloadType.NONE;
  let previous = -1;
  const count = chain.length;
  const struck = random.below(count); // This change is always made.
  for (let i = 0; i < count; i++) {
    let { type, body } = chain[i]!;
    let copies = 1;
    if (random.chance(change.order)) {
      switch (random.below(4)) {
        case 0:
          copies = 0;
          break;
        case 1:
          copies = 2;
          break;
        case 2:
          body = random.pick(corpus.bodies.get(type)!);
          break;
        case 3:
          type = random.chance(0.8) ? 33 + random.below(22) : 1 + random.below(255);
      }
    }
    for (; copies > 0; copies--) {
      const at = s.length;
      s.octets.fill(0, at, at + 4);
      if (random.chance(0.02)) s.octets[at + 1] = 0x80;
      s.length += 4;
      s.put(body);
      if (i === struck || random.chance(change.body)) {
        for (let n = random.pick([1, 1, 1, 2, 4]); n > 0; n--) mutateOctets(s, at + 4, random);
      }
      const length = s.length - at;
      s.octets[at + 2] = length >>> 8;
      s.octets[at + 3] = length;
      if (previous < 0) first = type;
      else s.octets[previous] = type;
      previous = at;
    }
  }
  return first;
}
