/**
 * Moves the tunnel of a client (RFC 4555 §3.5): it uses another path at once, repeats unanswered requests
 * there, and tells the peer as soon as the window allows. CHILD_SAs change to the path when the peer has
 * answered there.
 * @module
 */
import { type Path, samePath, showPath } from "@/base/address.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isCurrent } from "@/ike/records/ike_sa.ts";
import { detour, nextPath, takePath } from "@/ike/path/mobike.ts";
import type { OutstandingRequest } from "@/ike/records/window.ts";

/** When the client moves next; Infinity: never. */
export function moveDueMs(sa: IkeSa): number {
  const { mobility } = sa.peer;
  return mobility && sa.dialled && isCurrent(sa) && !sa.closeAsked ? mobility.moveMs : Infinity;
}

/** Moves to `path`, or to the next one, as the time at an address is over or a move was asked for. */
export function move(turn: Turn, path?: Path): void {
  const { sa, nowMs, out } = turn;
  const { mobility } = sa.peer;
  if (!mobility || !sa.dialled || !isCurrent(sa)) return;
  if (sa.closeAsked) return takeOtherPath(turn, path ?? nextPath(sa));
  mobility.moveMs = nowMs + (sa.config.mobike?.intervalMs ?? Infinity);
  // The previous move is not complete: this one waits for it.
  if (!path && !samePath(mobility.path, mobility.settled)) return;
  const next = path ?? nextPath(sa);
  if (!next) {
    mobility.moveMs = Infinity;
    const text = `There is no other path than ${showPath(sa.path)}: the tunnel stays`;
    return out.push({ kind: "note", level: 3, text }, sa);
  }
  takePath(turn, mobility, next);
  askUpdate(sa);
}

/** Goes on by another path without an update, as all that is left is a Delete and its answer. */
function takeOtherPath(turn: Turn, path: Path | undefined): void {
  if (path) takePath(turn, turn.sa.peer.mobility!, path);
}

/** Queues the update of the addresses before all other requests that wait. */
export function askUpdate({ queue, closeAsked }: IkeSa): void {
  if (closeAsked || queue.some(({ kind }) => kind === "update_addresses")) return;
  queue.unshift({ kind: "update_addresses", path: undefined, cookie: new Uint8Array(0) });
}

/**
 * Tries another path, as a request has been unanswered for half of its transmissions: first the path that was
 * agreed before (RFC 4555 §3.5, §3.10).
 */
export function tryDetour(turn: Turn, { transmissions }: OutstandingRequest): void {
  const { sa, out } = turn;
  const { mobility } = sa.peer;
  if (!mobility || sa.phase !== "established" || !isCurrent(sa)) return;
  const { transmissionsMax } = sa.config;
  if (transmissions < transmissionsMax / 2 || sa.env.broken.has("stay_on_dead_path")) return;
  const other = detour(sa, mobility);
  if (!other) return;
  const text = `No answer by ${showPath(mobility.path)}: ${showPath(other)} is tried`;
  out.push({ kind: "note", level: 3, text }, sa);
  if (samePath(other, mobility.settled)) {
    const failure = { cause: "NO_ANSWER", closeCode: 0, text };
    out.push({ kind: "move_failed", failure }, sa);
  }
  takePath(turn, mobility, other);
  if (sa.dialled) askUpdate(sa);
}
