/**
 * Makes the task of a CREATE_CHILD_SA for a CHILD_SA, and computes when a postponed one is tried again (RFC
 * 7296 §1.3.1, §2.25).
 * @module
 */
import type { ChildSa, CreateChildTask, IkeSa, Task } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { inherited, missingResources, nextResource } from "@/ike/negotiate/resource.ts";
import { newKeyExchange } from "@/ike/tasks/key_exchange.ts";

const NOTHING = new Uint8Array(0);

/** A task for another CHILD_SA of a configured entry; `old` is the CHILD_SA that it replaces. */
export function newCreateChild(sa: IkeSa, configIndex: number, old?: ChildSa): CreateChildTask {
  return {
    kind: "create_child",
    configIndex,
    old,
    resource: old ? inherited(old) : nextResource(sa, configIndex),
    ...newKeyExchange(sa.config.children[configIndex]!.pfsGroups[0] ?? 0),
    nonce: NOTHING,
    peerNonce: NOTHING,
    additional: [],
    link: undefined,
    child: undefined,
    agreed: undefined,
    deletedSpis: [],
    rival: undefined,
    oldDeleted: false,
  };
}

/**
 * Queues requests for a CHILD_SA of each resource, as the first one with these selectors is made and the peer takes
 * part (RFC 9611). Only the client asks.
 */
export function askForResources(sa: IkeSa, { resource, configIndex }: ChildSa): void {
  if (resource !== "any" || !sa.dialled) return;
  for (const number of missingResources(sa, configIndex)) {
    sa.queue.push({ ...newCreateChild(sa, configIndex), resource: number });
  }
}

/** Drops what {@linkcode askForResources} has queued, as the peer makes no more of them. */
export function stopAskingForResources(sa: IkeSa, configIndex: number): void {
  const isAsking = (task: Task) =>
    task.kind === "create_child" && task.configIndex === configIndex && !task.old &&
    typeof task.resource === "number";
  const others = sa.queue.filter((task) => !isAsking(task));
  sa.queue.splice(0, sa.queue.length, ...others);
  sa.postponed = sa.postponed.filter(({ task }) => !isAsking(task));
}

/** A time 1 to 3 s later on the core's clock, in milliseconds; it is random, so that the ends differ. */
export function soonMs({ sa, nowMs }: Turn): number {
  return nowMs + 1_000 + sa.env.random(1)[0]! * 8;
}
