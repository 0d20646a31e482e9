/**
 * The server of EAP-AKA (RFC 4187 §3, §9) and EAP-AKA′ (RFC 9048 §3), with the home network in it.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { refuse } from "@/eap/failure.ts";
import type { ServerContext, ServerReply, ServerRun } from "@/eap/method.ts";
import { encodeEap } from "@/eap/packet.ts";
import { akaKeys } from "@/eap/sim/aka_peer.ts";
import {
  countedAttribute,
  encodeSim,
  fixedAttribute,
  needAttribute,
  numberAttribute,
  type SimAttribute,
} from "@/eap/sim/attributes.ts";
import { type AkaVector, makeVector, resynchronise } from "@/eap/sim/card.ts";
import { checkcodeOf } from "@/eap/sim/peer_session.ts";
import { encodeWithMac, encrypted, verifyMac } from "@/eap/sim/protection.ts";
import {
  findSubscriber,
  newSimServer,
  nextIdentities,
  nextIdentityRequest,
  reauthRequest,
  reauthResponse,
  refuseAtOnce,
  type SimResponse,
  type SimServerState,
  simServerTakes,
  takeIdentity,
  takeReauth,
  verifyCheckcode,
} from "@/eap/sim/server_session.ts";
import { AKA, AKA_PRIME, type SimVariant } from "@/eap/sim/variant.ts";
import { SimAttributeType as At, SimSubtype } from "@/iana/eap_sim_aka.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";

const KDF = 1;
const NETWORK_NAME = "WLAN";
const PRIME_PREFERRED = 0x8000;
/** The most resynchronisations; a card must accept the challenge that follows its own AUTS. */
const RESYNCHRONISATIONS_MAX = 1;
const AUTS_OCTETS = 14;

interface AkaServer {
  readonly common: SimServerState;
  vector: AkaVector | undefined;
  resynchronisations: number;
  /** The request for an identity that waits for its response. */
  identityRequest: { readonly identifier: number; readonly data: Uint8Array } | undefined;
}

/** A run of AKA or AKA′ at the server. */
export function akaServer(variant: SimVariant, context: ServerContext): ServerRun {
  const common = newSimServer(variant, context);
  const state: AkaServer = {
    common,
    vector: undefined,
    resynchronisations: 0,
    identityRequest: undefined,
  };
  return {
    // RFC 4187 §4.1.3: the identity of EAP-Response/Identity may have been changed on its way, so it is asked for again.
    begin: (identifier) => askIdentity(state, identifier),
    take: (packet, next) =>
      simServerTakes(common, packet, { next, own: (response) => takeOwn(state, response) }),
    notes: () => common.notes,
  };
}

function takeOwn(state: AkaServer, response: SimResponse): ServerReply | undefined {
  const { stage } = state.common;
  switch (response.message.subtype) {
    case SimSubtype.AKA_IDENTITY:
      return stage === "identity" ? identity(state, response) : undefined;
    case SimSubtype.AKA_CHALLENGE:
      return stage === "challenge" ? verify(state, response) : undefined;
    case SimSubtype.AKA_SYNCHRONIZATION_FAILURE:
      return stage === "challenge" ? synchronise(state, response) : undefined;
    case SimSubtype.AKA_AUTHENTICATION_REJECT:
      return refuseAtOnce("refused by the other end", "the peer rejects this server's AUTN");
    case SimSubtype.REAUTHENTICATION:
      if (stage !== "reauthentication") return undefined;
      return reauthResponse(state.common, response) ?? challenge(state, response.next);
    default:
      return undefined;
  }
}

function askIdentity(state: AkaServer, identifier: number): Uint8Array {
  const data = encodeSim(SimSubtype.AKA_IDENTITY, [nextIdentityRequest(state.common)]);
  state.identityRequest = { identifier, data };
  return data;
}

