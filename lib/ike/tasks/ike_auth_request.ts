/**
 * IKE_AUTH as initiator: HDR, SK {IDi, [IDr], AUTH, SAi2, TSi, TSr} → ← HDR, SK {IDr, AUTH, SAr2,
 * TSi, TSr} (RFC 7296 §1.2, §2.15).
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import { AuthMethod, nameOfAuthMethod } from "@/iana/auth_method.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { removeChild } from "@/ike/records/child_sa.ts";
import type { Identity } from "@/ike/records/config.ts";
import type { Failure } from "@/ike/records/event.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import { CloseCode, fail, refusedHere } from "@/ike/records/failure.ts";
import {
  identityIn,
  resolveIdentity,
  sameIdentity,
  showIdentity,
} from "@/ike/negotiate/identity.ts";
import { enter, type IkeSa, type Turn } from "@/ike/records/ike_sa.ts";
import { identityBody, ikeKeys, pskAuth } from "@/ike/negotiate/keymat.ts";
import { startIkeLifetime } from "@/ike/window/lifetime.ts";
import { noNatsAllowed } from "@/ike/path/nat.ts";
import { newCreateChild } from "@/ike/tasks/create_child.ts";
import { findError, notify } from "@/ike/records/notify.ts";
import type { IkeAuthTask, Received, TaskKind } from "@/ike/records/task.ts";
import { assignedBy, configurationRequest } from "@/ike/tasks/configuration.ts";
import { acceptChild, childRequest, newChild } from "@/ike/tasks/child_negotiation.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** See {@linkcode TaskKind}. */
export const ikeAuthRequest: TaskKind<IkeAuthTask> = {
  exchange: ExchangeType.IKE_AUTH,

  begin(turn, task) {
    const { sa } = turn, { config } = sa;
    const own = resolveIdentity(config.ownId, sa.path, sa.index);
    const peer = config.peerId && resolveIdentity(config.peerId, sa.path, sa.index);
    sa.ownId = own;
    sa.ownAuth = AuthMethod.SHARED_KEY_MIC;
    task.child = newChild(sa, 0, true);
    const { proposal, selectors } = childRequest(sa, task.child, { group: 0 });
    const payloads: Payload[] = [
      { type: PayloadType.IDI, ...own },
      ...(sa.setup!.initialContact ? [notify(NotifyType.INITIAL_CONTACT)] : []),
      ...noNatsAllowed(sa),
      ...(peer ? [{ type: PayloadType.IDR, ...peer } as const] : []),
      { type: PayloadType.AUTH, method: sa.ownAuth, data: authData(sa, "initiator") },
      ...(config.remoteAccess ? [configurationRequest()] : []),
      ...proposal,
      ...selectors,
    ];
    sendRequest(turn, ExchangeType.IKE_AUTH, payloads);
  },

  finish(turn, task, response) {
    const { sa, nowMs, out } = turn, { payloads } = response, { config } = sa;
    const error = findError(payloads);
    const idR = findPayload(payloads, PayloadType.IDR);
    const auth = findPayload(payloads, PayloadType.AUTH);
    if (error && (!idR || !auth)) return refused(turn, error, response);
    const fault = authFault(sa, idR, auth);
    if (fault) return distrust(turn, fault);
    sa.peerId = identityIn(idR!);
    sa.peerAuth = auth!.method;
    const { nonceI, nonceR } = sa.setup!;
    const inputs = { nonceI: nonceI!, nonceR: nonceR!, group: 0 };
    const inner = config.remoteAccess ? assignedBy(payloads) : undefined;
    const failure = config.remoteAccess && !inner && !error
      ? notAssigned(response)
      : acceptChild(turn, task.child!, { payloads, inputs });
    // Only now: the request proposed the configured selectors, the answer is judged by them.
    if (!failure) sa.inner = inner;
    enter(sa, "established");
    sa.establishedMs = nowMs;
    startIkeLifetime(sa, nowMs);
    sa.setup = undefined;
    if (!failure) {
      for (let i = 1; i < sa.config.children.length; i++) sa.queue.push(newCreateChild(sa, i));
      return out.push({ kind: "established" }, sa);
    }
    // The IKE SA stands (RFC 7296 §1.2), but a tunnel without its CHILD_SA is none: take it down.
    removeChild(sa, task.child!, out);
    sa.failure = failure;
    sa.queue.length = 0;
    sa.queue.push({ kind: "delete_ike", closeCode: failure.closeCode });
  },
};

