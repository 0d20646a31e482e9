/**
 * Figures of what was sent and received: IKE datagrams, connections, packets of CHILD_SAs and pings.
 * @module
 */
import { byName, causes, count, figure, group, noneOf, word } from "@/engine/show/figure.ts";
import { summed } from "@/engine/show/figure_sums.ts";
import { connectionLines, impairmentLines, packetLines } from "@/engine/show/figure_words.ts";
import type { DataPathKind } from "@/datapath/data_path.ts";
import type { NeighbourOverflow } from "@/engine/run/neighbour_watch.ts";
import {
  INCOMING_TABLE,
  incomingLines,
  TRAFFIC_TABLE,
  trafficLines,
} from "@/engine/show/flow_table.ts";
import { PING_TABLE, pingLines } from "@/engine/show/ping_table.ts";
import type { ImpairmentCounts } from "@/transport/impairment.ts";
import type { ConnectionCounters } from "@/transport/transport.ts";

/** Packets of CHILD_SAs; the names are those of the data paths. */
const PACKET_TABLE = {
  packetsOut: count("sent", "packets that left through CHILD_SAs"),
  packetsIn: count("received", "packets that came through CHILD_SAs"),
  octetsOut: count("octetsSent", "octets of those that left"),
  octetsIn: count("octetsReceived", "octets of those that came"),
  payloadsOut: count("payloads.sent", "payloads of IP-TFS that left, with packets or without"),
  paddingOut: count("payloads.octetsOfPadding", "octets of padding in them"),
  payloadsIn: count("payloads.received", "payloads of IP-TFS that came"),
  drops: figure({
    path: "drops",
    type: "object of numbers",
    doc: "packets that went no further, by cause",
    none: {},
    merge: (parts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> =>
      summed(parts),
    json: (drops) => drops,
  }),
} as const;

/** The figures, in the order of the JSON result. */
export const TRAFFIC_FIGURES = {
  drops: byName(
    "drops",
    "datagrams that cost a counter and nothing else, by reason",
    (reason, n) => `Dropped: ${n} for ${reason}`,
  ),
  dataPath: word<"dataPath", DataPathKind>("dataPath", "`kernel`, `userland` or `none`"),
  packets: group("packets", PACKET_TABLE, {
    doc: "packets of CHILD_SAs; null where the kernel counts them, or nothing carries any",
    absent: null,
    lines: packetLines,
  }),
  datagramsSent: count("datagrams.sent", "IKE datagrams that left"),
  datagramsReceived: count("datagrams.received", "IKE datagrams that came"),
  sendErrors: causes(
    "datagrams.sendErrors",
    "datagrams of any kind that the system refused to send, and those of which ICMP says that they " +
      "came to nothing (`transport: native` alone hears it), by cause, the most frequent first",
    (cause) => `Sent in vain, by ${cause}`,
  ),
  neighbourOverflow: figure({
    path: "datagrams.neighbourOverflow",
    type: "object of numbers or null",
    doc:
      "where the kernel's neighbour table was full while the test ran, so that hosts of a link got " +
      "no answer: `family` (4 or 6), `entries`, `entriesMax` (`gc_thresh3`), `overflows`; it is said " +
      "in `error` too where the test failed",
    none: null,
    // The table of the system is the same for all parts.
    merge: (parts: readonly (NeighbourOverflow | undefined)[]): NeighbourOverflow | undefined =>
      parts.find((part) => part !== undefined),
    json: (table): NeighbourOverflow | null => table ? { ...table } : null,
    read: (table): NeighbourOverflow | undefined => table ?? undefined,
  }),
  impairment: figure({
    path: "impairment",
    type: "list of objects of numbers",
    doc:
      "what each rule of `impairment` did to IKE messages, in their order; empty when none does " +
      "anything. `matched` (messages of its direction, exchange and kind, with those that `skip` and " +
      "`count` leave alone; what a rule loses no later one sees), `lost`, `duplicated`, `reordered`, " +
      "`delayed`, `replayed`, `corrupted`, `crossed`; a fragment counts as a message",
    none: [] as readonly ImpairmentCounts[],
    merge: (parts: readonly (readonly ImpairmentCounts[])[]): readonly ImpairmentCounts[] =>
      parts[0]!.map((_, rule) => summed(parts.map((counts) => counts[rule]!))),
    json: (rules) => rules.map((counts) => ({ ...counts })),
    lines: (rules) => impairmentLines(rules),
  }),
  connections: figure({
    path: "connections",
    type: "object of numbers or null",
    doc:
      "TCP connections (RFC 9329): `opened`, `accepted`; of strangers, closed: `crowdedOut` (too " +
      "many), `idle` (not authenticated in time), `hoarding` (too much waited for it to be read, or " +
      "to become a whole frame); `badStreams` closed for what came; `espDropped` packets that found a " +
      "full connection; `badFrames`. null where there is only UDP",
    none: null,
    merge: (parts: readonly (ConnectionCounters | undefined)[]): ConnectionCounters | undefined => {
      const known = parts.filter((part) => part !== undefined);
      return known.length > 0 ? summed(known) : undefined;
    },
    json: (counters): ConnectionCounters | null => counters ? { ...counters } : null,
    read: (counters): ConnectionCounters | undefined => counters ?? undefined,
    lines: (counters) => connectionLines(counters),
  }),
  keepalivesSent: count("keepalives.sent", "NAT-T keepalives that left; they count as no datagram"),
  keepalivesReceived: count("keepalives.received", "NAT-T keepalives that came"),
  ping: group("ping", PING_TABLE, {
    doc: "the ping test, since its counters were last cleared",
    absent: noneOf(PING_TABLE),
    lines: pingLines,
  }),
  traffic: group("traffic", TRAFFIC_TABLE, {
    doc: "the traffic that this end sent by itself (`trafficconf.rate`); null without",
    absent: null,
    lines: trafficLines,
  }),
  trafficIn: group("trafficIn", INCOMING_TABLE, {
    doc: "the traffic that the other ends sent by themselves, one way; null without `trafficconf`",
    absent: null,
    lines: incomingLines,
  }),
  pingsAnswered: count(
    "pingsAnswered",
    "pings and packets of test traffic of the other ends that this process answered although its setup " +
      "says nothing of them (`datapath: userland` without a TUN device)",
    { lines: (n) => n > 0 ? [`Pings answered: ${n}`] : [] },
  ),
} as const;
