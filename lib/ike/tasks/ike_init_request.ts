/**
 * IKE_SA_INIT as initiator: HDR, SAi1, KEi, Ni → ← HDR, SAr1, KEr, Nr (RFC 7296 §1.2). It is repeated with a
 * cookie (§2.6) or with another group (§1.3, §2.7) when the responder asks for that, and ends with the keys
 * of the IKE SA (§2.14).
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import { stateCopy } from "@/base/octets.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeInitTask, IkeSa } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import { suiteOf } from "@/ike/negotiate/suite.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import { CloseCode, type Failure, refusedHere } from "@/ike/records/failure.ts";
import { enter, fail } from "@/ike/records/ike_sa.ts";
import { deriveIkeKeys } from "@/ike/negotiate/keymat.ts";
import { floatPorts } from "@/ike/path/nat.ts";
import { hearAll, sayAll } from "@/ike/extensions/extensions.ts";
import { transcriptFault } from "@/ike/extensions/full_transcript.ts";
import { authPuzzleText, puzzleIn } from "@/ike/negotiate/puzzle.ts";
import { nonceFault } from "@/ike/negotiate/nonces.ts";
import {
  changeMethod,
  deriveSecret,
  generatePair,
  methodOf,
  newKeyExchange,
  NONCE_OCTETS,
  ownKeyPayload,
  takeComputed,
  wantedMethod,
} from "@/ike/tasks/key_exchange.ts";
import type { Puzzle, PuzzleSearch } from "@/ike/records/puzzle.ts";
import { beginPuzzle, puzzleRefusal, takeSearch } from "@/ike/tasks/puzzle.ts";
import { followRedirect, redirectIn } from "@/ike/path/redirect.ts";
import { findError, findNotify, notify } from "@/ike/records/notify.ts";
import { accepted, ikeProposals, showProposals } from "@/ike/negotiate/proposal.ts";
import { intermediateOf, knowsIntermediate } from "@/ike/tasks/intermediate.ts";
import { newIntermediate } from "@/ike/tasks/intermediate_request.ts";
import { newIkeAuth } from "@/ike/tasks/ike_auth_request.ts";
import type { TaskKind } from "@/ike/records/task.ts";
import type { Payload } from "@/wire/message.ts";
import { findPayload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/**
 * The most repetitions for cookies and other groups together; a responder that asks more often never accepts
 * one.
 */
const RESTARTS_MAX = 8;

/** Makes a task that begins with our first group. */
export function newIkeInit(sa: IkeSa): IkeInitTask {
  const group = sa.config.algorithms.groups[0];
  must(group !== undefined, "a setup names a key exchange group");
  return {
    kind: "ike_init",
    ...newKeyExchange(group),
    cookie: undefined,
    solving: undefined,
    solution: undefined,
    suite: undefined,
  };
}

/** IKE_SA_INIT as initiator; see {@linkcode TaskKind}. */
export const ikeInitRequest: TaskKind<IkeInitTask> = {
  exchange: ExchangeType.IKE_SA_INIT,

  begin(turn, task) {
    const { sa } = turn;
    sa.setup!.nonceI ??= sa.env.random(NONCE_OCTETS);
    generatePair(turn, task);
  },

  computed(turn, task, result) {
    if (result.op === "solve_puzzle") return searched(turn, task, result.search);
    takeComputed(task, result, {
      generated: () => send(turn, task),
      derived: (shared) => keyed(turn, task, shared),
      refused(why) {
        const method = nameOfKeGroup(methodOf(task));
        fail(turn, refusedHere(`Cannot use the peer's public value of ${method}: ${why}`));
      },
    });
  },

  // Responses to IKE_SA_INIT are not authenticated: one that is not plausible is dropped, as that of the
  // responder may still arrive (RFC 7296 §2.21.1).
  reasonToDrop(turn, task, { header, payloads }) {
    if (findNotify(payloads, NotifyType.REDIRECT) && header.spiR === 0n) {
      return redirectFault(turn.sa, payloads);
    }
    const retry = findNotify(payloads, NotifyType.COOKIE) ?? findError(payloads);
    if (retry?.notify === NotifyType.INVALID_KE_PAYLOAD) {
      const group = wantedMethod(retry);
      const known = turn.sa.config.algorithms.groups.includes(group);
      const fresh = known && group !== methodOf(task);
      return fresh ? undefined : `INVALID_KE_PAYLOAD for group ${group}, which we cannot change to`;
    }
    if (retry) return undefined;
    if (header.spiR === 0n) return "an IKE_SA_INIT response without a responder SPI";
    const complete = findPayload(payloads, PayloadType.SA) &&
      findPayload(payloads, PayloadType.KE) && findPayload(payloads, PayloadType.NONCE);
    return complete ? undefined : "an IKE_SA_INIT response without SA, KE or Nonce";
  },

  finish(turn, task, response) {
    const { payloads } = response;
    const redirect = redirectIn(payloads);
    if (redirect && response.header.spiR === 0n) return followRedirect(turn, redirect.gateway);
    const cookie = findNotify(payloads, NotifyType.COOKIE);
    if (cookie) {
      turn.out.push({ kind: "cookie_asked" }, turn.sa);
      return restart(turn, task, { cookie: cookie.data, puzzle: puzzleIn(payloads) });
    }
    const error = findError(payloads);
    if (error?.notify === NotifyType.INVALID_KE_PAYLOAD) return restart(turn, task, { error });
    if (error) return refused(turn, error);
    accept(turn, task, response);
  },
};