/** AUTH data of one end, by the initiator's or the responder's message, nonce and identity (§2.15). */
export function authData(sa: IkeSa, signer: "initiator" | "responder"): Uint8Array {
  const { prf } = sa.suite!, keys = ikeKeys(sa.suite!, sa.keys!), setup = sa.setup!;
  const byInitiator = signer === "initiator";
  const identity = byInitiator === sa.originalInitiator ? sa.ownId! : sa.peerId!;
  return pskAuth(prf, sa.config.auth.secret, {
    message: byInitiator ? setup.initRequest! : setup.initResponse!,
    nonce: byInitiator ? setup.nonceR! : setup.nonceI!,
    skP: byInitiator ? keys.pi : keys.pr,
    idBody: identityBody(identity),
  });
}

/** Why the responder is not who it says; undefined when it is. */
function authFault(
  sa: IkeSa,
  idR: Identity | undefined,
  auth: { readonly method: number; readonly data: Uint8Array } | undefined,
): string | undefined {
  if (!idR || !auth) return "its IKE_AUTH response lacks IDr or AUTH";
  const wanted = sa.config.peerId && resolveIdentity(sa.config.peerId, sa.path, sa.index);
  if (sa.config.matchPeerId && wanted && !sameIdentity(wanted, idR)) {
    return `it is ${showIdentity(idR)}, peerid asks for ${showIdentity(wanted)}`;
  }
  if (auth.method !== AuthMethod.SHARED_KEY_MIC) {
    return `${showIdentity(idR)} authenticates by ${nameOfAuthMethod(auth.method)}, ` +
      "authpeermethod asks for psk";
  }
  sa.peerId = idR;
  if (sameOctets(auth.data, authData(sa, "responder"))) return undefined;
  if (sa.env.broken.has("accept_any_auth")) return undefined;
  return `the AUTH data of ${showIdentity(idR)} (pre-shared key) is wrong: is psk the same?`;
}

/** The responder is up and believes in the SA: tell it why there is none (RFC 7296 §2.21.2). */
function distrust(turn: Turn, why: string): void {
  const { sa } = turn, { peerAddress, peerPort } = sa.path;
  const closeCode = NotifyType.AUTHENTICATION_FAILED;
  sa.failure = {
    cause: "AUTHENTICATION_FAILED",
    closeCode: CloseCode.REFUSED_HERE,
    text: `Cannot trust ${showEndpoint(peerAddress, peerPort)}: ${why}`,
  };
  for (const child of [...sa.children]) removeChild(sa, child, turn.out);
  enter(sa, "closing");
  sa.queue.length = 0;
  sa.queue.push({ kind: "report_error", notify: closeCode, closeCode: CloseCode.REFUSED_HERE });
}

function refused(turn: Turn, error: NotifyPayload, response: Received): void {
  const { sa } = turn, name = nameOfNotify(error.notify);
  const from = showEndpoint(response.path.peerAddress, response.path.peerPort);
  const text = error.notify === NotifyType.AUTHENTICATION_FAILED
    ? `${from} refused our authentication (${name}): we are ${showIdentity(sa.ownId!)} by ` +
      `pre-shared key`
    : error.notify === NotifyType.UNEXPECTED_NAT_DETECTED
    ? `${from} sees a NAT on the way (${name}), and disallownat allows none`
    : `${from} refused IKE_AUTH (${name})`;
  fail(turn, { cause: name, closeCode: error.notify, text });
}

/** RFC 7296 §2.19: a responder may pass over a CFG_REQUEST; a remote-access client needs its answer. */
function notAssigned({ path }: Received): Failure {
  const from = showEndpoint(path.peerAddress, path.peerPort);
  return refusedHere(
    `${from} assigned no inner address (no CFG_REPLY with one): ratunnel needs a gateway with a pool`,
  );
}

/** A failure of our own that waits for the peer's acknowledgement; see {@linkcode distrust}. */
export function pendingFailure(sa: IkeSa): Failure {
  return sa.failure ?? refusedHere("IKE_AUTH failed");
}
