/**
 * All figures of a run in one table. The type of the engine's figures, the JSON result and its type,
 * docs/results.md, the closing report, the result of a refused setup, and the figures of several runs that
 * share a load are made from it. A new figure needs a line here and has to be counted.
 * @module
 */
import type { DataPathKind } from "@/datapath/data_path.ts";
import {
  byName,
  causeLines,
  causes,
  count,
  type CountedCauses,
  type FailureFigures,
  figure,
  type FiguresOf,
  group,
  type JsonOf,
  largest,
  latency,
  type LatencyResult,
  latencyText,
  measured,
  mergeCauses,
  mergeFigures,
  mergeNames,
  noneOf,
  rounded,
  word,
} from "@/engine/show/figure.ts";
import {
  connectionLines,
  cookieLines,
  deletesLines,
  impairmentLines,
  packetLines,
} from "@/engine/show/figure_words.ts";
import type { NeighbourOverflow } from "@/engine/run/neighbour_watch.ts";
import { PING_TABLE, pingLines } from "@/engine/show/ping_table.ts";
import {
  judge,
  type JudgedFigures,
  type JudgedThresholds,
  type ThresholdVerdict,
  verdictWords,
} from "@/engine/show/thresholds.ts";
import type { ImpairmentCounts } from "@/transport/impairment.ts";
import type { ConnectionCounters } from "@/transport/transport.ts";

/** Below this, milliseconds from due and from the first message are the same to a reader. */
const DUE_DIFFERENCE_MS = 1;

type Refused = { readonly ike: number; readonly child: number };

/** How many SAs by the names of their key exchange methods. */
interface MethodCounts {
  readonly ike: Readonly<Record<string, number>>;
  readonly child: Readonly<Record<string, number>>;
  /** IKE SAs with a post-quantum pre-shared key. */
  readonly ppk: number;
}

/** Lines of those with additional key exchanges: what is usual needs none. */
function methodLines(counts: Readonly<Record<string, number>>, what: string): string[] {
  return Object.entries(counts).filter(([methods]) => methods.includes(" + "))
    .map(([methods, count]) => `${what} by ${methods}: ${count}`);
}

/** Where tunnels were late the time from their first message is not what a user of the peer waits. */
function dueLines(fromDue: LatencyResult, whole: unknown): string[] {
  const { setup } = (whole as { readonly latencyMs: { readonly setup: LatencyResult } }).latencyMs;
  const differs = (["p50", "p90", "p99", "max"] as const).some((name) =>
    (fromDue[name] ?? 0) - (setup[name] ?? 0) > DUE_DIFFERENCE_MS
  );
  return fromDue.p50 !== null && differs ? [`  from due  ${latencyText(fromDue)}`] : [];
}

/** IKE SAs and CHILD_SAs, counted apart. */
function both(parts: readonly Refused[]): Refused {
  const sum = (of: (part: Refused) => number) => parts.reduce((n, part) => n + of(part), 0);
  return { ike: sum(({ ike }) => ike), child: sum(({ child }) => child) };
}

const BOTH_PARTS = [
  { path: "ike", type: "number", doc: "of IKE SAs" },
  { path: "child", type: "number", doc: "of CHILD_SAs" },
] as const;
const CAUSES = { path: "causes", type: "list of {cause, count, example}" } as const;

/** A figure with a number and its causes. */
function counted<P extends string>(path: P, doc: string, lineOf: (cause: string) => string) {
  return figure({
    path,
    type: "object",
    doc,
    parts: [
      { path: "count", type: "number", doc: "how many" },
      { ...CAUSES, doc: "the same by cause, the most frequent first" },
    ],
    none: { count: 0, causes: [] } as CountedCauses,
    merge: (parts: readonly CountedCauses[]): CountedCauses => ({
      count: parts.reduce((sum, { count }) => sum + count, 0),
      causes: mergeCauses(parts.flatMap(({ causes }) => causes)),
    }),
    json: (counts) => counts,
    lines: ({ causes }) => causeLines(causes, lineOf),
  });
}

/** The sums of counters with equal names. */
function summed<T extends object>(parts: readonly T[]): T {
  const sums: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, n] of Object.entries(part)) sums[name] = (sums[name] ?? 0) + n;
  }
  return sums as T;
}