/**
 * The reason why a REDIRECT, which anybody may have sent, is not followed (RFC 5685 §3); undefined: it is.
 */
export function redirectFault(
  sa: IkeSa,
  payloads: readonly Payload[],
): string | undefined {
  if (!sa.config.redirect?.follows) return "a REDIRECT though followredirect is false";
  const redirect = redirectIn(payloads);
  if (!redirect) return "a malformed REDIRECT";
  const isOurs = sameOctets(redirect.rest, sa.setup!.nonceI!);
  return isOurs || sa.env.broken.has("follow_any_redirect")
    ? undefined
    : "a REDIRECT without our nonce";
}

/** Sends the request again with a cookie or another group; its Message ID is 0 again (RFC 7296 §2.6). */
function restart(
  turn: Turn,
  task: IkeInitTask,
  change:
    | { readonly cookie: Uint8Array; readonly puzzle: Puzzle | undefined }
    | { readonly error: NotifyPayload },
): void {
  turn.sa.window.nextRequestId = 0;
  const { config: { algorithms: { groups: methods } } } = turn.sa;
  const restartsMax = RESTARTS_MAX;
  const goesOn = "cookie" in change
    ? ++task.restarts <= restartsMax
    : changeMethod(task, change.error, { methods, restartsMax });
  if (!goesOn) {
    const text = `Peer asked for another IKE_SA_INIT ${task.restarts} times (cookie or group)`;
    return fail(turn, refusedHere(text));
  }
  if ("cookie" in change) {
    task.cookie = change.cookie;
    if (turn.sa.env.broken.has("renew_nonce")) {
      turn.sa.setup!.nonceI = turn.sa.env.random(NONCE_OCTETS);
    }
    if (!turn.sa.env.broken.has("send_solution_of_before")) task.solution = undefined;
    if (change.puzzle && !task.solution) return puzzled(turn, task, change.puzzle);
    return send(turn, task);
  }
  ikeInitRequest.begin(turn, task);
}

/**
 * Solves the puzzle that came with a cookie. One that this end does not solve is answered by the cookie alone,
 * which the responder may take (RFC 8019 §7.1.2).
 */
function puzzled(turn: Turn, task: IkeInitTask, puzzle: Puzzle): void {
  const refusal = puzzleRefusal(turn.sa, puzzle);
  if (refusal) return decline(turn, task, refusal);
  beginPuzzle(turn, task, { puzzle, text: stateCopy(task.cookie!) });
}

function decline(turn: Turn, task: IkeInitTask, why: string): void {
  const { sa, out } = turn;
  const text = `${why}: IKE_SA_INIT is sent with its cookie alone`;
  out.push({ kind: "puzzle_declined" }, sa);
  out.push(
    { kind: "note", level: 3, text, alike: "Puzzles were answered by the cookie alone" },
    sa,
  );
  send(turn, task);
}

/** Takes the keys of a puzzle that were found so far, before IKE_SA_INIT or after it. */
function searched(turn: Turn, task: IkeInitTask, search: PuzzleSearch): void {
  const { sa } = turn;
  const solution = takeSearch(turn, task, search);
  if (solution === undefined) return;
  if (!sa.keys) {
    if (solution === "spent") return decline(turn, task, "No solution of a puzzle was found");
    task.solution = solution;
    return send(turn, task);
  }
  if (solution === "spent") {
    return fail(turn, refusedHere("No solution of the puzzle for IKE_AUTH was found"));
  }
  sa.setup!.solution = solution;
  created(turn);
}

function send(turn: Turn, task: IkeInitTask): void {
  const { sa } = turn;
  task.stage = "sent";
  const payloads: Payload[] = [
    ...(task.cookie ? [notify(NotifyType.COOKIE, task.cookie)] : []),
    ...(task.solution ? [{ type: PayloadType.PS, data: task.solution } as const] : []),
    { type: PayloadType.SA, proposals: ikeProposals(sa.config.algorithms) },
    ...ownKeyPayload(task),
    { type: PayloadType.NONCE, data: sa.setup!.nonceI! },
    ...sayAll(turn, ExchangeType.IKE_SA_INIT, { response: false, path: sa.path }),
  ];
  [sa.setup!.initRequest] = sendRequest(turn, ExchangeType.IKE_SA_INIT, payloads);
}

