/**
 * The sizes of packets.
 * @module
 */

/**
 * The simple IMIX of the industry has seven packets of 40 octets to four of 576 and one of 1500 (as in the
 * documentation of Linux' pktgen, `imix_weights`; RFC 6985 asks that a mix be stated). Here the smallest are
 * large enough for the sequence number and the time with IPv6 too, and the largest is small enough that ESP
 * fits into 1500 octets. Packets of one size are spread over the mix.
 */
export const IMIX: readonly number[] = [72, 576, 72, 72, 576, 72, 1400, 72, 576, 72, 72, 576];

/** A size of a setup: octets of the whole IP packet, or the mix. */
export type SizeWish = number | "imix";

/** The sizes in the order in which packets have them. */
export function sizesOf(wishes: readonly SizeWish[]): readonly number[] {
  return wishes.flatMap((wish) => wish === "imix" ? IMIX : [wish]);
}
