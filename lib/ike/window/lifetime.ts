/**
 * Lifetimes: when an SA is rekeyed, and when it is dead (RFC 7296 §2.8: each end has its own, and
 * nothing of it is negotiated).
 * @module
 */
import type { ChildSa, IkeEnv, IkeSa, Postponed } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";

/** When an SA of this lifetime, beginning now, is rekeyed and when it is dead. */
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

/** In (0, 1]. */
function fraction(env: IkeEnv): number {
  const [a, b] = env.random(2);
  return ((a! << 8 | b!) + 1) / 65536;
}

/** Starts the life of a CHILD_SA. */
export function startLifetime({ sa, nowMs }: Turn, child: ChildSa): void {
  const { lifetimeMs } = sa.config.children[child.configIndex]!;
  Object.assign(child, lifetimeOf(sa, lifetimeMs, nowMs));
}

/** Starts the life of an IKE SA that has just been established. */
export function startIkeLifetime(sa: IkeSa, nowMs: number): void {
  const { rekeyMs, expireMs } = lifetimeOf(sa, sa.config.ikeLifetimeMs, nowMs);
  sa.rekeyMs = rekeyMs;
  sa.expireMs = expireMs;
}

/** What was put off comes into the queue once its time has come. */
export function resumePostponed({ sa, nowMs }: Turn): void {
  const isDue = ({ dueMs }: Postponed) => dueMs <= nowMs;
  sa.queue.push(...sa.postponed.filter(isDue).map(({ task }) => task));
  sa.postponed = sa.postponed.filter((p) => !isDue(p));
}

/** Message IDs of 32 bits; from here on there are few enough left to make an end (RFC 7296 §2.2). */
const FEW_IDS_LEFT = 0xffff_0000;
const ID_MAX = 0xffff_ffff;
/** A rekey that came to nothing is begun again after so many. */
const IDS_BETWEEN_TRIES = 0x1000;

/** Message IDs never start again: an SA that has used most of them is rekeyed. */
export function spareMessageIds({ sa, nowMs }: Turn, id: number): void {
  const near = id >= FEW_IDS_LEFT && id % IDS_BETWEEN_TRIES === 0;
  if (near && sa.phase === "established" && !isReplaced(sa)) sa.rekeyMs = nowMs;
}

/** Whether there is no Message ID left for a request of ours. */
export function hasSpentMessageIds({ window: { nextRequestId } }: IkeSa): boolean {
  return nextRequestId > ID_MAX;
}

/** Takes packets of its CHILD_SAs for signs of life of the peer too (RFC 7296 §2.4). */
export function hearTraffic(sa: IkeSa, nowMs: number): void {
  const { silenceMs } = sa.env;
  if (!silenceMs) return;
  for (const child of sa.children) {
    const silence = silenceMs(child);
    if (silence === undefined) continue;
    sa.lastReceivedMs = Math.max(sa.lastReceivedMs ?? -Infinity, nowMs - silence);
  }
}

/** Whether the peer is to be asked now: it was not heard within the interval, by IKE or by its packets. */
export function isLivenessDue({ sa, nowMs }: Turn): boolean {
  if (nowMs < livenessDueMs(sa)) return false;
  if (!sa.config.livenessForced) hearTraffic(sa, nowMs);
  return nowMs >= livenessDueMs(sa);
}

/** When the peer is to be asked whether it is there; Infinity: never (RFC 7296 §2.4). */
export function livenessDueMs(sa: IkeSa): number {
  const { livenessIntervalMs, livenessForced } = sa.config;
  if (livenessIntervalMs <= 0 || sa.window.request || sa.active) return Infinity;
  const asked = sa.lastLivenessMs ?? sa.establishedMs ?? 0;
  const heard = livenessForced ? 0 : sa.lastReceivedMs ?? 0;
  return Math.max(asked, heard) + livenessIntervalMs;
}
