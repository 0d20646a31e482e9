/**
 * A slice is the part of a client's tunnels that one of several processes sets up, for example one process on
 * each host. Of `of` slices, the slice `number` consists of the tunnels whose index is `number` − 1 modulo
 * `of`. Tunnels keep their indices, so that all slices together are exactly the tunnels of one process.
 * @module
 */

/** One slice of the tunnels. */
export interface Slice {
  /** The number of the slice, from 1 to `of`. */
  readonly number: number;
  /** How many slices there are, at least 1. */
  readonly of: number;
}

/** The only slice, which consists of all tunnels. */
export const WHOLE: Slice = { number: 1, of: 1 };

/** The index of the tunnel that is number `nth`, counted from 0, within a slice. */
export function indexInSlice({ number, of }: Slice, nth: number): number {
  return number - 1 + nth * of;
}

/** The number of tunnels in a slice if there are `tunnels` in all slices together. */
export function sizeOfSlice({ number, of }: Slice, tunnels: number): number {
  return Math.max(0, Math.ceil((tunnels - (number - 1)) / of));
}

/** A slice as text: `2/4`. */
export function showSlice({ number, of }: Slice): string {
  return `${number}/${of}`;
}
