/**
 * What becomes of the tasks of an IKE SA when a rekey puts another in its place (RFC 7296 §2.8): one line for
 * each kind, so that a new kind cannot be forgotten.
 * @module
 */
import type { IkeSa, Task } from "@/ike/records/sa.ts";
import type { FaultName } from "@/ike/records/fault.ts";

/**
 * - `goes_on`: the new IKE SA does it when its turn comes;
 * - `again`: so does it if the request is outstanding, as the old IKE SA may be deleted before the answer
 *   arrives;
 * - `first`: the new IKE SA does it before all others;
 * - `settled`: it is of the old IKE SA alone, or `replace()` plans it anew.
 */
type Inheritance = "goes_on" | "again" | "first" | "settled";

const INHERITANCE: { readonly [K in Task["kind"]]: Inheritance } = {
  ike_init: "settled",
  resume: "settled",
  intermediate: "settled",
  ike_auth: "settled",
  report_error: "settled",
  // A rekey has just been done.
  rekey_ike: "settled",
  // The ticket and the token are of the old IKE SA.
  ticket_request: "settled",
  crash_token: "settled",
  create_child: "goes_on",
  delete_child: "goes_on",
  liveness_check: "goes_on",
  update_addresses: "again",
  check_path: "again",
  announce_addresses: "again",
  redirect: "again",
  delete_ike: "first",
};

/** The faults that let a kind of task be forgotten. */
const FORGOTTEN: { readonly [K in Task["kind"]]?: FaultName } = {
  update_addresses: "forget_move_on_rekey",
  check_path: "forget_move_on_rekey",
  announce_addresses: "forget_move_on_rekey",
  redirect: "forget_redirect_on_rekey",
};

/** Gives the tasks of an IKE SA to the one that replaces it, in their order, and the reason of its end. */
export function inheritTasks(sa: IkeSa, by: IkeSa): void {
  const { active, queue } = sa;
  if (active && INHERITANCE[active.kind] === "again") inheritTask(sa, by, active);
  for (const task of queue) inheritTask(sa, by, task);
  by.postponed = [...by.postponed, ...sa.postponed];
  sa.postponed = [];
  queue.length = 0;
}

function inheritTask(sa: IkeSa, by: IkeSa, task: Task): void {
  const { kind } = task;
  const fault = FORGOTTEN[kind];
  if (INHERITANCE[kind] === "settled" || fault && sa.env.broken.has(fault)) return;
  if (kind === "delete_ike") return inheritEnd(sa, by, task);
  // Nothing of it was sent by the new IKE SA so far.
  if ("path" in task) by.queue.push({ ...task, path: undefined });
  else by.queue.push(task);
}

/** The tunnel is to end, for a reason that is known: the new IKE SA ends for the same one. */
function inheritEnd(sa: IkeSa, by: IkeSa, task: Task): void {
  by.queue.unshift(task);
  by.closeAsked = sa.closeAsked;
  by.failure = sa.failure;
  sa.failure = undefined;
}
