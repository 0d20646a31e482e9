/**
 * The table of raw public keys (RFC 7670): which keys an identity may use, and to which identities a key
 * belongs. A certificate contains the identity of its holder; the owner of a raw key is known only from the
 * configuration.
 * @module
 */
import type { Path } from "@/base/address.ts";
import { octetsKey } from "@/base/bytes.ts";
import type { PublicKey } from "@/crypto/signature.ts";
import { numberIn } from "@/ike/auth/numbered_identity.ts";
import {
  identityKey,
  identityOfText,
  resolveIdentity,
  sameIdentity,
  showIdentity,
} from "@/ike/negotiate/identity.ts";
import type { Identity, IdentityRule, RawKeyTable, WrittenIdentity } from "@/ike/records/config.ts";

/** The most identities of one key that a refusal names. */
const SHOWN_MAX = 3;

/** An identity and a key that it may use. `&d` in its text stands for any number. */
export interface NamedKey {
  readonly identity: WrittenIdentity;
  readonly key: PublicKey;
}

/** The keys from which a table is made. */
export interface TrustedKeys {
  readonly named: readonly NamedKey[];
  /** Keys without an identity, which only `unnamedId` may use; absent: there are none. */
  readonly unnamed?: readonly PublicKey[];
  readonly unnamedId?: IdentityRule | undefined;
}

/** Makes a table. @throws {WireError} if an identity is invalid. */
export function rawKeyTable({ named, unnamed = [], unnamedId }: TrustedKeys): RawKeyTable {
  const owners = new Map<string, string[]>();
  const exact = new Map<string, PublicKey[]>();
  const numbered: NamedKey[] = [];
  for (const one of named) {
    const { identity, key } = one;
    if (identity.text.includes("&d")) {
      numbered.push(one);
      push(owners, octetsKey(key.spki), identity.text);
      continue;
    }
    const id = identityOfText(identity);
    push(exact, identityKey(id), key);
    push(owners, octetsKey(key.spki), showIdentity(id));
  }
  for (const { spki } of unnamed) {
    const key = octetsKey(spki);
    if (!owners.has(key)) owners.set(key, []);
  }
  // A key that belongs to an identity is not also one that the configured peer may use, whoever that is.
  const free = unnamed.filter(({ spki }) => owners.get(octetsKey(spki))!.length === 0);
  return { owners, exact, numbered, unnamed: free, ...(unnamedId ? { unnamedId } : {}) };
}

/**
 * The keys that an identity may use. `path` and `index`, the number of the tunnel, determine which identity
 * the keys without one are for.
 */
export function keysOfIdentity(
  table: RawKeyTable,
  identity: Identity,
  { path, index }: { readonly path: Path; readonly index: number },
): readonly PublicKey[] {
  const { exact, numbered, unnamed, unnamedId } = table;
  const own = exact.get(identityKey(identity)) ?? [];
  const byNumber = numbered.filter((one) => numberIn(one.identity, identity) !== undefined);
  const isExpected = unnamed.length > 0 && unnamedId !== undefined &&
    sameIdentity(resolveIdentity(unnamedId, path, index), identity);
  return [...own, ...byNumber.map(({ key }) => key), ...(isExpected ? unnamed : [])];
}

/** The identities of a key as text, `no identity` if it has none; undefined if the key is not trusted. */
export function ownersOf({ owners }: RawKeyTable, { spki }: PublicKey): string | undefined {
  const names = owners.get(octetsKey(spki));
  if (!names) return undefined;
  if (names.length === 0) return "no identity";
  const more = names.length > SHOWN_MAX ? `, … (${names.length})` : "";
  return `${names.slice(0, SHOWN_MAX).join(", ")}${more}`;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known) known.push(value);
  else map.set(key, [value]);
}
