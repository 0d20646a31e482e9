/**
 * The figures of test traffic: tables within the table of figures.
 * @module
 */
import { type IpAddress, isUnspecified, parseAddress, showAddress } from "@/base/address.ts";
import {
  count,
  type FiguresOf,
  group,
  type JsonOf,
  latency,
  latencyText,
  measured,
  rounded,
  worstOf,
} from "@/engine/show/figure.ts";

/** The most tunnels whose own traffic is reported. */
export const WORST_FLOWS_MAX = 10;

/** The traffic of one tunnel. */
export interface FlowFigures {
  readonly sent: number;
  readonly received: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly maxMs: number | undefined;
  readonly jitterMs: number | undefined;
}

/** The traffic of one tunnel, with its ends. */
export interface TrafficFlowFigures extends FlowFigures {
  readonly own: IpAddress;
  readonly peer: IpAddress;
  readonly lost: number;
}

/** The traffic of one tunnel in the JSON result. */
export interface TrafficFlowJson {
  /** Null: the system chooses it. */
  readonly from: string | null;
  readonly to: string;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
  readonly jitterMs: number | null;
}

const sum = (parts: readonly number[]) => parts.reduce((total, n) => total + n, 0);

/** Packets that were sent while something happened to their tunnel. */
function phase<P extends string>(path: P, when: string) {
  const table = {
    sent: count("sent", `packets sent ${when}`),
    received: count(
      "received",
      "of these, those that came back in time; at the end the others are lost",
    ),
    latencyMs: latency("latencyMs", "milliseconds until they came back"),
  } as const;
  return group(path, table, {
    doc: `packets sent ${when}`,
    absent: null,
    lines: (json) =>
      !json || json.sent === 0 ? [] : [
        `Traffic ${when}: ${json.sent} sent, ${json.received} came back, ` +
        latencyText(json.latencyMs),
      ],
  });
}

/** What this end sent by itself. */
export const TRAFFIC_TABLE = {
  flows: count("flows", "tunnels that carried traffic"),
  sent: count(
    "sent",
    "packets; `received` and `lost` together at the end, where they are returned",
  ),
  octetsSent: count("octetsSent", "octets of these with their IP headers, without ESP"),
  received: count("received", "packets that came back in time, each counted once"),
  lost: count(
    "lost",
    "packets that did not come back in time (2 to 3 s); 0 with `direction: out`, where the other end counts",
  ),
  lossPercent: measured(
    "lossPercent",
    "of the packets that came back or were lost",
    (_, { received, lost }) => 100 * (lost as number) / ((received as number) + (lost as number)),
  ),
  duplicates: count("duplicates", "copies of packets that had come back before"),
  reordered: count(
    "reordered",
    "packets that came back after a later one of their tunnel (RFC 4737 §3); `received` has them too",
  ),
  late: count("late", "packets that came back after they were counted as lost"),
  altered: count("altered", "packets that came back with another length"),
  strange: count("strange", "packets that answer none of this run"),
  unsent: count(
    "unsent",
    "packets that no tunnel took, or that the system refused, answers to other ends included; of this end's own they are lost too",
  ),
  behind: count(
    "behind",
    "packets that the rate asked for and that were not sent, as the process came too late for them",
  ),
  sentPerSecond: measured("sentPerSecond", "packets a second, while traffic was sent", sum),
  bitsPerSecond: measured("bitsPerSecond", "bits of inner packets a second, likewise", sum),
  latencyMs: latency(
    "latencyMs",
    "milliseconds from sending a packet until it came back (round trip, by the clock of this host)",
  ),
  jitterMs: latency(
    "jitterMs",
    "interarrival jitter (RFC 3550 §6.4.1) of the tunnel in milliseconds, as it was after each packet that came back",
  ),
  setup: phase("setup", "while tunnels were still being set up"),
  rekey: phase("rekey", "from a second before a rekey of their tunnel to a second after it"),
  move: phase("move", "from a second before a move of their tunnel (MOBIKE) to a second after it"),
  outage: phase(
    "outage",
    "from a second before their tunnel went down to a second after it was up again",
  ),
  worst: worstOf(
    {
      type: "list of tunnels with their traffic",
      doc:
        "at the end, the ten tunnels that lost most: `from` (null: the system's choice), `to`, `sent`, " +
        "`received`, `lost`, `duplicates`, `reordered`, `p50Ms`, `p99Ms`, `maxMs` (percentiles 20 % more " +
        "or less), `jitterMs`",
    },
    WORST_FLOWS_MAX,
    { json: flowJson, read: flowIn },
  ),
} as const;

