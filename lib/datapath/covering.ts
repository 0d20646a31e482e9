/**
 * Prefixes and masked ports, which are all that the selectors of the kernel can express. A range that is
 * neither is covered by the smallest that holds all of it.
 * @module
 */
import { addressToBigInt, type IpPrefix } from "@/base/address.ts";
import type { Selector } from "@/datapath/data_path.ts";

const ICMP = 1;
const ICMPV6 = 58;
const MOBILITY = 135;

/** The smallest prefix that contains both ends of a selector; its host bits are zero. */
export function coveringPrefix({ first, last }: Selector): IpPrefix {
  let bits = 8 * first.length;
  let differing = addressToBigInt(first) ^ addressToBigInt(last);
  for (; differing > 0n; differing >>= 1n) bits--;
  const address = first.slice();
  for (let i = 0; i < address.length; i++) {
    const kept = Math.max(0, Math.min(8, bits - 8 * i));
    address[i]! &= 0xff00 >> kept;
  }
  return { address, bits };
}

/** A port, and a mask of those of its bits that are compared. */
export interface MaskedPort {
  readonly port: number;
  readonly mask: number;
}

const ANY: MaskedPort = { port: 0, mask: 0 };

/** The ports of a packet from `from` to `to`, as XFRM compares them. */
export function coveringPorts(
  from: Selector,
  to: Selector,
): { readonly source: MaskedPort; readonly destination: MaskedPort } {
  const protocol = from.protocol || to.protocol;
  if (protocol === ICMP || protocol === ICMPV6 || protocol === MOBILITY) {
    // Type and code of ICMP take the place of ports, and either end's selector may name them (RFC 4301 §4.4.1.1).
    const named = isAnyPort(from) ? to : from;
    if (isAnyPort(named) || isOpaque(named)) return { source: ANY, destination: ANY };
    const type = covering(named.startPort >> 8, named.endPort >> 8);
    const oneType = named.startPort >> 8 === named.endPort >> 8;
    const code = oneType ? covering(named.startPort & 255, named.endPort & 255) : ANY;
    return { source: type, destination: code };
  }
  return { source: portOf(from), destination: portOf(to) };
}

function isAnyPort({ startPort, endPort }: Selector): boolean {
  return startPort === 0 && endPort === 65_535;
}

/** Whether a selector means ports that cannot be seen (RFC 7296 §3.13.1). */
function isOpaque({ startPort, endPort }: Selector): boolean {
  return startPort > endPort;
}

function portOf(selector: Selector): MaskedPort {
  return isOpaque(selector) ? ANY : covering(selector.startPort, selector.endPort);
}

function covering(start: number, end: number): MaskedPort {
  let mask = 0xffff;
  while ((start & mask) !== (end & mask)) mask = mask << 1 & 0xffff;
  return { port: start & mask, mask };
}
