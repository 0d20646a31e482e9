/**
 * Authentication by EAP (RFC 7296 §2.16). The initiator leaves AUTH out, and both ends exchange
 * EAP packets until the responder sends Success. Then the AUTH payloads of both ends prove the key
 * of the EAP method, or SK_pi and SK_pr if the method has no key. Each step of the conversation is
 * a compute job: methods of this program answer synchronously, RADIUS servers and processes later.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import type { EapAnswer, EapOutcome, EapPeer, EapServer } from "@/eap/conversation.ts";
import { AuthMethod, nameOfAuthMethod } from "@/iana/auth_method.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { type AuthMethodPair, type AuthStep, done, waits } from "@/ike/auth/authenticator.ts";
import { refuses } from "@/ike/auth/authenticator.ts";
import { authBehindEap } from "@/ike/auth/ppk.ts";
import { sharedKeyMic } from "@/ike/auth/psk.ts";
import { signedOctetsOf, skPOf } from "@/ike/auth/signed_octets.ts";
import type { AuthEnd, AuthSide } from "@/ike/records/auth_rounds.ts";
import type { EapPeerAuth, EapServerAuth } from "@/ike/records/config.ts";
import type { ComputeResult, Turn } from "@/ike/records/event.ts";
import { ownSpi } from "@/ike/records/ike_sa.ts";
import { findPayload, type Payload } from "@/wire/message.ts";

/** The state between two messages. */
interface Conversing<E extends EapPeer | EapServer> {
  readonly conversation: E;
  /** The outcome of a successful conversation. */
  outcome: EapOutcome | undefined;
  /** Closes the conversation; see `closeRounds`. */
  close(): void;
}

/** See {@linkcode AuthMethodPair}. */
export const eap: AuthMethodPair<EapPeerAuth, EapServerAuth> = {
  nameOf: () => "eap",

  own: {
    begin({ sa }, side) {
      side.progress = newProgress(side.config.open(sa.index));
      return waits();
    },

    take(turn, side, payloads) {
      const { conversation, outcome } = progressOf<EapPeer>(side);
      if (!outcome) return step(payloads, conversation, "responder");
      const fault = keyFault(turn.sa, payloads, outcome);
      if (fault) return refuses(fault);
      turn.sa.peer.ownAuth = AuthMethod.PRIVATE_EAP;
      return done();
    },

    computed(turn, side, result) {
      const answer = answerIn(result);
      const progress = progressOf<EapPeer>(side);
      if (answer.kind === "send") return waits([packet(answer.octets)]);
      if (answer.kind !== "succeeded") return failed(answer);
      const { outcome } = answer;
      const fault = missingKey(turn, outcome, "peer");
      if (fault) return refuses(fault);
      progress.outcome = outcome;
      note(turn, outcome);
      return waits(authBehindEap(turn, () => authByKey(turn.sa, outcome)));
    },
  },

  peer: {
    begin: () => waits(),

    take(turn, side, payloads) {
      const { sa } = turn;
      if (side.progress === undefined) return start(turn, side, payloads);
      const { conversation, outcome } = progressOf<EapServer>(side);
      if (!outcome) return step(payloads, conversation, "initiator");
      const fault = keyFault(sa, payloads, outcome);
      if (fault) return refuses(fault);
      sa.peer.auth = AuthMethod.PRIVATE_EAP;
      sa.peer.eapIdentity = outcome.identity;
      return done([authByKey(sa, outcome)]);
    },

    computed(turn, side, result) {
      const answer = answerIn(result);
      const progress = progressOf<EapServer>(side);
      if (answer.kind === "send") return waits([packet(answer.octets)]);
      if (answer.kind !== "succeeded") return failed(answer);
      const { outcome } = answer;
      const fault = missingKey(turn, outcome, "own");
      if (fault) return refuses(fault);
      progress.outcome = outcome;
      note(turn, outcome);
      return waits(answer.octets ? [packet(answer.octets)] : []);
    },
  },
};

/**
 * Why the server will refuse the peer, while the conversation still goes on; undefined if there is
 * no reason.
 */
export function foundAgainst({ config, progress }: AuthSide) {
  if (config.kind !== "eap" || progress === undefined) return undefined;
  const { conversation } = progress as Conversing<EapPeer | EapServer>;
  return "verdict" in conversation ? conversation.verdict?.() : undefined;
}

function newProgress<E extends EapPeer | EapServer>(conversation: E): Conversing<E> {
  return { conversation, outcome: undefined, close: () => conversation.close() };
}

