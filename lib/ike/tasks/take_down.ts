/**
 * Ends an IKE SA that this end cannot use any longer: its CHILD_SAs are removed at once, and the peer is told
 * by a Delete as soon as the window allows.
 * @module
 */
import type { Turn } from "@/ike/records/event.ts";
import { removeChild } from "@/ike/records/child_sa.ts";
import type { Failure } from "@/ike/records/failure.ts";

/**
 * Ends an established IKE SA because of `failure`. Its CHILD_SAs carry no packets from now on, even if the
 * Delete of the IKE SA has to wait for the answer to another request.
 */
export function takeDown({ sa, out }: Turn, failure: Failure): void {
  sa.failure = failure;
  for (const child of [...sa.children]) removeChild(sa, child, out);
  sa.queue.length = 0;
  sa.postponed = [];
  sa.queue.push({ kind: "delete_ike", closeCode: failure.closeCode });
}
