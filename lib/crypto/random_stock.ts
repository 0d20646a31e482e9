/**
 * Draws random octets in large pieces, as a system call or a call into libcrypto for every IV and SPI would
 * cost more than the octets do. Octets that were handed out are erased here.
 * @module
 */
import { messageOctets } from "@/base/octets.ts";
import type { RandomOctets } from "@/base/random.ts";

/** Number of octets that are drawn at once. */
const STOCK_OCTETS = 4096;

/** Wraps a source so that it is called rarely; requests beyond the stock are drawn directly. */
export function withStock(draw: RandomOctets): RandomOctets {
  let stock: Uint8Array = new Uint8Array(0);
  let at = 0;
  return (count) => {
    if (count > STOCK_OCTETS) return draw(count);
    if (at + count > stock.length) {
      stock = draw(STOCK_OCTETS);
      at = 0;
    }
    const octets = messageOctets(count);
    for (let i = 0; i < count; i++) {
      octets[i] = stock[at]!;
      stock[at++] = 0;
    }
    return octets;
  };
}
