/**
 * IKE_AUTH as responder (RFC 7296 §1.2, §2.15): authenticates both ends and makes the first CHILD_SA. If
 * there can be no CHILD_SA, the IKE SA is established without it (§1.2, §2.21.2). The methods of
 * authentication are in `auth/`; they may need further exchanges between the first request and the last
 * response (§2.16).
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { WireError } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import { resumeRounds, type RoundsOutcome, takeRound } from "@/ike/auth/rounds.ts";
import { newRounds } from "@/ike/records/auth_rounds.ts";
import { sendResponse } from "@/ike/window/exchange.ts";
import { authConfigOf } from "@/ike/auth/resumed.ts";
import { hasPpkAuth, ppkHint, ppkPayloads, takePpk } from "@/ike/auth/ppk.ts";
import { identityIn, resolveIdentity, showIdentity } from "@/ike/negotiate/identity.ts";
import { dropSetup, enter, fail, releaseLeases } from "@/ike/records/ike_sa.ts";
import { startIkeLifetime } from "@/ike/window/lifetime.ts";
import { authenticatedPath } from "@/ike/path/nat.ts";
import type { AuthRefusal } from "@/ike/auth/authenticator.ts";
import { inResponseOrder } from "@/ike/auth/payload_order.ts";
import { hearAll, sayAll } from "@/ike/extensions/extensions.ts";
import { notify, PeerError } from "@/ike/records/notify.ts";
import type { ResponderKind } from "@/ike/records/task.ts";
import { grant } from "@/ike/negotiate/configuration.ts";
import { nextMethod } from "@/ike/tasks/intermediate.ts";
import { awaitDelete, redirectionAt } from "@/ike/path/redirect.ts";
import { gatewayData, showGateway } from "@/ike/negotiate/gateway_identity.ts";
import { resumedIdentityFault } from "@/ike/tasks/resume_response.ts";
import { candidates } from "@/ike/tasks/child_candidates.ts";
import { answerChild, completeChild } from "@/ike/tasks/child_negotiation.ts";
import { findPayload, type Payload } from "@/wire/message.ts";

/** IKE_AUTH as responder; see {@linkcode ResponderKind}. */
export const ikeAuthResponse: ResponderKind = {
  exchange: ExchangeType.IKE_AUTH,

  respond(turn, request) {
    const { sa } = turn;
    const setup = sa.setup!;
    const { payloads } = request;
    if (!setup.auth) {
      const missing = nextMethod(sa);
      if (missing !== undefined) {
        const what = missing === 0
          ? "the post-quantum pre-shared key of IKE_INTERMEDIATE"
          : `the additional key exchange by ${nameOfKeGroup(missing)}`;
        throw new WireError(`Cannot take IKE_AUTH before ${what}`);
      }
      const idI = findPayload(payloads, PayloadType.IDI);
      if (!idI) throw new WireError("Cannot authenticate without IDi");
      sa.peer.id = identityIn(idI);
      const { resumed } = setup;
      sa.peer.ownId = resumed?.ownId ?? resolveIdentity(sa.config.ownId, request.path, sa.index);
      setup.auth = newRounds(authConfigOf(sa));
      setup.authRequest = request;
      setup.keptOctets += request.header.length;
      const fault = resumed &&
        resumedIdentityFault(sa, idI, findPayload(payloads, PayloadType.IDR));
      if (fault) return distrust(turn, request, fault);
      return take(turn, request, true);
    }
    take(turn, request, false);
  },

  computed(turn, answering, result) {
    const { request } = answering;
    proceed(turn, request, resumeRounds(turn, result, request.payloads));
  },
};

/** Takes a request of IKE_AUTH; the request that has AUTH and names a PPK selects that PPK. */
function take(turn: Turn, request: Received, isFirst: boolean): void {
  const { payloads } = request;
  if (!hasPpkAuth(turn.sa, payloads, isFirst)) {
    return proceed(turn, request, takeRound(turn, payloads));
  }
  const judged = takePpk(turn, payloads);
  if (typeof judged === "string") return distrust(turn, request, judged);
  proceed(turn, { ...request, payloads: judged }, takeRound(turn, judged));
}

/**
 * Continues after the authenticators of both ends have taken a message or the result of a computation.
 * @throws {PeerError | WireError} if the CHILD_SA of the request cannot be answered.
 */
function proceed(turn: Turn, request: Received, outcome: RoundsOutcome): void {
  const { sa } = turn;
  switch (outcome.kind) {
    case "computes":
      sa.answering = { kind: "ike_auth", ticket: outcome.ticket, request };
      return;
    case "refuses": {
      const who = whoAsks(sa, request);
      const what = outcome.end === "peer" ? who : `ourselves to ${who}`;
      const text = `Cannot authenticate ${what}: ${outcome.why}${ppkHint(sa)}`;
      return refuseWith(turn, request, { ...outcome, why: text });
    }
    case "says":
      return outcome.done
        ? establish(turn, request, outcome.payloads)
        : sendRound(turn, request, outcome.payloads);
  }
}

