/**
 * Decides for which requests a responder makes an SA (RFC 7296 §2.6): how long a request may be, how many SAs
 * may be half-open, and from when on a peer must first prove its address by a cookie.
 * @module
 */
import { octetsKey } from "@/base/bytes.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { TransformType } from "@/iana/transform_type.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";
import {
  COOKIE_LIFETIME_MS,
  cookieFor,
  type CookieJar,
  newCookieJar,
  openCookie,
} from "@/ike/cookie.ts";
import type { Newcomers } from "@/ike/newcomers.ts";
import { solutionBits } from "@/ike/negotiate/puzzle.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { Puzzle } from "@/ike/records/puzzle.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload, type IkeHeader, type Payload, readablePayloads } from "@/wire/message.ts";

/** The most octets of an IKE_SA_INIT message in UDP; the largest key exchange needs less than half. */
export const INIT_OCTETS_MAX = 8_192;
/** With `auto`, the fractions of `halfOpenMax` and `computingMax` from which on cookies are requested. */
const AUTO_HALF_OPEN = 1 / 2;
const AUTO_COMPUTING = 1 / 8;
/**
 * The parts of `halfOpenMax` and `computingMax` that senders may use which do not solve their puzzle, as they
 * may not know puzzles (RFC 8019 §7.1.5).
 */
const UNSOLVED_SHARE = 1 / 2;
/** More zero bits do not put a sender before others. */
const PUZZLE_BITS_MAX = 64;
/** The most cookies with a solved puzzle that are remembered; beyond that the oldest is dropped. */
const SPENT_MAX = 20_000;

function noPuzzles(): PuzzleCounts {
  return { given: 0, solved: 0, unsolved: 0, wrong: 0 };
}

/** The state of an endpoint's admission, and its counters. */
export interface Admission {
  readonly jar: CookieJar;
  /** Number of requests that were answered by a cookie. */
  cookiesAsked: number;
  /** Number of these where the load, not a configured threshold, was the reason. */
  cookiesAutomatic: number;
  /** Puzzles by what became of them (RFC 8019). */
  readonly puzzles: PuzzleCounts;
  /** Cookies whose puzzle was solved for an SA, by `octetsKey()`, oldest first. */
  readonly spent: Map<string, SpentCookie>;
}

/** A cookie whose puzzle was solved for an SA. */
interface SpentCookie {
  /** The `initHash` of the SA's request. */
  readonly initHash: string;
  /** The time from which the cookie is too old in any case. */
  readonly untilMs: number;
}

/** Numbers of puzzles of an endpoint. */
export interface PuzzleCounts {
  /** Cookies that came with a puzzle. */
  given: number;
  /** Requests that had its solution. */
  solved: number;
  /** Requests that had the cookie without a solution. */
  unsolved: number;
  /** Requests that had a wrong solution, which were dropped. */
  wrong: number;
}

/** The state before the first request. */
export function newAdmission(env: IkeEnv): Admission {
  return {
    jar: newCookieJar(env.random),
    cookiesAsked: 0,
    cookiesAutomatic: 0,
    puzzles: noPuzzles(),
    spent: new Map(),
  };
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
  /**
   * An SA is made; `proven`: the sender has proved its address by a cookie; `puzzleBits`: the zero bits of the
   * puzzle that it has solved, 0: none; `solved`: the cookie that came with that puzzle.
   */
  | {
    readonly kind: "admitted";
    readonly proven: boolean;
    readonly puzzleBits: number;
    readonly solved?: Uint8Array;
  }
  /**
   * The request is answered by this cookie, and by this puzzle; `stale`: the cookie in the request is not
   * ours, or too old.
   */
  | {
    readonly kind: "cookie";
    readonly cookie: Uint8Array;
    readonly puzzle: Puzzle | undefined;
    readonly stale: boolean;
  }
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
  const puzzles = givesPuzzles(config, newcomers);
  const demanded = demandsCookies(config, newcomers) ?? (puzzles ? "configured" : undefined);
  let verdict: Verdict = { kind: "admitted", proven: false, puzzleBits: 0 };
  if (demanded) {
    verdict = settleCookie(endpoint, request, { nowMs, puzzles });
    if (verdict.kind === "cookie") {
      admission.cookiesAsked++;
      if (verdict.puzzle) admission.puzzles.given++;
      if (demanded === "automatic") admission.cookiesAutomatic++;
    }
    if (verdict.kind !== "admitted") return verdict;
  }
  if (newcomers.computing.size >= config.computingMax) {
    return { kind: "dropped", reason: "too many key exchanges that wait to be computed" };
  }
  // A sender with a proven address replaces the oldest half-open SA, which is the least likely to continue.
  if (!verdict.proven && newcomers.halfOpen.size >= config.halfOpenMax) {
    return { kind: "dropped", reason: "too many half-open SAs" };
  }
  return verdict;
}

