/**
 * Nonces in collisions: of two redundant SAs the one whose exchange holds the lowest of the four
 * nonces is closed by the end that created it (RFC 7296 §2.8.1, §2.8.2).
 * @module
 */

/** Negative, 0 or positive, octet by octet; a nonce that is the beginning of another is lower. */
export function compareOctets(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** The lower of two nonces. */
export function lowerNonce(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareOctets(a, b) <= 0 ? a : b;
}
