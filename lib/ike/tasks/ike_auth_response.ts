/**
 * IKE_AUTH as responder (RFC 7296 §1.2, §2.15): who the initiator is, who we are, the first
 * CHILD_SA. A CHILD_SA that cannot be leaves the IKE SA standing (§1.2, §2.21.2).
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { AuthMethod, nameOfAuthMethod } from "@/iana/auth_method.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { sendResponse } from "@/ike/window/exchange.ts";
import { identityIn, resolveIdentity, showIdentity } from "@/ike/negotiate/identity.ts";
import { enter, releaseLeases, type Turn } from "@/ike/records/ike_sa.ts";
import { startIkeLifetime } from "@/ike/window/lifetime.ts";
import { authenticatedPath, checkNoNats } from "@/ike/path/nat.ts";
import { findNotify, notify, PeerError } from "@/ike/records/notify.ts";
import type { ResponderKind } from "@/ike/records/task.ts";
import { grant } from "@/ike/tasks/configuration.ts";
import { candidates } from "@/ike/tasks/child_candidates.ts";
import { answerChild } from "@/ike/tasks/child_negotiation.ts";
import { authData } from "@/ike/tasks/ike_auth_request.ts";
import { findPayload, type Payload } from "@/wire/message.ts";

/** See {@linkcode ResponderKind}. */
export const ikeAuthResponse: ResponderKind = {
  exchange: ExchangeType.IKE_AUTH,

  respond(turn, request) {
    const { sa, nowMs, out } = turn, { payloads } = request;
    const idI = findPayload(payloads, PayloadType.IDI);
    if (!idI) throw new WireError("Cannot authenticate without IDi");
    const auth = findPayload(payloads, PayloadType.AUTH);
    sa.peerId = identityIn(idI);
    authenticate(turn, auth, request.path);
    checkNoNats(payloads, request.path);
    if (!hasChild(payloads)) throw new WireError("Cannot make a CHILD_SA without SA, TSi, TSr");
    sa.peerAuth = auth!.method;
    sa.ownAuth = AuthMethod.SHARED_KEY_MIC;
    sa.ownId = resolveIdentity(sa.config.ownId, request.path, sa.index);
    sa.path = authenticatedPath(sa, request.path);
    const ownAuth = authData(sa, "responder");
    const child = childAnswer(turn, payloads);
    enter(sa, "established");
    sa.establishedMs = nowMs;
    startIkeLifetime(sa, nowMs);
    sa.setup = undefined;
    if (findNotify(payloads, NotifyType.INITIAL_CONTACT)) {
      out.push({ kind: "initial_contact" }, sa);
    }
    sendResponse(turn, request, [
      { type: PayloadType.IDR, ...sa.ownId },
      { type: PayloadType.AUTH, method: sa.ownAuth, data: ownAuth },
      ...child,
    ]);
    sa.afterAuthId = sa.nextPeerId;
    if (sa.children.length > 0) out.push({ kind: "established" }, sa);
  },
};

/** @throws {PeerError} AUTHENTICATION_FAILED, with words that name identity and method. */
function authenticate(
  { sa }: Turn,
  auth: { readonly method: number; readonly data: Uint8Array } | undefined,
  path: { readonly peerAddress: Uint8Array; readonly peerPort: number },
): void {
  const who = `${showIdentity(sa.peerId!)} at ${showEndpoint(path.peerAddress, path.peerPort)}`;
  const refuse = (why: string): never => {
    throw new PeerError(NotifyType.AUTHENTICATION_FAILED, `Cannot authenticate ${who}: ${why}`);
  };
  if (!auth) return refuse("it asks for EAP (no AUTH payload), authpeermethod asks for psk");
  if (auth.method !== AuthMethod.SHARED_KEY_MIC) {
    refuse(`it authenticates by ${nameOfAuthMethod(auth.method)}, authpeermethod asks for psk`);
  }
  if (sameOctets(auth.data, authData(sa, "initiator"))) return;
  if (!sa.env.broken.has("accept_any_auth")) {
    refuse("its AUTH data (pre-shared key) is wrong: is psk the same?");
  }
}

function hasChild(payloads: readonly Payload[]): boolean {
  return [PayloadType.SA, PayloadType.TSI, PayloadType.TSR].every((type) =>
    payloads.some((p) => p.type === type)
  );
}

/** The CHILD_SA's payloads, or the notify that says why there is none. */
function childAnswer(turn: Turn, payloads: readonly Payload[]): Payload[] {
  try {
    const { nonceI, nonceR } = turn.sa.setup!;
    const granted = grant(turn.sa, payloads);
    turn.sa.inner = granted?.inner;
    const list = candidates(turn.sa, payloads, { keGroup: 0, first: true });
    const inputs = { nonceI: nonceI!, nonceR: nonceR!, group: 0 };
    const { proposal, selectors } = answerChild(turn, payloads, { list, inputs });
    return [...(granted ? [granted.reply] : []), ...proposal, ...selectors];
  } catch (e) {
    if (!(e instanceof PeerError)) throw e;
    releaseLeases(turn.sa);
    const failure = { cause: nameOfNotify(e.notify), closeCode: e.notify, text: e.message };
    turn.out.push({ kind: "child_failed", failure }, turn.sa);
    return [notify(e.notify, e.data)];
  }
}
