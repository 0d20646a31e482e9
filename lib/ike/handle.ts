/**
 * The function that gives an event to an IKE SA. It is synchronous and never re-entered: events and the time
 * are arguments, effects go to the outbox, and `sa.deadlineMs` says when to call again. The tasks are in
 * `tasks/`; here are the message window (RFC 7296 §2.3), repeats (§2.1) and the only mapping from errors to
 * responses (§2.21).
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { must, WireError } from "@/base/errors.ts";
import { ExchangeType, nameOfExchange } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import type { IkeSa, Task } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import {
  hasSpentMessageIds,
  isLivenessDue,
  resumePostponed,
  spareMessageIds,
} from "@/ike/window/lifetime.ts";
import type { IkeEvent, Outbox, Turn } from "@/ike/records/event.ts";
import { openReceived, repeatResponse, retransmit, sendResponse } from "@/ike/window/exchange.ts";
import { CloseCode, refusedHere } from "@/ike/records/failure.ts";
import { command, rekeyChild } from "@/ike/commands.ts";
import { follow, reconnect } from "@/ike/path/connection.ts";
import { completeRenewal } from "@/ike/window/renewal.ts";
import { expireFragments, forgetFragments } from "@/ike/window/fragments.ts";
import { endSa, fail, isCurrent } from "@/ike/records/ike_sa.ts";
import { sharePath } from "@/ike/path/mobike.ts";
import { followPeer, sendKeepalive } from "@/ike/path/nat.ts";
import { findNotify, isFatalInAuth, notifyOf, PeerError } from "@/ike/records/notify.ts";
import { isDue, nextDueMs } from "@/ike/timers.ts";
import { crashIn } from "@/ike/window/crash_token.ts";
import { endOvertime } from "@/ike/window/overtime.ts";
import { isTimeOver, patienceMs } from "@/ike/window/patience.ts";
import { isAnswered, isRepeat, OTHER_OCTETS } from "@/ike/window/repeats.ts";
import type { ResponderKind, TaskKind } from "@/ike/records/task.ts";
import { expireFollowups } from "@/ike/tasks/awaited_keys.ts";
import { sendCrashToken } from "@/ike/tasks/crash_token.ts";
import { createChild } from "@/ike/tasks/create_child.ts";
import { createChildResponse } from "@/ike/tasks/create_child_response.ts";
import { authenticationEnds, childExpired, ikeSaExpired } from "@/ike/tasks/expiry.ts";
import { followupResponse } from "@/ike/tasks/followup_response.ts";
import { ikeAuthRequest } from "@/ike/tasks/ike_auth_request.ts";
import { ikeAuthResponse } from "@/ike/tasks/ike_auth_response.ts";
import { ikeInitRequest } from "@/ike/tasks/ike_init_request.ts";
import { ikeInitResponse, refuseInit } from "@/ike/tasks/ike_init_response.ts";
import { intermediateRequest } from "@/ike/tasks/intermediate_request.ts";
import { intermediateResponse } from "@/ike/tasks/intermediate_response.ts";
import { redirect } from "@/ike/tasks/redirect.ts";
import { resumeRequest } from "@/ike/tasks/resume_request.ts";
import { resumeResponse } from "@/ike/tasks/resume_response.ts";
import { ticketRequest } from "@/ike/tasks/ticket_request.ts";
import { newRekeyIke, rekeyIke } from "@/ike/tasks/rekey_ike.ts";
import { deleteChild, deleteIke } from "@/ike/tasks/delete.ts";
import { informational } from "@/ike/tasks/informational.ts";
import { announceAddresses, checkPath, updateAddresses } from "@/ike/tasks/mobike_requests.ts";
import { move, tryDetour } from "@/ike/tasks/move.ts";
import { livenessCheck } from "@/ike/tasks/liveness_check.ts";
import { isGivingUp, reportError } from "@/ike/tasks/report_error.ts";
import { isInClear } from "@/wire/exchange_rules.ts";

const TASKS: { readonly [K in Task["kind"]]: TaskKind<Extract<Task, { kind: K }>> } = {
  ike_init: ikeInitRequest,
  resume: resumeRequest,
  ticket_request: ticketRequest,
  crash_token: sendCrashToken,
  intermediate: intermediateRequest,
  ike_auth: ikeAuthRequest,
  create_child: createChild,
  rekey_ike: rekeyIke,
  delete_ike: deleteIke,
  delete_child: deleteChild,
  liveness_check: livenessCheck,
  update_addresses: updateAddresses,
  check_path: checkPath,
  announce_addresses: announceAddresses,
  redirect,
  report_error: reportError,
};

const RESPONDERS: ReadonlyMap<number, ResponderKind> = new Map(
  [
    ikeInitResponse,
    resumeResponse,
    intermediateResponse,
    ikeAuthResponse,
    informational,
    createChildResponse,
    followupResponse,
  ].map((responder) => [responder.exchange, responder]),
);

function kindOf(task: Task): TaskKind<Task> {
  return TASKS[task.kind] as TaskKind<Task>;
}

/** Gives an event to the SA at `nowMs`; its effects go to `out`, in order. */
export function handle(sa: IkeSa, event: IkeEvent, nowMs: number, out: Outbox): void {
  const turn: Turn = { sa, nowMs, out };
  sharePath(sa);
  if (event.kind === "datagram") receive(turn, event);
  else if (event.kind === "deadline") onDeadline(turn);
  else if (event.kind === "computed") computed(turn, event);
  else command(turn, event);
  startNext(turn);
  if (sa.renews) completeRenewal(turn, sa.renews);
  arm(turn);
}

