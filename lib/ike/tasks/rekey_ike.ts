/**
 * CREATE_CHILD_SA for a new IKE SA, as initiator (RFC 7296 §1.3.2, §2.18): HDR, SK {SA, Ni, KEi} → ← HDR, SK
 * {SA, Nr, KEr}; with additional key exchanges, one IKE_FOLLOWUP_KE exchange follows for each (RFC 9370
 * §2.2.4). The CHILD_SAs are inherited by the new IKE SA; the old one is deleted by the end whose exchange
 * made the new one.
 *
 * Both ends may rekey at once. Then both exchanges are answered, and of the two new IKE SAs the one that was
 * made with the lowest of the four nonces is deleted by its creator; the other inherits (§2.8.2). While
 * additional key exchanges are still to follow, there is no new SA to delete: the exchange with the lowest
 * nonce is not continued (RFC 9370 §2.2.4).
 * @module
 */
import { stateCopy } from "@/base/octets.ts";
import { asksForTickets, takeTicket } from "@/ike/window/tickets.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa, RekeyIkeTask, RivalIkeSa } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import { suiteOf } from "@/ike/negotiate/suite.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import { CloseCode, type Failure, refusedHere } from "@/ike/records/failure.ts";
import { CURRENT, endSa, enter, isReplaced, newIkeSa, REDUNDANT } from "@/ike/records/ike_sa.ts";
import { ikeKeys, rekeyIkeKeys, spiOctets } from "@/ike/negotiate/keymat.ts";
import { drawSpi } from "@/ike/negotiate/ike_spi.ts";
import { sharePath } from "@/ike/path/mobike.ts";
import { startIkeLifetime } from "@/ike/window/lifetime.ts";
import { compareOctets, lowerNonce, nonceFault } from "@/ike/negotiate/nonces.ts";
import { findError, findNotify, notify } from "@/ike/records/notify.ts";
import { accepted, ikeProposals, showProposals } from "@/ike/negotiate/proposal.ts";
import { type IkeSuite } from "@/ike/records/suite.ts";
import type { TaskKind } from "@/ike/records/task.ts";
import {
  changeMethod,
  deriveSecret,
  generatePair,
  methodOf,
  newKeyExchange,
  NONCE_OCTETS,
  ownKeyPayload,
  secretsOf,
  takeComputed,
} from "@/ike/tasks/key_exchange.ts";
import { awaitedIkeRekey, forgetFollowups } from "@/ike/tasks/awaited_keys.ts";
import {
  beginSeries,
  isInSeries,
  nextInSeries,
  sendFollowup,
  seriesComplete,
  stateLost,
  takeFollowup,
} from "@/ike/tasks/followup_request.ts";
import { inheritTasks } from "@/ike/tasks/inheritance.ts";
import { soonMs } from "@/ike/tasks/new_create_child.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

const NOTHING = new Uint8Array(0);

/** Makes a rekey of this IKE SA that begins with our first group. */
export function newRekeyIke(sa: IkeSa): RekeyIkeTask {
  return {
    kind: "rekey_ike",
    ...newKeyExchange(sa.config.algorithms.groups[0]!),
    nonce: NOTHING,
    peerNonce: NOTHING,
    additional: [],
    link: undefined,
    spi: 0n,
    peerSpi: 0n,
    suite: undefined,
    rival: undefined,
    deletedMeanwhile: false,
    ticketGiven: undefined,
  };
}

/** The rekey of an IKE SA as initiator; see {@linkcode TaskKind}. */
export const rekeyIke: TaskKind<RekeyIkeTask> = {
  exchange: ExchangeType.CREATE_CHILD_SA,

  begin(turn, task) {
    const { sa } = turn;
    if (isReplaced(sa)) return void (sa.active = undefined); // The peer has rekeyed it already.
    // An exchange that the peer has begun in this IKE SA would end with it, or the peer would refuse ours
    // because of it.
    if (sa.followups.length > 0) return putOff(turn);
    task.nonce = sa.env.random(NONCE_OCTETS);
    task.spi ||= newSpi(sa);
    generatePair(turn, task);
  },

  computed(turn, task, result) {
    takeComputed(task, result, {
      generated() {
        // The peer has rekeyed it already, and no request of ours is outstanding that could cross its own.
        if (isReplaced(turn.sa)) turn.sa.active = undefined;
        else if (isInSeries(task)) sendFollowup(turn, task);
        else if (turn.sa.followups.length > 0) putOff(turn);
        else send(turn, task);
      },
      derived: () => nextInSeries(turn, task) || complete(turn, task),
      refused: (why) =>
        giveUp(turn, task, refusedHere(`Cannot use the peer's public value: ${why}`)),
    });
  },

  finish(turn, task, response) {
    const error = findError(response.payloads);
    if (error) return refused(turn, task, error);
    if (!isInSeries(task)) return accept(turn, task, response);
    const fault = takeFollowup(turn, task, response.payloads);
    if (fault) giveUp(turn, task, refusedHere(`Peer answered IKE_FOLLOWUP_KE ${fault}`));
  },
};

