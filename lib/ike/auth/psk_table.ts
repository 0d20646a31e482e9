/**
 * * The table of pre-shared keys by identity. Both ends look up the identity of the initiator,
 * which is `myid` of a client, and which a gateway learns from IDi (RFC 7296 §2.15).
 * @module
 */
import type { PskByNumber, PskTable } from "@/ike/records/config.ts";
import type { Identity } from "@/ike/records/config.ts";
import { identityKey, identityOfText } from "@/ike/negotiate/identity.ts";
import type { WrittenIdentity } from "@/ike/records/config.ts";

/** The most digits of the number that `&d` stands for. */
const DIGITS_MAX = 10;

/** One entry of a table. */
export interface PskEntry {
  /** The identity; `&d` in its text stands for any number. */
  readonly identity: WrittenIdentity;
  /** The secret; for an entry with `&d` the secret of one number. */
  readonly secretOf: (number: string) => Uint8Array;
}

/** Makes a table. @throws {WireError} if an identity is invalid. */
export function pskTable(entries: readonly PskEntry[]): PskTable {
  const exact = new Map<string, Uint8Array>();
  const numbered: PskByNumber[] = [];
  for (const { identity, secretOf } of entries) {
    const [before, ...after] = identity.text.split("&d");
    if (after.length === 0) exact.set(identityKey(identityOfText(identity)), secretOf(""));
    else {numbered.push({
        idType: identity.idType,
        before: before!,
        after: after.join(""),
        secretOf,
      });}
  }
  return { exact, numbered };
}

/**
 * The secret of an identity: that of its own entry, or of the first entry with `&d` that matches;
 * undefined if there is none.
 */
export function secretIn(
  { exact, numbered }: PskTable,
  identity: Identity,
): Uint8Array | undefined {
  const own = exact.get(identityKey(identity));
  if (own || numbered.length === 0) return own;
  const text = new TextDecoder().decode(identity.data);
  for (const { idType, before, after, secretOf } of numbered) {
    if (idType !== identity.idType) continue;
    if (!text.startsWith(before) || !text.endsWith(after)) continue;
    const number = text.slice(before.length, text.length - after.length);
    const fits = number.length <= DIGITS_MAX && /^(0|[1-9]\d*)$/.test(number);
    if (fits && before.length + number.length + after.length === text.length) {
      return secretOf(number);
    }
  }
  return undefined;
}
