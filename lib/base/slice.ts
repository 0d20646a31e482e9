/**
 * The part of a client's tunnels that one of several processes makes, such as one on each host: of `of`
 * slices that with the number `number` has the tunnels whose index is `number` − 1 modulo `of`. Tunnels keep
 * their indices, so that all slices together make exactly the tunnels of one process.
 * @module
 */

/** A slice. */
export interface Slice {
  /** From 1 to `of`. */
  readonly number: number;
  /** How many slices there are, at least 1. */
  readonly of: number;
}

/** All tunnels. */
export const WHOLE: Slice = { number: 1, of: 1 };

/** Index of tunnel `nth` (from 0) of a slice. */
export function indexInSlice({ number, of }: Slice, nth: number): number {
  return number - 1 + nth * of;
}

/** How many of `tunnels` a slice has. */
export function sizeOfSlice({ number, of }: Slice, tunnels: number): number {
  return Math.max(0, Math.ceil((tunnels - (number - 1)) / of));
}

/** `2/4` */
export function showSlice({ number, of }: Slice): string {
  return `${number}/${of}`;
}
