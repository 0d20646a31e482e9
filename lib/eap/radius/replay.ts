/**
 * A captured login said again: the peer's EAP packets to whoever asks, and the server's answers to the
 * RADIUS requests that come of it. All logins have one MSK.
 * @module
 */
import { sameOctets, toHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { EapAnswer, EapOutcome, OwnEapPeer } from "@/eap/conversation.ts";
import { methodOf } from "@/eap/methods.ts";
import { decodeEap, type EapPacket, encodeEap } from "@/eap/packet.ts";
import { type CapturedLogin, type CapturedStep, sameIdentity } from "@/eap/radius/capture.ts";
import type { RadiusReply } from "@/eap/radius/front_end.ts";
import {
  decodeRadius,
  eapIn,
  eapMessages,
  fitRadius,
  type RadiusAttributeValue,
  type RadiusPacket,
  radiusValue,
} from "@/eap/radius/packet.ts";
import { mppeKeys, sealResponse, verdictOfMac } from "@/eap/radius/secret.ts";
import { EapCode, EapType, nameOfEapType } from "@/iana/eap_type.ts";
import {
  MicrosoftVendor,
  nameOfRadiusAttribute,
  RadiusAttribute,
  RadiusCode,
} from "@/iana/radius.ts";

/** Sessions of peers whose place in the login is known. */
const SESSIONS_MAX = 100_000;

/** A peer that says what the captured one said. */
export function openReplayPeer(login: CapturedLogin): OwnEapPeer {
  const steps = login.steps.filter(({ eap }) => eap.length > 0);
  const state = { next: 0 };
  return {
    step: (octets) => replay(login, { steps, state }, octets),
    methodEnd: () => undefined,
    close: () => {},
  };
}

function replay(
  login: CapturedLogin,
  { steps, state }: { readonly steps: readonly CapturedStep[]; readonly state: { next: number } },
  octets: Uint8Array,
): EapAnswer {
  let packet: EapPacket;
  try {
    packet = decodeEap(octets);
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    return failed("malformed", e.message);
  }
  if (packet.code === EapCode.SUCCESS) {
    if (state.next < steps.length) {
      return failed("out of order", "the server says Success before the capture's end");
    }
    return { kind: "succeeded", octets: undefined, outcome: outcomeOf(login) };
  }
  if (!("type" in packet)) return failed("refused by the other end", "the server says Failure");
  const { next } = state;
  const step = steps[next];
  if (packet.type === EapType.IDENTITY && steps[0]) {
    state.next = 1;
    // The Identifier is that of whoever asks; nothing is computed over it.
    const response = steps[0].eap.slice();
    response[1] = packet.identifier;
    return { kind: "send", octets: response };
  }
  if (!step) return failed("out of order", "the server goes on behind the capture's end");
  const wanted = next > 0 ? eapIn(steps[next - 1]!.answer) : undefined;
  if (wanted && !sameOctets(wanted, octets)) {
    const why = `request ${next + 1} of the server is not that of the capture: ` +
      "does the peer ask the RADIUS server that replays it?";
    return failed("out of order", why);
  }
  state.next++;
  return { kind: "send", octets: step.eap };
}

function outcomeOf({ method, userName, msk }: CapturedLogin): EapOutcome {
  const methodName = methodOf(method)?.name ?? nameOfEapType(method);
  return { method, methodName, identity: userName, msk, notes: ["a captured login"] };
}

function failed(cause: string, why: string): EapAnswer {
  return { kind: "failed", octets: undefined, cause, why: `eap-file fails: ${why}`, notes: [] };
}

/** How a replaying server is set up. */
export interface ReplaySettings {
  readonly secret: Uint8Array;
  /** The attribute that tells the peer's sessions apart (`eapradiusid`). */
  readonly sessionAttribute: number;
  readonly random: RandomOctets;
}

/** A RADIUS server that answers as the captured one did. */
export class ReplayServer {
  readonly #login: CapturedLogin;
  readonly #settings: ReplaySettings;
  /** Index of the step that is expected next, by session. */
  readonly #sessions = new Map<string, number>();

  constructor(login: CapturedLogin, settings: ReplaySettings) {
    this.#login = login;
    this.#settings = settings;
  }

  /** See `RadiusFrontEnd.receive`; nothing depends on when. */
  receive(datagram: Uint8Array): RadiusReply {
    let request: RadiusPacket;
    try {
      request = decodeRadius(datagram);
    } catch (e) {
      if (!(e instanceof WireError)) throw e;
      return { octets: undefined, note: e.message };
    }
    if (request.code !== RadiusCode.ACCESS_REQUEST) {
      return { octets: undefined, note: `it is no ACCESS_REQUEST` };
    }
    const { secret, sessionAttribute } = this.#settings;
    const mac = verdictOfMac(request, request.authenticator, secret);
    if (mac !== "right") {
      const note = `its Message-Authenticator is ${mac}: is eapradiusss the same?`;
      return { octets: undefined, note };
    }
    const eap = eapIn(request);
    const id = radiusValue(request, sessionAttribute);
    if (!eap) return this.#reject(request, "the request has no EAP-Message");
    if (!id) {
      const name = nameOfRadiusAttribute(sessionAttribute);
      return this.#reject(request, `the request has no ${name}, which tells sessions apart`);
    }
    return this.#answer(request, eap, toHex(id));
  }

  #answer(request: RadiusPacket, eap: Uint8Array, session: string): RadiusReply {
    const { steps } = this.#login;
    if (eap.length === 0 && steps[0]!.eap.length > 0) return this.#askIdentity(request);
    const expected = this.#sessions.get(session) ?? 0;
    const index = [expected, 0, Math.max(0, expected - 1)].find((at) => isStep(steps[at], eap)) ??
      steps.findIndex((step) => isStep(step, eap));
    if (index < 0) {
      return this.#reject(
        request,
        `the peer's EAP packet ${expected + 1} is not that of the capture`,
      );
    }
    if (this.#sessions.size >= SESSIONS_MAX) {
      this.#sessions.delete(this.#sessions.keys().next().value!);
    }
    this.#sessions.set(session, index + 1);
    return this.#say(request, steps[index]!.answer);
  }

  /** The capture has no EAP-Start: the identity is asked for as its answer wants it. */
  #askIdentity(request: RadiusPacket): RadiusReply {
    const identifier = this.#login.steps[0]!.eap[1]!;
    const code = EapCode.REQUEST;
    const data = new Uint8Array(0);
    const type = EapType.IDENTITY;
    const attributes = eapMessages(encodeEap({ code, identifier, type, data }));
    return this.#seal(request, RadiusCode.ACCESS_CHALLENGE, attributes);
  }

  #say(request: RadiusPacket, { code, attributes }: RadiusPacket): RadiusReply {
    const { msk } = this.#login;
    const { secret, random } = this.#settings;
    const same = attributes.filter((attribute) => !isOfSecret(attribute));
    const keyed = code === RadiusCode.ACCESS_ACCEPT && msk !== undefined;
    const keys = keyed ? mppeKeys(msk, { request: request.authenticator, secret, random }) : [];
    return this.#seal(request, code, [...same, ...keys]);
  }

  #reject(request: RadiusPacket, note: string): RadiusReply {
    const failure = Uint8Array.of(EapCode.FAILURE, eapIn(request)?.[1] ?? 0, 0, 4);
    return { ...this.#seal(request, RadiusCode.ACCESS_REJECT, eapMessages(failure)), note };
  }

  #seal(
    request: RadiusPacket,
    code: number,
    attributes: readonly RadiusAttributeValue[],
  ): RadiusReply {
    const { identifier, authenticator } = request;
    const proxies = request.attributes.filter(({ type }) => type === RadiusAttribute.PROXY_STATE);
    const packet = { code, identifier, attributes: [...attributes, ...proxies] };
    if (!fitRadius(packet.attributes)) {
      return { octets: undefined, note: "the reply does not fit a RADIUS packet" };
    }
    return { octets: sealResponse(packet, authenticator, this.#settings.secret), note: undefined };
  }
}

function isStep(step: CapturedStep | undefined, eap: Uint8Array): boolean {
  return step !== undefined && (sameOctets(step.eap, eap) || sameIdentity(step.eap, eap));
}

/** What was made for one request and one secret, and is made anew. */
function isOfSecret({ type, value }: RadiusAttributeValue): boolean {
  const { MESSAGE_AUTHENTICATOR, PROXY_STATE, VENDOR_SPECIFIC } = RadiusAttribute;
  if (type === MESSAGE_AUTHENTICATOR || type === PROXY_STATE) return true;
  if (type !== VENDOR_SPECIFIC || value.length < 5) return false;
  const vendor = value[0]! << 24 | value[1]! << 16 | value[2]! << 8 | value[3]!;
  const { ID, MPPE_RECV_KEY, MPPE_SEND_KEY } = MicrosoftVendor;
  return vendor === ID && (value[4] === MPPE_RECV_KEY || value[4] === MPPE_SEND_KEY);
}
