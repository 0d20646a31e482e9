/**
 * IANA ikev2-parameters: Transform Type 5 - Sequence Numbers Transform IDs.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Sequence numbers of ESP and AH, uint16 (RFC 7296 §3.3.2, RFC 9838). */
export const Esn = {
  NO_ESN: 0, // 32-bit Sequential Numbers
  ESN: 1, // Partially Transmitted 64-bit Sequential Numbers
  UNSPECIFIED: 2, // 32-bit Unspecified Numbers
} as const;

const NAMES = namesOf(Esn);

/** The name of a number, such as `NO_ESN`, `ESN`, or `unknown(9)` if the registry has none. */
export function nameOfEsn(value: number): string {
  return nameIn(NAMES, value);
}
