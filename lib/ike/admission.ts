/**
 * Decides for which requests a responder makes an SA (RFC 7296 §2.6): how long a request may be, how many SAs
 * may be half-open, and from when on a peer must first prove its address by a cookie.
 * @module
 */
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";
import { cookieFor, type CookieJar, isOurCookie, newCookieJar } from "@/ike/cookie.ts";
import type { Newcomers } from "@/ike/newcomers.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload, type IkeHeader, readablePayloads } from "@/wire/message.ts";

/** The most octets of an IKE_SA_INIT message in UDP; the largest key exchange needs less than half. */
export const INIT_OCTETS_MAX = 8_192;
/** With `auto`, the fractions of `halfOpenMax` and `computingMax` from which on cookies are requested. */
const AUTO_HALF_OPEN = 1 / 2;
const AUTO_COMPUTING = 1 / 8;

/** The state of an endpoint's admission, and its counters. */
export interface Admission {
  readonly jar: CookieJar;
  /** Number of requests that were answered by a cookie. */
  cookiesAsked: number;
  /** Number of these where the load, not a configured threshold, was the reason. */
  cookiesAutomatic: number;
}

/** The state before the first request. */
export function newAdmission(env: IkeEnv): Admission {
  return { jar: newCookieJar(env.random), cookiesAsked: 0, cookiesAutomatic: 0 };
}

/** A received request for an SA. */
export interface InitRequest {
  readonly header: IkeHeader;
  readonly octets: Uint8Array;
  /** The sender's address, of 4 or 16 octets. */
  readonly address: Uint8Array;
}

/** The decision about a new request. */
export type Verdict =
  /** An SA is made; `proven`: the sender has proved its address by a cookie. */
  | { readonly kind: "admitted"; readonly proven: boolean }
  /** The request is answered by this cookie; `stale`: the cookie in the request is not ours, or too old. */
  | { readonly kind: "cookie"; readonly cookie: Uint8Array; readonly stale: boolean }
  | { readonly kind: "dropped"; readonly reason: string };

/** The parts of an endpoint that are needed here. */
export interface Admitting {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  readonly newcomers: Newcomers;
  readonly admission: Admission;
}

/** Decides whether an SA is made for a request that was not seen before. */
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
  // A sender with a proven address replaces the oldest half-open SA, which is the least likely to continue.
  if (!proven && newcomers.halfOpen.size >= config.halfOpenMax) {
    return { kind: "dropped", reason: "too many half-open SAs" };
  }
  return { kind: "admitted", proven };
}

/** The reason why cookies are requested now; undefined: they are not. */
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
  const payloads = readablePayloads(octets);
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
