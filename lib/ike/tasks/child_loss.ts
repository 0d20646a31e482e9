/**
 * Handles a CHILD_SA that the peer deletes without a replacement. RFC 7296 §1.4.1 lets the IKE SA stay, but
 * the traffic of the CHILD_SA is not carried any more; the option `childlost` says what is done.
 * @module
 */
import { showSpi32 } from "@/base/bytes.ts";
import type { ChildSa, IkeSa, Task } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isLiveChild } from "@/ike/records/child_sa.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";
import { newCreateChild, soonMs } from "@/ike/tasks/new_create_child.ts";

/**
 * Reports a CHILD_SA that carried traffic until the peer deleted it, unless there is another of the same
 * configured entry, as after a rekey or a make-before-break.
 */
export function childDeletedByPeer(turn: Turn, child: ChildSa): void {
  const { sa, out } = turn;
  const same = (c: ChildSa) => c.configIndex === child.configIndex;
  if (sa.phase !== "established" || isReplaced(sa) || sa.closeAsked) return;
  if (sa.children.some((c) => same(c) && isLiveChild(c))) return;
  const left = sa.children.some(isLiveChild);
  const failure = failureOf(sa, child, left);
  out.push({ kind: "child_lost", child, failure, left }, sa);
  if (sa.config.childLost === "recreate") return makeAnew(turn, child);
  if (sa.config.childLost !== "fail") return;
  sa.failure = failure;
  sa.queue.length = 0;
  sa.queue.push({ kind: "delete_ike", closeCode: failure.closeCode });
}

/**
 * Ends an IKE SA that IKE_AUTH made without a CHILD_SA (RFC 6023) if this end cannot get one, as a tunnel
 * needs a CHILD_SA to carry packets.
 */
export function firstChildRefused({ sa }: Turn, failure: Failure): void {
  if (!sa.peer.childless || !sa.dialled || sa.phase !== "established") return;
  if (sa.env.broken.has("keep_childless")) return;
  const waiting = [...sa.queue, ...sa.postponed.map(({ task }) => task)];
  if (waiting.some(({ kind }) => kind === "create_child")) return;
  sa.failure = failure;
  sa.queue.length = 0;
  sa.queue.push({ kind: "delete_ike", closeCode: failure.closeCode });
}

/** Postpones the new CHILD_SA, as a peer that deletes each new one must not cause an endless exchange. */
function makeAnew(turn: Turn, { configIndex }: ChildSa): void {
  const { sa } = turn;
  const waiting = [...sa.queue, sa.active, ...sa.postponed.map(({ task }) => task)];
  const makes = (t: Task | undefined) =>
    t?.kind === "create_child" && t.configIndex === configIndex && !t.old;
  if (waiting.some(makes)) return;
  const task = newCreateChild(sa, configIndex);
  sa.postponed = [...sa.postponed, { task, dueMs: soonMs(turn) }];
}

function failureOf(sa: IkeSa, { spiIn, spiOut }: ChildSa, left: boolean): Failure {
  const what = `Peer deleted CHILD_SA ${showSpi32(spiIn)}/${showSpi32(spiOut)}`;
  const others = left ? "others are left" : "none is left, so the tunnel carries nothing";
  const then = {
    note: "childlost: recreate makes it anew",
    recreate: "it is made anew",
    fail: "childlost: fail ends the tunnel",
  }[sa.config.childLost];
  const text = `${what} and put none in its place; ${others}; ${then}`;
  const closeCode = sa.config.childLost === "fail"
    ? CloseCode.REFUSED_HERE
    : CloseCode.DELETED_BY_PEER;
  return { cause: "CHILD_DELETED_BY_PEER", closeCode, text };
}
