/**
 * IANA ikev2-parameters: IKEv2 Transform Attribute Types.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Transform Attribute Type, 15 bits (RFC 7296 §3.3.5). */
export const TransformAttribute = {
  KEY_LENGTH: 14, // in bits, Type/Value format
  SIGNATURE_ALGORITHM_IDENTIFIER: 18, // Type/Length/Value format, RFC 9838
} as const;

const NAMES = namesOf(TransformAttribute);

/** `KEY_LENGTH`; `unknown(15)` where the registry has no name. */
export function nameOfTransformAttribute(value: number): string {
  return nameIn(NAMES, value);
}
