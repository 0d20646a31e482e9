/**
 * The peer of EAP-AKA (RFC 4187 §3, §9) and EAP-AKA′ (RFC 9048 §3).
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { refuse } from "@/eap/failure.ts";
import type { EapCredentials, EapEnvironment, PeerReply, PeerRun } from "@/eap/method.ts";
import {
  countedAttribute,
  countedOctets,
  encodeSim,
  findAttribute,
  fixedValue,
  needAttribute,
  numberAttribute,
  type SimAttribute,
} from "@/eap/sim/attributes.ts";
import { type AkaVector, answerChallenge } from "@/eap/sim/card.ts";
import {
  akaMasterKey,
  akaPrimeKeys,
  keysOfMasterKey,
  primeKeys,
  type SimSessionKeys,
} from "@/eap/sim/keys.ts";
import {
  checkcode,
  frameOf,
  identityAsked,
  newSimPeer,
  rememberRound,
  type SimPeerState,
  simPeerTakes,
  type SimRequest,
  takeNextIdentities,
} from "@/eap/sim/peer_session.ts";
import { decrypted, encodeWithMac, verifyMac } from "@/eap/sim/protection.ts";
import { AKA_PRIME, type SimVariant } from "@/eap/sim/variant.ts";
import { SimAttributeType as At, SimSubtype } from "@/iana/eap_sim_aka.ts";
import { EapType } from "@/iana/eap_type.ts";

/** The only key derivation function that is defined (RFC 9048 §3.3). */
const KDF = 1;
/** The most resynchronisations; RFC 4187 §6.3.2 allows one more challenge after AUTS. */
const RESYNCHRONISATIONS_MAX = 2;
/** The D bit of AT_BIDDING (RFC 9048 §4). */
const PRIME_PREFERRED = 0x8000;

interface AkaPeer {
  readonly common: SimPeerState;
  resynchronisations: number;
  /** The values of AT_KDF in a challenge for which this end asked for another function. */
  offeredKdfs: readonly number[] | undefined;
}

/** A run of AKA or AKA′ at the peer. */
export function akaPeer(
  variant: SimVariant,
  { own, env }: { readonly own: EapCredentials; readonly env: EapEnvironment },
  sent: string | undefined,
): PeerRun {
  const common = newSimPeer(variant, { own, env }, sent);
  const state: AkaPeer = { common, resynchronisations: 0, offeredKdfs: undefined };
  return {
    take: (packet) => simPeerTakes(common, packet, (_, request) => takeOwn(state, request)),
    notes: () => common.notes,
  };
}

function takeOwn(state: AkaPeer, request: SimRequest): PeerReply | undefined {
  switch (request.message.subtype) {
    case SimSubtype.AKA_IDENTITY:
      return identity(state.common, request);
    case SimSubtype.AKA_CHALLENGE:
      return challenge(state, request);
    default:
      return undefined;
  }
}

function identity(state: SimPeerState, request: SimRequest): PeerReply {
  const asked = identityAsked(state, request) ??
    refuse("malformed", "the server asks for an identity and does not say which");
  const data = encodeSim(SimSubtype.AKA_IDENTITY, [asked]);
  rememberRound(state, request, data);
  return { then: "more", data };
}

function challenge(state: AkaPeer, request: SimRequest): PeerReply {
  const { common } = state;
  const { variant, card } = common;
  const { attributes } = request.message;
  const prime = variant === AKA_PRIME ? networkNameIn(attributes) : undefined;
  if (prime) {
    const choice = chooseKdf(state, attributes);
    if (choice) return choice;
  }
  const rand = fixedValue(attributes, At.AT_RAND, 16).slice();
  const autn = fixedValue(attributes, At.AT_AUTN, 16).slice();
  const verdict = answerChallenge(card, { rand, autn }, prime !== undefined);
  switch (verdict.kind) {
    case "rejected": {
      const data = encodeSim(SimSubtype.AKA_AUTHENTICATION_REJECT, []);
      return { then: "refused", data, cause: "wrong credentials", why: verdict.why };
    }
    case "resynchronise":
      return resynchronise(state, verdict.auts, attributes);
    case "accepted":
      return accept(common, request, { vector: verdict.vector, networkName: prime });
  }
}

