/**
 * The common parts of the servers of EAP-SIM, EAP-AKA and EAP-AKA′: identities of subscribers, fast
 * re-authentication, identities for the next login, and a notification before Failure (RFC 4187 §4 to
 * §6).
 * @module
 */
import { sameOctets, toHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { type EapCause, EapRefusal, refuse } from "@/eap/failure.ts";
import { identityText, printable, usernameOf } from "@/eap/identity.ts";
import type { MethodPacket, ServerContext, ServerReply } from "@/eap/method.ts";
import {
  countedAttribute,
  countedOctets,
  decodeSim,
  encodeSim,
  findAttribute,
  fixedAttribute,
  numberAttribute,
  numberValue,
  type SimAttribute,
  type SimMessage,
} from "@/eap/sim/attributes.ts";
import type { SimSessionKeys } from "@/eap/sim/keys.ts";
import { checkcodeOf } from "@/eap/sim/peer_session.ts";
import { decrypted, encodeWithMac, encrypted, verifyMac } from "@/eap/sim/protection.ts";
import type { RegisteredReauth } from "@/eap/sim/register.ts";
import { realmOf, type SimVariant } from "@/eap/sim/variant.ts";
import type { EapUser } from "@/eap/users.ts";
import {
  nameOfSimClientError,
  SimAttributeType as At,
  SimNotification,
  SimSubtype,
} from "@/iana/eap_sim_aka.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";

/** Requests for an identity, in their order (RFC 4187 §4.1.4). */
const REQUESTS = [At.AT_ANY_ID_REQ, At.AT_FULLAUTH_ID_REQ, At.AT_PERMANENT_ID_REQ];
const COUNTER_MAX = 0xffff;
const utf8 = new TextEncoder();

/** One run at the server. */
export interface SimServerState {
  readonly variant: SimVariant;
  readonly context: ServerContext;
  stage: "identity" | "challenge" | "reauthentication" | "failing";
  /** The last identity of the peer, from which keys are derived. */
  identity: string;
  /** The number of requests for an identity that were sent. */
  asked: number;
  /** The requests and responses about identities, which AT_CHECKCODE covers. */
  readonly rounds: Uint8Array[];
  /** The subscriber; undefined until it is known. */
  user: EapUser | undefined;
  /** Permanent identity of `user`. */
  permanent: string;
  keys: SimSessionKeys | undefined;
  reauth: { readonly state: RegisteredReauth; readonly nonceS: Uint8Array } | undefined;
  /** The reason of the Failure that follows the notification. */
  refusal: EapRefusal | undefined;
  readonly notes: string[];
}

/** A packet with its message, and the identifier of the next request. */
export interface SimResponse extends MethodPacket {
  readonly message: SimMessage;
  /** uint8. */
  readonly next: number;
}

/** A refusal after which Failure follows without a notification (RFC 4187 §6.3.2). */
class AtOnce extends EapRefusal {}

/** Ends the run without a notification. @throws {EapRefusal} always. */
export function refuseAtOnce(cause: EapCause, why: string): never {
  throw new AtOnce(cause, why);
}

/** A run's state. */
export function newSimServer(variant: SimVariant, context: ServerContext): SimServerState {
  return {
    variant,
    context,
    stage: "identity",
    identity: context.identity,
    asked: 0,
    rounds: [],
    user: undefined,
    permanent: "",
    keys: undefined,
    reauth: undefined,
    refusal: undefined,
    notes: [],
  };
}

/** See `EapMethod.lacksAsServer`. The user may be unknown, as the identity may be a pseudonym. */
export function lacksSubscriber(
  variant: SimVariant,
  { user, settings: { users } }: ServerContext,
): string | undefined {
  const isSim = variant.type === EapType.SIM;
  const what = isSim ? "SIM keys and no triplets" : "SIM keys";
  if (user && !isSubscriber(variant, user)) return `the user has no ${what}`;
  return users.hasSim || isSim && users.hasTriplets ? undefined : `no user has ${what}`;
}

/** Whether there is what the method needs: triplets do for EAP-SIM, but not for AKA. */
function isSubscriber(variant: SimVariant, { sim, triplets }: EapUser): boolean {
  return sim !== undefined || variant.type === EapType.SIM && triplets !== undefined;
}

/** Takes a response; a fault in it is answered by a notification, and then by Failure. */
export function simServerTakes(
  state: SimServerState,
  packet: MethodPacket,
  { next, own }: {
    readonly next: number;
    readonly own: (response: SimResponse) => ServerReply | undefined;
  },
): ServerReply {
  if (state.refusal) throw state.refusal; // whatever the peer says to the notification
  try {
    const response = { ...packet, message: decodeSim(packet.data), next };
    const { subtype, attributes } = response.message;
    if (subtype === SimSubtype.CLIENT_ERROR) {
      const code = numberValue(attributes, At.AT_CLIENT_ERROR_CODE);
      const name = nameOfSimClientError(code);
      return refuseAtOnce("refused by the other end", `the peer says client error ${name}`);
    }
    return own(response) ?? refuse("out of order", `the peer sends subtype ${subtype}`);
  } catch (e) {
    const refusal = e instanceof WireError ? new EapRefusal("malformed", e.message) : e;
    if (!(refusal instanceof EapRefusal) || refusal instanceof AtOnce) throw refusal;
    state.refusal = refusal;
    state.stage = "failing";
    const attributes = [numberAttribute(At.AT_NOTIFICATION, SimNotification.GENERAL_FAILURE)];
    return { then: "more", data: encodeSim(SimSubtype.NOTIFICATION, attributes) };
  }
}

/** The next request for an identity. @throws {EapRefusal} if all were sent. */
export function nextIdentityRequest(state: SimServerState): SimAttribute {
  const type = REQUESTS[state.asked];
  if (type === undefined) {
    refuse("no credentials", `nobody has the identity "${printable(state.identity)}"`);
  }
  state.asked++;
  return numberAttribute(type!, 0);
}

/** Takes AT_IDENTITY of a response, if there is one. */
export function takeIdentity(state: SimServerState, { message }: SimResponse): void {
  const attribute = message.attributes.find(({ type }) => type === At.AT_IDENTITY);
  if (attribute) state.identity = identityText(countedOctets(attribute));
}

/** The state for a re-authentication by this identity; undefined if there is none. */
export function takeReauth(state: SimServerState): RegisteredReauth | undefined {
  const { register } = state.context.settings;
  const { identity, variant } = state;
  if (!register?.hasReauth(identity)) return undefined;
  const known = register.takeReauth(identity)!;
  if (known.method !== variant.type || known.counter >= COUNTER_MAX) return undefined;
  state.permanent = known.permanent;
  state.user = subscriberOf(state, known.permanent);
  return state.user && known;
}

/** Finds the subscriber of a pseudonym or of a permanent identity; whether there is one. */
export function findSubscriber(state: SimServerState): boolean {
  const { register } = state.context.settings;
  const { identity } = state;
  state.permanent = register?.permanentOf(usernameOf(identity)) ?? identity;
  state.user = subscriberOf(state, state.permanent);
  return state.user !== undefined;
}

/** By the whole identity, by its username, and by its username without the method's digit. */
function subscriberOf({ context, variant }: SimServerState, identity: string): EapUser | undefined {
  const { users } = context.settings;
  const username = usernameOf(identity);
  const names = [identity, username];
  if (username.startsWith(variant.digits.permanent)) names.push(username.slice(1));
  for (const name of names) {
    const user = users.find(name);
    if (user && isSubscriber(variant, user)) return user;
  }
  return undefined;
}

/**
 * The identities for the next login, which are sent encrypted; none without a register.
 * @param counter of the present re-authentication.
 */
export function nextIdentities(
  state: SimServerState,
  keys: SimSessionKeys,
  counter: number | undefined,
): SimAttribute[] {
  const { context: { env, settings: { register } }, variant, permanent } = state;
  if (!register) return [];
  const fresh = (digit: string) => `${digit}${toHex(env.random(8))}`;
  const realm = realmOf(permanent);
  const identity = `${fresh(variant.digits.reauth)}${realm}`;
  const inside = [countedAttribute(At.AT_NEXT_REAUTH_ID, utf8.encode(identity))];
  if (counter === undefined) {
    const pseudonym = fresh(variant.digits.pseudonym);
    inside.unshift(countedAttribute(At.AT_NEXT_PSEUDONYM, utf8.encode(pseudonym)));
    register.addPseudonym(pseudonym, permanent);
  }
  const { masterKey, kEncr, kAut } = keys;
  const method = variant.type;
  const state_ = { identity, masterKey, kEncr, kAut, counter: counter ?? 0 };
  register.addReauth({ ...state_, method, permanent });
  return inside;
}

/** The request for a fast re-authentication (RFC 4187 §9.7). */
export function reauthRequest(
  state: SimServerState,
  known: RegisteredReauth,
  next: number,
): Uint8Array {
  const { context: { env }, variant } = state;
  const { kEncr, kAut, masterKey } = known;
  const nonceS = env.random(16);
  const counter = known.counter + 1;
  const derived = variant.reauthKeys(masterKey, { identity: known.identity, counter, nonceS });
  const keys = { masterKey, kEncr, kAut, ...derived };
  state.stage = "reauthentication";
  state.reauth = { state: { ...known, counter }, nonceS };
  state.keys = keys;
  const inside = [
    numberAttribute(At.AT_COUNTER, counter),
    fixedAttribute(At.AT_NONCE_S, nonceS),
    ...nextIdentities(state, keys, counter),
  ];
  const code = state.rounds.length > 0 ? [checkcodeOf(variant, state.rounds)] : [];
  const frame = { code: EapCode.REQUEST, identifier: next, type: variant.type };
  return encodeWithMac(frame, {
    subtype: SimSubtype.REAUTHENTICATION,
    attributes: [...encrypted(inside, kEncr, env.random(16)), ...code],
    kAut,
  });
}

/**
 * Takes the response to {@linkcode reauthRequest}; undefined if the peer says that the counter is too
 * small, so that a full authentication must follow.
 */
export function reauthResponse(
  state: SimServerState,
  { message, identifier, data }: SimResponse,
): ServerReply | undefined {
  const { state: known, nonceS } = state.reauth!;
  const { kAut, kEncr } = known;
  const frame = { code: EapCode.RESPONSE, identifier, type: state.variant.type };
  verifyMac(frame, data, { message, kAut, beside: nonceS });
  verifyCheckcode(state, message);
  const inside = decrypted(message.attributes, kEncr);
  const counter = numberValue(inside, At.AT_COUNTER);
  if (counter !== known.counter) {
    refuse("malformed", `the peer's counter is ${counter}, not ${known.counter}`);
  }
  if (findAttribute(inside, At.AT_COUNTER_TOO_SMALL)) {
    state.notes.push(`the peer finds counter ${counter} too small`);
    state.reauth = undefined;
    state.keys = undefined;
    return undefined;
  }
  state.notes.push(`a fast re-authentication, counter ${counter}`);
  return { then: "done", keys: state.keys, identity: state.permanent };
}

/** Verifies AT_CHECKCODE, if the peer sent one. @throws {EapRefusal} if it is wrong. */
export function verifyCheckcode(state: SimServerState, { attributes }: SimMessage): void {
  const value = findAttribute(attributes, At.AT_CHECKCODE);
  const wanted = checkcodeOf(state.variant, state.rounds).value;
  if (value && !sameOctets(value.subarray(2), wanted.subarray(2))) {
    refuse("wrong credentials", "the peer's AT_CHECKCODE is wrong: identities were tampered with");
  }
}
