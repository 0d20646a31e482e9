/**
 * Knows the IKE_SA_INIT requests that a responder has received, and the SAs made for them. RFC 7296 §2.1 has
 * three cases for a request: it is new; it is a copy of one whose SA is half-open, whose response is
 * repeated; or it is a copy of one whose IKE_AUTH request was received, and is ignored. A request is known by
 * a hash of the whole message, as anybody can choose its SPI and its address.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import { isStranger } from "@/ike/records/ike_sa.ts";

/** How long copies of a request are ignored after its SA has ended, in milliseconds. */
const PASSED_OVER_MS = 60_000;
/** The most ended SAs whose requests are remembered; beyond that the oldest is dropped. */
const ENDED_MAX = 20_000;
/** The most octets of messages that all half-open SAs keep; beyond that the oldest SA is ended. */
const KEPT_OCTETS_MAX = 64 * 2 ** 20;
/**
 * The most closed SAs of strangers that still repeat their last response; beyond that the oldest is dropped.
 */
const LINGERING_MAX = 1_000;

/** What an endpoint knows of peers that have begun an SA. */
export interface Newcomers {
  /** Responder SAs that are not authenticated, oldest first, with the octets of messages that each keeps. */
  readonly halfOpen: Map<IkeSa, number>;
  /** The same, by the zero bits of the puzzle that each has solved (RFC 8019 §7.1.5). */
  readonly byPuzzle: Map<number, Set<IkeSa>>;
  /** Those of them whose IKE_SA_INIT key exchange is not computed yet. */
  readonly computing: Set<IkeSa>;
  /** Octets of messages that all half-open SAs keep together. */
  keptOctets: number;
  /** Responder SAs that are not closed, by the `initHash` of their request. */
  readonly byRequest: Map<string, IkeSa>;
  /** Time until which copies of a request are ignored, by `initHash`, oldest first. */
  readonly ended: Map<string, number>;
  /** Closed SAs of strangers that are not removed yet, oldest first. */
  readonly lingering: Set<IkeSa>;
}

/** The state before the first request. */
export function newNewcomers(): Newcomers {
  return {
    halfOpen: new Map(),
    byPuzzle: new Map(),
    computing: new Set(),
    keptOctets: 0,
    byRequest: new Map(),
    ended: new Map(),
    lingering: new Set(),
  };
}

/** Whether an SA is half-open at the responder. */
export function isHalfOpen(sa: IkeSa): boolean {
  return !sa.originalInitiator && (sa.phase === "init" || sa.phase === "created");
}

/**
 * Classifies a request by its hash: the half-open SA whose request it repeats, a copy that is ignored, or new
 * (undefined).
 */
export function knownRequest(
  { byRequest, ended }: Newcomers,
  hash: string,
  nowMs: number,
): IkeSa | "passed over" | undefined {
  const sa = byRequest.get(hash);
  if (sa) return isHalfOpen(sa) && !hasIkeAuth(sa) ? sa : "passed over";
  for (const [oldest, untilMs] of ended) {
    if (untilMs > nowMs) break;
    ended.delete(oldest);
  }
  return ended.has(hash) ? "passed over" : undefined;
}

/** Whether an IKE_AUTH request of a half-open SA was received, as its Message ID follows IKE_SA_INIT. */
function hasIkeAuth({ phase, answering, window: { nextPeerId } }: IkeSa): boolean {
  return phase === "created" && (answering !== undefined || nextPeerId > 1);
}

/** Records an SA that is made for a new request. */
export function arrive(newcomers: Newcomers, sa: IkeSa): void {
  const { halfOpen, byPuzzle, computing, byRequest } = newcomers;
  halfOpen.set(sa, 0);
  const { puzzleBits } = sa.setup!;
  const equals = byPuzzle.get(puzzleBits);
  if (equals) equals.add(sa);
  else byPuzzle.set(puzzleBits, new Set([sa]));
  computing.add(sa);
  byRequest.set(sa.initHash, sa);
}

/**
 * The SA to end if too many are half-open, or they keep too much: the oldest of those that have solved the
 * easiest puzzle, or none. Otherwise undefined.
 */
export function crowded(
  { halfOpen, byPuzzle, keptOctets }: Newcomers,
  { halfOpenMax }: { readonly halfOpenMax: number },
): IkeSa | undefined {
  const isFull = halfOpen.size > halfOpenMax || keptOctets > KEPT_OCTETS_MAX && halfOpen.size > 1;
  return isFull ? first(byPuzzle.get(Math.min(...byPuzzle.keys()))!) : undefined;
}

/** Updates the tables after an event of an SA; returns an SA to remove if too many closed ones are kept. */
export function settle(newcomers: Newcomers, sa: IkeSa, nowMs: number): IkeSa | undefined {
  const { halfOpen, computing, byRequest, ended, lingering } = newcomers;
  if (sa.initHash === "") return undefined;
  const kept = halfOpen.get(sa);
  if (kept !== undefined) {
    const keeps = isHalfOpen(sa) ? sa.setup!.keptOctets : 0;
    newcomers.keptOctets += keeps - kept;
    if (isHalfOpen(sa)) halfOpen.set(sa, keeps);
    else {
      halfOpen.delete(sa);
      forgetPuzzle(newcomers, sa);
    }
    if (sa.phase !== "init") computing.delete(sa);
  }
  if (sa.phase !== "closed") return undefined;
  if (byRequest.delete(sa.initHash) && sa.keys) {
    ended.set(sa.initHash, nowMs + PASSED_OVER_MS);
    if (ended.size > ENDED_MAX) ended.delete(first(ended.keys()));
  }
  if (sa.forgotten) lingering.delete(sa);
  else if (isStranger(sa)) lingering.add(sa);
  if (lingering.size <= LINGERING_MAX) return undefined;
  const oldest = first(lingering);
  lingering.delete(oldest);
  return oldest;
}

function forgetPuzzle({ byPuzzle }: Newcomers, sa: IkeSa): void {
  for (const [bits, equals] of byPuzzle) {
    if (!equals.delete(sa)) continue;
    if (equals.size === 0) byPuzzle.delete(bits);
    return;
  }
}

function first<T>(all: Iterable<T>): T {
  const [one] = all;
  return one!;
}
