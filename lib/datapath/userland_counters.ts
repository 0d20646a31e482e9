/**
 * What the userland data path counts: packets and octets of its CHILD_SAs, and packets that it dropped.
 * @module
 */
import type { SaCounters } from "@/datapath/data_path.ts";
import type { UserlandSa } from "@/datapath/userland_sa.ts";

/** Packets that were dropped, by cause. */
export class UserlandDrops {
  /** Received: it is no complete ESP packet, or has a length that no encryption gives. */
  truncated = 0;
  unknownSpi = 0;
  replayed = 0;
  badIcv = 0;
  badTrailer = 0;
  /** Received: the content is no IP packet, although its next header says so. */
  badInner = 0;
  /** Received: the packet does not match the selectors, as it is spoofed or the peer has other selectors. */
  wrongSelectors = 0;
  /**
   * Received: the outer header reports congestion to a packet whose ends do not support ECN (RFC 6040 §4.2).
   */
  congestion = 0;
  /** Received: a payload of IP-TFS, or a data block in it, is malformed (RFC 9347 §6.1). */
  badPayload = 0;
  /** Received: packets of IP-TFS of which fragments are missing. */
  incomplete = 0;
  /** Sent: too many packets wait for the constant rate of IP-TFS. */
  queueFull = 0;
  /** Dummy packets (RFC 4303 §2.6). */
  dummy = 0;
  /** Received: there is no device for it, and it is no reply to one of our pings. */
  noDevice = 0;
  /** Sent: no SA has selectors for it. */
  noSa = 0;
  /** Sent: it is no IP packet. */
  malformed = 0;
  /** Sent: it is too big for the path, and must not be fragmented. */
  tooBig = 0;
  /** Sent: it is a fragment, which transport mode does not carry (RFC 4303 §3.1.1). */
  fragment = 0;
  /** Sent: the SA has no sequence number left. */
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
