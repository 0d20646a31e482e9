/**
 * IANA ikev2-parameters: IKEv2 Notification IPCOMP Transform IDs.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Transform ID of IPCOMP_SUPPORTED, uint8 (RFC 7296 §2.22). */
export const IpcompTransform = {
  IPCOMP_OUI: 1,
  IPCOMP_DEFLATE: 2,
  IPCOMP_LZS: 3,
  IPCOMP_LZJH: 4,
} as const;

const NAMES = namesOf(IpcompTransform);

/** The name of a number, such as `IPCOMP_DEFLATE`, or `unknown(9)` if the registry has none. */
export function nameOfIpcompTransform(value: number): string {
  return nameIn(NAMES, value);
}
