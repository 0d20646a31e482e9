/**
 * Nonces: the required length of a peer's nonce (RFC 7296 §2.10), and how nonces decide collisions: of two
 * redundant SAs, the one whose exchange had the lowest of the four nonces is closed by the end that created
 * it (§2.8.1, §2.8.2).
 * @module
 */
import type { Prf } from "@/crypto/backend.ts";

/** Compares octets: negative, 0 or positive; a nonce that is the beginning of another is lower. */
export function compareOctets(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/**
 * The fault of a peer's nonce, which must have half the octets of the key of each negotiated PRF (§2.10);
 * undefined: it is valid.
 */
export function nonceFault(nonce: Uint8Array, ...prfs: readonly Prf[]): string | undefined {
  const least = Math.max(...prfs.map((prf) => prf.keyOctets / 2));
  return nonce.length < least
    ? `a nonce of ${nonce.length} octets, the PRF asks for ${least}`
    : undefined;
}

/** The lower of two nonces. */
export function lowerNonce(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareOctets(a, b) <= 0 ? a : b;
}