/** What the other ends sent by themselves. */
export const INCOMING_TABLE = {
  flows: count("flows", "flows of the other ends of which packets came"),
  expected: count(
    "expected",
    "packets that they sent, as far as the sequence numbers of those that came tell: what was sent after the last one is unknown",
  ),
  received: count("received", "packets that came, each counted once"),
  octetsReceived: count("octetsReceived", "octets of these with their IP headers"),
  lost: count("lost", "expected packets that did not come"),
  lossPercent: measured(
    "lossPercent",
    "of the expected packets",
    (_, { lost, expected }) => 100 * (lost as number) / (expected as number),
  ),
  duplicates: count("duplicates", "copies of packets that had come before"),
  reordered: count("reordered", "packets that came after a later one; `received` has them too"),
  late: count("late", "packets so old that nobody knows whether they had come before"),
  strange: count("strange", "packets between addresses that are those of no tunnel"),
  otherClock: count(
    "otherClock",
    "packets of a sender on another host, whose clock tells no latency; jitter is measured all the same",
  ),
  latencyMs: latency(
    "latencyMs",
    "milliseconds of one way, of packets that were sent on the same host",
  ),
  jitterMs: latency(
    "jitterMs",
    "interarrival jitter (RFC 3550 §6.4.1) in milliseconds, as it was after each packet",
  ),
} as const;

/** The figures of what this end sent. */
export type TrafficFigures = FiguresOf<typeof TRAFFIC_TABLE>;
/** The figures of what the other ends sent. */
export type IncomingFigures = FiguresOf<typeof INCOMING_TABLE>;
/** The same in the JSON result. */
export type TrafficJson = JsonOf<typeof TRAFFIC_TABLE>;
/** The same in the JSON result. */
export type IncomingJson = JsonOf<typeof INCOMING_TABLE>;

/** The lines of the closing report about what this end sent. */
export function trafficLines(json: TrafficJson | null): string[] {
  if (!json || json.sent === 0) return [];
  const { flows, sent, received, lost, lossPercent, sentPerSecond, bitsPerSecond } = json;
  const rate = sentPerSecond === null
    ? ""
    : ` at ${Math.round(sentPerSecond)}/s (${Math.round((bitsPerSecond ?? 0) / 1e3)} kbit/s)`;
  const loss = lossPercent === null
    ? ""
    : `, ${received} came back, ${lost} lost (${lossPercent} %)`;
  const odd =
    (["duplicates", "reordered", "late", "altered", "strange", "unsent", "behind"] as const)
      .filter((name) => json[name] > 0).map((name) => `${json[name]} ${name}`);
  const phases = [
    TRAFFIC_TABLE.setup,
    TRAFFIC_TABLE.rekey,
    TRAFFIC_TABLE.move,
    TRAFFIC_TABLE.outage,
  ];
  return [
    `Traffic: ${flows} tunnels, ${sent} sent${rate}${loss}`,
    ...(received > 0
      ? [
        `Traffic latency ${latencyText(json.latencyMs)}`,
        `Traffic jitter ${latencyText(json.jitterMs)}`,
      ]
      : []),
    ...phases.flatMap((one) => [...one.lines(json[one.path], json)]),
    ...(odd.length > 0 ? [`Traffic oddities: ${odd.join(", ")}`] : []),
  ];
}

/** The lines of the closing report about what the other ends sent. */
export function incomingLines(json: IncomingJson | null): string[] {
  if (!json || json.flows === 0) return [];
  const { flows, expected, received, lost, lossPercent, latencyMs } = json;
  const odd = (["duplicates", "reordered", "late", "strange"] as const)
    .filter((name) => json[name] > 0).map((name) => `, ${json[name]} ${name}`).join("");
  return [
    `Traffic of the other end: ${flows} flows, ${received} of ${expected} came, ${lost} lost ` +
    `(${lossPercent} %)${odd}`,
    ...(latencyMs.p50 === null ? [] : [`Its latency, one way, ${latencyText(latencyMs)}`]),
    ...(json.jitterMs.p50 === null ? [] : [`Its jitter ${latencyText(json.jitterMs)}`]),
  ];
}

function flowJson({ own, peer, lost, ...flow }: TrafficFlowFigures): TrafficFlowJson {
  const { sent, received, duplicates, reordered } = flow;
  return {
    from: isUnspecified(own) ? null : showAddress(own),
    to: showAddress(peer),
    sent,
    received,
    lost,
    duplicates,
    reordered,
    p50Ms: rounded(flow.p50Ms),
    p99Ms: rounded(flow.p99Ms),
    maxMs: rounded(flow.maxMs),
    jitterMs: rounded(flow.jitterMs),
  };
}

function flowIn({ from, to, ...flow }: TrafficFlowJson): TrafficFlowFigures {
  const peer = parseAddress(to) ?? new Uint8Array(4);
  return {
    sent: flow.sent,
    received: flow.received,
    lost: flow.lost,
    duplicates: flow.duplicates,
    reordered: flow.reordered,
    own: from === null
      ? new Uint8Array(peer.length)
      : parseAddress(from) ?? new Uint8Array(peer.length),
    peer,
    p50Ms: flow.p50Ms ?? undefined,
    p99Ms: flow.p99Ms ?? undefined,
    maxMs: flow.maxMs ?? undefined,
    jitterMs: flow.jitterMs ?? undefined,
  };
}
