/**
 * CREATE_CHILD_SA as responder: for an additional CHILD_SA, for one that replaces another, or for a new IKE
 * SA (RFC 7296 §1.3). Collisions with exchanges of ours are decided here, by the sentences of §2.25.1 and
 * §2.25.2.
 * @module
 */
import { must, WireError } from "@/base/errors.ts";
import type { Prf } from "@/crypto/backend.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TransformType } from "@/iana/transform_type.ts";
import type {
  Answering,
  AwaitedChild,
  AwaitedIkeSa,
  ChildSa,
  IkeSa,
  RivalIkeSa,
} from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { ChildCandidate } from "@/ike/records/choice.ts";
import { suiteOf } from "@/ike/negotiate/suite.ts";
import { requestCompute, sendResponse } from "@/ike/window/exchange.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";
import { spiOctets } from "@/ike/negotiate/keymat.ts";
import { lowerNonce, nonceFault } from "@/ike/negotiate/nonces.ts";
import { findNotify, groupData, notify, PeerError } from "@/ike/records/notify.ts";
import {
  additionalMethods,
  answerOf,
  choose,
  chosenId,
  ikeProposals,
  showProposals,
} from "@/ike/negotiate/proposal.ts";
import type { ResponderKind } from "@/ike/records/task.ts";
import { candidates } from "@/ike/tasks/child_candidates.ts";
import {
  awaitedIkeRekey,
  awaitedRekey,
  awaitedUntilMs,
  awaitFollowup,
  forgetFollowup,
  linkNotify,
  mayAwait,
  newLink,
} from "@/ike/tasks/awaited_keys.ts";
import { answerChild, completeChild } from "@/ike/tasks/child_negotiation.ts";
import { isInSeries, type SeriesTask } from "@/ike/tasks/followup_request.ts";
import { rekeyTarget, rekeyUnderWay } from "@/ike/tasks/create_child.ts";
import { NONCE_OCTETS } from "@/ike/tasks/key_exchange.ts";
import { decideByUse, newSpi, replace, spiOf, successor } from "@/ike/tasks/rekey_ike.ts";
import { issueTicket } from "@/ike/window/tickets.ts";
import { findPayload, type Payload } from "@/wire/message.ts";

/** The most CHILD_SAs of an IKE SA, including rekeyed ones that wait for their Delete. */
const CHILDREN_MAX = 256;

/** CREATE_CHILD_SA as responder; see {@linkcode ResponderKind}. */
export const createChildResponse: ResponderKind = {
  exchange: ExchangeType.CREATE_CHILD_SA,

  respond(turn, request) {
    const { sa } = turn;
    const { payloads } = request;
    decideByUse(turn);
    const first = findPayload(payloads, PayloadType.SA)!.proposals[0];
    if (first?.protocol === ProtocolId.IKE) return respondIke(turn, request);
    const old = mayCreate(sa, request);
    // A peer that rekeys it again has given up what it had begun.
    const before = old && awaitedRekey(sa, old);
    if (before) forgetFollowup(turn, before);
    mayAwait(sa);
    checkNonce(payloads, sa.suite!.prf);
    if (sa.children.length >= CHILDREN_MAX) {
      throw new PeerError(NotifyType.NO_ADDITIONAL_SAS, `More than ${CHILDREN_MAX} CHILD_SAs`);
    }
    const ke = findPayload(payloads, PayloadType.KE);
    const all = candidates(sa, payloads, { keGroup: ke?.group ?? 0, first: false, old });
    const { list, group } = sameGroup(all, ke?.group ?? 0);
    if (group === 0) return answer(turn, request, { list, group, old });
    const job = { op: "ke_respond", group, peerPublic: ke!.data } as const;
    const ticket = requestCompute(turn, job);
    sa.answering = { kind: "create_child", ticket, request, list, group, old };
  },

  computed(turn, answering, result) {
    if (result.op === "refused") {
      throw new PeerError(NotifyType.INVALID_SYNTAX, `Cannot use the public value: ${result.why}`);
    }
    must(result.op === "ke_respond", "a responder asks for both halves at once");
    // During the computation an exchange of ours may have ended, so that an SA may be closing by now.
    if (answering.kind === "create_child") {
      mayCreate(turn.sa, answering.request);
      return answer(turn, answering.request, answering, result);
    }
    must(answering.kind === "rekey_ike", "CREATE_CHILD_SA waits for its own computation");
    mayReplace(turn.sa);
    answerIke(turn, answering, result);
  },
};

