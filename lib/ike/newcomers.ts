/**
 * The IKE_SA_INIT requests that a responder knows, and the SAs that they made. RFC 7296 §2.1 has three
 * cases for such a request: it is new; it is a copy of one whose SA is half-open, and has its response
 * repeated; it is a copy of one whose IKE_AUTH request was received, and is passed over. A request is
 * known by a hash of the whole message, as anybody may choose its SPI and its address.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import { isStranger } from "@/ike/records/ike_sa.ts";

/** How long copies of a request are passed over after the SA that it made has ended. */
const PASSED_OVER_MS = 60_000;
/** SAs that have ended whose requests are remembered, at most; then the oldest is forgotten. */
const ENDED_MAX = 20_000;
/** Octets of messages that all half-open SAs together keep, at most; then the oldest SA is ended. */
const KEPT_OCTETS_MAX = 64 * 2 ** 20;
/** Closed SAs of strangers that still repeat their last response, at most; then the oldest is forgotten. */
const LINGERING_MAX = 1_000;

/** What an endpoint knows of peers that began an SA. */
export interface Newcomers {
  /** Responder SAs that are not authenticated, with the octets of messages that each keeps; the oldest first. */
  readonly halfOpen: Map<IkeSa, number>;
  /** Those of them whose IKE_SA_INIT key exchange is not computed yet. */
  readonly computing: Set<IkeSa>;
  /** Octets of messages that all half-open SAs keep together. */
  keptOctets: number;
  /** Responder SAs that are not closed, by `initHash`. */
  readonly byRequest: Map<string, IkeSa>;
  /** Until when (milliseconds) copies of a request are passed over, by `initHash`; the oldest first. */
  readonly ended: Map<string, number>;
  /** Closed SAs of strangers that are not forgotten yet, the oldest first. */
  readonly lingering: Set<IkeSa>;
}

/** Nobody was there yet. */
export function newNewcomers(): Newcomers {
  return {
    halfOpen: new Map(),
    computing: new Set(),
    keptOctets: 0,
    byRequest: new Map(),
    ended: new Map(),
    lingering: new Set(),
  };
}

/** Whether an SA is on its way, as the responder sees it. */
export function isHalfOpen(sa: IkeSa): boolean {
  return !sa.originalInitiator && (sa.phase === "init" || sa.phase === "created");
}

/**
 * What a request is by its hash: of the half-open SA that is returned, a copy that is passed over, or
 * new (`undefined`).
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

/** Whether an IKE_AUTH request of a half-open SA was received: its Message ID follows IKE_SA_INIT. */
function hasIkeAuth({ phase, answering, window: { nextPeerId } }: IkeSa): boolean {
  return phase === "created" && (answering !== undefined || nextPeerId > 1);
}

/** An SA is made for a new request. */
export function arrive({ halfOpen, computing, byRequest }: Newcomers, sa: IkeSa): void {
  halfOpen.set(sa, 0);
  computing.add(sa);
  byRequest.set(sa.initHash, sa);
}

/** The oldest half-open SA, where they are too many or keep too much; `undefined`: they do not. */
export function crowded(
  { halfOpen, keptOctets }: Newcomers,
  { halfOpenMax }: { readonly halfOpenMax: number },
): IkeSa | undefined {
  const isFull = halfOpen.size > halfOpenMax || keptOctets > KEPT_OCTETS_MAX && halfOpen.size > 1;
  return isFull ? first(halfOpen.keys()) : undefined;
}

/** Keeps the books once something has happened to an SA; the SA to forget, where too many linger. */
export function settle(newcomers: Newcomers, sa: IkeSa, nowMs: number): IkeSa | undefined {
  const { halfOpen, computing, byRequest, ended, lingering } = newcomers;
  if (sa.initHash === "") return undefined;
  const kept = halfOpen.get(sa);
  if (kept !== undefined) {
    const keeps = isHalfOpen(sa) ? sa.setup!.keptOctets : 0;
    newcomers.keptOctets += keeps - kept;
    if (isHalfOpen(sa)) halfOpen.set(sa, keeps);
    else halfOpen.delete(sa);
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

function first<T>(all: Iterable<T>): T {
  const [one] = all;
  return one!;
}
