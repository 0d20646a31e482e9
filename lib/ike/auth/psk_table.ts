/**
 * Pre-shared keys by identity: who has which. Both ends look up the identity of the initiator, which a
 * client has as `myid` and a gateway learns from IDi (RFC 7296 §2.15).
 * @module
 */
import type { PskByNumber, PskTable } from "@/ike/records/config.ts";
import type { Identity } from "@/ike/records/config.ts";
import { identityKey, identityOfText } from "@/ike/negotiate/identity.ts";
import type { WrittenIdentity } from "@/ike/records/config.ts";

/** Digits of a number that stands for `&d`. */
const DIGITS_MAX = 10;

/** One entry of a table. */
export interface PskEntry {
  /** Its text may have `&d`, which is any number then. */
  readonly identity: WrittenIdentity;
  /** The secret; of an entry with `&d` for one number. */
  readonly secretOf: (number: string) => Uint8Array;
}

/** Makes a table. @throws {WireError} where an identity is none. */
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

/** The secret of an identity: its own entry, else the first whose number fits; undefined: there is none. */
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
