/**
 * IKE_AUTH as initiator: HDR, SK {IDi, [IDr], AUTH, SAi2, TSi, TSr} → ← HDR, SK {IDr, AUTH, SAr2, TSi, TSr}
 * (RFC 7296 §1.2, §2.15), with further exchanges between the first request and the last response if a method
 * needs them (§2.16). The methods of authentication are in `auth/`.
 * @module
 */
import { type IpAddress, showAddress, showEndpoint } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeAuthTask, IkeSa } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { AuthRefusal } from "@/ike/auth/authenticator.ts";
import { authConfigOf } from "@/ike/auth/resumed.ts";
import { methodOf } from "@/ike/auth/methods.ts";
import { beginRounds, resumeRounds, type RoundsOutcome, takeRound } from "@/ike/auth/rounds.ts";
import { newRounds } from "@/ike/records/auth_rounds.ts";
import { beginPpk, hearPpkAnswer, ppkHint, ppkPayloads } from "@/ike/auth/ppk.ts";
import { removeChild } from "@/ike/records/child_sa.ts";
import type { Identity } from "@/ike/records/config.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import { CloseCode, type Failure, refusedHere } from "@/ike/records/failure.ts";
import {
  identityIn,
  resolveIdentity,
  sameIdentity,
  showIdentity,
} from "@/ike/negotiate/identity.ts";
import { dropSetup, enter, fail } from "@/ike/records/ike_sa.ts";
import { startIkeLifetime } from "@/ike/window/lifetime.ts";
import { nextResource } from "@/ike/negotiate/resource.ts";
import { askForResources, newCreateChild } from "@/ike/tasks/new_create_child.ts";
import { leaveInAuth, redirectInAuth } from "@/ike/tasks/redirect.ts";
import { beginsChildless, childlessRefused } from "@/ike/extensions/childless.ts";
import { hearAll, sayAll } from "@/ike/extensions/extensions.ts";
import { inOrder } from "@/ike/auth/payload_order.ts";
import { findError } from "@/ike/records/notify.ts";
import type { TaskKind } from "@/ike/records/task.ts";
import { assignedBy, innerBefore, unassignable } from "@/ike/negotiate/configuration.ts";
import { takeConfigured } from "@/ike/negotiate/cfg_attributes.ts";
import type { InnerConfiguration } from "@/ike/records/pool.ts";
import { acceptChild, childRequest, newChild } from "@/ike/tasks/child_negotiation.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** Makes the task. */
export function newIkeAuth(): IkeAuthTask {
  return { kind: "ike_auth", stage: "computing", ticket: 0, child: undefined, response: undefined };
}

/** IKE_AUTH as initiator; see {@linkcode TaskKind}. */
export const ikeAuthRequest: TaskKind<IkeAuthTask> = {
  exchange: ExchangeType.IKE_AUTH,

  begin(turn, task) {
    const { sa } = turn;
    const { resumed } = sa.setup!;
    sa.peer.ownId = resumed?.ownId ?? resolveIdentity(sa.config.ownId, sa.path, sa.index);
    sa.setup!.auth = newRounds(authConfigOf(sa));
    const refusal = childlessRefused(sa);
    if (refusal) return fail(turn, refusal);
    const unmixed = beginPpk(turn);
    if (unmixed) return distrust(turn, unmixed);
    if (!beginsChildless(sa)) {
      task.child = newChild(sa, 0, true);
      task.child.resource = nextResource(sa, 0);
    }
    proceed(turn, task, beginRounds(turn));
  },

  computed(turn, task, result) {
    proceed(turn, task, resumeRounds(turn, result, task.response?.payloads ?? []));
  },

  finish(turn, task, response) {
    const { sa } = turn;
    const { payloads } = response;
    const first = task.response === undefined;
    const error = findError(payloads);
    const idR = findPayload(payloads, PayloadType.IDR);
    const proves = findPayload(payloads, PayloadType.AUTH) && (idR || !first);
    // During EAP (RFC 7296 §2.16), EAP Failure explains the end better than the notify that is sent with it.
    const converses = !first && findPayload(payloads, PayloadType.EAP) !== undefined;
    if (error && !proves && !converses) return refused(turn, error, response);
    const fault = first ? identityFault(sa, idR) : undefined;
    if (fault) return distrust(turn, fault);
    const isJudged = proves && (first || sa.setup!.ppk?.isMixed === true);
    const unmixed = isJudged ? hearPpkAnswer(turn, payloads) : undefined;
    if (unmixed) return distrust(turn, unmixed);
    task.response = response;
    proceed(turn, task, takeRound(turn, payloads));
  },
};

