/**
 * The figures of the ping test: a table within the table of figures.
 * @module
 */
import { type IpAddress, isUnspecified, parseAddress, showAddress } from "@/base/address.ts";
import {
  count,
  type FiguresOf,
  type JsonOf,
  largest,
  latency,
  latencyJson,
  type LatencyResult,
  latencyText,
  measured,
  rounded,
  worstOf,
} from "@/engine/show/figure.ts";
import type { LatencyFigures } from "@/engine/show/histogram.ts";

/** The most ping tasks whose own figures are reported. */
export const WORST_MAX = 10;

/** A ping task. */
export interface PingTaskView {
  /** The own address; unspecified: the system chooses it, and no reply has shown it yet. */
  readonly own: IpAddress;
  readonly peer: IpAddress;
  /** Number of requests since the counters were cleared. */
  readonly sent: number;
  /** Number of these requests that were answered in time. */
  readonly received: number;
}

/** A ping task with all its figures. */
export interface PingTaskFigures extends PingTaskView {
  readonly lost: number;
  /** The most consecutive requests that were lost. */
  readonly burstMax: number;
  /** Percentiles with an error of up to 20 %; undefined without a reply. */
  readonly latencyMs: LatencyFigures | undefined;
  /** Milliseconds from the establishment of its tunnel to the first reply; undefined: unknown, or no reply. */
  readonly firstPacketMs: number | undefined;
}

/** One ping task in the JSON result. */
export interface PingTaskJson {
  /** Null: the system chooses it, and no reply has shown it. */
  readonly from: string | null;
  readonly to: string;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly burstMax: number;
  readonly latencyMs: LatencyResult;
  readonly firstPacketMs: number | null;
}

/** All figures count since the counters were last cleared. */
export const PING_TABLE = {
  tasks: count("tasks", "tasks that began; 0 without `pingconf.destaddr`"),
  sent: count("sent", "requests; `received` and `lost` together at the end"),
  received: count("received", "requests that were answered in time"),
  lost: count(
    "lost",
    "requests that nobody answered in time (about 3 s, a request more at least); what was on its " +
      "way when its tunnel went down on purpose (flapping) does not count",
  ),
  lossPercent: measured(
    "lossPercent",
    "of the requests answered or lost; a client whose loss is above `maxlossrate` has failed",
    (_, { received, lost }) => 100 * (lost as number) / ((received as number) + (lost as number)),
  ),
  burstMax: largest("burstMax", "most requests of one task lost one after the other"),
  tasksAbove: count("tasksAbove", "tasks that lose more than `maxlossrate` by themselves"),
  duplicates: count("duplicates", "second replies"),
  late: count("late", "replies to requests that were given up"),
  reordered: count(
    "reordered",
    "replies that came after a reply to a later request; `received` has them too",
  ),
  altered: count("altered", "replies with another checksum or payload than was sent"),
  unsent: count(
    "unsent",
    "requests that no tunnel took, or that the system refused; they are lost too",
  ),
  latencyMs: latency("latencyMs", "milliseconds from a request to its reply"),
  firstPacketMs: latency(
    "firstPacketMs",
    "milliseconds from a tunnel's being established to the first reply through it; with " +
      "`startwith: tunnel` the time to the first packet, else `holdtime` is in it",
  ),
  worst: worstOf(
    {
      type: "list of ping tasks",
      doc:
        "the ten tasks that lost most: `from` (null: the system's choice, and no reply told it), " +
        "`to`, `sent`, `received`, `lost`, `burstMax`, `latencyMs` (percentiles 20 % more or less), " +
        "`firstPacketMs`",
    },
    WORST_MAX,
    { json: taskJson, read: taskIn },
  ),
} as const;

/** The figures of the ping test over all its tasks. */
export type PingFigures = FiguresOf<typeof PING_TABLE>;

/** The figures of the ping test in the JSON result. */
export type PingResultJson = JsonOf<typeof PING_TABLE>;

/** The lines of the closing report about the ping test; empty if no task began. */
export function pingLines(ping: PingResultJson): string[] {
  const { tasks, sent, received, lost, lossPercent, burstMax, tasksAbove } = ping;
  if (tasks === 0) return [];
  const lines = [
    `Ping: ${tasks} tasks, ${sent} sent, ${received} received, ${lost} lost` +
    (lossPercent === null ? "" : ` (${lossPercent} %)`) +
    (lost > 0 ? `, at most ${burstMax} in a row` : ""),
    `Ping latency ${latencyText(ping.latencyMs)}`,
    `First packet ${latencyText(ping.firstPacketMs)}`,
  ];
  if (tasksAbove > 0) lines.push(`Ping tasks above maxlossrate: ${tasksAbove}`);
  const odd = (["duplicates", "late", "reordered", "altered", "unsent"] as const)
    .filter((name) => ping[name] > 0).map((name) => `${ping[name]} ${name}`);
  if (odd.length > 0) lines.push(`Ping oddities: ${odd.join(", ")}`);
  return lines;
}

/** A task as JSON has it; its own address is unspecified where JSON has null. */
function taskIn({ from, to, latencyMs, firstPacketMs, ...counts }: PingTaskJson): PingTaskFigures {
  const peer = parseAddress(to) ?? new Uint8Array(4);
  const { p50, p90, p99, max } = latencyMs;
  return {
    ...counts,
    own: from === null
      ? new Uint8Array(peer.length)
      : parseAddress(from) ?? new Uint8Array(peer.length),
    peer,
    latencyMs: p50 === null
      ? undefined
      : { p50, p90: p90!, p99: p99!, max: max!, samples: counts.received },
    firstPacketMs: firstPacketMs ?? undefined,
  };
}

function taskJson(task: PingTaskFigures): PingTaskJson {
  const { own, peer, sent, received, lost, burstMax } = task;
  return {
    from: isUnspecified(own) ? null : showAddress(own),
    to: showAddress(peer),
    sent,
    received,
    lost,
    burstMax,
    latencyMs: latencyJson(task.latencyMs),
    firstPacketMs: rounded(task.firstPacketMs),
  };
}
