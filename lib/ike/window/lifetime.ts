/**
 * Lifetimes: when an SA is rekeyed, and when it expires. Each end has its own, which is not negotiated (RFC
 * 7296 §2.8).
 * @module
 */
import type { ChildSa, IkeEnv, IkeSa, Postponed } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";

/** When an SA with this lifetime that begins now is rekeyed, and when it expires. */
export function lifetimeOf(
  sa: {
    readonly env: IkeEnv;
    readonly config: { readonly marginMs: number; readonly jitter: boolean };
  },
  lifetimeMs: number,
  nowMs: number,
): { readonly rekeyMs: number; readonly expireMs: number } {
  if (lifetimeMs <= 0) return { rekeyMs: Infinity, expireMs: Infinity };
  const margin = Math.min(sa.config.marginMs, lifetimeMs / 2);
  const drawn = sa.config.jitter ? margin * fraction(sa.env) : margin;
  return { rekeyMs: nowMs + lifetimeMs - drawn, expireMs: nowMs + lifetimeMs };
}

/** A fraction above 0 and at most 1. */
function fraction(env: IkeEnv): number {
  const [a, b] = env.random(2);
  return ((a! << 8 | b!) + 1) / 65536;
}

/** Starts the lifetime of a CHILD_SA. */
export function startLifetime({ sa, nowMs }: Turn, child: ChildSa): void {
  const { lifetimeMs } = sa.config.children[child.configIndex]!;
  Object.assign(child, lifetimeOf(sa, lifetimeMs, nowMs));
}

/** Starts the lifetime of an IKE SA that has just been established. */
export function startIkeLifetime(sa: IkeSa, nowMs: number): void {
  const { rekeyMs, expireMs } = lifetimeOf(sa, sa.config.ikeLifetimeMs, nowMs);
  sa.rekeyMs = rekeyMs;
  sa.expireMs = expireMs;
}

/** Queues postponed tasks whose time has come. */
export function resumePostponed({ sa, nowMs }: Turn): void {
  const isDue = ({ dueMs }: Postponed) => dueMs <= nowMs;
  sa.queue.push(...sa.postponed.filter(isDue).map(({ task }) => task));
  sa.postponed = sa.postponed.filter((p) => !isDue(p));
}

/**
 * The Message ID, of 32 bits, from which on the SA is rekeyed, so that enough are left to end it (RFC 7296
 * §2.2).
 */
const REKEY_FROM_ID = 0xffff_0000;
const ID_MAX = 0xffff_ffff;
/** Number of Message IDs after which a failed rekey is tried again. */
const IDS_BETWEEN_TRIES = 0x1000;

/** Rekeys an SA that has used most Message IDs, as they never start again. */
export function spareMessageIds({ sa, nowMs }: Turn, id: number): void {
  const near = id >= REKEY_FROM_ID && id % IDS_BETWEEN_TRIES === 0;
  if (near && sa.phase === "established" && !isReplaced(sa)) sa.rekeyMs = nowMs;
}

/** Whether no Message ID is left for a request of ours. */
export function hasSpentMessageIds({ window: { nextRequestId } }: IkeSa): boolean {
  return nextRequestId > ID_MAX;
}

/** Takes packets of the CHILD_SAs as signs of life of the peer (RFC 7296 §2.4). */
export function noteTraffic(sa: IkeSa, nowMs: number): void {
  const { silenceMs } = sa.env;
  if (!silenceMs) return;
  for (const child of sa.children) {
    const silence = silenceMs(child);
    if (silence === undefined) continue;
    sa.lastReceivedMs = Math.max(sa.lastReceivedMs ?? -Infinity, nowMs - silence);
  }
}

/** Whether a liveness check is due: neither a message nor a packet of the peer came within the interval. */
export function isLivenessDue({ sa, nowMs }: Turn): boolean {
  if (nowMs < livenessDueMs(sa)) return false;
  if (!sa.config.livenessForced) noteTraffic(sa, nowMs);
  return nowMs >= livenessDueMs(sa);
}

/** When the next liveness check is due; Infinity: never (RFC 7296 §2.4). */
export function livenessDueMs(sa: IkeSa): number {
  const { livenessForced } = sa.config;
  const livenessIntervalMs = sa.peer.livenessMs ?? sa.config.livenessIntervalMs;
  if (livenessIntervalMs <= 0 || sa.window.request || sa.active) return Infinity;
  const asked = sa.lastLivenessMs ?? sa.establishedMs ?? 0;
  const heard = livenessForced ? 0 : sa.lastReceivedMs ?? 0;
  return Math.max(asked, heard) + livenessIntervalMs;
}
