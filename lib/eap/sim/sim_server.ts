/**
 * The server of EAP-SIM (RFC 4186 §3, §9), with the home network in it.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { refuse } from "@/eap/failure.ts";
import type { ServerContext, ServerReply, ServerRun } from "@/eap/method.ts";
import {
  countedAttribute,
  encodeSim,
  fixedAttribute,
  fixedValue,
  numberValue,
  type SimAttribute,
} from "@/eap/sim/attributes.ts";
import { keysOfMasterKey, simMasterKey } from "@/eap/sim/keys.ts";
import { gsmTriplet } from "@/eap/sim/milenage.ts";
import { encodeWithMac, encrypted, verifyMac } from "@/eap/sim/protection.ts";
import {
  findSubscriber,
  newSimServer,
  nextIdentities,
  nextIdentityRequest,
  reauthRequest,
  reauthResponse,
  type SimResponse,
  type SimServerState,
  simServerTakes,
  takeIdentity,
  takeReauth,
} from "@/eap/sim/server_session.ts";
import { SIM_VERSION } from "@/eap/sim/sim_peer.ts";
import { type GsmTriplet, takeTriplets } from "@/eap/sim/triplets.ts";
import { SIM } from "@/eap/sim/variant.ts";
import { SimAttributeType as At, SimSubtype } from "@/iana/eap_sim_aka.ts";
import { EapCode } from "@/iana/eap_type.ts";

const RANDS = 3;
const VERSIONS = Uint8Array.of(0, SIM_VERSION);

interface SimServer {
  readonly common: SimServerState;
  /** SRES of all triplets, in order. */
  sres: Uint8Array;
}

/** A run of SIM at the server. */
export function simServer(context: ServerContext): ServerRun {
  const common = newSimServer(SIM, context);
  const state: SimServer = { common, sres: new Uint8Array(0) };
  return {
    begin: () => start([nextIdentityRequest(common)]),
    take: (packet, next) =>
      simServerTakes(common, packet, { next, own: (response) => takeOwn(state, response) }),
    notes: () => common.notes,
  };
}

function start(identity: readonly SimAttribute[]): Uint8Array {
  const versions = countedAttribute(At.AT_VERSION_LIST, VERSIONS);
  return encodeSim(SimSubtype.SIM_START, [versions, ...identity]);
}

function takeOwn(state: SimServer, response: SimResponse): ServerReply | undefined {
  const { stage } = state.common;
  switch (response.message.subtype) {
    case SimSubtype.SIM_START:
      return stage === "identity" ? started(state, response) : undefined;
    case SimSubtype.SIM_CHALLENGE:
      return stage === "challenge" ? verify(state, response) : undefined;
    case SimSubtype.REAUTHENTICATION: {
      if (stage !== "reauthentication") return undefined;
      const through = reauthResponse(state.common, response);
      if (through) return through;
      // RFC 4186 §5.5: a full authentication then begins with a Start that asks for no identity.
      state.common.stage = "identity";
      return { then: "more", data: start([]) };
    }
    default:
      return undefined;
  }
}

function started(state: SimServer, response: SimResponse): ServerReply {
  const { common } = state;
  const { next } = response;
  takeIdentity(common, response);
  const known = takeReauth(common);
  if (known) return { then: "more", data: reauthRequest(common, known, next) };
  // After a counter that was too small, the subscriber and the identity for the keys are known.
  if (!common.user && !findSubscriber(common)) {
    return { then: "more", data: start([nextIdentityRequest(common)]) };
  }
  return challenge(state, response);
}

function challenge(state: SimServer, { message, next }: SimResponse): ServerReply {
  const { common } = state;
  const { env } = common.context;
  const nonceMt = fixedValue(message.attributes, At.AT_NONCE_MT, 16);
  const selected = numberValue(message.attributes, At.AT_SELECTED_VERSION);
  if (selected !== SIM_VERSION) {
    refuse("not supported", `the peer selects version ${selected}, not ${SIM_VERSION}`);
  }
  const triplets = nextTriplets(common);
  const inputs = { nonceMt, versions: VERSIONS, selected };
  const kcs = triplets.map(({ kc }) => kc);
  const keys = keysOfMasterKey(simMasterKey(common.identity, kcs, inputs));
  state.sres = concat(...triplets.map(({ sres }) => sres));
  common.keys = keys;
  common.stage = "challenge";
  const inside = nextIdentities(common, keys, undefined);
  const data = encodeWithMac({ code: EapCode.REQUEST, identifier: next, type: SIM.type }, {
    subtype: SimSubtype.SIM_CHALLENGE,
    attributes: [
      fixedAttribute(At.AT_RAND, concat(...triplets.map(({ rand }) => rand))),
      ...(inside.length > 0 ? encrypted(inside, keys.kEncr, env.random(16)) : []),
    ],
    kAut: keys.kAut,
    beside: nonceMt,
  });
  return { then: "more", data };
}

/** The triplets of a challenge, computed by the subscriber's keys, or from its list. */
function nextTriplets({ user, context: { env } }: SimServerState): readonly GsmTriplet[] {
  const { sim, triplets } = user!;
  if (!sim) return takeTriplets(triplets!, RANDS);
  return Array.from({ length: RANDS }, () => {
    const rand = env.random(16);
    return { rand, ...gsmTriplet(sim, rand) };
  });
}

function verify({ common, sres }: SimServer, response: SimResponse): ServerReply {
  const { message, identifier, data } = response;
  const { kAut } = common.keys!;
  const frame = { code: EapCode.RESPONSE, identifier, type: SIM.type };
  verifyMac(frame, data, { message, kAut, beside: sres });
  return { then: "done", keys: common.keys, identity: common.permanent };
}
