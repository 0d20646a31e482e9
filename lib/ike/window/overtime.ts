/**
 * Overtime: while an exchange that replaces an SA is in progress, the SA may exceed its lifetime. Otherwise
 * one lost datagram near the end of a lifetime would cost the tunnel. As lifetimes are not negotiated (RFC
 * 7296 §2.8), this does not concern the peer.
 * @module
 */
import type { ChildSa, IkeSa, Task } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";
import { patienceMs } from "@/ike/window/patience.ts";

/** When the lifetime of a CHILD_SA, or of the IKE SA itself, ends; Infinity: never. */
export function lifetimeEndMs(sa: IkeSa, child: ChildSa | undefined): number {
  const lifetimeMs = child
    ? sa.config.children[child.configIndex]!.lifetimeMs
    : sa.config.ikeLifetimeMs;
  const { establishedMs } = child ?? sa;
  return lifetimeMs > 0 && establishedMs !== undefined ? establishedMs + lifetimeMs : Infinity;
}

/**
 * Until when an SA is kept whose lifetime has ended: while an exchange that replaces it is in progress, at
 * most as long as a request is repeated. Undefined: it ends now.
 */
export function overtimeEndMs({ sa, nowMs }: Turn, child: ChildSa | undefined): number | undefined {
  if (!sa.config.lifetimeOvertime || sa.env.broken.has("end_on_time")) return undefined;
  if (!isBeingReplaced(sa, child, nowMs)) return undefined;
  if (sa.env.broken.has("endless_overtime")) return nowMs + 3_600_000;
  const endMs = lifetimeEndMs(sa, child) + patienceMs(sa.config);
  return nowMs < endMs ? endMs : undefined;
}

/** Ends an SA in overtime at once if its replacement has failed, by setting its deadline to now. */
export function endOvertime({ sa, nowMs }: Turn): void {
  if (sa.env.broken.has("overtime_when_refused")) return;
  if (isOver(sa, undefined, nowMs)) sa.expireMs = nowMs;
  for (const child of sa.children) if (isOver(sa, child, nowMs)) child.expireMs = nowMs;
}

function isOver(sa: IkeSa, child: ChildSa | undefined, nowMs: number): boolean {
  const { expireMs } = child ?? sa;
  if (expireMs <= nowMs || expireMs === Infinity) return false;
  return nowMs >= lifetimeEndMs(sa, child) && !isBeingReplaced(sa, child, nowMs);
}

/**
 * Whether an exchange of either end replaces the SA: one of ours from its place in the queue to its response,
 * or while it is postponed (RFC 7296 §2.25); one of the peer's until its Delete.
 */
export function isBeingReplaced(
  sa: IkeSa,
  child: ChildSa | undefined,
  nowMs: number,
): boolean {
  const { active, answering, followups, queue, postponed } = sa;
  const { rekeyMs } = child ?? sa;
  if (child ? child.state === "rekeyed" : isReplaced(sa)) return true;
  const isPutOff = rekeyMs > nowMs && rekeyMs < Infinity && nowMs >= lifetimeEndMs(sa, child);
  if (isPutOff) return true;
  const replaces = (task: Task) =>
    child ? task.kind === "create_child" && task.old === child : task.kind === "rekey_ike";
  const answers = child
    ? answering?.kind === "create_child" && answering.old === child
    : answering?.kind === "rekey_ike";
  const byPeer = answers ||
    followups.some((awaited) =>
      child
        ? awaited.kind === "create_child" && awaited.old === child
        : awaited.kind === "rekey_ike"
    );
  return byPeer || active !== undefined && replaces(active) || queue.some(replaces) ||
    postponed.some(({ task }) => replaces(task));
}
