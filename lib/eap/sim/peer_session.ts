/**
 * The common parts of the peers of EAP-SIM, EAP-AKA and EAP-AKA′: identities, notifications, fast
 * re-authentication, and Client-Error (RFC 4187 §4, §5, §6).
 * @module
 */
import { concat, sameOctets } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { type EapCause, EapRefusal, refuse } from "@/eap/failure.ts";
import type { EapCredentials, EapEnvironment, MethodPacket, PeerReply } from "@/eap/method.ts";
import { encodeEap } from "@/eap/packet.ts";
import {
  countedAttribute,
  countedOctets,
  decodeSim,
  encodeSim,
  findAttribute,
  fixedValue,
  numberAttribute,
  numberValue,
  type SimAttribute,
  type SimMessage,
} from "@/eap/sim/attributes.ts";
import type { ReauthState, SimCard } from "@/eap/sim/card.ts";
import type { SimSessionKeys } from "@/eap/sim/keys.ts";
import { decrypted, encodeWithMac, encrypted, verifyMac } from "@/eap/sim/protection.ts";
import { realmOf, type SimVariant } from "@/eap/sim/variant.ts";
import {
  nameOfSimNotification,
  nameOfSimSubtype,
  SimAttributeType as At,
  SimClientError,
  SimSubtype,
} from "@/iana/eap_sim_aka.ts";
import { EapCode } from "@/iana/eap_type.ts";

/** The order in which identities may be asked for, each once (RFC 4187 §4.1.4). */
const REQUEST_RANKS: ReadonlyMap<number, number> = new Map([
  [At.AT_ANY_ID_REQ, 1],
  [At.AT_FULLAUTH_ID_REQ, 2],
  [At.AT_PERMANENT_ID_REQ, 3],
]);
const SUCCESS_BIT = 0x8000;
const BEFORE_AUTHENTICATION_BIT = 0x4000;

/** One run at the peer. */
export interface SimPeerState {
  readonly variant: SimVariant;
  readonly own: EapCredentials;
  readonly card: SimCard;
  readonly env: EapEnvironment;
  /** The last identity that was sent, from which keys are derived. */
  identity: string;
  /** The state of `identity` if it is one for re-authentication. */
  offered: ReauthState | undefined;
  /** Rank of the last request for an identity. */
  asked: number;
  /** Packets of the identity rounds, for AT_CHECKCODE. */
  readonly rounds: Uint8Array[];
  /** The keys of the completed authentication. */
  keys: SimSessionKeys | undefined;
  /** The counter of the completed re-authentication. */
  reauthCounter: number | undefined;
  notified: boolean;
  readonly notes: string[];
}

/** A packet with its message. */
export interface SimRequest extends MethodPacket {
  readonly message: SimMessage;
}

/** Handles the subtypes of one method; undefined if it does not have the subtype either. */
export type OwnSubtypes = (state: SimPeerState, request: SimRequest) => PeerReply | undefined;

/** A refusal that has a code for AT_CLIENT_ERROR_CODE. */
export class ClientError extends EapRefusal {
  constructor(readonly code: number, why: string) {
    super("not supported", why);
  }
}

/** The state of a run. `sent` is the identity in the response to EAP-Request/Identity. */
export function newSimPeer(
  variant: SimVariant,
  { own, env }: { readonly own: EapCredentials; readonly env: EapEnvironment },
  sent: string | undefined,
): SimPeerState {
  const card = own.sim!;
  const identity = sent ?? own.identity;
  const reauth = card.reauths.get(variant.type);
  return {
    variant,
    own,
    card,
    env,
    identity,
    offered: reauth?.identity === identity ? reauth : undefined,
    asked: 0,
    rounds: [],
    keys: undefined,
    reauthCounter: undefined,
    notified: false,
    notes: [],
  };
}

/** The identity with which EAP-Request/Identity is answered: the best one that the card has. */
export function simIdentity({ type }: SimVariant, { sim }: EapCredentials): string | undefined {
  return sim?.reauths.get(type)?.identity ?? sim?.pseudonyms.get(type);
}

