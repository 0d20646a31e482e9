/**
 * For whom a responder makes an SA (RFC 7296 §2.6): how long a request may be, how many peers may be on
 * their way, and from when on each must first show, by a cookie, that it is where it says it is.
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";
import { cookieFor, type CookieJar, isOurCookie, newCookieJar } from "@/ike/cookie.ts";
import type { Newcomers } from "@/ike/newcomers.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { decodeMessage, findPayload, type IkeHeader, type Payload } from "@/wire/message.ts";

/** Octets of an IKE_SA_INIT message that is taken in UDP; the largest key exchange needs less than half. */
export const INIT_OCTETS_MAX = 8_192;
/** With `auto`, cookies are asked for from this part of `halfOpenMax`, and of `computingMax`, on. */
const AUTO_HALF_OPEN = 1 / 2, AUTO_COMPUTING = 1 / 8;

/** What an endpoint needs to decide, and what it has asked for. */
export interface Admission {
  readonly jar: CookieJar;
  /** Requests that were answered with a cookie. */
  cookiesAsked: number;
  /** Those of them for which no number of the setup asked, but the load. */
  cookiesAutomatic: number;
}

/** Nobody has asked yet. */
export function newAdmission(env: IkeEnv): Admission {
  return { jar: newCookieJar(env.random), cookiesAsked: 0, cookiesAutomatic: 0 };
}

/** A request for an SA as it arrived. */
export interface InitRequest {
  readonly header: IkeHeader;
  readonly octets: Uint8Array;
  /** The sender's, four or sixteen octets. */
  readonly address: Uint8Array;
}

/** What is to be done about a new request. */
export type Verdict =
  /** An SA is made; `proven`: the sender has shown by a cookie where it is. */
  | { readonly kind: "admitted"; readonly proven: boolean }
  /** It is answered with this cookie; `stale`: that of the request is not ours, or too old. */
  | { readonly kind: "cookie"; readonly cookie: Uint8Array; readonly stale: boolean }
  | { readonly kind: "dropped"; readonly reason: string };

/** The part of an endpoint that decides. */
export interface Admitting {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  readonly newcomers: Newcomers;
  readonly admission: Admission;
}

/** Whether an SA is made for a request that nobody has seen before. */
export function admit(endpoint: Admitting, request: InitRequest, nowMs: number): Verdict {
  const { newcomers, config, admission } = endpoint;
  const demanded = demandsCookies(config, newcomers);
  let proven = false;
  if (demanded) {
    const settled = settleCookie(endpoint, request, nowMs);
    if (settled.kind === "cookie") {
      admission.cookiesAsked++;
      if (demanded === "automatic") admission.cookiesAutomatic++;
    }
    if (settled.kind !== "admitted") return settled;
    proven = true;
  }
  if (newcomers.computing.size >= config.computingMax) {
    return { kind: "dropped", reason: "too many key exchanges that wait to be computed" };
  }
  // Who has shown where it is takes the place of the oldest, who is the least likely to go on.
  if (!proven && newcomers.halfOpen.size >= config.halfOpenMax) {
    return { kind: "dropped", reason: "too many half-open SAs" };
  }
  return { kind: "admitted", proven };
}

/** Why cookies are asked for now; `undefined`: they are not. */
function demandsCookies(
  { cookieThreshold, halfOpenMax, computingMax }: IkeConfig,
  { halfOpen, computing }: Newcomers,
): "configured" | "automatic" | undefined {
  if (cookieThreshold !== "auto") {
    return cookieThreshold >= 0 && halfOpen.size >= cookieThreshold ? "configured" : undefined;
  }
  const isFilling = halfOpen.size >= halfOpenMax * AUTO_HALF_OPEN ||
    computing.size >= computingMax * AUTO_COMPUTING;
  return isFilling ? "automatic" : undefined;
}

function settleCookie(
  { env, admission: { jar } }: Admitting,
  { header, octets, address }: InitRequest,
  nowMs: number,
): Verdict {
  const payloads = payloadsOf(octets);
  const nonce = payloads && findPayload(payloads, PayloadType.NONCE)?.data;
  if (!nonce) {
    const reason = "an IKE_SA_INIT request without a readable nonce, under cookies";
    return { kind: "dropped", reason };
  }
  const about = { nonce, address, spi: header.spiI };
  const cookie = findNotify(payloads, NotifyType.COOKIE)?.data;
  const isOurs = cookie && isOurCookie(jar, env, about, { cookie, nowMs });
  if (isOurs || cookie && env.broken.has("accept_any_cookie")) {
    return { kind: "admitted", proven: true };
  }
  const fresh = cookieFor(jar, env, about, nowMs);
  return { kind: "cookie", cookie: fresh, stale: cookie !== undefined };
}

function payloadsOf(octets: Uint8Array): readonly Payload[] | undefined {
  try {
    return decodeMessage(octets).payloads;
  } catch (e) {
    if (e instanceof WireError) return undefined;
    throw e;
  }
}