function later(why: string): PeerError {
  return new PeerError(NotifyType.TEMPORARY_FAILURE, `CREATE_CHILD_SA while ${why}`);
}

/** Checks the peer's nonce. @throws {WireError} if it is too short for the keys. */
function checkNonce(request: readonly Payload[], ...prfs: readonly Prf[]): void {
  const fault = nonceFault(findPayload(request, PayloadType.NONCE)!.data, ...prfs);
  if (fault) throw new WireError(`Cannot accept ${fault}`);
}

/** The CHILD_SA to replace, if any. @throws {PeerError} if no CHILD_SA can be made now. */
function mayCreate(sa: IkeSa, request: Received): ChildSa | undefined {
  if (sa.phase === "closing" || isReplaced(sa)) throw later("the IKE SA is going");
  // §2.25.2: "create or rekey a CHILD SA when it is currently rekeying the IKE SA".
  if (sa.active?.kind === "rekey_ike") throw later("the IKE SA is being rekeyed");
  return targetOf(sa, request);
}

/**
 * Whether the CREATE_CHILD_SA of our rekey is answered and its additional key exchanges are in progress, so
 * that it is too late for a crossing rekey of the same SA (RFC 9370 §2.2.4).
 */
function isGoingOn({ env }: IkeSa, task: SeriesTask | undefined): boolean {
  return task !== undefined && isInSeries(task) && !env.broken.has("answer_rekey_in_series");
}

/** Checks that the IKE SA can be replaced now. @throws {PeerError} if it cannot. */
function mayReplace(sa: IkeSa): void {
  // §2.25.2: "rekey an IKE SA that it is currently trying to close".
  if (sa.phase === "closing" || isReplaced(sa)) throw later("the IKE SA is going");
  // §2.25.1: "currently creating, rekeying, or closing a CHILD SA of that IKE SA".
  const busy = sa.active?.kind === "create_child" || sa.active?.kind === "delete_child";
  if (busy && !sa.env.broken.has("rekey_while_busy")) throw later("a CHILD_SA is under way");
  const ours = sa.active?.kind === "rekey_ike" ? sa.active : undefined;
  if (isGoingOn(sa, ours)) throw later("the IKE SA is being rekeyed");
}

/** The CHILD_SA that the request replaces. @throws {PeerError} if it cannot be replaced (§2.25.1). */
function targetOf(sa: IkeSa, request: Received): ChildSa | undefined {
  const old = rekeyTarget(sa, request);
  const { active } = sa;
  const making = active?.kind === "create_child" && active.stage !== "generating";
  // With CHILD_SA_NOT_FOUND the peer would drop the CHILD_SA that it has just made with us, whose SPI is in a
  // response that is lost or still in flight.
  if (making && (old === "unknown" || old === active.child)) {
    throw later("its CHILD_SA is not complete here");
  }
  if (old === "unknown") {
    // The refusal names the CHILD_SA in the same way as the request (§2.25).
    const { protocol, spi } = findNotify(request.payloads, NotifyType.REKEY_SA)!;
    const text = "Rekey of a CHILD_SA that is not here";
    throw new PeerError(NotifyType.CHILD_SA_NOT_FOUND, text, undefined, { protocol, spi });
  }
  const goes = old?.state === "closing" || old?.state === "rekeyed";
  if (goes && !sa.env.broken.has("rekey_closing_child")) throw later("the CHILD_SA is closed");
  if (old && isGoingOn(sa, rekeyUnderWay(sa, old))) throw later("the CHILD_SA is being rekeyed");
  return old;
}

/**
 * The candidates that fit the peer's public value.
 * @throws {PeerError} INVALID_KE_PAYLOAD if another group is required.
 */