/** Continues after the authenticators of both ends have taken a message or the result of a computation. */
function proceed(turn: Turn, task: IkeAuthTask, outcome: RoundsOutcome): void {
  if (outcome.kind !== "computes" && turn.sa.setup!.auth!.peer.done && task.response) {
    const to = redirectInAuth(turn, task.response.payloads);
    if (to) return leaveInAuth(turn, to);
  }
  switch (outcome.kind) {
    case "computes":
      task.stage = "computing";
      task.ticket = outcome.ticket;
      return;
    case "refuses":
      if (outcome.end === "peer") return distrust(turn, outcome.why + ppkHint(turn.sa));
      return failOurselves(turn, outcome);
    case "says": {
      if (outcome.done) return establish(turn, task);
      const error = task.response && findError(task.response.payloads);
      if (error) return refused(turn, error, task.response!);
      task.stage = "sent";
      return sendRound(turn, task, outcome.payloads);
    }
  }
}

/**
 * Fails because this end cannot authenticate itself, or its EAP server refused it. The peer is not told, as
 * it would not know this end.
 */
function failOurselves(turn: Turn, { why, cause }: AuthRefusal): void {
  const { peerAddress, peerPort } = turn.sa.path;
  const { peer } = turn.sa;
  const to = showEndpoint(peerAddress, peerPort);
  const text = `Cannot authenticate ourselves, ${showIdentity(peer.ownId!)}, to ${to}: ${why}`;
  fail(turn, { ...refusedHere(text), ...(cause ? { cause } : {}) });
}

/**
 * Sends the next request. The payloads of the CHILD_SA are only in the first request (RFC 7296 §2.16), and an
 * identity is in the request with which its authentication begins.
 */
function sendRound(turn: Turn, task: IkeAuthTask, said: readonly Payload[]): void {
  const { sa } = turn;
  const { config, setup } = sa;
  if (task.response) return void sendRequest(turn, ExchangeType.IKE_AUTH, inOrder(said));
  // RFC 5723 §4.3.3: both identities are those of the ticket.
  const peer = setup!.resumed?.peerId ??
    (config.peerId && resolveIdentity(config.peerId, sa.path, sa.index));
  const { proposal, selectors } = task.child
    ? childRequest(sa, task.child, { group: 0 })
    : { proposal: [], selectors: [] };
  const added = sayAll(turn, ExchangeType.IKE_AUTH, { response: false, path: sa.path });
  const payloads: Payload[] = [
    { type: PayloadType.IDI, ...sa.peer.ownId! },
    ...(peer ? [{ type: PayloadType.IDR, ...peer } as const] : []),
    ...said,
    ...ppkPayloads(sa),
    ...added,
  ];
  sendRequest(turn, ExchangeType.IKE_AUTH, [...inOrder(payloads), ...proposal, ...selectors]);
  // Only the first request has the solution of a puzzle.
  sa.setup!.solution = undefined;
}

/** Handles the last response, after which both ends are authenticated and the CHILD_SA is decided. */
function establish(turn: Turn, task: IkeAuthTask): void {
  const { sa, nowMs, out } = turn;
  const { config } = sa;
  const response = task.response!;
  const { payloads } = response;
  const { nonceI, nonceR } = sa.setup!;
  const inputs = { nonceI: nonceI!, nonceR: nonceR!, group: 0 };
  const inner = config.remoteAccess ? assignedBy(payloads) : undefined;
  hearAll(turn, response);
  takeConfigured(turn, payloads);
  const failure = config.remoteAccess && !inner && !findError(payloads)
    ? notAssigned(response)
    : badAssignment(turn, inner, response) ??
      (task.child && acceptChild(turn, task.child, { payloads, inputs }));
  // The assigned addresses are recorded only now, as the request proposed the configured selectors; the
  // answer is compared with selectors that are narrowed to the addresses.
  if (!failure) {
    sa.inner = inner;
    noteOtherAddresses(turn, innerBefore(sa));
  }
  enter(sa, "established");
  sa.establishedMs = nowMs;
  startIkeLifetime(sa, nowMs);
  dropSetup(sa);
  sa.active = undefined;
  if (!failure) return established(turn, task);
  // The IKE SA exists (RFC 7296 §1.2), but a tunnel needs its CHILD_SA to carry packets: it is ended.
  if (task.child) removeChild(sa, task.child, out);
  sa.failure = failure;
  sa.queue.length = 0;
  sa.queue.push({ kind: "delete_ike", closeCode: failure.closeCode });
}

/**
 * Queues the requests for the CHILD_SAs that IKE_AUTH did not make. A tunnel is established when it has its
 * first CHILD_SA.
 */
function established({ sa, out }: Turn, { child }: IkeAuthTask): void {
  for (let i = child ? 1 : 0; i < sa.config.children.length; i++) {
    sa.queue.push(newCreateChild(sa, i));
  }
  sa.peer.childless = !child;
  if (child) {
    askForResources(sa, child);
    return out.push({ kind: "established" }, sa);
  }
  out.push({ kind: "childless" }, sa);
  out.push({ kind: "note", level: 4, text: "Authenticated without a CHILD_SA (childless)" }, sa);
}

