/**
 * Makes the task of a CREATE_CHILD_SA for a CHILD_SA, and computes when a postponed one is tried again (RFC
 * 7296 §1.3.1, §2.25).
 * @module
 */
import type { ChildSa, CreateChildTask, IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { newKeyExchange } from "@/ike/tasks/key_exchange.ts";

const NOTHING = new Uint8Array(0);

/** A task for another CHILD_SA of a configured entry; `old` is the CHILD_SA that it replaces. */
export function newCreateChild(sa: IkeSa, configIndex: number, old?: ChildSa): CreateChildTask {
  return {
    kind: "create_child",
    configIndex,
    old,
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

/** A time 1 to 3 s later on the core's clock, in milliseconds; it is random, so that the ends differ. */
export function soonMs({ sa, nowMs }: Turn): number {
  return nowMs + 1_000 + sa.env.random(1)[0]! * 8;
}
