/**
 * The end of an IKE SA that this end cannot go on with: its CHILD_SAs go at once, and the peer is told by
 * a Delete as soon as the window allows.
 * @module
 */
import type { Turn } from "@/ike/records/event.ts";
import { removeChild } from "@/ike/records/child_sa.ts";
import type { Failure } from "@/ike/records/failure.ts";

/**
 * Takes an established IKE SA down for `failure`. Its CHILD_SAs carry nothing from now on, also where the
 * Delete of the IKE SA has to wait for the answer to another request of ours.
 */
export function takeDown({ sa, out }: Turn, failure: Failure): void {
  sa.failure = failure;
  for (const child of [...sa.children]) removeChild(sa, child, out);
  sa.queue.length = 0;
  sa.postponed = [];
  sa.queue.push({ kind: "delete_ike", closeCode: failure.closeCode });
}