function accept(
  state: SimPeerState,
  request: SimRequest,
  { vector, networkName }: {
    readonly vector: AkaVector;
    readonly networkName: Uint8Array | undefined;
  },
): PeerReply {
  const { message, data } = request;
  const frame = frameOf(state, request);
  const keys = akaKeys(state.identity, vector, networkName);
  verifyMac(frame.request, data, { message, kAut: keys.kAut });
  refuseBiddingDown(state, message.attributes);
  const code = checkcode(state, request);
  const inside = decrypted(message.attributes, keys.kEncr);
  takeNextIdentities(state, inside, { keys, counter: 0 });
  const res = countedAttribute(At.AT_RES, vector.res, 8 * vector.res.length);
  const response = encodeWithMac(frame.response, {
    subtype: SimSubtype.AKA_CHALLENGE,
    attributes: [res, ...code],
    kAut: keys.kAut,
  });
  state.keys = keys;
  return { then: "done", data: response, keys, open: true };
}

/** Keys of a full authentication by AKA, or with a network's name by AKA′. */
export function akaKeys(
  identity: string,
  vector: AkaVector,
  networkName: Uint8Array | undefined,
): SimSessionKeys {
  if (!networkName) return keysOfMasterKey(akaMasterKey(identity, vector.ik, vector.ck));
  const { ikPrime, ckPrime } = primeKeys(vector, networkName);
  return akaPrimeKeys(identity, ikPrime, ckPrime);
}

/** RFC 4187 §6.3.1: with AT_KDF of the challenge beside it in AKA′ (RFC 9048 §3.2). */
function resynchronise(
  state: AkaPeer,
  auts: Uint8Array,
  attributes: readonly SimAttribute[],
): PeerReply {
  if (++state.resynchronisations > RESYNCHRONISATIONS_MAX) {
    refuse("wrong credentials", "the network's sequence number stays behind the card's");
  }
  state.common.notes.push("the network's sequence number was behind the card's");
  const kdfs = attributes.filter(({ type }) => type === At.AT_KDF);
  const data = encodeSim(SimSubtype.AKA_SYNCHRONIZATION_FAILURE, [
    { type: At.AT_AUTS, value: auts },
    ...kdfs,
  ]);
  return { then: "more", data };
}

function networkNameIn(attributes: readonly SimAttribute[]): Uint8Array {
  const name = countedOctets({
    type: At.AT_KDF_INPUT,
    value: needAttribute(attributes, At.AT_KDF_INPUT),
  });
  if (name.length === 0) refuse("malformed", "the server's network name is empty");
  return concat(name);
}

/** RFC 9048 §3.2: the first one is the server's choice; if this end asks for another, the server must repeat it. */
function chooseKdf(state: AkaPeer, attributes: readonly SimAttribute[]): PeerReply | undefined {
  const kdfs = attributes.filter(({ type }) => type === At.AT_KDF)
    .map(({ value }) => value[0]! << 8 | value[1]!);
  if (kdfs.length === 0) refuse("malformed", "attribute AT_KDF is missing");
  const { offeredKdfs } = state;
  if (offeredKdfs) {
    const wanted = [KDF, ...offeredKdfs];
    const same = kdfs.length === wanted.length && kdfs.every((kdf, i) => kdf === wanted[i]);
    if (!same) refuse("malformed", "the server's AT_KDF are not those it offered before");
    return undefined;
  }
  if (kdfs[0] === KDF) {
    if (kdfs.lastIndexOf(KDF) > 0) refuse("malformed", "the server offers one AT_KDF twice");
    return undefined;
  }
  if (!kdfs.includes(KDF)) {
    const why = `the server has key derivation ${kdfs.join(", ")}, this end has ${KDF}`;
    const data = encodeSim(SimSubtype.AKA_AUTHENTICATION_REJECT, []);
    return { then: "refused", data, cause: "no common method", why };
  }
  state.offeredKdfs = kdfs;
  const data = encodeSim(SimSubtype.AKA_CHALLENGE, [numberAttribute(At.AT_KDF, KDF)]);
  return { then: "more", data };
}

/** RFC 9048 §4: an end that has AKA′ and prefers it does not accept a bidding down to AKA. */
function refuseBiddingDown(
  { variant, own }: SimPeerState,
  attributes: readonly SimAttribute[],
): void {
  const value = findAttribute(attributes, At.AT_BIDDING);
  if (variant === AKA_PRIME || !value) return;
  const prime = own.methods.indexOf(EapType.AKA_PRIME);
  const aka = own.methods.indexOf(EapType.AKA);
  const preferred = ((value[0]! << 8 | value[1]!) & PRIME_PREFERRED) !== 0;
  if (preferred && prime >= 0 && prime < aka) {
    refuse("wrong credentials", "both ends prefer EAP-AKA', somebody has bidden them down");
  }
}
