/**
 * All timers of an IKE SA in one table: the phases in which each runs, and when it is due. `handle.ts` and
 * the tasks do what is due.
 * @module
 */
import { ticketDueMs } from "@/ike/window/tickets.ts";
import type { ChildSa, IkeSa, Phase } from "@/ike/records/sa.ts";
import { keepaliveDueMs } from "@/ike/path/nat.ts";
import { followupsDueMs } from "@/ike/tasks/awaited_keys.ts";
import { moveDueMs } from "@/ike/tasks/move.ts";
import { redirectDueMs, redirectEndDueMs } from "@/ike/path/redirect.ts";
import { authEndDueMs, reauthDueMs } from "@/ike/window/auth_lifetime.ts";
import { fragmentsDueMs } from "@/ike/window/fragments.ts";
import { livenessDueMs } from "@/ike/window/lifetime.ts";

/** One timer. */
interface Timer {
  /** The phases in which it runs. */
  readonly phases: readonly Phase[];
  /** When it is due, in milliseconds on the core's clock; Infinity: it does not run. */
  dueMs(sa: IkeSa): number;
}

const UNAUTHENTICATED: readonly Phase[] = ["init", "created"];
const ESTABLISHED: readonly Phase[] = ["established"];
const UNTIL_CLOSED: readonly Phase[] = ["init", "created", "established", "closing"];

const TIMERS = {
  /** Repeats our request, or gives it up (RFC 7296 §2.4). */
  retransmission: {
    phases: UNTIL_CLOSED,
    dueMs: ({ window }) => window.request?.nextMs ?? Infinity,
  },
  /** Drops a message whose other fragments have not arrived (RFC 7383 §2.6). */
  fragments: { phases: UNTIL_CLOSED, dueMs: fragmentsDueMs },
  /** Ends the SA of a peer that has not authenticated (RFC 7296 §2.4). */
  half_open: { phases: UNAUTHENTICATED, dueMs: ({ halfOpenEndMs }) => halfOpenEndMs },
  /** Rekeys the IKE SA (§2.8). */
  rekey: { phases: ESTABLISHED, dueMs: ({ rekeyMs }) => rekeyMs },
  /** Ends the lifetime of the IKE SA, or its overtime (§2.8). */
  lifetime: { phases: ESTABLISHED, dueMs: ({ expireMs }) => expireMs },
  /** Removes a redundant IKE SA that its creator has not deleted (§2.8.2). */
  redundant: {
    phases: ESTABLISHED,
    dueMs: ({ succession }) => succession.kind === "redundant" ? succession.untilMs : Infinity,
  },
  /** Rekeys a CHILD_SA, or ends its lifetime. */
  children: { phases: ESTABLISHED, dueMs: ({ children }) => firstOf(children, childDueMs) },
  /**
   * Drops a CREATE_CHILD_SA exchange that the peer has not completed by IKE_FOLLOWUP_KE (RFC 9370 §2.2.4).
   */
  followups: { phases: ESTABLISHED, dueMs: followupsDueMs },
  /** Tries a postponed task again (§2.25). */
  postponed: {
    phases: ESTABLISHED,
    dueMs: ({ postponed }) => firstOf(postponed, ({ dueMs }) => dueMs),
  },
  /** Sends a liveness check (§2.4). */
  liveness: { phases: ESTABLISHED, dueMs: livenessDueMs },
  /** Lets the client authenticate again (RFC 4478). */
  reauth: { phases: ESTABLISHED, dueMs: reauthDueMs },
  /** Ends the time in which a peer has to authenticate again. */
  auth_end: { phases: ESTABLISHED, dueMs: authEndDueMs },
  /** The client asks for another ticket (RFC 5723 §4.1). */
  ticket: { phases: ESTABLISHED, dueMs: ticketDueMs },
  /** Redirects the peer of a gateway (RFC 5685 §5). */
  redirect: { phases: ESTABLISHED, dueMs: redirectDueMs },
  /** Ends the IKE SA of a redirected peer that has not deleted it. */
  redirect_end: { phases: ESTABLISHED, dueMs: redirectEndDueMs },
  /** Moves the client (RFC 4555 §3.5). */
  move: { phases: ESTABLISHED, dueMs: moveDueMs },
  /** Keeps the mapping of a NAT before this end alive (RFC 3948 §4). */
  keepalive: { phases: ESTABLISHED, dueMs: keepaliveDueMs },
  /** Removes a closed SA, as no request to it is repeated any more (RFC 7296 §2.1). */
  forgetting: { phases: ["closed"], dueMs: ({ forgetMs }) => forgetMs },
} as const satisfies Record<string, Timer>;

/** A timer of an IKE SA. */
export type TimerName = keyof typeof TIMERS;

const ALL: readonly Timer[] = Object.values(TIMERS);
const PHASES: readonly Phase[] = ["idle", "init", "created", "established", "closing", "closed"];
const BY_PHASE = new Map(
  PHASES.map((phase) => [phase, ALL.filter(({ phases }) => phases.includes(phase))] as const),
);

/** When the next timer of an SA is due; Infinity: none runs. */
export function nextDueMs(sa: IkeSa): number {
  return firstOf(BY_PHASE.get(sa.phase)!, (timer) => timer.dueMs(sa));
}

/** Whether a timer that runs in the SA's phase has come. */
export function isDue(sa: IkeSa, name: TimerName, nowMs: number): boolean {
  const timer: Timer = TIMERS[name];
  return timer.phases.includes(sa.phase) && nowMs >= timer.dueMs(sa);
}

function childDueMs({ state, rekeyMs, expireMs }: ChildSa): number {
  return state === "established" ? Math.min(rekeyMs, expireMs) : expireMs;
}

function firstOf<T>(list: readonly T[], dueMs: (one: T) => number): number {
  let first = Infinity;
  for (const one of list) first = Math.min(first, dueMs(one));
  return first;
}