/** Packets of CHILD_SAs; the names are those of the data paths. */
const PACKET_TABLE = {
  packetsOut: count("sent", "packets that left through CHILD_SAs"),
  packetsIn: count("received", "packets that came through CHILD_SAs"),
  octetsOut: count("octetsSent", "octets of those that left"),
  octetsIn: count("octetsReceived", "octets of those that came"),
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

/** All figures in the order of the JSON result and of the closing report. */
export const FIGURES = {
  established: count(
    "tunnels.established",
    "tunnels ever established; a retry does not count again",
  ),
  failed: count(
    "tunnels.failed",
    "client: given up after all tries; gateway: peers that authenticated and were given no " +
      "CHILD_SA; lost ones at both",
  ),
  lost: count(
    "tunnels.lost",
    "part of `failed`: established, then gone though nobody here asked (a peer's Delete is a loss to " +
      "a client, and none to a gateway), or torn down by a flap and not rebuilt within its tries; it " +
      "stays counted when a later try brings it back",
  ),
  retries: count("retries", "tries that failed and were tried again"),
  setupRate: measured(
    "setupRate",
    "tunnels per second: the smaller of `established` and `configured` over the time from the first " +
      "IKE_SA_INIT to the last configured tunnel up or given up",
    // The parts of a run set up tunnels at the same time.
    (parts) => parts.reduce((sum, n) => sum + n, 0),
  ),
  retransmissions: count("retransmissions", "requests that were sent again"),
  ikeRekeys: count("rekeys.ike", "IKE SAs that were replaced, by whichever end"),
  childRekeys: count("rekeys.child", "CHILD_SAs that were replaced, by whichever end"),
  keyExchanges: figure({
    path: "keyExchanges",
    type: "object",
    doc:
      "SAs by the methods of their key exchanges, such as `Curve25519 + ml-kem-768`: the first " +
      "method and the additional ones in their order (`addke1` on)",
    parts: [
      { path: "ike", type: "object of numbers", doc: "IKE SAs that were established, or rekeyed" },
      {
        path: "child",
        type: "object of numbers",
        doc: "CHILD_SAs with a key exchange of their own",
      },
      {
        path: "ppk",
        type: "number",
        doc: "IKE SAs that were established with a post-quantum pre-shared key (RFC 8784)",
      },
    ],
    none: { ike: {}, child: {}, ppk: 0 },
    merge: (parts: readonly MethodCounts[]): MethodCounts => ({
      ike: summed(parts.map(({ ike }) => ike)),
      child: summed(parts.map(({ child }) => child)),
      ppk: parts.reduce((sum, { ppk }) => sum + ppk, 0),
    }),
    json: (counts) => counts,
    lines: ({ ike, child, ppk }) => [
      ...(ppk > 0 ? [`IKE SAs with a post-quantum pre-shared key: ${ppk}`] : []),
      ...methodLines(ike, "IKE SAs"),
      ...methodLines(child, "CHILD_SAs"),
    ],
  }),
  rekeysRefused: figure({
    path: "rekeys.refused",
    type: "object",
    doc:
      "rekeys of ours that came to nothing: the peer refused them, or its answer was not acceptable",
    parts: [
      ...BOTH_PARTS,
      {
        ...CAUSES,
        doc: "the same by cause; `example` names what was offered and the options to compare",
      },
    ],
    none: { ike: 0, child: 0, causes: [] as readonly FailureFigures[] },
    merge: (parts: readonly (Refused & Pick<CountedCauses, "causes">)[]) => ({
      ...both(parts),
      causes: mergeCauses(parts.flatMap(({ causes }) => causes)),
    }),
    json: (refused) => refused,
    lines: ({ causes }) => causeLines(causes, (cause) => `Rekeys refused (${cause})`),
  }),
  overtime: figure({
    path: "rekeys.overtime",
    type: "object",
    doc: "SAs that outlived their lifetime, as an exchange that replaces them was under way " +
      "(`lifetimeovertime`)",
    parts: BOTH_PARTS,
    none: { ike: 0, child: 0 },
    merge: both,
    json: (overtime) => overtime,
    lines: ({ ike, child }) =>
      ike + child === 0
        ? []
        : [`Outlived its lifetime while it was replaced: ${ike} IKE, ${child} CHILD`],
  }),
  reauthentications: count(
    "reauthentications",
    "client: how often a tunnel was up again after its gateway had it authenticate again (`reauth`); it " +
      "counts neither in `tunnels` nor in `setupRate`",
    { lines: (n) => n > 0 ? [`Reauthentications: ${n}`] : [] },
  ),
  redirections: count(
    "redirections",
    "client: how often a gateway sent a tunnel to another one, and it went there (`followredirect`)",
    { lines: (n) => n > 0 ? [`Redirections to other gateways: ${n}`] : [] },
  ),
  moves: count(
    "moves.done",
    "tunnels that went on by another path (MOBIKE), each time: the peer has answered there, and " +
      "CHILD_SAs have followed",
    { lines: (n) => n > 0 ? [`Moves to another path: ${n}`] : [] },
  ),
  movesLost: count(
    "moves.pingsLost",
    "pings of tunnels that were lost while these moved: sent a second before a move began at the " +
      "earliest, and not after it was settled; none without pings",
    { lines: (n) => n > 0 ? [`Pings lost by moves: ${n}`] : [] },
  ),
  movesLostMax: largest("moves.pingsLostMax", "the most of them that one move cost"),
  movesFailed: counted(
    "moves.failed",
    "moves that came to nothing, as the peer refused the path or did not answer there; the tunnel " +
      "goes on where it was",
    (cause) => `Moves that failed (${cause})`,
  ),
  childrenRefused: counted(
    "children.refused",
    "CHILD_SAs beside the first that could not be made",
    (cause) => `CHILD_SAs refused (${cause})`,
  ),
  childrenLost: counted(
    "children.lost",
    "CHILD_SAs that carried traffic and are gone with none in their place, deleted by the peer " +
      "(`childlost`) or past their lifetime",
    (cause) => `CHILD_SAs lost (${cause})`,
  ),
  refusals: causes(
    "refusals",
    "requests of authenticated peers that this end refused, by the notify it sent",
    (cause) => `Requests refused here (${cause})`,
  ),
  displaced: count(
    "displaced",
    "IKE SAs that ended because their peer came back and said INITIAL_CONTACT",
    { lines: (n) => n > 0 ? [`Displaced by INITIAL_CONTACT of the same peer: ${n}`] : [] },
  ),
  unauthenticated: count(
    "unauthenticated",
    "IKE SAs that were set up with an end that is not authenticated (null-auth, RFC 7619)",
    { lines: (n) => n > 0 ? [`IKE SAs with an end that is not authenticated: ${n}`] : [] },
  ),
  flaps: count(
    "flaps.down",
    "how often a flapping tunnel was torn down on purpose; it counts neither in `tunnels` nor in " +
      "`setupRate`",
  ),
  rebuilds: count("flaps.up", "how often one was up again after that"),
  ikeSaInitMs: latency(
    "latencyMs.ikeSaInit",
    "milliseconds from the first transmission of IKE_SA_INIT to its answer; initiator only",
    { lines: (ms) => [`IKE_SA_INIT ${latencyText(ms)}`] },
  ),
  ikeAuthMs: latency("latencyMs.ikeAuth", "the same of IKE_AUTH", {
    lines: (ms) => [`IKE_AUTH    ${latencyText(ms)}`],
  }),
  setupMs: latency(
    "latencyMs.setup",
    "milliseconds from the first IKE_SA_INIT of a try to established",
    { lines: (ms) => [`Set-up      ${latencyText(ms)}`] },
  ),
  setupFromDueMs: latency(
    "latencyMs.setupFromDue",
    "client with a `setupinterval`: milliseconds from when a tunnel was due by it to established, with " +
      "waits for room and tries that failed; no sample with `setupinterval: 0s`, by which none is due",
    { lines: (ms, whole) => dueLines(ms, whole) },
  ),
  failures: causes(
    "failures",
    "failed tunnels by cause: a notify's IANA name, `NO_ANSWER`, `NOT_SENT` (the system refused to " +
      "send), `UNREACHABLE` (ICMP said so, and nobody answered), `REFUSED_HERE`, …; `example` is the " +
      "first in words",
    (cause) => `Failed by ${cause}`,
  ),
  suites: byName(
    "suites",
    "set-ups by the algorithms that were agreed: those of the IKE SA, and after `;` those of its first " +
      "CHILD_SA; the first 20 suites, the rest as `others`",
    (suite, n) => `Agreed in ${n} set-ups: ${suite}`,
  ),
  peers: figure({
    path: "peers",
    type: "object of numbers",
    doc: "set-ups by the peer's address; the first 20 addresses, the rest as `others`",
    none: {},
    merge: (parts: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> =>
      mergeNames(parts),
    json: (counts): Readonly<Record<string, number>> => Object.fromEntries(counts),
  }),
  throttled: causes(
    "throttled",
    "client: how the peer throttled: `COOKIE` (it demanded them), `SILENCE` (no answer to some " +
      "IKE_SA_INIT requests while others were answered), `NO_ADDITIONAL_SAS`; `example` says from when, " +
      "with how many tunnels on their way, and which option to change",
    (cause) => `The peer throttles by ${cause}`,
  ),
  strangers: causes(
    "strangers",
    "gateway: peers that began an IKE SA and did not authenticate, by cause: the notify they were " +
      "refused with (`NO_PROPOSAL_CHOSEN`, `AUTHENTICATION_FAILED`, …), `HALF_OPEN_TIMEOUT` of those " +
      "that went silent; `example` is the first in words. They are no tunnels: they count neither in " +
      "`tunnels` nor in `failures`, and do not end a test by `abortonerr`; below `numberoftunnels` " +
      "the commonest cause stands in `error`",
    (cause) => `Strangers, not authenticated, by ${cause}`,
  ),
  cookies: figure({
    path: "cookies",
    type: "object",
    doc: "gateway: cookies (RFC 7296 §2.6)",
    parts: [
      {
        path: "asked",
        type: "number",
        doc: "IKE_SA_INIT requests that were answered with a cookie",
      },
      {
        path: "automatic",
        type: "number",
        doc: "those of them for which the load alone asked (`numoftunneltoenablecookie: auto`)",
      },
    ],
    none: { asked: 0, automatic: 0 },
    merge: (parts: readonly { readonly asked: number; readonly automatic: number }[]) =>
      summed(parts),
    json: ({ asked, automatic }) => ({ asked, automatic }),
    lines: cookieLines,
  }),
  drops: byName(
    "drops",
    "datagrams that cost a counter and nothing else, by reason",
    (reason, n) => `Dropped: ${n} for ${reason}`,
  ),
  dataPath: word<"dataPath", DataPathKind>("dataPath", "`kernel`, `userland` or `none`"),
  packets: group("packets", PACKET_TABLE, {
    doc: "packets of CHILD_SAs; null where the kernel keeps the books, or nothing carries any",
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
    none: null as NeighbourOverflow | null,
    // All parts see the one table of the system.
    merge: (parts: readonly (NeighbourOverflow | null)[]): NeighbourOverflow | null =>
      parts.find((part) => part !== null) ?? null,
    json: (table) => table && { ...table },
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
    none: null as ConnectionCounters | null,
    merge: (parts: readonly (ConnectionCounters | null)[]): ConnectionCounters | null => {
      const known = parts.filter((part) => part !== null);
      return known.length > 0 ? summed(known) : null;
    },
    json: (counters) => counters && { ...counters },
    lines: (counters) => connectionLines(counters),
  }),
  keepalivesSent: count("keepalives.sent", "NAT-T keepalives that left; they count as no datagram"),
  keepalivesReceived: count("keepalives.received", "NAT-T keepalives that came"),
  ping: group("ping", PING_TABLE, {
    doc: "the ping test, since its counters were last cleared",
    absent: noneOf(PING_TABLE),
    lines: pingLines,
  }),
  pingsAnswered: count(
    "pingsAnswered",
    "pings of the other ends that this process answered itself (`datapath: userland` without a TUN " +
      "device)",
    { lines: (n) => n > 0 ? [`Pings answered: ${n}`] : [] },
  ),
  deletesUnanswered: measured(
    "deletesUnanswered",
    "deletes at the end that no peer answered; null when none was sent",
    (parts) => parts.reduce((sum, n) => sum + n, 0),
    { lines: deletesLines },
  ),
  elapsedMs: figure({
    path: "durationSec",
    type: "number or null",
    doc: "seconds from start to end; null when the setup was refused",
    none: null as number | null,
    merge: (parts: readonly number[]) => Math.max(...parts),
    json: (ms) => rounded(ms / 1_000),
  }),
  cpuMsPerTunnel: measured(
    "cpuMsPerTunnel",
    "milliseconds of processor time of the whole process by established tunnel, up to the end of " +
      "creation; the demo runs both ends in one process",
    // Each part relates the time of the whole process to its own tunnels.
    (parts) => 1 / parts.reduce((sum, n) => sum + 1 / n, 0),
  ),
  rssBytes: figure({
    path: "rssBytes",
    type: "number",
    doc: "resident memory of the process, octets",
    none: 0,
    merge: (parts: readonly number[]) => Math.max(...parts),
    json: (octets) => octets,
  }),
  transport: word<"transport", string>("transport", "`portable` or `native`"),
  crypto: word<"cryptoBackend", string>("cryptoBackend", "`portable` or `native`"),
  notYet: figure({
    path: "notYet",
    type: "list of text",
    doc: "features that defaults of this role ask for and that are not there yet",
    none: [] as readonly string[],
    merge: (parts: readonly (readonly string[])[]): readonly string[] => [...new Set(parts.flat())],
    json: (words) => words,
  }),
  thresholds: figure({
    path: "thresholds",
    type: "list of {threshold, value, held}",
    doc:
      "the verdict on each of `thresholds`: the figure in milliseconds, tunnels a second, octets, as a " +
      "number or percentage, null where nothing was measured, so that it is broken; a broken one makes " +
      "the test fail",
    none: [] as readonly ThresholdVerdict[],
    merge: (parts: readonly JudgedThresholds[], whole): JudgedThresholds => {
      const { rules } = parts[0]!;
      const tunnels = parts.reduce((sum, part) => sum + part.tunnels, 0);
      const figures = whole as unknown as JudgedFigures;
      return { rules, tunnels, verdicts: judge(rules, { figures, tunnels }) };
    },
    json: ({ verdicts }) => verdicts,
    lines: (verdicts) => verdicts.map((verdict) => `Threshold ${verdictWords(verdict)}`),
  }),
} as const;

/** Figures that only the live view shows. */
export interface LiveFigures {
  /**
   * Number of tunnels that were begun: first tries that were sent; at a gateway tunnels that were
   * established.
   */
  readonly created: number;
  /** Number of IKE SAs that are being set up at present. */
  readonly halfOpen: number;
  /** Number of tunnels that are live at present. */
  readonly live: number;
  /** Tunnels established in the last second. */
  readonly recentRate: number;
  /** Milliseconds until the running time ends; undefined without a running time. */
  readonly timeLeftMs: number | undefined;
  /** Processor time of the whole process since its start, in milliseconds. */
  readonly cpuMs: number;
}

/** The figures of the live view, the closing report and the JSON result. */
export type RunFigures = FiguresOf<typeof FIGURES> & LiveFigures;

/** The figures of a run that several threads share, from those of each. */
export function mergeRunFigures(parts: readonly RunFigures[]): RunFigures {
  const sum = (name: "created" | "halfOpen" | "live" | "recentRate") =>
    parts.reduce((total, part) => total + part[name], 0);
  const left = parts.map(({ timeLeftMs }) => timeLeftMs).filter((ms) => ms !== undefined);
  return {
    ...mergeFigures(FIGURES, parts),
    created: sum("created"),
    halfOpen: sum("halfOpen"),
    live: sum("live"),
    recentRate: sum("recentRate"),
    timeLeftMs: left.length > 0 ? Math.max(...left) : undefined,
    cpuMs: Math.max(...parts.map(({ cpuMs }) => cpuMs)),
  };
}

/** The part of the JSON result that consists of figures. */
export type FiguresJson = JsonOf<typeof FIGURES>;
