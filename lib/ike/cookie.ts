/**
 * Cookies of IKE_SA_INIT (RFC 7296 §2.6): a hash with a secret of this end over what the sender sends each
 * time, so that nothing has to be stored.
 * @module
 */
import { concat, sameOctets } from "@/base/bytes.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { spiOctets } from "@/ike/negotiate/keymat.ts";

/** How long a secret is used for new cookies, in milliseconds; they are accepted for as long again. */
const SECRET_LIFETIME_MS = 60_000;

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
 * read as an IPv6 address, so that the cookie for one host would be valid for another.
 */
export function cookieFor(
  jar: CookieJar,
  tools: Tools,
  subject: CookieSubject,
  nowMs: number,
): Uint8Array {
  turnOver(jar, tools, nowMs);
  return make(jar.version, jar.secret, tools, subject);
}

/** Whether this end made the cookie recently for this sender. */
export function isOurCookie(
  jar: CookieJar,
  tools: Tools,
  subject: CookieSubject,
  { cookie, nowMs }: { readonly cookie: Uint8Array; readonly nowMs: number },
): boolean {
  turnOver(jar, tools, nowMs);
  if (cookie[0] === jar.version) {
    return sameOctets(cookie, make(jar.version, jar.secret, tools, subject));
  }
  const before = (jar.version + 255) % 256;
  return cookie[0] === before && sameOctets(cookie, make(before, jar.previous, tools, subject));
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
  version: number,
  secret: Uint8Array,
  { crypto }: Tools,
  { nonce, address, spi }: CookieSubject,
): Uint8Array {
  const hash = crypto.sha256(
    concat(lengthOf(nonce), nonce, lengthOf(address), address, spiOctets(spi), secret),
  );
  return concat(Uint8Array.of(version), hash);
}

/** A length in two octets. */
function lengthOf({ length }: Uint8Array): Uint8Array {
  return Uint8Array.of(length >> 8, length & 0xff);
}
