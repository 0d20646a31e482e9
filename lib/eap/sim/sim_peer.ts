/**
 * The peer of EAP-SIM (RFC 4186 §3, §9).
 * @module
 */
import { concat, toHex } from "@/base/bytes.ts";
import { refuse } from "@/eap/failure.ts";
import type { EapCredentials, EapEnvironment, PeerReply, PeerRun } from "@/eap/method.ts";
import {
  countedOctets,
  encodeSim,
  fixedAttribute,
  needAttribute,
  numberAttribute,
  type SimAttribute,
} from "@/eap/sim/attributes.ts";
import { keysOfMasterKey, simMasterKey } from "@/eap/sim/keys.ts";
import { gsmTriplet } from "@/eap/sim/milenage.ts";
import {
  ClientError,
  frameOf,
  identityAsked,
  INSUFFICIENT_NUMBER_OF_CHALLENGES,
  newSimPeer,
  RANDS_ARE_NOT_FRESH,
  type SimPeerState,
  simPeerTakes,
  type SimRequest,
  takeNextIdentities,
  UNSUPPORTED_VERSION,
} from "@/eap/sim/peer_session.ts";
import { decrypted, encodeWithMac, verifyMac } from "@/eap/sim/protection.ts";
import { SIM } from "@/eap/sim/variant.ts";
import { SimAttributeType as At, SimSubtype } from "@/iana/eap_sim_aka.ts";

/** The one version of EAP-SIM. */
export const SIM_VERSION = 1;
const RAND_OCTETS = 16;
/** RFC 4186 §10.9: two or three, which must differ. */
const RANDS = { min: 2, max: 3 };

interface SimPeer {
  readonly common: SimPeerState;
  /** The values on which the last Start agreed. */
  started: { readonly nonceMt: Uint8Array; readonly versions: Uint8Array } | undefined;
}

/** A run of SIM at the peer. */
export function simPeer(
  own: EapCredentials,
  env: EapEnvironment,
  sent: string | undefined,
): PeerRun {
  const common = newSimPeer(SIM, { own, env }, sent);
  const state: SimPeer = { common, started: undefined };
  return {
    take: (packet) => simPeerTakes(common, packet, (_, request) => takeOwn(state, request)),
    notes: () => common.notes,
  };
}

function takeOwn(state: SimPeer, request: SimRequest): PeerReply | undefined {
  switch (request.message.subtype) {
    case SimSubtype.SIM_START:
      return start(state, request);
    case SimSubtype.SIM_CHALLENGE:
      return challenge(state, request);
    default:
      return undefined;
  }
}

function start(state: SimPeer, request: SimRequest): PeerReply {
  const { common } = state;
  const { attributes } = request.message;
  const versions = versionsIn(attributes);
  const asked = identityAsked(common, request);
  const identity = asked ? [asked] : [];
  // RFC 4186 §9.2: a peer that offers a re-authentication sends no nonce; a Start without a request for an
  // identity demands one.
  if (asked && common.offered) {
    return { then: "more", data: encodeSim(SimSubtype.SIM_START, identity) };
  }
  state.started ??= { nonceMt: common.env.random(16), versions };
  state.started = { ...state.started, versions };
  const data = encodeSim(SimSubtype.SIM_START, [
    fixedAttribute(At.AT_NONCE_MT, state.started.nonceMt),
    numberAttribute(At.AT_SELECTED_VERSION, SIM_VERSION),
    ...identity,
  ]);
  return { then: "more", data };
}

function versionsIn(attributes: readonly SimAttribute[]): Uint8Array {
  const versions = countedOctets({
    type: At.AT_VERSION_LIST,
    value: needAttribute(attributes, At.AT_VERSION_LIST),
  }).slice();
  const list = Array.from(
    { length: versions.length / 2 },
    (_, i) => versions[2 * i]! << 8 | versions[2 * i + 1]!,
  );
  if (versions.length === 0 || versions.length % 2 !== 0) {
    refuse("malformed", `AT_VERSION_LIST has ${versions.length} octets`);
  }
  if (!list.includes(SIM_VERSION)) {
    throw new ClientError(UNSUPPORTED_VERSION, `the server has version ${list.join(", ")}, not 1`);
  }
  return versions;
}

function challenge({ common, started }: SimPeer, request: SimRequest): PeerReply {
  if (!started) return refuse("out of order", "the server sends a challenge before Start");
  const { message, data } = request;
  const frame = frameOf(common, request);
  const triplets = randsIn(message.attributes).map((rand) => gsmTriplet(common.card, rand));
  const kcs = triplets.map(({ kc }) => kc);
  const { nonceMt } = started;
  const inputs = { ...started, selected: SIM_VERSION };
  const keys = keysOfMasterKey(simMasterKey(common.identity, kcs, inputs));
  verifyMac(frame.request, data, { message, kAut: keys.kAut, beside: nonceMt });
  const inside = decrypted(message.attributes, keys.kEncr);
  takeNextIdentities(common, inside, { keys, counter: 0 });
  common.keys = keys;
  const response = encodeWithMac(frame.response, {
    subtype: SimSubtype.SIM_CHALLENGE,
    attributes: [],
    kAut: keys.kAut,
    beside: concat(...triplets.map(({ sres }) => sres)),
  });
  return { then: "done", data: response, keys, open: true };
}

function randsIn(attributes: readonly SimAttribute[]): Uint8Array[] {
  const octets = needAttribute(attributes, At.AT_RAND).slice(2);
  const count = octets.length / RAND_OCTETS;
  if (!Number.isInteger(count)) {
    refuse("malformed", `attribute AT_RAND has ${octets.length} octets`);
  }
  if (count < RANDS.min || count > RANDS.max) {
    throw new ClientError(
      INSUFFICIENT_NUMBER_OF_CHALLENGES,
      `the server sends ${count} RAND, not ${RANDS.min} or ${RANDS.max}`,
    );
  }
  const rands = Array.from(
    { length: count },
    (_, i) => octets.subarray(RAND_OCTETS * i, RAND_OCTETS * (i + 1)),
  );
  if (new Set(rands.map(toHex)).size < count) {
    throw new ClientError(RANDS_ARE_NOT_FRESH, "the server sends one RAND twice");
  }
  return rands;
}
