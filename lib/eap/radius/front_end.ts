/**
 * The RADIUS front end of EAP servers of this program (RFC 3579). It holds a bounded number of
 * logins, distinguishes repeated requests from new ones, and does not answer requests that it
 * cannot verify.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { EapAnswer, EapOutcome, OwnEapServer } from "@/eap/conversation.ts";
import {
  decodeRadius,
  eapIn,
  eapMessages,
  fitRadius,
  RADIUS_VALUE_MAX,
  type RadiusAttributeValue,
  type RadiusPacket,
  radiusValue,
} from "@/eap/radius/packet.ts";
import { mppeKeys, sealResponse, verdictOfMac } from "@/eap/radius/secret.ts";
import { EapCode } from "@/iana/eap_type.ts";
import { nameOfRadiusCode, RadiusAttribute, RadiusCode } from "@/iana/radius.ts";

/** The settings of a front end. */
export interface RadiusFrontEndSettings {
  readonly secret: Uint8Array;
  /** Opens the EAP server of a login, of which `request` is the first request. */
  open(request: RadiusPacket): OwnEapServer;
  readonly random: RandomOctets;
  /** Is called with the end of each login. */
  ended?(answer: EapAnswer): void;
}

/** The reply to a datagram. */
export interface RadiusReply {
  /** The reply to send to the sender of the datagram; `undefined` if there is none. */
  readonly octets: Uint8Array | undefined;
  /** The reason why there is no reply, or the result of the login. */
  readonly note: string | undefined;
}

/** The most concurrent logins, and the longest time between two requests of one. */
const LOGINS_MAX = 10_000;
const LOGIN_IDLE_MS = 60_000;
/**
 * The most answers that are kept for repeated requests, and the time for which they are kept (RFC
 * 5080 §2.2.2).
 */
const REPEATS_MAX = 20_000;
const REPEAT_MS = 10_000;

interface Login {
  readonly server: OwnEapServer;
  lastMs: number;
}

/** A RADIUS server without a socket and without a clock: the caller passes the time. */
export class RadiusFrontEnd {
  readonly #settings: RadiusFrontEndSettings;
  /** Logins by their State, in the order of their last requests. */
  readonly #logins = new Map<string, Login>();
  /** Replies by peer, identifier and authenticator. */
  readonly #answered = new Map<string, { readonly reply: RadiusReply; readonly atMs: number }>();

  constructor(settings: RadiusFrontEndSettings) {
    this.#settings = settings;
  }

