/**
 * The table of pre-shared keys by identity. Both ends look up the identity of the initiator,
 * which is `myid` of a client, and which a gateway learns from IDi (RFC 7296 §2.15).
 * @module
 */
import type { PskByNumber, PskTable } from "@/ike/records/config.ts";
import type { Identity } from "@/ike/records/config.ts";
import { numberIn } from "@/ike/auth/numbered_identity.ts";
import { identityKey, identityOfText } from "@/ike/negotiate/identity.ts";
import type { WrittenIdentity } from "@/ike/records/config.ts";

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
    if (identity.text.includes("&d")) numbered.push({ identity, secretOf });
    else exact.set(identityKey(identityOfText(identity)), secretOf(""));
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
  if (own) return own;
  for (const { identity: written, secretOf } of numbered) {
    const number = numberIn(written, identity);
    if (number !== undefined) return secretOf(number);
  }
  return undefined;
}