function identity(state: AkaServer, response: SimResponse): ServerReply {
  const { common } = state;
  const { type } = common.variant;
  const { identifier, data, next } = response;
  const request = state.identityRequest!;
  common.rounds.push(encodeEap({ code: EapCode.REQUEST, type, ...request }));
  common.rounds.push(encodeEap({ code: EapCode.RESPONSE, type, identifier, data }));
  needAttribute(response.message.attributes, At.AT_IDENTITY);
  takeIdentity(common, response);
  const known = takeReauth(common);
  if (known) return { then: "more", data: reauthRequest(common, known, next) };
  if (findSubscriber(common)) return challenge(state, next);
  return { then: "more", data: askIdentity(state, next) };
}

function challenge(state: AkaServer, identifier: number): ServerReply {
  const { common } = state;
  const { variant, context: { env, settings } } = common;
  const networkName = variant === AKA_PRIME ? settings.networkName ?? NETWORK_NAME : undefined;
  const name = networkName === undefined ? undefined : new TextEncoder().encode(networkName);
  const vector = makeVector(common.user!.sim!, env.random(16));
  const keys = akaKeys(common.identity, vector, name);
  state.vector = vector;
  common.keys = keys;
  common.stage = "challenge";
  const next = nextIdentities(common, keys, undefined);
  const attributes: SimAttribute[] = [
    fixedAttribute(At.AT_RAND, vector.rand),
    fixedAttribute(At.AT_AUTN, vector.autn),
    ...(name ? [countedAttribute(At.AT_KDF_INPUT, name), numberAttribute(At.AT_KDF, KDF)] : []),
    ...(next.length > 0 ? encrypted(next, keys.kEncr, env.random(16)) : []),
    ...(common.rounds.length > 0 ? [checkcodeOf(variant, common.rounds)] : []),
    ...bidding(variant, settings.methods),
  ];
  const frame = { code: EapCode.REQUEST, identifier, type: variant.type };
  const { kAut } = keys;
  const subtype = SimSubtype.AKA_CHALLENGE;
  return { then: "more", data: encodeWithMac(frame, { subtype, attributes, kAut }) };
}

/** RFC 9048 §4: a server of AKA says that it has AKA′ and prefers it. */
function bidding(variant: SimVariant, methods: readonly number[]): SimAttribute[] {
  const prime = methods.indexOf(EapType.AKA_PRIME);
  const aka = methods.indexOf(EapType.AKA);
  if (variant !== AKA || prime < 0 || prime > aka) return [];
  return [numberAttribute(At.AT_BIDDING, PRIME_PREFERRED)];
}

function verify({ common, vector }: AkaServer, response: SimResponse): ServerReply {
  const { message, identifier, data } = response;
  const { kAut } = common.keys!;
  const frame = { code: EapCode.RESPONSE, identifier, type: common.variant.type };
  verifyMac(frame, data, { message, kAut });
  verifyCheckcode(common, message);
  const value = needAttribute(message.attributes, At.AT_RES);
  const wanted = vector!.res;
  const bits = value[0]! << 8 | value[1]!;
  const res = value.subarray(2, 2 + wanted.length);
  if (bits !== 8 * wanted.length || !sameOctets(res, wanted)) {
    refuse("wrong credentials", `the peer's AT_RES for "${common.permanent}" is wrong`);
  }
  return { then: "done", keys: common.keys, identity: common.permanent };
}

function synchronise(state: AkaServer, { message, next }: SimResponse): ServerReply {
  const { common, vector } = state;
  if (++state.resynchronisations > RESYNCHRONISATIONS_MAX) {
    refuse("wrong credentials", "the peer asks for resynchronisation once more");
  }
  const auts = needAttribute(message.attributes, At.AT_AUTS);
  if (auts.length !== AUTS_OCTETS) refuse("malformed", `AT_AUTS has ${auts.length} octets`);
  if (!resynchronise(common.user!.sim!, vector!.rand, auts)) {
    refuse("wrong credentials", "the peer's AUTS is wrong: K or OPc differ");
  }
  common.notes.push("the sequence number was behind the card's, and is set to it");
  return challenge(state, next);
}