  /** Answers one datagram. `from` identifies the peer, such as `10.0.0.1:1812`. */
  receive(datagram: Uint8Array, from: string, nowMs: number): RadiusReply {
    this.#forget(nowMs);
    let request: RadiusPacket;
    try {
      request = decodeRadius(datagram);
    } catch (e) {
      if (!(e instanceof WireError)) throw e;
      return silence(e.message);
    }
    if (request.code !== RadiusCode.ACCESS_REQUEST) {
      return silence(`it is no ACCESS_REQUEST but ${nameOfRadiusCode(request.code)}`);
    }
    const mac = verdictOfMac(request, request.authenticator, this.#settings.secret);
    if (mac !== "right") {
      return silence(`its Message-Authenticator is ${mac}: is the secret the same?`);
    }
    const key = `${from} ${request.identifier} ${toHex(request.authenticator)}`;
    const known = this.#answered.get(key);
    if (known) return known.reply;
    const reply = this.#answer(request, nowMs);
    if (this.#answered.size >= REPEATS_MAX) {
      this.#answered.delete(this.#answered.keys().next().value!);
    }
    this.#answered.set(key, { reply, atMs: nowMs });
    return reply;
  }

  /** The number of logins in progress. */
  get logins(): number {
    return this.#logins.size;
  }

  /** Closes all logins. */
  close(): void {
    for (const { server } of this.#logins.values()) server.close();
    this.#logins.clear();
  }

  #answer(request: RadiusPacket, nowMs: number): RadiusReply {
    const eap = eapIn(request);
    if (!eap) return this.#reject(request, "the request has no EAP-Message");
    const state = radiusValue(request, RadiusAttribute.STATE);
    const known = state && this.#logins.get(toHex(state));
    if (state && !known) return this.#reject(request, "no login has this State");
    if (state) this.#logins.delete(toHex(state));
    if (!known && this.#logins.size >= LOGINS_MAX) {
      return this.#reject(request, `${LOGINS_MAX} logins are on their way`);
    }
    const server = known?.server ?? this.#settings.open(request);
    // A login may begin with the Response to an Identity Request that its NAS has made up.
    const begun = known !== undefined || eap[0] === EapCode.RESPONSE;
    const answer = begun ? server.step(eap) : server.start(undefined);
    return this.#say(request, answer, { server, nowMs });
  }

  #say(
    request: RadiusPacket,
    answer: EapAnswer,
    { server, nowMs }: { readonly server: OwnEapServer; readonly nowMs: number },
  ): RadiusReply {
    switch (answer.kind) {
      case "send": {
        const state = this.#settings.random(16);
        this.#logins.set(toHex(state), { server, lastMs: nowMs });
        return this.#reply(request, RadiusCode.ACCESS_CHALLENGE, [
          ...eapMessages(answer.octets),
          { type: RadiusAttribute.STATE, value: state },
        ]);
      }
      case "discarded":
        server.close();
        return this.#reject(request, answer.why);
      case "failed":
        this.#settings.ended?.(answer);
        return this.#reject(request, answer.why, answer.octets);
      case "succeeded":
        this.#settings.ended?.(answer);
        return this.#accept(request, answer.octets!, answer.outcome);
    }
  }

  #accept(request: RadiusPacket, eap: Uint8Array, outcome: EapOutcome): RadiusReply {
    const { secret, random } = this.#settings;
    const { msk, identity } = outcome;
    const keys = msk ? mppeKeys(msk, { request: request.authenticator, secret, random }) : [];
    const name = new TextEncoder().encode(identity);
    const { octets } = this.#reply(request, RadiusCode.ACCESS_ACCEPT, [
      ...eapMessages(eap),
      ...(name.length > 0 && name.length <= RADIUS_VALUE_MAX
        ? [{ type: RadiusAttribute.USER_NAME, value: name }]
        : []),
      ...keys,
    ]);
    return { octets, note: `${outcome.methodName} accepts "${identity}"` };
  }

  #reject(request: RadiusPacket, why: string, eap?: Uint8Array): RadiusReply {
    const failure = eap ?? Uint8Array.of(EapCode.FAILURE, eapIn(request)?.[1] ?? 0, 0, 4);
    const { octets } = this.#reply(request, RadiusCode.ACCESS_REJECT, eapMessages(failure));
    return { octets, note: why };
  }

  #reply(
    { identifier, authenticator, attributes }: RadiusPacket,
    code: number,
    own: readonly RadiusAttributeValue[],
  ): RadiusReply {
    // RFC 2865 §5.33: the Proxy-State attributes are returned unchanged and in order.
    const proxies = attributes.filter(({ type }) => type === RadiusAttribute.PROXY_STATE);
    const packet = { code, identifier, attributes: [...own, ...proxies] };
    if (!fitRadius(packet.attributes)) return silence("the reply does not fit a RADIUS packet");
    return { octets: sealResponse(packet, authenticator, this.#settings.secret), note: undefined };
  }

  #forget(nowMs: number): void {
    for (const [key, { atMs }] of this.#answered) {
      if (nowMs - atMs < REPEAT_MS) break;
      this.#answered.delete(key);
    }
    for (const [key, { server, lastMs }] of this.#logins) {
      if (nowMs - lastMs < LOGIN_IDLE_MS) break;
      server.close();
      this.#logins.delete(key);
    }
  }
}

function silence(note: string): RadiusReply {
  return { octets: undefined, note };
}