/** Postpones the rekey, as a CREATE_CHILD_SA of the peer has key exchanges to come. */
function putOff(turn: Turn): void {
  turn.sa.active = undefined;
  turn.sa.rekeyMs = soonMs(turn);
}

/** Draws an SPI for a new IKE SA, which is not zero. */
export function newSpi({ env }: IkeSa): bigint {
  for (;;) {
    const spi = drawSpi(env);
    if (spi !== 0n) return spi;
  }
}

function send(turn: Turn, task: RekeyIkeTask): void {
  const { sa } = turn;
  task.stage = "sent";
  const proposals = ikeProposals(sa.config.algorithms, spiOctets(task.spi));
  const payloads: Payload[] = [
    { type: PayloadType.SA, proposals },
    { type: PayloadType.NONCE, data: task.nonce },
    ...ownKeyPayload(task),
    ...(asksForTickets(sa) ? [notify(NotifyType.TICKET_REQUEST)] : []),
  ];
  sendRequest(turn, ExchangeType.CREATE_CHILD_SA, payloads);
}

function accept(turn: Turn, task: RekeyIkeTask, { payloads }: Received): void {
  const { sa } = turn;
  const ke = findPayload(payloads, PayloadType.KE);
  const method = methodOf(task);
  const offered = ikeProposals(sa.config.algorithms, spiOctets(task.spi));
  const choice = accepted(offered, findPayload(payloads, PayloadType.SA)!.proposals);
  if (typeof choice === "string") {
    return giveUp(turn, task, refusedHere(`Peer answered our IKE proposals with ${choice}`));
  }
  const peerSpi = spiOf(choice.spi);
  task.suite = suiteOf(sa.env.crypto, choice);
  if (!peerSpi || ke?.group !== method || task.suite.group !== method) {
    return giveUp(
      turn,
      task,
      refusedHere("Peer's rekey answer lacks an SPI, or a key of our group"),
    );
  }
  task.peerSpi = peerSpi;
  task.peerNonce = findPayload(payloads, PayloadType.NONCE)!.data;
  task.ticketGiven = ticketAnswer(payloads);
  const fault = nonceFault(task.peerNonce, sa.suite!.prf, task.suite.prf);
  if (fault) return giveUp(turn, task, refusedHere(`Peer answered with ${fault}`));
  const unlinked = beginSeries(task, task.suite.additional, payloads);
  if (unlinked) return giveUp(turn, task, refusedHere(`Peer answered ${unlinked}`));
  if (isInSeries(task) && yieldsToRival(turn, task)) return;
  deriveSecret(turn, task, payloads);
}

/**
 * Whether ours stops, of two crossing rekeys that are both answered: the one with the lowest nonce is not
 * continued (RFC 9370 §2.2.4).
 */
function yieldsToRival(turn: Turn, task: RekeyIkeTask): boolean {
  const { sa } = turn;
  const { rival, nonce, peerNonce } = task;
  if (!counts(sa, rival) || sa.env.broken.has("follow_lost_rekey")) return false;
  if (compareOctets(lowerNonce(nonce, peerNonce), rival!.lowest) > 0) {
    forgetFollowups(turn);
    return false;
  }
  sa.active = undefined;
  leaveToRival(turn, rival!);
  return true;
}

/** Whether a rekey of the peer has made an IKE SA or still will, and was not given up by it. */
function counts(sa: IkeSa, rival: RivalIkeSa | undefined): boolean {
  if (!rival) return false;
  return rival.sa ? rival.sa.phase === "established" : awaitedIkeRekey(sa) !== undefined;
}

/** Leaves the IKE SA to the peer's rekey: it is complete, or will be; otherwise ours is tried again. */
function leaveToRival(turn: Turn, { sa: made }: RivalIkeSa): void {
  if (made) replace(turn, made);
  else turn.sa.rekeyMs = soonMs(turn);
}

/** The number of an SPI of eight octets; 0n if there are none. */
export function spiOf(octets: Uint8Array): bigint {
  if (octets.length !== 8) return 0n;
  return new DataView(octets.buffer, octets.byteOffset).getBigUint64(0);
}