function progressOf<E extends EapPeer | EapServer>(side: AuthSide<unknown>): Conversing<E> {
  return side.progress as Conversing<E>;
}

/**
 * The first request of a responder, which begins a method for the identity of IDi, or asks for an
 * identity.
 */
function start(
  { sa }: Turn,
  side: AuthSide<EapServerAuth>,
  payloads: readonly Payload[],
): AuthStep {
  const auth = findPayload(payloads, PayloadType.AUTH);
  if (auth) {
    const by = nameOfAuthMethod(auth.method);
    return refuses(`it authenticates by ${by}, authpeermethod asks for eap`);
  }
  const { open, asksIdentity } = side.config;
  const server = open({ spi: ownSpi(sa) });
  side.progress = newProgress(server);
  const identity = asksIdentity ? undefined : textOf(sa.peer.id!.data);
  return { kind: "computes", job: { op: "eap_start", server, identity } };
}

/**
 * The identity as text for EAP; undefined if the octets are no text, so that the server asks for
 * it.
 */
function textOf(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}

/** Passes the EAP packet of a message to our end of the conversation. */
function step(
  payloads: readonly Payload[],
  end: EapPeer | EapServer,
  from: "initiator" | "responder",
): AuthStep {
  const received = findPayload(payloads, PayloadType.EAP);
  if (!received) return refuses(`the ${from} sent no EAP packet where EAP was under way`);
  return { kind: "computes", job: { op: "eap_step", end, octets: received.data } };
}

function answerIn(result: ComputeResult): EapAnswer {
  must(result.op === "eap", "an EAP conversation was asked for");
  return result.answer;
}

/** The step for a failed conversation, with the last packet of the server. */
function failed(answer: Exclude<EapAnswer, { kind: "send" | "succeeded" }>): AuthStep {
  // RFC 3748 drops such packets and waits for another one, but in IKE no other one follows.
  if (answer.kind === "discarded") return refuses(`its EAP packet is no use: ${answer.why}`);
  const payloads = answer.octets ? [packet(answer.octets)] : [];
  return { kind: "refuses", why: answer.why, cause: `EAP: ${answer.cause}`, payloads };
}

function packet(data: Uint8Array): Payload {
  return { type: PayloadType.EAP, data };
}

function note({ sa, out }: Turn, { notes, methodName, identity }: EapOutcome): void {
  for (const text of notes) {
    out.push({ kind: "note", level: 4, text: `${methodName} of ${identity}: ${text}` }, sa);
  }
}

/** RFC 5998 §3: without a key of the EAP method, the responder would not be authenticated. */
function missingKey(
  { sa }: Turn,
  { msk, methodName }: EapOutcome,
  responder: AuthEnd,
): string | undefined {
  if (msk || sa.config.auth[responder].kind !== "eap_only") return undefined;
  if (sa.env.broken.has("eap_only_without_key")) return undefined;
  return `${methodName} has no key (MSK), which EAP-only authentication needs (RFC 5998)`;
}

/** The AUTH payload of this end, made with the key of the EAP method. */
function authByKey(sa: IkeSa, outcome: EapOutcome): Payload {
  const data = macOf(sa, "own", outcome);
  return { type: PayloadType.AUTH, method: AuthMethod.SHARED_KEY_MIC, data };
}

/** Why the peer's AUTH does not prove the key of the EAP method; undefined if it does. */
function keyFault(
  sa: IkeSa,
  payloads: readonly Payload[],
  outcome: EapOutcome,
): string | undefined {
  const auth = findPayload(payloads, PayloadType.AUTH);
  if (!auth) return "it sent no AUTH behind EAP Success";
  if (auth.method !== AuthMethod.SHARED_KEY_MIC) {
    return `its AUTH behind EAP is by ${nameOfAuthMethod(auth.method)}, not by the key of EAP`;
  }
  if (sameOctets(auth.data, macOf(sa, "peer", outcome))) return undefined;
  if (sa.env.broken.has("accept_any_auth")) return undefined;
  const key = outcome.msk ? "the key (MSK)" : "SK_pi or SK_pr behind";
  return `its AUTH data does not prove ${key} of ${outcome.methodName}`;
}

/**
 * RFC 7296 §2.16: AUTH is made with the MSK; without an MSK, with SK_pi of an initiator or SK_pr of
 * a responder.
 */
function macOf(sa: IkeSa, end: AuthEnd, { msk }: EapOutcome): Uint8Array {
  return sharedKeyMic(sa.suite!.prf, msk ?? skPOf(sa, end), signedOctetsOf(sa, end));
}