function whoAsks(sa: IkeSa, { path }: Received): string {
  return `${showIdentity(sa.peer.id!)} at ${showEndpoint(path.peerAddress, path.peerPort)}`;
}

/** Refuses the peer, whatever its AUTH payload is. */
function distrust(turn: Turn, request: Received, why: string): void {
  const text = `Cannot authenticate ${whoAsks(turn.sa, request)}: ${why}`;
  refuseWith(turn, request, { kind: "refuses", why: text });
}

/** Refuses the peer by a notify, and by EAP Failure if EAP was in progress, and ends the SA. */
function refuseWith(
  turn: Turn,
  request: Received,
  { why, cause, payloads = [] }: AuthRefusal,
): void {
  const closeCode = NotifyType.AUTHENTICATION_FAILED;
  sendResponse(turn, request, [...payloads, notify(closeCode)]);
  fail(turn, { cause: cause ?? nameOfNotify(closeCode), closeCode, text: why });
}

/** Sends a response that is not the last, as one of the ends is not authenticated yet. */
function sendRound(turn: Turn, request: Received, said: readonly Payload[]): void {
  turn.sa.path = authenticatedPath(turn.sa, request.path);
  sendResponse(turn, request, inResponseOrder([...ownIdentity(turn.sa), ...said]));
}

/** Sends the last response, as both ends are authenticated, with the CHILD_SA of the first request. */
function establish(turn: Turn, request: Received, said: readonly Payload[]): void {
  const { sa, nowMs, out } = turn;
  const first = sa.setup!.authRequest!;
  hearAll(turn, first);
  const isChildless = !hasChild(first.payloads);
  if (isChildless && !sa.config.childless) {
    throw new WireError("Cannot make a CHILD_SA without SA, TSi, TSr, and childless is never");
  }
  sa.path = authenticatedPath(sa, request.path);
  const redirected = redirectionAt(sa, "auth");
  const child = redirected
    ? [notify(NotifyType.REDIRECT, gatewayData(redirected))]
    : childAnswer(turn, first.payloads);
  const identity = ownIdentity(sa);
  const added = sayAll(turn, ExchangeType.IKE_AUTH, { response: true, path: request.path });
  enter(sa, "established");
  sa.establishedMs = nowMs;
  startIkeLifetime(sa, nowMs);
  const ppk = ppkPayloads(sa);
  dropSetup(sa);
  sendResponse(turn, request, [
    ...inResponseOrder([...identity, ...said, ...ppk, ...added]),
    ...child,
  ]);
  sa.window.afterAuthId = sa.window.nextPeerId;
  if (redirected) {
    awaitDelete(turn);
    const text = `The peer is redirected to ${showGateway(redirected)}`;
    return out.push({ kind: "note", level: 4, text }, sa);
  }
  sa.peer.childless = isChildless;
  if (sa.children.length > 0) out.push({ kind: "established" }, sa);
  if (!isChildless) return;
  out.push({ kind: "childless" }, sa);
  const text = "Peer is authenticated, and asked for no CHILD_SA yet (childless)";
  out.push({ kind: "note", level: 4, text }, sa);
}

/**
 * IDr, which is in the first response (RFC 7296 §2.16), and in that with which a second authentication
 * begins.
 */
function ownIdentity({ setup, peer }: IkeSa): Payload[] {
  return setup!.auth!.taken === 1 ? [{ type: PayloadType.IDR, ...peer.ownId! }] : [];
}

function hasChild(payloads: readonly Payload[]): boolean {
  return [PayloadType.SA, PayloadType.TSI, PayloadType.TSR].every((type) =>
    payloads.some((p) => p.type === type)
  );
}

/** The payloads of the CHILD_SA, or the notify that says why there is none. */
function childAnswer(turn: Turn, payloads: readonly Payload[]): Payload[] {
  try {
    const { nonceI, nonceR } = turn.sa.setup!;
    const granted = grant(turn.sa, payloads);
    turn.sa.inner = granted?.inner;
    if (!hasChild(payloads)) return granted ? [granted.reply] : [];
    if (turn.sa.config.childless === "force" && !turn.sa.env.broken.has("take_forced_child")) {
      const text = "Peer asks for a CHILD_SA in IKE_AUTH, and childless: force makes none there";
      throw new PeerError(NotifyType.NO_PROPOSAL_CHOSEN, text);
    }
    const list = candidates(turn.sa, payloads, { keGroup: 0, first: true });
    const inputs = { nonceI: nonceI!, nonceR: nonceR!, group: 0 };
    const { child, agreed, proposal, selectors } = answerChild(turn, payloads, { list });
    completeChild(turn, child, { ...agreed, inputs });
    return [...(granted ? [granted.reply] : []), ...proposal, ...selectors];
  } catch (e) {
    if (!(e instanceof PeerError)) throw e;
    releaseLeases(turn.sa);
    const failure = { cause: nameOfNotify(e.notify), closeCode: e.notify, text: e.message };
    turn.out.push({ kind: "child_failed", failure }, turn.sa);
    return [notify(e.notify, e.data)];
  }
}