function complete(turn: Turn, task: RekeyIkeTask): void {
  const { sa } = turn;
  const { nonce, peerNonce, rival } = task;
  const [shared, ...additional] = secretsOf(task);
  const isLate = task.deletedMeanwhile && !rival?.sa;
  const made = successor(turn, {
    initiatedHere: true,
    spiI: task.spi,
    spiR: task.peerSpi,
    suite: task.suite!,
    nonceI: nonce,
    nonceR: peerNonce,
    shared: shared!,
    additional,
  });
  sa.active = undefined;
  if (isInSeries(task)) seriesComplete(sa);
  // The peer's new IKE SA has lost if its creator has deleted it already, whatever the nonces say.
  const lost = isReplaced(sa) || counts(sa, rival) && !isLate &&
      compareOctets(lowerNonce(nonce, peerNonce), rival!.lowest) < 0;
  if (lost && rival && !sa.env.broken.has("keep_both_ike_sas")) {
    made.succession = REDUNDANT;
    made.queue.push({ kind: "delete_ike", closeCode: CloseCode.REKEYED });
    made.deadlineMs = turn.nowMs;
    leaveToRival(turn, rival);
    if (task.deletedMeanwhile) endSa(turn, CloseCode.REKEYED);
    return;
  }
  if (rival?.sa) leaveToPeer(turn, rival.sa);
  replace(turn, made);
  takeTicketOf({ ...turn, sa: made }, task);
  if (task.deletedMeanwhile) return endSa(turn, CloseCode.REKEYED);
  sa.queue.length = 0;
  sa.queue.push({ kind: "delete_ike", closeCode: CloseCode.REKEYED });
}

/**
 * Takes the ticket that came with the answer, which is one of the new IKE SA. Without one the new IKE SA asks by
 * INFORMATIONAL, as `replace()` has planned.
 */
function takeTicketOf(turn: Turn, { ticketGiven }: RekeyIkeTask): void {
  const { queue } = turn.sa;
  const at = queue.findIndex(({ kind }) => kind === "ticket_request");
  if (!ticketGiven || at < 0) return;
  queue.splice(at, 1);
  takeTicket(turn, [ticketGiven]);
}

/** The ticket in the answer to a rekey, or its refusal, as a copy that outlives the message. */
function ticketAnswer(payloads: readonly Payload[]): NotifyPayload | undefined {
  const { TICKET_LT_OPAQUE, TICKET_NACK } = NotifyType;
  const said = findNotify(payloads, TICKET_LT_OPAQUE) ?? findNotify(payloads, TICKET_NACK);
  return said && { ...said, data: stateCopy(said.data) };
}

/**
 * Leaves the redundant IKE SA to its creator, which deletes it. If that has dropped its own request together
 * with the old IKE SA (§2.25.2) it does not know the SA, so that this end ends it after a while.
 */
function leaveToPeer({ sa, nowMs, out }: Turn, rival: IkeSa): void {
  if (rival.phase !== "established") return;
  const { retransmitIntervalMs, transmissionsMax } = sa.config;
  const untilMs = nowMs + retransmitIntervalMs * (transmissionsMax + 1);
  rival.succession = { kind: "redundant", untilMs };
  rival.rekeyMs = Infinity;
  rival.expireMs = Infinity;
  rival.deadlineMs = Math.min(rival.deadlineMs, untilMs);
  out.push({ kind: "rearmed" }, rival);
}

/** The inputs for a new IKE SA. */
export interface SuccessorInputs {
  readonly initiatedHere: boolean;
  readonly spiI: bigint;
  readonly spiR: bigint;
  readonly suite: IkeSuite;
  readonly nonceI: Uint8Array;
  readonly nonceR: Uint8Array;
  readonly shared: Uint8Array;
  /** The secrets of the IKE_FOLLOWUP_KE exchanges, in their order (RFC 9370 §2.2.4). */
  readonly additional?: readonly Uint8Array[];
}

/** Makes the new IKE SA, which is established at once, with the identities of the old one (§2.8). */
export function successor({ sa, nowMs, out }: Turn, inputs: SuccessorInputs): IkeSa {
  const { initiatedHere, spiI, spiR, suite } = inputs;
  const { env, config, index, path } = sa;
  const spi = initiatedHere ? spiI : spiR;
  const made = newIkeSa({ env, config, index, originalInitiator: initiatedHere, spi, path });
  made.spiI = spiI;
  made.spiR = spiR;
  made.suite = suite;
  made.keys = rekeyIkeKeys(
    { suite: sa.suite!, skD: ikeKeys(sa.suite!, sa.keys!).d },
    suite,
    inputs,
  );
  made.setup = undefined;
  made.dialled = sa.dialled;
  made.peer = sa.env.broken.has("forget_encapsulation")
    ? { ...sa.peer, encapsulated: false }
    : sa.peer;
  if (sa.env.broken.has("prolong_authentication")) {
    made.peer = { ...sa.peer, reauthMs: Infinity, authEndMs: Infinity };
  }
  made.connectionLost = sa.connectionLost;
  made.lastSentMs = sa.lastSentMs;
  made.startedMs = nowMs;
  made.establishedMs = made.lastReceivedMs = nowMs;
  enter(made, "established");
  startIkeLifetime(made, nowMs);
  made.deadlineMs = nowMs; // The owner looks at it once, and then sets its own alarm.
  out.push({ kind: "adopted" }, made);
  out.push({ kind: "keyed" }, made);
  return made;
}