/** Notes that a tunnel has other inner addresses than before, so that its connections break. */
function noteOtherAddresses({ sa, out }: Turn, before: readonly IpAddress[]): void {
  const now = sa.inner?.addresses ?? [];
  const lost = before.filter((address) => !now.some((other) => sameOctets(address, other)));
  if (lost.length === 0) return;
  const words = (list: readonly IpAddress[]) => list.map(showAddress).join(" and ") || "nothing";
  const text = `The gateway assigned ${words(now)}, and the tunnel asked for ${words(before)} ` +
    "again, which it has had so far";
  out.push({ kind: "note", level: 3, text }, sa);
}

/** The reason why the identity of the responder is not acceptable; undefined: it is. */
function identityFault(sa: IkeSa, idR: Identity | undefined): string | undefined {
  if (!idR) return "its IKE_AUTH response lacks IDr";
  const wanted = sa.config.peerId && resolveIdentity(sa.config.peerId, sa.path, sa.index);
  if (sa.config.matchPeerId && wanted && !sameIdentity(wanted, idR)) {
    return `it is ${showIdentity(idR)}, peerid asks for ${showIdentity(wanted)}`;
  }
  const { resumed } = sa.setup!;
  if (resumed && !sameIdentity(resumed.peerId, idR)) {
    return `it is ${showIdentity(idR)}, its ticket was issued by ${showIdentity(resumed.peerId)}`;
  }
  sa.peer.id = identityIn(idR);
  return undefined;
}

/**
 * Fails because the responder is not trusted. If it regards the IKE SA as established it is told the reason
 * (RFC 7296 §2.21.2). While this end is not authenticated, the responder would not accept a request of it.
 */
function distrust(turn: Turn, why: string): void {
  const { sa } = turn;
  const { peerAddress, peerPort } = sa.path;
  const at = showEndpoint(peerAddress, peerPort);
  const who = sa.peer.id ? `${showIdentity(sa.peer.id)} at ${at}` : at;
  const failure = {
    cause: "AUTHENTICATION_FAILED",
    closeCode: CloseCode.REFUSED_HERE,
    text: `Cannot trust ${who}: ${why}`,
  };
  if (!sa.setup!.auth!.own.done) return fail(turn, failure);
  sa.failure = failure;
  for (const child of [...sa.children]) removeChild(sa, child, turn.out);
  enter(sa, "closing");
  sa.queue.length = 0;
  sa.active = undefined;
  sa.queue.push({
    kind: "report_error",
    notify: NotifyType.AUTHENTICATION_FAILED,
    closeCode: CloseCode.REFUSED_HERE,
  });
}

function refused(turn: Turn, error: NotifyPayload, response: Received): void {
  const { sa } = turn;
  const name = nameOfNotify(error.notify);
  const from = showEndpoint(response.path.peerAddress, response.path.peerPort);
  const text = error.notify === NotifyType.AUTHENTICATION_FAILED
    ? `${from} refused our authentication (${name}): we are ${showIdentity(sa.peer.ownId!)} by ` +
      ownMethodOf(sa) + ppkHint(sa)
    : error.notify === NotifyType.UNEXPECTED_NAT_DETECTED
    ? `${from} sees a NAT on the way (${name}), and disallownat allows none`
    : `${from} refused IKE_AUTH (${name})`;
  fail(turn, { cause: name, closeCode: error.notify, text });
}

/** The method of this end that was in progress: the second one if there are two. */
function ownMethodOf({ config, setup }: IkeSa): string {
  const own = setup?.auth?.own.config ?? config.auth.own;
  return methodOf(own).nameOf(own);
}

/**
 * The failure if the responder has ignored CFG_REQUEST, as RFC 7296 §2.19 allows: a remote-access client
 * needs an address.
 */
function notAssigned({ path }: Received): Failure {
  const from = showEndpoint(path.peerAddress, path.peerPort);
  return refusedHere(
    `${from} assigned no inner address (no CFG_REPLY with one): ratunnel needs a gateway with a pool`,
  );
}

/**
 * The failure if the peer assigns an address of the host's own networks, as that would divert traffic of the
 * host.
 */
function badAssignment(
  { sa }: Turn,
  inner: InnerConfiguration | undefined,
  { path }: Received,
): Failure | undefined {
  const why = inner && sa.config.hostNetworks && unassignable(inner, sa.config.hostNetworks);
  if (!why) return undefined;
  return refusedHere(`${showEndpoint(path.peerAddress, path.peerPort)}: ${why}`);
}

/** The failure that the peer is being told; see {@linkcode distrust}. */
export function pendingFailure(sa: IkeSa): Failure {
  return sa.failure ?? refusedHere("IKE_AUTH failed");
}
