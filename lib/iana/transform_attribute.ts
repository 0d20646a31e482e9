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

/** The name of a number, such as `KEY_LENGTH`, or `unknown(15)` if the registry has none. */
export function nameOfTransformAttribute(value: number): string {
  return nameIn(NAMES, value);
}