function sameGroup(
  list: readonly ChildCandidate[],
  keGroup: number,
): { readonly list: readonly ChildCandidate[]; readonly group: number } {
  const groupOf = ({ choice }: ChildCandidate) => chosenId(choice, TransformType.KE);
  const fitting = list.filter((c) => groupOf(c) === keGroup);
  if (fitting.length > 0) return { list: fitting, group: keGroup };
  const wanted = groupOf(list[0]!);
  // A public value that is not needed is ignored.
  if (wanted === 0) return { list, group: 0 };
  const text = `Peer's public value is of ${nameOfKeGroup(keGroup)}, wanted ${
    nameOfKeGroup(wanted)
  }`;
  throw new PeerError(NotifyType.INVALID_KE_PAYLOAD, text, groupData(wanted));
}

interface ChildTerms {
  readonly list: readonly ChildCandidate[];
  readonly group: number;
  readonly old: ChildSa | undefined;
}

function answer(
  turn: Turn,
  request: Received,
  { list, group, old }: ChildTerms,
  key?: { readonly publicValue: Uint8Array; readonly shared: Uint8Array },
): void {
  const { sa } = turn;
  const nonceI = findPayload(request.payloads, PayloadType.NONCE)!.data;
  const nonceR = sa.env.random(NONCE_OCTETS);
  const { child, agreed, proposal, selectors } = answerChild(turn, request.payloads, {
    list,
    replaces: old,
  });
  const methods = key ? additionalMethods(agreed.choice) : [];
  const awaited: AwaitedChild | undefined = key && methods.length > 0
    ? {
      kind: "create_child",
      child,
      agreed,
      group,
      old,
      link: newLink(sa),
      methods,
      secrets: [key.shared],
      nonceI,
      nonceR,
      untilMs: awaitedUntilMs(turn),
    }
    : undefined;
  if (awaited) {
    awaitFollowup(turn, awaited);
  } else {
    const shared = key ? { shared: key.shared } : {};
    const replaces = old ? { replaces: old } : {};
    const inputs = { nonceI, nonceR, group, ...shared, ...replaces };
    completeChild(turn, child, { ...agreed, inputs });
  }
  sendResponse(turn, request, [
    ...proposal,
    { type: PayloadType.NONCE, data: nonceR },
    ...(key ? [{ type: PayloadType.KE, group, data: key.publicValue } as const] : []),
    ...selectors,
    ...(awaited ? [linkNotify(awaited)] : []),
  ]);
  // §2.25.1: "rekey a CHILD SA that it is currently trying to rekey": the request is answered as usual, and
  // nonces are compared later.
  const ours = old && rekeyUnderWay(sa, old);
  const crosses = ours && ours.stage !== "generating";
  if (crosses) {
    ours.rival = { child, lowest: lowerNonce(nonceI, nonceR) };
    turn.out.push({ kind: "crossed", child: old }, sa);
  }
  if (!awaited) childUp(turn, child, old);
}

/** Reports a CHILD_SA of the peer's CREATE_CHILD_SA, after its last key exchange. */
export function childUp({ sa, out }: Turn, child: ChildSa, old: ChildSa | undefined): void {
  out.push({ kind: "child_up", by: child, old }, sa);
  if (!old) return;
  old.replaced = true;
  const isContested = rekeyUnderWay(sa, old)?.rival?.child === child;
  if (!isContested && old.state !== "closed") old.state = "rekeyed";
}

