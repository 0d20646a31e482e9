/**
 * The computations of puzzles (RFC 8019 §4.4, §7.1.3): the search for keys, in slices so that it never keeps other work
 * waiting, and the check of a solution.
 * @module
 */
import { concat, sameOctets } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import type { CryptoBackend, Prf } from "@/crypto/backend.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { spiOctets } from "@/ike/negotiate/keymat.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import {
  type Puzzle,
  PUZZLE_KEYS,
  type PuzzleInWork,
  type PuzzleKey,
  type PuzzleSearch,
} from "@/ike/records/puzzle.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** The most keys that are tried in one computation. */
export const SLICE_TRIES = 512;
/** Number of keys that are tried if the responder leaves the difficulty to the initiator. */
const FREE_TRIES = 4_096;
/**
 * How many times as many keys are tried as one key with the wanted number of zero bits needs on average. Four
 * such keys are then missed once in ten thousand million puzzles.
 */
const TRIES_FACTOR = 32;
/** Octets of a key for a PRF whose keys may have any length. */
const KEY_OCTETS = 8;

/** A search that has not begun. */
export const NO_SEARCH: PuzzleSearch = { tried: 0, best: [] };

/** The PUZZLE notify (RFC 8019 §8.1): the PRF in two octets, the difficulty in one. */
export function puzzleNotify({ prf, difficulty }: Puzzle): NotifyPayload {
  return notify(NotifyType.PUZZLE, Uint8Array.of(prf >> 8, prf & 0xff, difficulty));
}

/** The puzzle in a message; undefined: there is none. */
export function puzzleIn(payloads: readonly Payload[]): Puzzle | undefined {
  const data = findNotify(payloads, NotifyType.PUZZLE)?.data;
  return data && { prf: data[0]! << 8 | data[1]!, difficulty: data[2]! };
}

/** What the PRF of a puzzle for IKE_AUTH is applied to: Nr, then SPIr (RFC 8019 §7.2). */
export function authPuzzleText(nonceR: Uint8Array, spiR: bigint): Uint8Array {
  return concat(nonceR, spiOctets(spiR));
}

/** The most keys that are tried for a puzzle: 2^32, which four octets can number, at 27 bits. */
export function triesMax({ difficulty }: Puzzle): number {
  return difficulty === 0 ? FREE_TRIES : TRIES_FACTOR * 2 ** difficulty;
}

/** Tries some more keys. */
export function searchOn(
  crypto: CryptoBackend,
  { puzzle, text, search }: Readonly<PuzzleInWork>,
): PuzzleSearch {
  const prf = crypto.prf(puzzle.prf);
  must(prf !== undefined, "a puzzle is solved by a PRF that was offered");
  let best = search.best;
  const end = Math.min(search.tried + SLICE_TRIES, triesMax(puzzle));
  for (let n = search.tried; n < end; n++) {
    const key = nthKey(prf, n);
    const bits = trailingZeroBits(prf.compute(key, text));
    if (bits < puzzle.difficulty) continue;
    best = keepBest(best, { key, bits });
    if (isSolved(puzzle, { tried: n + 1, best })) return { tried: n + 1, best };
  }
  return { tried: end, best };
}

/** Whether a search has its four keys: at difficulty 0 only once all keys were tried. */
export function isSolved(puzzle: Puzzle, { best, tried }: PuzzleSearch): boolean {
  if (best.length < PUZZLE_KEYS) return false;
  return puzzle.difficulty > 0 || tried >= FREE_TRIES;
}

/** The keys of a search as they are sent. */
export function solutionOf({ best }: PuzzleSearch): Uint8Array {
  return concat(...best.map(({ key }) => key));
}

/**
 * In how many zero bits each of the four results ends at least; undefined if these are not four different
 * keys of the same length, of the length of the PRF if its keys have one, and otherwise no longer than the one
 * that it prefers (RFC 8019 §8.2).
 */
export function solutionBits(
  prf: Prf,
  text: Uint8Array,
  solution: Uint8Array,
): number | undefined {
  const octets = solution.length / PUZZLE_KEYS;
  if (!Number.isInteger(octets) || octets === 0) return undefined;
  if (prf.fixedKey && octets !== prf.keyOctets) return undefined;
  if (octets > prf.keyOctets) return undefined;
  const keys = Array.from(
    { length: PUZZLE_KEYS },
    (_, i) => solution.subarray(i * octets, (i + 1) * octets),
  );
  const isRepeated = keys.some((key, i) => keys.slice(0, i).some((one) => sameOctets(one, key)));
  if (isRepeated) return undefined;
  return Math.min(...keys.map((key) => trailingZeroBits(prf.compute(key, text))));
}

/** Number of zero bits at the end. */
export function trailingZeroBits(octets: Uint8Array): number {
  let bits = 0;
  for (let at = octets.length - 1; at >= 0; at--) {
    const octet = octets[at]!;
    if (octet !== 0) return bits + 31 - Math.clz32(octet & -octet);
    bits += 8;
  }
  return bits;
}

function keepBest(best: readonly PuzzleKey[], found: PuzzleKey): readonly PuzzleKey[] {
  const worst = best[PUZZLE_KEYS - 1];
  if (worst && worst.bits >= found.bits) return best;
  return [...best, found].toSorted((a, b) => b.bits - a.bits).slice(0, PUZZLE_KEYS);
}

/** The key with a number: the number in the last four octets. */
function nthKey({ fixedKey, keyOctets }: Prf, n: number): Uint8Array {
  const key = new Uint8Array(fixedKey ? keyOctets : KEY_OCTETS);
  new DataView(key.buffer).setUint32(key.length - 4, n);
  return key;
}