/** Begins the next task of the queue if no request is outstanding, as the window is one. */
function startNext(turn: Turn): void {
  const { sa } = turn;
  while (!sa.active && !sa.window.request && sa.phase !== "closed") {
    const task = sa.queue.shift();
    if (!task) return;
    if (hasSpentMessageIds(sa)) return fail(turn, refusedHere("The SA has no Message ID left"));
    sa.active = task;
    kindOf(task).begin(turn, task);
  }
}

/** Sets the deadline to the time of the next timer. */
function arm({ sa, nowMs, out }: Turn): void {
  if (isDue(sa, "forgetting", nowMs)) {
    sa.forgotten = true;
    sa.deadlineMs = Infinity;
    return;
  }
  if (sa.phase === "established") endOvertime({ sa, nowMs, out });
  sa.deadlineMs = nextDueMs(sa);
}

function onDeadline(turn: Turn): void {
  const { sa, nowMs } = turn;
  expireFragments(turn);
  if (sa.phase === "established") dueWork(turn);
  else if (isDue(sa, "half_open", nowMs)) return expire(turn);
  const { window: { request } } = sa;
  if (!request || !isDue(sa, "retransmission", nowMs)) return;
  if (sa.path.tcp) {
    return isTimeOver(sa, request, nowMs) ? noAnswer(turn) : reconnect(turn, request);
  }
  const spent = request.transmissions >= sa.config.transmissionsMax;
  if (spent && !sa.env.broken.has("retransmit_forever")) return noAnswer(turn);
  tryDetour(turn, request);
  retransmit(turn);
}