function respondIke(turn: Turn, request: Received): void {
  const { sa } = turn;
  const { payloads } = request;
  if (findNotify(payloads, NotifyType.CLONE_IKE_SA)) {
    // To rekey instead would leave the peer with CHILD_SAs in the IKE SA that this end has replaced.
    const text = "Peer asks to clone the IKE SA (RFC 7791), though this end did not say " +
      "CLONE_IKE_SA_SUPPORTED";
    throw new PeerError(NotifyType.NO_ADDITIONAL_SAS, text);
  }
  mayReplace(sa);
  const before = awaitedIkeRekey(sa);
  if (before) forgetFollowup(turn, before);
  mayAwait(sa);
  const ke = findPayload(payloads, PayloadType.KE);
  if (!ke) throw new WireError("Cannot rekey an IKE SA without KE");
  const proposals = findPayload(payloads, PayloadType.SA)!.proposals;
  const ours = ikeProposals(sa.config.algorithms);
  const choice = choose(proposals, ours, ke.group);
  if (!choice) {
    const text = `No IKE proposal in common: offered ${showProposals(proposals)}, ` +
      `configured here ${showProposals(ours)}`;
    throw new PeerError(NotifyType.NO_PROPOSAL_CHOSEN, text);
  }
  if (spiOf(choice.spi) === 0n) throw new WireError("Cannot rekey an IKE SA without a new SPI");
  const suite = suiteOf(sa.env.crypto, choice);
  if (suite.group !== ke.group) {
    const text = `Peer's public value is of ${nameOfKeGroup(ke.group)}`;
    throw new PeerError(NotifyType.INVALID_KE_PAYLOAD, text, groupData(suite.group));
  }
  checkNonce(payloads, sa.suite!.prf, suite.prf);
  const ticket = requestCompute(turn, { op: "ke_respond", group: ke.group, peerPublic: ke.data });
  sa.answering = { kind: "rekey_ike", ticket, request, suite, choice };
}

function answerIke(
  turn: Turn,
  answering: Extract<Answering, { kind: "ike_init" | "rekey_ike" }>,
  key: { readonly publicValue: Uint8Array; readonly shared: Uint8Array },
): void {
  const { sa } = turn;
  const { request, suite, choice } = answering;
  const nonceI = findPayload(request.payloads, PayloadType.NONCE)!.data;
  const nonceR = sa.env.random(NONCE_OCTETS);
  const spiI = spiOf(choice.spi);
  const spiR = newSpi(sa);
  const { shared } = key;
  const keys = { link: newLink(sa), methods: suite.additional, secrets: [shared], nonceI, nonceR };
  const awaited: AwaitedIkeSa | undefined = suite.additional.length > 0
    ? { kind: "rekey_ike", spiI, spiR, suite, ...keys, untilMs: awaitedUntilMs(turn) }
    : undefined;
  // §2.25.2: "rekey an IKE SA that it is currently trying to rekey": the request is answered, and nonces are
  // compared later.
  const active = sa.active?.kind === "rekey_ike" ? sa.active : undefined;
  const crosses = active && active.stage !== "generating" ? active : undefined;
  const inputs = { initiatedHere: false, spiI, spiR, suite, nonceI, nonceR, shared };
  const made = awaited ? undefined : successor(turn, inputs);
  sendResponse(turn, request, [
    { type: PayloadType.SA, proposals: [answerOf(choice, spiOctets(spiR))] },
    { type: PayloadType.NONCE, data: nonceR },
    { type: PayloadType.KE, group: suite.group, data: key.publicValue },
    ...(awaited ? [linkNotify(awaited)] : []),
    ...ticketFor(turn, request, crosses ? undefined : made),
  ]);
  const rival: RivalIkeSa = { sa: undefined, lowest: lowerNonce(nonceI, nonceR) };
  if (crosses) {
    crosses.rival = rival;
    turn.out.push({ kind: "crossed" }, sa);
  }
  if (awaited) return awaitFollowup(turn, awaited);
  must(made !== undefined, "without further key exchanges the IKE SA is made at once");
  if (!crosses) return replace(turn, made);
  made.succession = { kind: "undecided", predecessor: sa };
  rival.sa = made;
}

/**
 * The ticket that a client asks for with its rekey (RFC 5723 §4.1). It is asked to come again where the new IKE SA
 * is not made yet, or may be the redundant one of two.
 */
function ticketFor(turn: Turn, { payloads }: Received, made: IkeSa | undefined): Payload[] {
  const { sa } = turn;
  if (sa.dialled || !findNotify(payloads, NotifyType.TICKET_REQUEST)) return [];
  if (!made && sa.config.resumption?.issues) return [notify(NotifyType.TICKET_ACK)];
  const of = made && !sa.env.broken.has("ticket_of_rekeyed") ? made : sa;
  return [issueTicket({ ...turn, sa: of })];
}
