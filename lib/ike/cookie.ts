/**
 * Cookies of IKE_SA_INIT (RFC 7296 §2.6): a hash with a secret of this end over what the sender sends each
 * time, so that nothing has to be stored.
 * @module
 */
import { concat, sameOctets } from "@/base/bytes.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { spiOctets } from "@/ike/negotiate/keymat.ts";
import type { Puzzle } from "@/ike/records/puzzle.ts";

/** How long a secret is used for new cookies, in milliseconds; they are accepted for as long again. */
const SECRET_LIFETIME_MS = 60_000;
/** How long a cookie is accepted at most, in milliseconds. */
export const COOKIE_LIFETIME_MS = 2 * SECRET_LIFETIME_MS;

/** The secret in use, and the one before it. */
export interface CookieJar {
  version: number;
  secret: Uint8Array;
  previous: Uint8Array;
  sinceMs: number;
}

/** What a cookie is bound to: Ni, the initiator's address, and SPIi. */
export interface CookieSubject {
  readonly nonce: Uint8Array;
  readonly address: Uint8Array;
  readonly spi: bigint;
}

/** Octets of the version of the secret, and of a puzzle. */
const VERSION_OCTETS = 1;
const PUZZLE_OCTETS = 3;
const HASH_OCTETS = 32;
const NOTHING = new Uint8Array(0);

interface Tools {
  readonly crypto: CryptoBackend;
  readonly random: RandomOctets;
}

/** A jar with two fresh secrets. */
export function newCookieJar(random: RandomOctets): CookieJar {
  return { version: 0, secret: random(32), previous: random(32), sinceMs: -Infinity };
}

/**
 * Makes a cookie of 33 octets: version of the secret, then SHA-256 of |Ni| ‖ Ni ‖ |IPi| ‖ IPi ‖ SPIi ‖
 * secret, with lengths of two octets. Without the lengths, the end of a nonce and an IPv4 address could be
 * read as an IPv6 address, so that the cookie for one host would be valid for another. A cookie that comes
 * with a puzzle has that in three octets after the version, and in the hash before the secret, so that the
 * responder knows without state what the sender had to solve (RFC 8019 §7.1.1.3).
 */
export function cookieFor(
  jar: CookieJar,
  tools: Tools,
  subject: CookieSubject,
  { nowMs, puzzle }: { readonly nowMs: number; readonly puzzle: Puzzle | undefined },
): Uint8Array {
  turnOver(jar, tools, nowMs);
  const { version, secret } = jar;
  return make({ version, secret, about: puzzle ? octetsOf(puzzle) : NOTHING }, tools, subject);
}

/** A cookie that this end has made, with the puzzle that came with it, if there was one. */
export interface OwnCookie {
  readonly puzzle: Puzzle | undefined;
}

/** A cookie that this end made recently for this sender; undefined: it is none. */
export function openCookie(
  jar: CookieJar,
  tools: Tools,
  subject: CookieSubject,
  { cookie, nowMs }: { readonly cookie: Uint8Array; readonly nowMs: number },
): OwnCookie | undefined {
  turnOver(jar, tools, nowMs);
  const about = cookie.subarray(VERSION_OCTETS, cookie.length - HASH_OCTETS);
  if (about.length !== 0 && about.length !== PUZZLE_OCTETS) return undefined;
  const [version] = cookie;
  const before = (jar.version + 255) % 256;
  if (version !== jar.version && version !== before) return undefined;
  const secret = version === jar.version ? jar.secret : jar.previous;
  if (!sameOctets(cookie, make({ version, secret, about }, tools, subject))) return undefined;
  const [high, low, difficulty] = about;
  const puzzle = about.length > 0 ? { prf: high! << 8 | low!, difficulty: difficulty! } : undefined;
  return { puzzle };
}

function octetsOf({ prf, difficulty }: Puzzle): Uint8Array {
  return Uint8Array.of(prf >> 8, prf & 0xff, difficulty);
}

function turnOver(jar: CookieJar, { random }: Tools, nowMs: number): void {
  const age = nowMs - jar.sinceMs;
  if (age < SECRET_LIFETIME_MS) return;
  // After two lifetimes without use, the previous secret is too old as well.
  jar.previous = age < 2 * SECRET_LIFETIME_MS ? jar.secret : random(32);
  jar.secret = random(32);
  jar.version = (jar.version + 1) % 256;
  jar.sinceMs = nowMs;
}

function make(
  { version, secret, about }: {
    readonly version: number;
    readonly secret: Uint8Array;
    readonly about: Uint8Array;
  },
  { crypto }: Tools,
  { nonce, address, spi }: CookieSubject,
): Uint8Array {
  const hash = crypto.sha256(
    concat(lengthOf(nonce), nonce, lengthOf(address), address, spiOctets(spi), about, secret),
  );
  return concat(Uint8Array.of(version), about, hash);
}

/** A length in two octets. */
function lengthOf({ length }: Uint8Array): Uint8Array {
  return Uint8Array.of(length >> 8, length & 0xff);
}
