/**
 * Authentication again before the previous IKE SA ends (make before break; RFC 7296 §2.8.3): the client sets
 * up another IKE SA for the same tunnel, and deletes the previous one when the other has all CHILD_SAs.
 * @module
 */
import type { Turn } from "@/ike/records/event.ts";
import { inheritorOf } from "@/ike/records/ike_sa.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import { sameSelector } from "@/ike/negotiate/selectors.ts";

/** Tells the caller that the previous IKE SA can be deleted, once the new one has all of its CHILD_SAs. */
export function completeRenewal({ sa, out }: Turn, old: IkeSa): void {
  if (sa.phase === "closed" || sa.phase === "closing") {
    sa.renews = undefined;
    return;
  }
  const isEarly = sa.phase === "created" && sa.env.broken.has("end_before_renewal");
  const isComplete = sa.phase === "established" && !sa.active && sa.queue.length === 0 &&
    sa.postponed.length === 0;
  if (!isEarly && !isComplete) return;
  sa.renews = undefined;
  out.push({ kind: "renewed", old: inheritorOf(old) }, sa);
}

/**
 * The CHILD_SA of the previous IKE SA that `child` replaces. Packets change to the new one as after a rekey,
 * so that none is sent by a CHILD_SA that is about to be deleted. Undefined: the previous IKE SA has none
 * with these selectors.
 */
export function renewedChild({ renews }: IkeSa, child: ChildSa): ChildSa | undefined {
  if (!renews) return undefined;
  return inheritorOf(renews).children.find((old) =>
    old.configIndex === child.configIndex && old.state === "established" &&
    old.tunnelMode === child.tunnelMode && sameAll(old.ownTs, child.ownTs) &&
    sameAll(old.peerTs, child.peerTs)
  );
}

function sameAll(a: ChildSa["ownTs"], b: ChildSa["ownTs"]): boolean {
  return a.length === b.length && a.every((one, i) => sameSelector(one, b[i]!));
}
