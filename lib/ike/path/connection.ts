/**
 * Life in a TCP connection (RFC 9329 §6): nothing is sent twice by the same one, who dialled the tunnel
 * begins a new one when it is lost, and who was dialled goes on by the one that the peer speaks by.
 * @module
 */
import { type Path, samePath } from "@/base/address.ts";
import type { Turn } from "@/ike/records/event.ts";
import { repeatRequest } from "@/ike/window/exchange.ts";
import type { OutstandingRequest } from "@/ike/records/window.ts";
import { followPeer } from "@/ike/path/nat.ts";
import { patienceMs, requestDueMs } from "@/ike/window/patience.ts";

/** The connection is no more: whoever dialled the tunnel has to say something by another one. */
export function connectionLost({ sa, nowMs }: Turn): void {
  if (!sa.path.tcp || sa.phase === "closed") return;
  sa.connectionLost = true;
  // RFC 9329 §6.1: it is up to who began the connection to begin another.
  if (!sa.dialled) return;
  const { window: { request } } = sa;
  if (request) request.nextMs = requestDueMs(sa, request.firstSentMs, nowMs);
  // Any message tells the peer where we are; nothing else was to be said.
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

/** A connection is begun: what was never answered goes out again by it (RFC 9329 §6.2). */
export function reconnected(turn: Turn, path: Path): void {
  const { sa } = turn;
  if (!sa.path.tcp || !sa.dialled || !sa.connectionLost) return;
  // The peer may have had the request already, and goes by what is new to it alone.
  if (sa.window.request && sa.phase === "established") sa.queue.push({ kind: "liveness_check" });
  goOnBy(turn, path);
}

/** An authentic message that is new came by `path`: it may be another than the one we know. */
export function follow(turn: Turn, path: Path): void {
  if (turn.sa.path.tcp) followConnection(turn, path);
  else if (!path.tcp) followPeer(turn, path);
}

/**
 * RFC 9329 §6.1: of several connections of a peer that dialled it is the one that it spoke by last.
 */
function followConnection(turn: Turn, path: Path): void {
  const { sa } = turn;
  sa.connectionTries = 0;
  if (sa.dialled || !path.tcp) return;
  if (samePath(path, sa.path) && !sa.connectionLost) return;
  goOnBy(turn, path);
}

function goOnBy(turn: Turn, path: Path): void {
  const { sa, out } = turn, from = sa.path;
  sa.path = path;
  sa.connectionLost = false;
  out.push({ kind: "moved", from }, sa);
  if (sa.window.request) repeatRequest(turn);
}
