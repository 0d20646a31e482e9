/**
 * Makes arrays of octets as views of larger pieces of memory. In this runtime an array with memory of its own
 * costs 0.5 to 1.4 µs, mostly for the system's allocator and for the garbage collector, and a view 0.05 to 0.1 µs; the
 * set-up of a tunnel makes about a hundred of them (`tests/bench/octets_bench.ts`).
 *
 * A piece is freed when no view of it is left. There are two series of pieces therefore, so that what is kept
 * for each SA does not keep the memory of whole messages: a record that outlives its message must copy what it
 * keeps by {@linkcode stateCopy}.
 * @module
 */

/** Octets of a piece: small enough that the allocator takes it from its heap. */
const PIECE_OCTETS = 32_768;
/** Arrays above this number of octets have memory of their own. */
const SHARED_MAX = 4_096;

/** A piece of memory of which views are made, and the offset of the first octet that no view has. */
interface Piece {
  buffer: ArrayBuffer;
  at: number;
}

// With no piece yet, no array fits behind the last one.
const forMessages: Piece = { buffer: new ArrayBuffer(0), at: Infinity };
const forState: Piece = { buffer: new ArrayBuffer(0), at: Infinity };

/** Zeros that live about as long as a message is handled. @throws {RangeError} if `count` is no length. */
export function messageOctets(count: number): Uint8Array<ArrayBuffer> {
  return take(forMessages, count);
}

/** Zeros that live about as long as an SA. @throws {RangeError} if `count` is no length. */
export function stateOctets(count: number): Uint8Array<ArrayBuffer> {
  return take(forState, count);
}

/** A copy that lives about as long as a message is handled. */
export function messageCopy(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = take(forMessages, octets.length);
  copy.set(octets);
  return copy;
}

/** A copy that lives about as long as an SA. */
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