/** Whether requests get a puzzle with their cookie now. */
function givesPuzzles({ puzzles }: IkeConfig, { halfOpen }: Newcomers): boolean {
  return puzzles !== undefined && halfOpen.size >= puzzles.threshold;
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
  endpoint: Admitting,
  { header, octets, address }: InitRequest,
  { nowMs, puzzles }: { readonly nowMs: number; readonly puzzles: boolean },
): Verdict {
  const { env, admission: { jar } } = endpoint;
  const payloads = readablePayloads(octets);
  const nonce = payloads && findPayload(payloads, PayloadType.NONCE)?.data;
  if (!nonce) {
    const reason = "an IKE_SA_INIT request without a readable nonce, under cookies";
    return { kind: "dropped", reason };
  }
  const about = { nonce, address, spi: header.spiI };
  const cookie = findNotify(payloads, NotifyType.COOKIE)?.data;
  const puzzle = puzzles ? puzzleFor(endpoint, payloads) : undefined;
  const ours = cookie && openCookie(jar, env, about, { cookie, nowMs });
  if (cookie && ours?.puzzle) {
    return judgeSolution(endpoint, { puzzle: ours.puzzle, cookie, payloads });
  }
  if (ours && !puzzle || cookie && env.broken.has("accept_any_cookie")) {
    return { kind: "admitted", proven: true, puzzleBits: 0 };
  }
  const fresh = cookieFor(jar, env, about, { nowMs, puzzle });
  return { kind: "cookie", cookie: fresh, puzzle, stale: cookie !== undefined && !ours };
}

/**
 * The puzzle for a request: by the first PRF that it proposes and this end has (RFC 8019 §7.1.1.2). A request
 * without one will be refused for its proposals; IKE_SESSION_RESUME proposes nothing, and costs no key
 * exchange, so that it gets no puzzle.
 */
function puzzleFor(
  { env, config: { puzzles } }: Admitting,
  payloads: readonly Payload[],
): Puzzle | undefined {
  const { proposals } = findPayload(payloads, PayloadType.SA) ?? { proposals: [] };
  const prfs = proposals.flatMap(({ transforms }) => transforms)
    .filter(({ type }) => type === TransformType.PRF);
  const prf = prfs.find(({ id }) => env.crypto.prf(id))?.id;
  return prf === undefined ? undefined : { prf, difficulty: puzzles!.difficulty };
}

/**
 * Remembers for which request a puzzle was solved. The cookie is good for two minutes, and other requests can
 * be made with it and its solution, so that one solution would pay for many SAs (RFC 8019 §7.1.1.3).
 */
export function spend(
  { spent }: Admission,
  { cookie, initHash }: { readonly cookie: Uint8Array; readonly initHash: string },
  nowMs: number,
): void {
  for (const [oldest, { untilMs }] of spent) {
    if (untilMs > nowMs && spent.size < SPENT_MAX) break;
    spent.delete(oldest);
  }
  const key = octetsKey(cookie);
  spent.delete(key);
  spent.set(key, { initHash, untilMs: nowMs + COOKIE_LIFETIME_MS });
}

/**
 * Whether the puzzle of a cookie was solved for an SA that is there, or that was there lately and has cost a
 * key exchange. A request that was refused before that, as by INVALID_KE_PAYLOAD, is sent again with the same
 * cookie and solution.
 */
function isSpent({ admission: { spent }, newcomers }: Admitting, cookie: Uint8Array): boolean {
  const initHash = spent.get(octetsKey(cookie))?.initHash;
  if (initHash === undefined) return false;
  return newcomers.byRequest.has(initHash) || newcomers.ended.has(initHash);
}

/** Decides about a request with a cookie that came with a puzzle (RFC 8019 §7.1.4). */
function judgeSolution(
  endpoint: Admitting,
  { puzzle, cookie, payloads }: {
    readonly puzzle: Puzzle;
    readonly cookie: Uint8Array;
    readonly payloads: readonly Payload[];
  },
): Verdict {
  const { env, config, newcomers, admission: { puzzles } } = endpoint;
  const solution = findPayload(payloads, PayloadType.PS)?.data;
  if (!solution) {
    puzzles.unsolved++;
    const hasRoom = newcomers.halfOpen.size < config.halfOpenMax * UNSOLVED_SHARE &&
      newcomers.computing.size < config.computingMax * UNSOLVED_SHARE;
    if (hasRoom) return { kind: "admitted", proven: true, puzzleBits: 0 };
    const reason = "a request without the solution of its puzzle, while there is no room for it";
    return { kind: "dropped", reason };
  }
  if (isSpent(endpoint, cookie)) {
    const reason = "a request with the solution of a puzzle that was used for another request";
    return { kind: "dropped", reason };
  }
  const bits = solutionBits(env.crypto.prf(puzzle.prf)!, cookie, solution);
  const isRight = bits !== undefined && bits >= puzzle.difficulty;
  if (!isRight && !env.broken.has("accept_any_solution")) {
    puzzles.wrong++;
    return { kind: "dropped", reason: "a request with a wrong solution of its puzzle" };
  }
  puzzles.solved++;
  const puzzleBits = Math.min(Math.max(1, bits ?? 1), PUZZLE_BITS_MAX);
  return { kind: "admitted", proven: true, puzzleBits, solved: cookie };
}
