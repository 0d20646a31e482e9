/**
 * Answers the INFORMATIONAL requests of MOBIKE (RFC 4555 §3.5–3.9): the client updates its path, either end
 * announces its addresses, checks a path by a cookie, or tests for a NAT.
 * @module
 */
import { compareAddresses, samePath, showPath, whyUnreachable } from "@/base/address.ts";
import { WireError } from "@/base/errors.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import { findNotify, notify, PeerError } from "@/ike/records/notify.ts";
import { checkNoNats, leavesNattPort } from "@/ike/path/nat.ts";
import { natDetection, noteNat } from "@/ike/path/nat_detection.ts";
import {
  COOKIE2_MAX,
  COOKIE2_MIN,
  inheritorTurn,
  namesAddresses,
  ownAddresses,
  settlePath,
  takeAdditional,
  takePath,
} from "@/ike/path/mobike.ts";
import type { InformationalPart } from "@/ike/records/task.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

const CONCERNED: ReadonlySet<number> = new Set([
  NotifyType.UPDATE_SA_ADDRESSES,
  NotifyType.ADDITIONAL_IP4_ADDRESS,
  NotifyType.ADDITIONAL_IP6_ADDRESS,
  NotifyType.NO_ADDITIONAL_ADDRESSES,
  NotifyType.COOKIE2,
  NotifyType.NO_NATS_ALLOWED,
  NotifyType.NAT_DETECTION_SOURCE_IP,
]);

/** The notifies of MOBIKE in a peer's request. They are ignored unless both ends have agreed on MOBIKE. */
export const peerMoves: InformationalPart<NotifyPayload> = {
  concerns: (payload): payload is NotifyPayload =>
    payload.type === PayloadType.NOTIFY && CONCERNED.has(payload.notify),

  answer(turn, _own, request) {
    if (!turn.sa.peer.mobility) return { payloads: [] };
    const cookie = cookieOf(request.payloads);
    const refusal = takeMove(turn, request);
    return { payloads: [...(refusal ?? natAnswer(turn.sa, request)), ...cookie] };
  },
};

/**
 * The COOKIE2 notify of a request, which is sent back unchanged. @throws {WireError} if it has a wrong
 * length.
 */
function cookieOf(payloads: readonly Payload[]): Payload[] {
  const cookie = findNotify(payloads, NotifyType.COOKIE2);
  if (!cookie) return [];
  const { length } = cookie.data;
  if (length < COOKIE2_MIN || length > COOKIE2_MAX) {
    throw new WireError(`Cannot answer a COOKIE2 of ${length} octets`);
  }
  return [notify(NotifyType.COOKIE2, cookie.data)];
}

/** Does what the request asks for; returns the notify that refuses it, if it is refused. */
function takeMove(turn: Turn, request: Received): Payload[] | undefined {
  const { payloads, path } = request;
  const { sa, out } = turn;
  try {
    checkNoNats(payloads, path);
    if (findNotify(payloads, NotifyType.UPDATE_SA_ADDRESSES)) update(turn, request);
    if (namesAddresses(payloads)) takeAdditional(turn, payloads, path);
    return undefined;
  } catch (e) {
    if (!(e instanceof PeerError)) throw e;
    const failure = { cause: nameOfNotify(e.notify), closeCode: e.notify, text: e.message };
    out.push({ kind: "refused", exchange: request.header.exchange, failure }, sa);
    return [notify(e.notify)];
  }
}

/** @throws {PeerError} UNACCEPTABLE_ADDRESSES. */
function update(turn: Turn, { payloads, path }: Received): void {
  const { sa, out } = turn;
  const mobility = sa.peer.mobility!;
  if (sa.dialled) {
    // RFC 4555 §3.1: the initiator of the first IKE SA decides about the path.
    const text = "The peer sent UPDATE_SA_ADDRESSES: it is this end that moves the tunnel";
    return out.push({ kind: "note", level: 3, text }, sa);
  }
  const tunnel = inheritorTurn(turn);
  const why = unacceptable(tunnel.sa, path.peerAddress);
  if (why) {
    const text = `Cannot go on by ${showPath(path)}: ${why}`;
    throw new PeerError(NotifyType.UNACCEPTABLE_ADDRESSES, text);
  }
  noteNat(turn, payloads, path);
  takePath(turn, mobility, leavesNattPort(sa, path) ? { ...path, ownPort: sa.path.ownPort } : path);
  // RFC 4555 §3.7: CHILD_SAs change to the path when the peer has answered there.
  if (sa.env.broken.has("move_unchecked") || samePath(mobility.path, mobility.settled)) {
    return settlePath(turn, mobility);
  }
  const { queue } = tunnel.sa;
  if (queue.some(({ kind }) => kind === "check_path")) return;
  queue.unshift({ kind: "check_path", path: undefined, cookie: new Uint8Array(0) });
}

/** The reason why this SA cannot have an address; undefined: it can. */
function unacceptable(sa: IkeSa, address: Uint8Array): string | undefined {
  const why = whyUnreachable(address);
  if (why) return `the address is ${why}`;
  if (ownAddresses(sa).some((own) => compareAddresses(own, address) === 0)) {
    return "the address is one of this end";
  }
  // The selectors of transport mode are the addresses of the path (RFC 4301 §4.1).
  return sa.children.some(({ tunnelMode }) => !tunnelMode)
    ? "a CHILD_SA in transport mode is bound to its addresses"
    : undefined;
}

/** The answer to NAT detection in a request (RFC 4555 §3.8). */
function natAnswer(sa: IkeSa, { payloads, path }: Received): Payload[] {
  const asks = findNotify(payloads, NotifyType.NAT_DETECTION_SOURCE_IP) !== undefined;
  return asks && sa.config.natt ? natDetection(sa, path, sa.spiR) : [];
}