/** Answers a request; a fault in it is reported to the server by Client-Error (RFC 4187 §6.3.1). */
export function simPeerTakes(
  state: SimPeerState,
  packet: MethodPacket,
  own: OwnSubtypes,
): PeerReply {
  try {
    const request = { ...packet, message: decodeSim(packet.data) };
    switch (request.message.subtype) {
      case SimSubtype.NOTIFICATION:
        return notification(state, request);
      case SimSubtype.REAUTHENTICATION:
        return reauthenticate(state, request);
    }
    const { subtype } = request.message;
    if (state.keys) refuse("out of order", `${nameOfSimSubtype(subtype)} behind the method's end`);
    return own(state, request) ?? refuse("malformed", `a subtype of ${subtype}`);
  } catch (e) {
    if (e instanceof EapRefusal) {
      return clientError(e instanceof ClientError ? e.code : 0, e.kind, e.message);
    }
    if (e instanceof WireError) return clientError(0, "malformed", e.message);
    throw e;
  }
}

function clientError(code: number, cause: EapCause, why: string): PeerReply {
  const attributes = [numberAttribute(At.AT_CLIENT_ERROR_CODE, code)];
  return { then: "refused", data: encodeSim(SimSubtype.CLIENT_ERROR, attributes), cause, why };
}

/**
 * The identity that a message asks for, as AT_IDENTITY; undefined if it asks for none
 * (RFC 4187 §4.1.4, RFC 4186 §4.2.4).
 * @throws {EapRefusal} if requests come in another order than that of the RFC.
 */
export function identityAsked(
  state: SimPeerState,
  { message }: SimRequest,
): SimAttribute | undefined {
  const asked = message.attributes.filter(({ type }) => REQUEST_RANKS.has(type));
  if (asked.length === 0) return undefined;
  if (asked.length > 1) refuse("malformed", "the server asks for two identities at once");
  const rank = REQUEST_RANKS.get(asked[0]!.type)!;
  if (rank <= state.asked) refuse("out of order", "the server asks for an identity once more");
  state.asked = rank;
  const { card, variant, own } = state;
  const pseudonym = card.pseudonyms.get(variant.type);
  state.offered = rank === 1 ? card.reauths.get(variant.type) : undefined;
  // RFC 4187 §4.1.4: a server that asks for a further identity does not know the one before.
  if (rank >= 2) card.reauths.delete(variant.type);
  if (rank === 3) card.pseudonyms.delete(variant.type);
  const fallback = rank < 3 && pseudonym !== undefined ? pseudonym : own.identity;
  state.identity = state.offered?.identity ?? fallback;
  return countedAttribute(At.AT_IDENTITY, new TextEncoder().encode(state.identity));
}

/** Keeps a request for an identity and its response, which AT_CHECKCODE covers. */
export function rememberRound(
  { variant: { type }, rounds }: SimPeerState,
  { identifier, data }: MethodPacket,
  response: Uint8Array,
): void {
  rounds.push(encodeEap({ code: EapCode.REQUEST, identifier, type, data }));
  rounds.push(encodeEap({ code: EapCode.RESPONSE, identifier, type, data: response }));
}

/** The frame of our response, or of the request it answers. */
export function frameOf({ variant: { type } }: SimPeerState, { identifier }: MethodPacket) {
  return {
    request: { code: EapCode.REQUEST, identifier, type },
    response: { code: EapCode.RESPONSE, identifier, type },
  };
}

/**
 * The AT_CHECKCODE of the response, if the server sent one.
 * @throws {EapRefusal} if the requests and responses about identities are not those of the server.
 */
export function checkcode(state: SimPeerState, { message }: SimRequest): SimAttribute[] {
  const value = findAttribute(message.attributes, At.AT_CHECKCODE);
  if (!value) return [];
  const wanted = checkcodeOf(state.variant, state.rounds);
  if (!sameOctets(value.subarray(2), wanted.value.subarray(2))) {
    refuse(
      "wrong credentials",
      "the server's AT_CHECKCODE is wrong: identities were tampered with",
    );
  }
  return [wanted];
}

/** AT_CHECKCODE over the requests and responses about identities; empty if there were none (RFC 4187 §10.13). */
export function checkcodeOf(variant: SimVariant, rounds: readonly Uint8Array[]): SimAttribute {
  const hash = rounds.length > 0 ? variant.hash(concat(...rounds)) : new Uint8Array(0);
  return { type: At.AT_CHECKCODE, value: concat(new Uint8Array(2), hash) };
}