function accept(turn: Turn, task: IkeInitTask, response: Received): void {
  const { sa } = turn;
  const { payloads, header } = response;
  const offered = ikeProposals(sa.config.algorithms);
  const choice = accepted(offered, findPayload(payloads, PayloadType.SA)!.proposals);
  const ke = findPayload(payloads, PayloadType.KE)!;
  const nonce = findPayload(payloads, PayloadType.NONCE)!.data;
  if (typeof choice === "string") {
    return fail(turn, refusedHere(`Peer answered our IKE proposals with ${choice}`));
  }
  const suite = suiteOf(sa.env.crypto, choice);
  const method = methodOf(task);
  if (suite.group !== method || ke.group !== method) {
    const text = `Peer chose ${nameOfKeGroup(suite.group)} and sent a public value of ` +
      `${nameOfKeGroup(ke.group)}, ours is of ${nameOfKeGroup(method)}`;
    return fail(turn, refusedHere(text));
  }
  const fault = nonceFault(nonce, suite.prf);
  if (fault) return fail(turn, refusedHere(`Peer answered with ${fault}`));
  const intermediate = intermediateOf(choice);
  if (intermediate && !knowsIntermediate(payloads)) {
    const text = "Peer chose additional key exchanges without INTERMEDIATE_EXCHANGE_SUPPORTED";
    return fail(turn, refusedHere(text));
  }
  sa.setup!.intermediate = intermediate;
  sa.spiR = header.spiR;
  sa.setup!.nonceR = nonce;
  sa.setup!.initResponse = response.octets;
  hearAll(turn, response);
  const both = [NotifyType.USE_PPK, NotifyType.USE_PPK_INT].every((type) =>
    findNotify(payloads, type)
  );
  if (both) {
    // A responder answers one of the two notifies (RFC 9867 §3.1).
    return fail(turn, refusedHere("Peer answered both USE_PPK and USE_PPK_INT"));
  }
  const unwanted = transcriptFault(sa) ?? natFault(sa);
  if (unwanted) return fail(turn, unwanted);
  task.suite = suite;
  deriveSecret(turn, task, payloads);
}

/** Begins with the puzzle for IKE_AUTH, without whose solution the responder drops the request (RFC 8019 §7.2). */
function solveForAuth(turn: Turn, task: IkeInitTask, puzzle: Puzzle): void {
  const { sa } = turn;
  const refusal = puzzleRefusal(sa, puzzle);
  if (refusal) {
    const text = `${refusal}: there is no IKE_AUTH without its solution`;
    return fail(turn, { cause: "PUZZLE_REFUSED", closeCode: CloseCode.REFUSED_HERE, text });
  }
  beginPuzzle(turn, task, { puzzle, text: authPuzzleText(sa.setup!.nonceR!, sa.spiR) });
}

function keyed(turn: Turn, task: IkeInitTask, shared: Uint8Array): void {
  const { sa } = turn;
  const { nonceI, nonceR, puzzle } = sa.setup!;
  const { spiI, spiR } = sa;
  sa.suite = task.suite!;
  sa.keys = deriveIkeKeys(sa.suite, { nonceI: nonceI!, nonceR: nonceR!, spiI, spiR, shared });
  if (puzzle) return solveForAuth(turn, task, puzzle);
  created(turn);
}

function created({ sa, out }: Turn): void {
  sa.active = undefined;
  floatPorts(sa);
  enter(sa, "created");
  out.push({ kind: "keyed" }, sa);
  sa.queue.unshift(hasIntermediate(sa) ? newIntermediate(sa) : newIkeAuth());
}

function hasIntermediate({ setup, env }: IkeSa): boolean {
  return setup!.intermediate !== undefined && !env.broken.has("skip_intermediate");
}

/** The failure if NAT detection has found what the setup forbids. */
export function natFault(sa: IkeSa): Failure | undefined {
  const { natt, refuseNat } = sa.config;
  const isMissed = natt?.forced && !sa.peer.natDetected;
  const isUnwanted = refuseNat && (sa.peer.natOwn || sa.peer.natPeer);
  if (!isMissed && !isUnwanted) return undefined;
  const peer = showEndpoint(sa.path.peerAddress, sa.path.peerPort);
  if (isMissed) {
    return refusedHere(
      `${peer} sent no NAT_DETECTION: it does not UDP-encapsulate, which tradtionalencapforceudp asks for`,
    );
  }
  const where = sa.peer.natOwn ? "this end" : peer;
  return refusedHere(`A NAT is in front of ${where}, and disallownat allows none`);
}

/** The failure for a notify of the peer, with what it was offered. */
function refused(turn: Turn, error: NotifyPayload): void {
  const { sa } = turn;
  const name = nameOfNotify(error.notify);
  const to = showEndpoint(sa.path.peerAddress, sa.path.peerPort);
  const text = error.notify === NotifyType.NO_PROPOSAL_CHOSEN
    ? `${to} refused every IKE proposal (${name}): offered ` +
      `${showProposals(ikeProposals(sa.config.algorithms))}; its log says what it has configured`
    : `${to} refused IKE_SA_INIT (${name})`;
  fail(turn, { cause: name, closeCode: error.notify, text });
}
