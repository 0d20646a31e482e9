/**
 * The INFORMATIONAL requests of MOBIKE: an update of the addresses (RFC 4555 §3.5), the check of a path
 * (§3.7), and the announcement of additional addresses (§3.6).
 * @module
 */
import { compareAddresses, type Path, samePath, showPath } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import type {
  AnnounceAddressesTask,
  CheckPathTask,
  IkeSa,
  UpdateAddressesTask,
} from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import { type Failure, refusedHere } from "@/ike/records/failure.ts";
import { isCurrent } from "@/ike/records/ike_sa.ts";
import { findError, findNotify, notify } from "@/ike/records/notify.ts";
import { noNatsAllowed } from "@/ike/path/nat.ts";
import { noteNat } from "@/ike/path/nat_detection.ts";
import {
  additionalAddresses,
  COOKIE2_OCTETS,
  inheritorTurn,
  natNotifies,
  ownAddresses,
  settlePath,
  takePath,
} from "@/ike/path/mobike.ts";
import type { TaskKind } from "@/ike/records/task.ts";
import { askUpdate } from "@/ike/tasks/move.ts";
import { takeDown } from "@/ike/tasks/take_down.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

const { UPDATE_SA_ADDRESSES, COOKIE2 } = NotifyType;

/** Tells the peer the path of the IKE SA, to which its CHILD_SAs are to change. */
export const updateAddresses: TaskKind<UpdateAddressesTask> = {
  exchange: ExchangeType.INFORMATIONAL,

  begin(turn, task) {
    const { sa } = turn;
    task.cookie = sa.env.random(COOKIE2_OCTETS);
    task.path = sa.path;
    ask(turn, [notify(UPDATE_SA_ADDRESSES), ...natNotifies(sa), notify(COOKIE2, task.cookie)]);
  },

  finish(turn, task, response) {
    const { sa } = turn;
    const mobility = sa.peer.mobility!;
    if (!hasCookie(turn, task, response.payloads)) return;
    // RFC 4555 §3.5: an answer to a request that was sent by another path does not complete the move.
    const wasLeft = !samePath(task.path!, mobility.path) || sentFrom(response, mobility.path);
    // An IKE SA that a rekey has replaced has left the update to its successor.
    if (wasLeft) return isCurrent(sa) ? askUpdate(sa) : undefined;
    const error = findError(response.payloads);
    if (error) return refused(turn, task.path!, error);
    noteNat(turn, response.payloads, response.path);
    noteSeenAs(sa, response.payloads);
    const from = mobility.settled;
    settlePath(turn, mobility);
    const movedOwn = compareAddresses(from.ownAddress, mobility.path.ownAddress) !== 0;
    if (movedOwn && ownAddresses(sa).length > 1) {
      sa.queue.push({ kind: "announce_addresses", path: undefined });
    }
  },
};

/** Whether the peer's answer came to or from an address that does not belong to the path of the request. */
function sentFrom({ path }: Received, asked: Path): boolean {
  return compareAddresses(path.ownAddress, asked.ownAddress) !== 0;
}

/** Handles that the peer refuses the path, so that the previous one is used again. */
function refused(turn: Turn, path: Path, error: NotifyPayload): void {
  const { sa, out } = turn;
  const mobility = sa.peer.mobility!;
  const name = nameOfNotify(error.notify);
  const text = `Peer refused to go on by ${showPath(path)} (${name})`;
  const failure: Failure = { cause: name, closeCode: error.notify, text };
  // There is no previous path: the peer refuses the one that was agreed.
  if (samePath(path, mobility.settled)) return takeDown(inheritorTurn(turn), failure);
  takePath(turn, mobility, mobility.settled);
  out.push({ kind: "move_failed", failure }, sa);
}

/** Checks that the peer is at the address from which an update came, before CHILD_SAs use it. */
export const checkPath: TaskKind<CheckPathTask> = {
  exchange: ExchangeType.INFORMATIONAL,

  begin(turn, task) {
    task.cookie = turn.sa.env.random(COOKIE2_OCTETS);
    task.path = turn.sa.path;
    ask(turn, [notify(COOKIE2, task.cookie)]);
  },

  finish(turn, task, { payloads }) {
    const { sa } = turn;
    const mobility = sa.peer.mobility!;
    if (!hasCookie(turn, task, payloads)) return;
    // The peer has moved again meanwhile, and its last update has begun a check of its own.
    const { path, settled } = mobility;
    if (samePath(task.path!, path) || samePath(path, settled)) settlePath(turn, mobility);
  },
};

/** Announces our addresses other than that of the path. */
export const announceAddresses: TaskKind<AnnounceAddressesTask> = {
  exchange: ExchangeType.INFORMATIONAL,

  begin(turn, task) {
    task.path = turn.sa.path;
    ask(turn, [...additionalAddresses(turn.sa, true), ...noNatsAllowed(turn.sa)]);
  },

  finish({ sa, out }, task, { payloads }) {
    // RFC 4555 §3.6: the address from which a request is sent belongs to the announced set, so that a request
    // which was sent from several addresses would leave the peer with a wrong set.
    if (!samePath(task.path!, sa.path)) {
      sa.queue.push({ kind: "announce_addresses", path: undefined });
      return;
    }
    const error = findError(payloads);
    if (!error) return;
    const text = `Peer refused our additional addresses (${nameOfNotify(error.notify)})`;
    out.push({ kind: "note", level: 3, text }, sa);
  },
};

function ask(turn: Turn, payloads: readonly Payload[]): void {
  sendRequest(turn, ExchangeType.INFORMATIONAL, payloads);
}

/** Whether an answer has our COOKIE2; one that has not ends the IKE SA (RFC 4555 §3.7). */
function hasCookie(
  turn: Turn,
  { cookie }: UpdateAddressesTask | CheckPathTask,
  payloads: readonly Payload[],
): boolean {
  const said = findNotify(payloads, COOKIE2);
  if (said && sameOctets(said.data, cookie)) return true;
  const what = said ? "another COOKIE2 than ours" : "without our COOKIE2";
  const text = `Peer answered ${what}: nobody knows whether it is where its messages come from`;
  takeDown(inheritorTurn(turn), refusedHere(text));
  return false;
}

/** Records the hash of the address from which the peer received the update (RFC 4555 §3.8). */
function noteSeenAs(sa: IkeSa, payloads: readonly Payload[]): void {
  const hash = findNotify(payloads, NotifyType.NAT_DETECTION_DESTINATION_IP)?.data;
  sa.peer.mobility!.seenAs = hash && { hash, spiI: sa.spiI };
}
