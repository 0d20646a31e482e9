/**
 * The counters of a test: tries, tunnels, failures by cause, latencies, rates. They do not depend on protocol
 * or clock.
 * @module
 */
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import { CauseCounts } from "@/engine/show/cause_counts.ts";
import { Histogram } from "@/engine/show/histogram.ts";
import { NameCounts } from "@/engine/show/name_counts.ts";
import { vendorWords } from "@/engine/show/vendor_words.ts";
import { childSuiteWords, ikeSuiteWords } from "@/engine/show/suite_words.ts";
import { showAddress } from "@/base/address.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { SaTally } from "@/engine/show/sa_tally.ts";

/** Seconds over which the recent rate is an average. */
const RECENT_MS = 1_000;
const RECENT_PARTS = 10;
/** Suites, and addresses of peers, that are counted apart. */
const NAMES_MAX = 20;

/** The counters of a run: fields for those who count, `figures` for those who read. */
export class Tally implements RunPart {
  /** Number of tunnels that were ever established. */
  established = 0;
  /** Part of `failed`; see RunFigures. */
  lost = 0;
  retries = 0;
  /** Number of IKE SAs and CHILD_SAs that were replaced, by either end. */
  ikeRekeys = 0;
  childRekeys = 0;
  /** Client: tunnels that were up again after they had to authenticate again. */
  reauthentications = 0;
  /** Client: redirections that were followed. */
  redirections = 0;
  /** IKE SAs that were resumed by tickets, and tickets that were given. */
  resumptions = 0;
  tickets = 0;
  /** Client: puzzles by what became of them, and keys that were tried. */
  readonly puzzles = { solved: 0, unsolved: 0, tries: 0 };
  /** Tickets that were presented and not taken, by the client's notify or the gateway's reason. */
  readonly resumptionsRefused = new CauseCounts();
  readonly ikeSaInitMs = new Histogram();
  readonly ikeAuthMs = new Histogram();
  readonly ikeIntermediateMs = new Histogram();
  readonly ikeSessionResumeMs = new Histogram();
  readonly setupMs = new Histogram();
  /** Of requests of this end on established IKE SAs, and of set-ups of tunnels that were up before. */
  readonly createChildMs = new Histogram();
  readonly followupKeMs = new Histogram();
  readonly informationalMs = new Histogram();
  readonly setupAgainMs = new Histogram();
  readonly setupFromDueMs = new Histogram();
  /** Counters of established SAs. */
  readonly sas = new SaTally();
  /** Tunnels by the algorithms agreed for their IKE SA and first CHILD_SA, and by their peer's address and Vendor IDs. */
  readonly suites = new NameCounts(NAMES_MAX);
  readonly peers = new NameCounts(NAMES_MAX);
  readonly vendorIds = new NameCounts(NAMES_MAX);
  readonly #latencies: ReadonlyMap<number, Histogram> = new Map([
    [ExchangeType.IKE_SA_INIT, this.ikeSaInitMs],
    [ExchangeType.IKE_SESSION_RESUME, this.ikeSessionResumeMs],
    [ExchangeType.IKE_INTERMEDIATE, this.ikeIntermediateMs],
    [ExchangeType.IKE_AUTH, this.ikeAuthMs],
    [ExchangeType.CREATE_CHILD_SA, this.createChildMs],
    [ExchangeType.IKE_FOLLOWUP_KE, this.followupKeMs],
    [ExchangeType.INFORMATIONAL, this.informationalMs],
  ]);
  readonly #failures = new CauseCounts();
  readonly #recent = new RecentRate();

  readonly handlers: EffectHandlers = {
    answered: ({ exchange, latencyMs }) => this.#latencies.get(exchange)?.add(latencyMs),
    puzzle_solved: ({ tries }) => {
      this.puzzles.solved++;
      this.puzzles.tries += tries;
    },
    puzzle_declined: () => void this.puzzles.unsolved++,
    ticket_given: () => void this.tickets++,
    ticket_issued: () => void this.tickets++,
    resumption_refused: ({ cause }, sa) => {
      const gateway = showAddress(sa.path.peerAddress);
      this.resumptionsRefused.add(
        cause,
        () => `${gateway} did not take the ticket of tunnel ${sa.index}`,
      );
    },
    ticket_refused: ({ cause }, sa) => {
      const from = showAddress(sa.path.peerAddress);
      this.resumptionsRefused.add(cause, () => `A ticket that came from ${from}`);
    },
    established: (_, sa) => {
      if (sa.peer.resumed) this.resumptions++;
      const [child] = sa.children;
      this.suites.add([ikeSuiteWords(sa), ...(child ? [childSuiteWords(child)] : [])].join("; "));
      this.peers.add(showAddress(sa.path.peerAddress));
      for (const id of sa.peer.vendorIds) this.vendorIds.add(vendorWords(id));
    },
    replaced: () => void this.ikeRekeys++,
    child_up: ({ old }) => {
      if (old) this.childRekeys++;
    },
  };

  /**
   * Counts a tunnel that is established for the first time, `setupMs` after the first message of this try,
   * and so long after it was due; undefined: no time was given for it.
   */
  countEstablished(setupMs: number, nowMs: number, fromDueMs?: number): void {
    this.established++;
    if (fromDueMs !== undefined) this.setupFromDueMs.add(fromDueMs);
    this.setupMs.add(setupMs);
    this.#recent.count(nowMs);
  }

  /** Counts a tunnel that is given up or lost; `example` is called for the first of its cause. */
  countFailure(cause: string, example: () => string): void {
    this.#failures.add(cause, example);
  }

  /** Number of tunnels that were not established, or have been lost; see RunFigures. */
  get failed(): number {
    return this.#failures.total;
  }

  /** Failures by cause, the most frequent first. */
  failures(): FailureFigures[] {
    return this.#failures.figures();
  }

  /** Number of tunnels that were established in the last second. */
  recentRate(nowMs: number): number {
    return this.#recent.perSecond(nowMs);
  }
}

/** Counts of the last second in ten parts. */
class RecentRate {
  readonly #counts = new Array<number>(RECENT_PARTS).fill(0);
  #part = -Infinity;

  count(nowMs: number): void {
    const part = this.#turn(nowMs);
    this.#counts[part % RECENT_PARTS]!++;
  }

  perSecond(nowMs: number): number {
    this.#turn(nowMs);
    return this.#counts.reduce((sum, n) => sum + n, 0) * 1_000 / RECENT_MS;
  }

  /** Clears the parts of the past; returns the index of the present part. */
  #turn(nowMs: number): number {
    const now = Math.floor(nowMs * RECENT_PARTS / RECENT_MS);
    const first = Math.max(this.#part + 1, now - RECENT_PARTS + 1);
    for (let part = first; part <= now; part++) this.#counts[part % RECENT_PARTS] = 0;
    this.#part = Math.max(this.#part, now);
    return this.#part;
  }
}