/** Keeps the identities for the next login, of a message whose AT_MAC is valid. */
export function takeNextIdentities(
  { card, variant, own }: SimPeerState,
  inside: readonly SimAttribute[],
  { keys, counter }: { readonly keys: SimSessionKeys; readonly counter: number },
): void {
  const textOf = (type: number): string | undefined => {
    const attribute = inside.find((a) => a.type === type);
    return attribute && new TextDecoder().decode(countedOctets(attribute));
  };
  const pseudonym = textOf(At.AT_NEXT_PSEUDONYM);
  const identity = textOf(At.AT_NEXT_REAUTH_ID);
  if (pseudonym) card.pseudonyms.set(variant.type, `${pseudonym}${realmOf(own.identity)}`);
  card.reauths.delete(variant.type);
  if (!identity) return;
  const { masterKey, kEncr, kAut } = keys;
  card.reauths.set(variant.type, { identity, masterKey, kEncr, kAut, counter });
}

function reauthenticate(state: SimPeerState, request: SimRequest): PeerReply {
  const { offered, variant, env } = state;
  const { message, data } = request;
  if (!offered || state.keys) return refuse("out of order", "a re-authentication nobody offered");
  const { kAut, kEncr, masterKey } = offered;
  const frame = frameOf(state, request);
  verifyMac(frame.request, data, { message, kAut });
  const inside = decrypted(message.attributes, kEncr);
  const counter = numberValue(inside, At.AT_COUNTER);
  const nonceS = fixedValue(inside, At.AT_NONCE_S, 16).slice();
  const code = checkcode(state, request);
  const tooSmall = counter <= offered.counter;
  const answer = [numberAttribute(At.AT_COUNTER, counter)];
  if (tooSmall) answer.push(numberAttribute(At.AT_COUNTER_TOO_SMALL, 0));
  const response = encodeWithMac(frame.response, {
    subtype: SimSubtype.REAUTHENTICATION,
    attributes: [...encrypted(answer, kEncr, env.random(16)), ...code],
    kAut,
    beside: nonceS,
  });
  state.card.reauths.delete(variant.type);
  if (tooSmall) {
    state.notes.push(`the server's counter is ${counter}, below ${offered.counter + 1}`);
    return { then: "more", data: response };
  }
  const fresh = variant.reauthKeys(masterKey, { identity: offered.identity, counter, nonceS });
  const keys = { masterKey, kEncr, kAut, ...fresh };
  takeNextIdentities(state, inside, { keys, counter });
  state.keys = keys;
  state.reauthCounter = counter;
  state.notes.push(`a fast re-authentication, counter ${counter}`);
  return { then: "done", data: response, keys: fresh, open: true };
}

/** RFC 4187 §6.1, §9.10: a notification is protected when the authentication is complete. */
function notification(state: SimPeerState, request: SimRequest): PeerReply {
  const { message, data } = request;
  const { keys, reauthCounter, env } = state;
  if (state.notified) refuse("out of order", "the server notifies a second time");
  state.notified = true;
  const code = numberValue(message.attributes, At.AT_NOTIFICATION);
  const frame = frameOf(state, request);
  const early = (code & BEFORE_AUTHENTICATION_BIT) !== 0;
  let response = encodeSim(SimSubtype.NOTIFICATION, []);
  if (!early) {
    if (!keys) return refuse("out of order", "a protected notification without keys");
    const { kAut, kEncr } = keys;
    verifyMac(frame.request, data, { message, kAut });
    const counted = reauthCounter === undefined
      ? []
      : encrypted([numberAttribute(At.AT_COUNTER, reauthCounter)], kEncr, env.random(16));
    response = encodeWithMac(frame.response, {
      subtype: SimSubtype.NOTIFICATION,
      attributes: counted,
      kAut,
    });
  }
  const name = nameOfSimNotification(code);
  if ((code & SUCCESS_BIT) !== 0) {
    if (!keys || early) refuse("out of order", `the server notifies ${name}`);
    return { then: "done", data: response, keys, open: true };
  }
  const why = `the server notifies ${name} (${code})`;
  return { then: "refused", data: response, cause: "refused by the other end", why };
}

/** The codes of {@linkcode ClientError}. */
export const { UNSUPPORTED_VERSION, INSUFFICIENT_NUMBER_OF_CHALLENGES, RANDS_ARE_NOT_FRESH } =
  SimClientError;
