/**
 * Makes arrays of octets as views of larger pieces of memory. In this runtime an array with memory of its own
 * costs 0.5 to 1.4 µs, mostly for the system's allocator and for the garbage collector, and a view costs 0.05
 * to 0.1 µs. The set-up of a tunnel makes about a hundred arrays (`tests/bench/octets_bench.ts`).
 *
 * A piece is freed when no view of it is left. Therefore there are two series of pieces, one for messages and
 * one for state, so that a short array which is kept for an SA does not keep the memory of whole messages. A
 * record that outlives its message must copy the octets that it keeps by {@linkcode stateCopy}.
 * @module
 */

/** The length of a piece in octets, which is small enough that the allocator takes it from its heap. */
const PIECE_OCTETS = 32_768;
/** The longest array, in octets, that is a view; longer ones have memory of their own. */
const SHARED_MAX = 4_096;

/** The piece of memory of which views are made, and the offset of its first octet that is in no view. */
interface Piece {
  buffer: ArrayBuffer;
  at: number;
}

// There is no piece yet: with this offset, the first array does not fit, so that a piece is made.
const forMessages: Piece = { buffer: new ArrayBuffer(0), at: Infinity };
const forState: Piece = { buffer: new ArrayBuffer(0), at: Infinity };

/**
 * An array of zeros that is needed about as long as a message is handled. @throws {RangeError} if `count` is
 * not a valid length.
 */
export function messageOctets(count: number): Uint8Array<ArrayBuffer> {
  return take(forMessages, count);
}

/**
 * An array of zeros that is needed about as long as an SA. @throws {RangeError} if `count` is not a valid
 * length.
 */
export function stateOctets(count: number): Uint8Array<ArrayBuffer> {
  return take(forState, count);
}

/** A copy that is needed about as long as a message is handled. */
export function messageCopy(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = take(forMessages, octets.length);
  copy.set(octets);
  return copy;
}

/** A copy that is needed about as long as an SA. */
export function stateCopy(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = take(forState, octets.length);
  copy.set(octets);
  return copy;
}

function take(piece: Piece, count: number): Uint8Array<ArrayBuffer> {
  if (!(count <= SHARED_MAX)) return new Uint8Array(count);
  if (piece.at + count > PIECE_OCTETS) {
    piece.buffer = new ArrayBuffer(PIECE_OCTETS);
    piece.at = 0;
  }
  const octets = new Uint8Array(piece.buffer, piece.at, count);
  piece.at += octets.length;
  return octets;
}
