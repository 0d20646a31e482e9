/**
 * Figures of set-ups: how long they took, what was agreed, and why some failed.
 * @module
 */
import {
  byName,
  causeLines,
  causes,
  type FailureFigures,
  figure,
  latency,
  type LatencyResult,
  latencyText,
  mergeNames,
} from "@/engine/show/figure.ts";
import { summed } from "@/engine/show/figure_sums.ts";
import { cookieLines, puzzleLines } from "@/engine/show/figure_words.ts";

/**
 * A smaller difference between the latency from when a tunnel was due and that from its first message is not
 * shown, in milliseconds.
 */
const DUE_DIFFERENCE_MS = 1;

/**
 * The line about the latency from when tunnels were due, if they were dialled late: that is what a user of
 * the peer waits for.
 */
function dueLines(fromDue: LatencyResult, whole: unknown): string[] {
  const { setup } = (whole as { readonly latencyMs: { readonly setup: LatencyResult } }).latencyMs;
  const differs = (["p50", "p90", "p99", "max"] as const).some((name) =>
    (fromDue[name] ?? 0) - (setup[name] ?? 0) > DUE_DIFFERENCE_MS
  );
  return fromDue.p50 !== null && differs ? [`  from due  ${latencyText(fromDue)}`] : [];
}

/** Causes of which each line says by which command it is explained. */
function failures<P extends string>(path: P, doc: string, lineOf: (cause: string) => string) {
  const lines = (list: readonly FailureFigures[]) =>
    causeLines(list, lineOf).map((line, i) =>
      `${line} (myikev2 explain ${commandWord(list[i]!.cause)})`
    );
  return { ...causes(path, doc, lineOf), lines };
}

function commandWord(cause: string): string {
  return /^\w+$/.test(cause) ? cause : JSON.stringify(cause);
}

/** Numbers of puzzles of a run. */
interface PuzzleFigures {
  readonly given: number;
  readonly solved: number;
  readonly unsolved: number;
  readonly wrong: number;
  readonly tries: number;
}

const NO_PUZZLES: PuzzleFigures = { given: 0, solved: 0, unsolved: 0, wrong: 0, tries: 0 };

/** The figures, in the order of the JSON result. */
export const SETUP_FIGURES = {
  ikeSaInitMs: latency(
    "latencyMs.ikeSaInit",
    "milliseconds from the first transmission of IKE_SA_INIT to its answer; initiator only",
    { lines: (ms) => [`IKE_SA_INIT ${latencyText(ms)}`] },
  ),
  ikeAuthMs: latency("latencyMs.ikeAuth", "the same of IKE_AUTH", {
    lines: (ms) => [`IKE_AUTH    ${latencyText(ms)}`],
  }),
  ikeSessionResumeMs: latency(
    "latencyMs.ikeSessionResume",
    "the same of IKE_SESSION_RESUME, by which a tunnel is resumed in place of IKE_SA_INIT",
    { lines: (ms) => ms.p50 === null ? [] : [`IKE_SESSION_RESUME ${latencyText(ms)}`] },
  ),
  ikeIntermediateMs: latency(
    "latencyMs.ikeIntermediate",
    "the same of each IKE_INTERMEDIATE exchange (RFC 9242), of which a set-up may have several",
    { lines: (ms) => ms.p50 === null ? [] : [`IKE_INTERMEDIATE ${latencyText(ms)}`] },
  ),
  setupMs: latency(
    "latencyMs.setup",
    "milliseconds from the first IKE_SA_INIT of a try to established",
    { lines: (ms) => [`Set-up      ${latencyText(ms)}`] },
  ),
  createChildMs: latency(
    "latencyMs.createChild",
    "the same of CREATE_CHILD_SA: rekeys of either kind, and CHILD_SAs beside the first; requests of this end",
    { lines: (ms) => ms.p50 === null ? [] : [`CREATE_CHILD_SA ${latencyText(ms)}`] },
  ),
  followupKeMs: latency(
    "latencyMs.ikeFollowupKe",
    "the same of each IKE_FOLLOWUP_KE exchange (RFC 9370), by which a CREATE_CHILD_SA exchange goes on",
    { lines: (ms) => ms.p50 === null ? [] : [`IKE_FOLLOWUP_KE ${latencyText(ms)}`] },
  ),
  informationalMs: latency(
    "latencyMs.informational",
    "the same of INFORMATIONAL exchanges that this end began: liveness checks, Deletes, moves",
    { lines: (ms) => ms.p50 === null ? [] : [`INFORMATIONAL ${latencyText(ms)}`] },
  ),
  setupAgainMs: latency(
    "latencyMs.setupAgain",
    "the same as `setup` of tunnels that were up before: after a flap, a storm, a loss, a redirection or a " +
      "new authentication; they are not in `setup`",
    { lines: (ms) => ms.p50 === null ? [] : [`Set-up again ${latencyText(ms)}`] },
  ),
  setupFromDueMs: latency(
    "latencyMs.setupFromDue",
    "client with a `setupinterval`: milliseconds from when a tunnel was due by it to established, with " +
      "waits for room and tries that failed; no sample with `setupinterval: 0s`, by which none is due",
    { lines: (ms, whole) => dueLines(ms, whole) },
  ),
  failures: failures(
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
    read: (counts): ReadonlyMap<string, number> => new Map(Object.entries(counts)),
  }),
  vendorIds: byName(
    "vendorIds",
    "set-ups by the Vendor IDs of the peer (RFC 7296 §3.12), in hex, of known ones and of texts with their " +
      "name; 8 of a peer at most, the first 20 different ones, the rest as `others`",
    (id, n) => `Vendor ID of the peer in ${n} set-ups: ${id}`,
  ),
  profiles: byName(
    "profiles",
    "client with `profiles`: set-ups by the name of the profile, including those of tunnels that were up before",
    (name, n) => `Profile ${name || "without a name"}: ${n} set-ups`,
  ),
  throttled: causes(
    "throttled",
    "client: how the peer throttled: `COOKIE` (it demanded them), `SILENCE` (no answer to some " +
      "IKE_SA_INIT requests while others were answered), `NO_ADDITIONAL_SAS`, `RATE_CUT` (it completed " +
      "half as many set-ups a second as before or fewer, while tunnels waited; `count` is in seconds); " +
      "`example` says from when, and which option to change",
    (cause) => `The peer throttles by ${cause}`,
  ),
  strangers: failures(
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
  puzzles: figure({
    path: "puzzles",
    type: "object",
    doc: "puzzles (RFC 8019)",
    parts: [
      { path: "given", type: "number", doc: "gateway: requests that were answered with a puzzle" },
      {
        path: "solved",
        type: "number",
        doc: "solved: at a gateway requests with the solution, at a client puzzles that it solved",
      },
      {
        path: "unsolved",
        type: "number",
        doc:
          "requests with the cookie and no solution, which a gateway takes while it has room; at a client " +
          "puzzles that it did not solve (`puzzlebitsmax`)",
      },
      { path: "wrong", type: "number", doc: "gateway: requests with a wrong solution, dropped" },
      { path: "tries", type: "number", doc: "client: keys that it tried" },
    ],
    none: NO_PUZZLES,
    merge: (parts: readonly PuzzleFigures[]) => summed(parts),
    json: ({ given, solved, unsolved, wrong, tries }) => ({
      given,
      solved,
      unsolved,
      wrong,
      tries,
    }),
    lines: puzzleLines,
  }),
} as const;
