/**
 * IANA ikev2-parameters: Transform Type Values.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Transform Type, uint8 (RFC 7296 §3.3.2). */
export const TransformType = {
  ENCR: 1, // Encryption Algorithm
  PRF: 2, // Pseudorandom Function
  INTEG: 3, // Integrity Algorithm
  KE: 4, // Key Exchange Method, once "Diffie-Hellman Group"
  ESN: 5, // Sequence Numbers, once "Extended Sequence Numbers"
  ADDKE1: 6, // Additional Key Exchange 1, RFC 9370
  ADDKE2: 7, // Additional Key Exchange 2, RFC 9370
  ADDKE3: 8, // Additional Key Exchange 3, RFC 9370
  ADDKE4: 9, // Additional Key Exchange 4, RFC 9370
  ADDKE5: 10, // Additional Key Exchange 5, RFC 9370
  ADDKE6: 11, // Additional Key Exchange 6, RFC 9370
  ADDKE7: 12, // Additional Key Exchange 7, RFC 9370
  KWA: 13, // Key Wrap Algorithm, RFC 9838
  GCAUTH: 14, // Group Controller Authentication Method, RFC 9838
} as const;

const NAMES = namesOf(TransformType);

/** The name of a number, such as `ENCR`, `ADDKE1`, or `unknown(200)` if the registry has none. */
export function nameOfTransformType(value: number): string {
  return nameIn(NAMES, value);
}
