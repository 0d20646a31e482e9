/**
 * What the userland data path counts: packets and octets of its CHILD_SAs, and packets that it dropped.
 * @module
 */
import type { SaCounters } from "@/datapath/data_path.ts";
import type { UserlandSa } from "@/datapath/userland_sa.ts";

/** Packets that were dropped, by cause. */
export class UserlandDrops {
  /** Arriving: it is no whole ESP packet, or has a length that encryption cannot have given. */
  truncated = 0;
  unknownSpi = 0;
  replayed = 0;
  badIcv = 0;
  badTrailer = 0;
  /** Arriving: what the SA carried is no IP packet, though its next header says so. */
  badInner = 0;
  /** Arriving: the packet does not match the selectors, as it is spoofed or the peer narrows otherwise. */
  wrongSelectors = 0;
  /** Arriving: the outer header tells congestion to a packet whose ends do not take part (RFC 6040 §4.2). */
  congestion = 0;
  /** Dummy packets (RFC 4303 §2.6). */
  dummy = 0;
  /** Arriving: there is no device for it, and it answers none of our pings. */
  noDevice = 0;
  /** Leaving: no SA has selectors for it. */
  noSa = 0;
  /** Leaving: it is no IP packet. */
  malformed = 0;
  /** Leaving: it is too big for the path, and must not be fragmented. */
  tooBig = 0;
  /** Leaving: it is a fragment, which transport mode does not carry (RFC 4303 §3.1.1). */
  fragment = 0;
  /** Leaving: the SA has no sequence number left. */
  exhausted = 0;
}

/** The counters of one CHILD_SA. */
export function countersOf({ inbound, outbound }: UserlandSa): SaCounters {
  return {
    packetsIn: inbound.packets,
    octetsIn: inbound.octets,
    packetsOut: outbound.packets,
    octetsOut: outbound.octets,
  };
}

/** Adds counters to a sum. */
export function addTo(sum: { -readonly [K in keyof SaCounters]: number }, more: SaCounters): void {
  sum.packetsIn += more.packetsIn;
  sum.octetsIn += more.octetsIn;
  sum.packetsOut += more.packetsOut;
  sum.octetsOut += more.octetsOut;
}