/** Does what is due in an established SA: rekeys, liveness checks, the end of lifetimes. */
function dueWork(turn: Turn): void {
  const { sa, nowMs } = turn;
  if (isDue(sa, "rekey", nowMs)) {
    sa.rekeyMs = Infinity;
    sa.queue.push(newRekeyIke(sa));
  }
  if (isDue(sa, "redundant", nowMs)) return endSa(turn, CloseCode.REKEYED);
  if (isDue(sa, "lifetime", nowMs)) {
    ikeSaExpired(turn);
    if (sa.expireMs === Infinity || sa.phase === "closed") return;
  }
  resumePostponed(turn);
  expireFollowups(turn);
  for (const child of [...sa.children]) {
    if (nowMs >= child.rekeyMs && child.state === "established") rekeyChild(sa, child);
    if (nowMs >= child.expireMs) childExpired(turn, child);
  }
  if (isDue(sa, "auth_end", nowMs)) return authenticationEnds(turn);
  if (isDue(sa, "reauth", nowMs)) {
    sa.peer.reauthMs = Infinity;
    turn.out.push({ kind: "reauth_due" }, sa);
  }
  if (isDue(sa, "ticket", nowMs)) {
    sa.peer.ticketDueMs = Infinity;
    sa.queue.push({ kind: "ticket_request" });
  }
  if (isDue(sa, "move", nowMs)) move(turn);
  if (isDue(sa, "redirect", nowMs)) {
    sa.peer.redirectMs = Infinity;
    sa.queue.push({ kind: "redirect" });
  }
  if (isDue(sa, "redirect_end", nowMs)) {
    sa.peer.redirectEndMs = Infinity;
    sa.queue.push({ kind: "delete_ike", closeCode: CloseCode.REDIRECTED });
  }
  if (isLivenessDue(turn)) sa.queue.push({ kind: "liveness_check" });
  // A task in the queue is sent at once, which keeps the mapping alive as well.
  if (isDue(sa, "keepalive", nowMs) && sa.queue.length === 0) sendKeepalive(turn);
}

/** Ends the SA of a peer that did not authenticate in time. */
function expire(turn: Turn): void {
  const { peerAddress, peerPort } = turn.sa.path;
  const seconds = turn.sa.config.halfOpenTimeoutMs / 1000;
  const text = `${showEndpoint(peerAddress, peerPort)} did not authenticate within ${seconds} s` +
    otherKeys(turn.sa);
  fail(turn, { cause: "HALF_OPEN_TIMEOUT", closeCode: CloseCode.NO_ANSWER, text });
}

/**
 * Handles that all transmissions of a request were in vain (RFC 7296 §2.4), depending on the phase of the SA.
 */
function noAnswer(turn: Turn): void {
  const { sa } = turn;
  const request = sa.window.request!;
  if (sa.phase === "closing") return endSa(turn, sa.closeCode, sa.failure, true);
  const to = showEndpoint(sa.path.peerAddress, sa.path.peerPort);
  const from = showEndpoint(sa.path.ownAddress, sa.path.ownPort);
  const tried = sa.path.tcp
    ? `within ${patienceMs(sa.config) / 1000} s in TCP`
    : `after ${request.transmissions} transmissions`;
  const text = `No answer to ${nameOfExchange(request.exchange)} ${tried} to ${to} from ${from}` +
    otherKeys(sa);
  if (!isCurrent(sa)) return endSa(turn, CloseCode.REKEYED, undefined, true);
  const checked = sa.active?.kind === "liveness_check";
  const cause = checked ? "LIVENESS_FAILED" : "NO_ANSWER";
  fail(turn, { cause, closeCode: CloseCode[cause], text });
}

/**
 * Explains why there is no answer after additional key exchanges: a public value that was altered gives
 * another secret and no error (FIPS 203 §7.3), and a message that is protected by other keys is not answered.
 */
function otherKeys({ phase, suite, setup }: IkeSa): string {
  const done = setup?.intermediate?.done ?? 0;
  if (phase !== "created" || done === 0) return "";
  const methods = suite!.additional.slice(0, done).map(nameOfKeGroup).join(" and ");
  return `; the two ends may have derived other keys by ${methods || "their PPK"}`;
}

function computed(turn: Turn, event: Extract<IkeEvent, { kind: "computed" }>): void {
  const { sa } = turn;
  const { answering, active } = sa;
  if (answering?.ticket === event.ticket) {
    sa.answering = undefined;
    const kind = RESPONDERS.get(answering.request.header.exchange)!;
    return answer(turn, answering.request, () => kind.computed!(turn, answering, event.result));
  }
  // No task waits for this ticket any more: the SA was closed, or began again with another group, before the
  // computation was complete.
  if (!active || !("ticket" in active) || active.ticket !== event.ticket) return;
  kindOf(active).computed!(turn, active, event.result);
}

