/**
 * Rules for SAs in a TCP connection (RFC 9329 §6): nothing is sent twice by the same connection, the end that
 * dialled the tunnel makes a new one when it is lost, and the other end continues by the one that the peer
 * uses.
 * @module
 */
import { type Path, samePath } from "@/base/address.ts";
import type { Turn } from "@/ike/records/event.ts";
import { repeatRequest } from "@/ike/window/exchange.ts";
import type { OutstandingRequest } from "@/ike/records/window.ts";
import { followPeer } from "@/ike/path/nat.ts";
import { patienceMs, requestDueMs } from "@/ike/window/patience.ts";

/**
 * Handles that the connection is lost: the end that dialled the tunnel must send something by another one.
 */
export function connectionLost({ sa, nowMs }: Turn): void {
  if (!sa.path.tcp || sa.phase === "closed") return;
  sa.connectionLost = true;
  // The end that made the connection has to make another one (RFC 9329 §6.1).
  if (!sa.dialled) return;
  const { window: { request } } = sa;
  if (request) request.nextMs = requestDueMs(sa, request.firstSentMs, nowMs);
  // Any message shows the peer the new connection, and nothing else had to be sent.
  else if (sa.phase === "established" && sa.queue.length === 0) {
    sa.queue.push({ kind: "liveness_check" });
  }
}

/** Asks for a connection; the request waits for it, or for its own end. */
export function reconnect({ sa, out }: Turn, request: OutstandingRequest): void {
  sa.connectionTries++;
  request.nextMs = request.firstSentMs + patienceMs(sa.config);
  out.push({ kind: "reconnect" }, sa);
}

/** Handles that a connection is being made: an unanswered request is sent again by it (RFC 9329 §6.2). */
export function reconnected(turn: Turn, path: Path): void {
  const { sa } = turn;
  if (!sa.path.tcp || !sa.dialled || !sa.connectionLost) return;
  // The peer may have had the request already, and only a new one shows it where we are.
  if (sa.window.request && sa.phase === "established") sa.queue.push({ kind: "liveness_check" });
  goOnBy(turn, path);
}

/** Handles that a new authentic message came by `path`, which may differ from the known path. */
export function follow(turn: Turn, path: Path): void {
  if (turn.sa.path.tcp) followConnection(turn, path);
  else if (!path.tcp) followPeer(turn, path);
}

/** Follows a peer that dialled to the connection by which it sent last, of several (RFC 9329 §6.1). */
function followConnection(turn: Turn, path: Path): void {
  const { sa } = turn;
  sa.connectionTries = 0;
  if (sa.dialled || !path.tcp) return;
  if (samePath(path, sa.path) && !sa.connectionLost) return;
  goOnBy(turn, path);
}

function goOnBy(turn: Turn, path: Path): void {
  const { sa, out } = turn;
  const from = sa.path;
  sa.path = path;
  sa.connectionLost = false;
  out.push({ kind: "moved", from }, sa);
  if (sa.window.request) repeatRequest(turn);
}
