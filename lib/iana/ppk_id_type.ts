/**
 * IANA ikev2-parameters: IKEv2 Post-quantum Preshared Key ID Types.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** PPK_ID type of PPK_IDENTITY, uint8 (RFC 8784 §5.1). */
export const PpkIdType = {
  PPK_ID_OPAQUE: 1,
  PPK_ID_FIXED: 2,
} as const;

const NAMES = namesOf(PpkIdType);

/** The name of a number, such as `PPK_ID_FIXED`, or `unknown(9)` if the registry has none. */
export function nameOfPpkIdType(value: number): string {
  return nameIn(NAMES, value);
}