function receive(turn: Turn, event: Extract<IkeEvent, { kind: "datagram" }>): void {
  const { sa } = turn;
  if (isRepeat(sa, event.octets) && !sa.env.broken.has("no_response_cache")) {
    if (sa.env.broken.has("follow_replay")) followPeer(turn, event.path);
    // RFC 7296 §2.1: a repeated request gets the same octets again, and has no other effect.
    return repeatResponse(turn, event.path);
  }
  const crash = isAuthenticated(sa) ? crashIn(sa, event.octets) : undefined;
  if (crash === true) return peerCrashed(turn);
  if (crash) return drop(turn, crash);
  const received = openReceived(turn, event);
  if (!received) return;
  if (typeof received === "string") return drop(turn, received);
  const inClear = isInClear(received.header.exchange);
  // Anybody can send an unencrypted message: after IKE_SA_INIT it must neither be answered nor count as a
  // sign of life (RFC 7296 §2.4).
  if (inClear && sa.phase !== "init") {
    return drop(
      turn,
      `an ${nameOfExchange(received.header.exchange)} message to an SA that has keys`,
    );
  }
  if (!inClear) forgetFragments(sa, received.header);
  if (received.header.response) return receiveResponse(turn, received);
  receiveRequest(turn, received);
}

/** The peer has proved that it has lost the IKE SA: it goes without another word (RFC 6290 §4.5). */
function peerCrashed(turn: Turn): void {
  const { sa } = turn;
  if (sa.phase === "closing") return endSa(turn, sa.closeCode, sa.failure);
  if (!isCurrent(sa)) return endSa(turn, CloseCode.REKEYED);
  const at = showEndpoint(sa.path.peerAddress, sa.path.peerPort);
  const cause = "PEER_CRASHED";
  const text = `${at} has lost the IKE SA, as its token of quick crash detection proves`;
  fail(turn, { cause, closeCode: CloseCode[cause], text });
}

function receiveResponse(turn: Turn, received: Received): void {
  const { sa, nowMs, out } = turn;
  const { window: { request }, active } = sa;
  const { header } = received;
  if (!request || !active) return drop(turn, "a response nobody waits for");
  if (header.messageId !== request.messageId && !sa.env.broken.has("ignore_response_id")) {
    return drop(turn, "a response to another request");
  }
  if (header.exchange !== request.exchange) return drop(turn, "a response of another exchange");
  if (received.fault) return badResponse(turn, received.fault);
  if (isInvalidSyntax(sa, received)) return endedBySyntax(turn);
  const reason = kindOf(active).reasonToDrop?.(turn, active, received);
  if (reason) return drop(turn, reason);
  const { firstSentMs, transmissions, exchange } = request;
  sa.lastReceivedMs = nowMs;
  if (isAuthenticated(sa)) follow(turn, received.path);
  sa.window.request = undefined;
  spareMessageIds(turn, ++sa.window.nextRequestId);
  const latencyMs = nowMs - firstSentMs;
  out.push({ kind: "answered", exchange, latencyMs, transmissions }, sa);
  kindOf(active).finish(turn, active, received);
  // A task that computes, or sends another request, stays active.
  const goesOn = "stage" in active && (sa.window.request !== undefined || active.stage !== "sent");
  if (sa.active === active && !goesOn) sa.active = undefined;
}

/** Whether an established SA's request was answered with INVALID_SYNTAX; a Delete ends the SA in any case. */
function isInvalidSyntax({ phase }: IkeSa, { payloads }: Received): boolean {
  return phase === "established" &&
    findNotify(payloads, NotifyType.INVALID_SYNTAX) !== undefined;
}

/**
 * Ends the SA after INVALID_SYNTAX, which is fatal at both ends, without another exchange (RFC 7296 §2.21.3).
 */
function endedBySyntax(turn: Turn): void {
  const { sa } = turn;
  const { exchange } = sa.window.request!;
  const cause = "INVALID_SYNTAX";
  const text =
    `Peer calls our ${nameOfExchange(exchange)} request malformed (${cause}), which ends the ` +
    "IKE SA at both ends";
  if (!isCurrent(sa)) return endSa(turn, CloseCode.REKEYED);
  fail(turn, { cause, closeCode: NotifyType.INVALID_SYNTAX, text });
}

/**
 * Ends the SA after a response with a valid ICV and wrong content, as the peer is faulty (RFC 7296 §2.21).
 */
