/**
 * The rules of both backends for public and private values: which are refused, and how a private value is
 * drawn from a given source, so that both make the same pair of it.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { GroupMeasures } from "@/crypto/algorithms.ts";
import { KeyExchangeError } from "@/crypto/backend.ts";
import { KeGroup } from "@/iana/ke_group.ts";

/** The most draws without a private value, after which the source is considered broken. */
const DRAWS_MAX = 1000;

/**
 * Checks the length of a public value. @throws {KeyExchangeError} if it is not that of the group (RFC 7296
 * §3.4).
 */
export function checkPublicLength(group: GroupMeasures, peerPublic: Uint8Array): void {
  const { name, publicOctets } = group;
  const { length } = peerPublic;
  if (length === publicOctets) return;
  throw new KeyExchangeError(
    `Cannot use a public value of ${length} octets, ${name} takes ${publicOctets}`,
  );
}

/** The error for a public value of the right length that must not be used. */
export function unusablePublic(group: GroupMeasures): KeyExchangeError {
  return new KeyExchangeError(`Cannot use a public value that is none of ${group.name}`);
}

/** Draws a private value from the source; it is never zero, also after the group has masked it. */
export function drawPrivate(
  group: GroupMeasures,
  random: RandomOctets,
  isPrivate: (value: Uint8Array) => boolean,
): Uint8Array {
  for (let i = 0; i < DRAWS_MAX; i++) {
    const value = random(group.privateOctets).slice();
    // P-521 leaves seven bits of its first octet unused; the orders of other curves fill their octets.
    if (group.group === KeGroup.ECP_521) value[0]! &= 0x01;
    if (value.some((octet) => octet > 0) && isPrivate(value)) return value;
  }
  must(false, "a source of randomness that is not constant");
}