/** Lets `by` inherit the CHILD_SAs and the tasks that wait (RFC 7296 §2.8). */
export function replace({ sa, nowMs, out }: Turn, by: IkeSa): void {
  if (isReplaced(sa)) {
    if (by.succession.kind === "undecided") by.succession = REDUNDANT;
    return;
  }
  forgetFollowups({ sa, nowMs, out });
  by.succession = CURRENT;
  sa.succession = { kind: "replaced", by };
  by.inner = sa.inner;
  sa.inner = undefined;
  sa.rekeyMs = Infinity;
  for (const child of sa.children) child.parent = by;
  if (!sa.env.broken.has("leave_children")) {
    by.children.push(...sa.children);
    sa.children = [];
  }
  sharePath(by);
  inheritTasks(sa, by);
  // RFC 6290 §4.3: the token is of the SPIs before.
  const hasToken = by.config.crashDetection?.secret && !by.env.broken.has("keep_old_token");
  if (hasToken) by.queue.push({ kind: "crash_token" });
  // RFC 5723 §4.1: the ticket is of the SK_d before.
  if (asksForTickets(by)) {
    // This request takes the place of the one that was to renew the ticket before.
    by.peer.ticketDueMs = Infinity;
    by.queue.push({ kind: "ticket_request" });
  }
  if (by.queue.length > 0) {
    by.deadlineMs = nowMs;
    out.push({ kind: "rearmed" }, by);
  }
  out.push({ kind: "replaced", by }, sa);
}

/**
 * Handles that the peer uses one of two redundant IKE SAs before this end has decided between them. The peer
 * has compared the same nonces, so that this one remains.
 */
export function decideByUse(turn: Turn): void {
  const { sa } = turn;
  const { succession } = sa;
  if (succession.kind === "undecided") replace({ ...turn, sa: succession.predecessor }, sa);
}

/** Handles that the rekey has failed; a rekey of the peer that succeeded meanwhile remains. */
function giveUp(turn: Turn, task: RekeyIkeTask, failure: Failure): void {
  const { sa, out } = turn;
  const { rival } = task;
  sa.active = undefined;
  if (task.deletedMeanwhile) {
    if (isReplaced(sa)) return endSa(turn, CloseCode.REKEYED);
    out.push({ kind: "rekey_ike_failed", failure }, sa);
    return endSa(turn, CloseCode.DELETED_BY_PEER);
  }
  if (counts(sa, rival)) return leaveToRival(turn, rival!);
  sa.rekeyRefusal = failure.text;
  out.push({ kind: "rekey_ike_failed", failure }, sa);
}

function refused(turn: Turn, task: RekeyIkeTask, error: NotifyPayload): void {
  const { sa } = turn;
  const name = nameOfNotify(error.notify);
  // If the peer's own rekey has succeeded meanwhile, there is nothing left to try.
  const methods = task.rival || isInSeries(task) ? [] : sa.config.algorithms.groups;
  if (changeMethod(task, error, { methods })) return rekeyIke.begin(turn, task);
  const offered = showProposals(ikeProposals(sa.config.algorithms));
  const why = error.notify === NotifyType.TEMPORARY_FAILURE
    ? "it is busy with another exchange; it is asked again"
    : error.notify === NotifyType.STATE_NOT_FOUND
    ? "it has forgotten the key exchanges before, and is asked for all of them again"
    : `offered ${offered}; compare ikeencyptalg, ikeintegrityalg, ikeprfalg and dhgrpid`;
  const text = `Peer refused the rekey of the IKE SA (${name}): ${why}`;
  giveUp(turn, task, { cause: name, closeCode: error.notify, text });
  const forgot = error.notify === NotifyType.STATE_NOT_FOUND && isInSeries(task);
  const again = error.notify === NotifyType.TEMPORARY_FAILURE || forgot && !stateLost(turn);
  if (again && !isReplaced(sa)) sa.rekeyMs = soonMs(turn);
}