function badResponse(turn: Turn, fault: WireError | PeerError): void {
  const { sa } = turn;
  const name = nameOfExchange(sa.window.request!.exchange);
  if (sa.phase === "init") return drop(turn, `a malformed ${name} response`);
  fail(turn, refusedHere(`Peer's ${name} response is malformed: ${fault.message}`));
}

function receiveRequest(turn: Turn, received: Received): void {
  const { sa } = turn;
  const { header, path } = received;
  if (sa.answering) return drop(turn, "a request while the one before is computed");
  const repeated = isAnswered(sa, header);
  if (repeated && !sa.env.broken.has("no_response_cache")) return drop(turn, OTHER_OCTETS);
  if (sa.phase === "closed") return drop(turn, "a request to an SA that is gone");
  const expected = header.messageId === sa.window.nextPeerId || repeated;
  if (!expected && !sa.env.broken.has("no_window")) {
    return drop(turn, "a request outside the window");
  }
  const misplaced = isGivingUp(turn, received) ? undefined : wrongPhase(sa, header.exchange);
  if (misplaced) return drop(turn, misplaced);
  // Only a new message is a sign of life, and a replay is not (RFC 7296 §2.4, "fresh").
  sa.lastReceivedMs = turn.nowMs;
  if (isAuthenticated(sa)) follow(turn, path);
  answer(turn, received, () => {
    if (received.fault) throw received.fault;
    const responder = RESPONDERS.get(header.exchange);
    if (!responder) throw new WireError(`Cannot answer exchange type ${header.exchange}`);
    responder.respond(turn, received);
  });
}

function isAuthenticated({ phase }: IkeSa): boolean {
  return phase === "established" || phase === "closing";
}

/**
 * Whether a request is dropped because the SA is in another phase; its repetition may come at the right time.
 */
function wrongPhase(sa: IkeSa, exchange: number): string | undefined {
  const name = nameOfExchange(exchange);
  if (isInClear(exchange)) {
    return sa.phase === "init" && !sa.originalInitiator
      ? undefined
      : `${name} to an SA that has keys`;
  }
  if (exchange === ExchangeType.IKE_INTERMEDIATE) {
    const awaited = sa.phase === "created" && !sa.originalInitiator && !sa.setup!.auth;
    return awaited ? undefined : `${name} to an SA that does not wait for it`;
  }
  if (exchange === ExchangeType.IKE_AUTH) {
    const awaited = sa.phase === "created" && !sa.originalInitiator;
    return awaited ? undefined : `${name} to an SA that does not wait for it`;
  }
  return isAuthenticated(sa) || sa.env.broken.has("answer_unauthenticated")
    ? undefined
    : `${name} to an SA that is not authenticated`;
}

/** Runs a responder, and answers what it throws by a notify. */
function answer(turn: Turn, request: Received, respond: () => void): void {
  const { sa } = turn;
  try {
    respond();
  } catch (e) {
    if (!(e instanceof WireError) && !(e instanceof PeerError)) throw e;
    const error = e instanceof PeerError ? e : new PeerError(NotifyType.INVALID_SYNTAX, e.message);
    if (isInClear(request.header.exchange)) {
      return refuseInit(turn, request, error);
    }
    sendResponse(turn, request, [notifyOf(error)]);
    const inAuth = request.header.exchange === ExchangeType.IKE_AUTH;
    const fatal = error.notify === NotifyType.INVALID_SYNTAX || // §2.21.3: in any exchange
      inAuth &&
        (isFatalInAuth(error.notify) || error.notify === NotifyType.UNEXPECTED_NAT_DETECTED);
    const cause = nameOfNotify(error.notify);
    if (fatal) fail(turn, { cause, closeCode: error.notify, text: error.message });
    else {
      const failure = { cause, closeCode: error.notify, text: error.message };
      turn.out.push({ kind: "refused", exchange: request.header.exchange, failure }, sa);
    }
  }
}

function drop({ sa, out }: Turn, reason: string): void {
  must(reason !== "", "a drop has a reason");
  out.push({ kind: "dropped", reason }, sa);
}
