/**
 * Puzzles (RFC 8019): a responder that is under load lets an initiator compute something before it answers.
 * The initiator looks for four keys with which the PRF of a given text ends in a number of zero bits.
 * @module
 */

/** The configuration of puzzles, of either role. */
export interface PuzzleConfig {
  /** Responder: number of half-open SAs from which a request gets a puzzle; Infinity: never, 0: always. */
  readonly threshold: number;
  /** Responder: zero bits that each result must end in; 0: as many as the initiator likes. */
  readonly difficulty: number;
  /** Responder: whether an initiator that has solved a puzzle gets another one for IKE_AUTH (§7.2). */
  readonly inAuth: boolean;
  /** Initiator: the most zero bits that it computes; below 0: it solves no puzzle. */
  readonly bitsMax: number;
}

/** The content of a PUZZLE notify (RFC 8019 §8.1). */
export interface Puzzle {
  /** The PRF, Transform Type 2. */
  readonly prf: number;
  /** Zero bits, uint8; 0: as many as the initiator likes. */
  readonly difficulty: number;
}

/** A key, and in how many zero bits its result ends. */
export interface PuzzleKey {
  readonly key: Uint8Array;
  readonly bits: number;
}

/** How far a search for keys has come. */
export interface PuzzleSearch {
  /** Number of keys that were tried. */
  readonly tried: number;
  /** The best keys so far, at most {@linkcode PUZZLE_KEYS}, the best first. */
  readonly best: readonly PuzzleKey[];
}

/** A puzzle that an initiator solves. */
export interface PuzzleInWork {
  readonly puzzle: Puzzle;
  /** What the PRF is applied to. */
  readonly text: Uint8Array;
  search: PuzzleSearch;
}

/** Number of keys that a solution consists of (RFC 8019 §7.1.3). */
export const PUZZLE_KEYS = 4;
