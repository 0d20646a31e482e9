/**
 * IANA ikev2-parameters: IKEv2 Identification Payload ID Types.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** ID Type, uint8 (RFC 7296 §3.5). */
export const IdType = {
  ID_IPV4_ADDR: 1,
  ID_FQDN: 2,
  ID_RFC822_ADDR: 3,
  ID_IPV6_ADDR: 5,
  ID_DER_ASN1_DN: 9,
  ID_DER_ASN1_GN: 10,
  ID_KEY_ID: 11,
  ID_FC_NAME: 12, // RFC 4595
  ID_NULL: 13, // RFC 7619
} as const;

const NAMES = namesOf(IdType);

/** The name of a number, such as `ID_FQDN`, or `unknown(201)` if the registry has none. */
export function nameOfIdType(value: number): string {
  return nameIn(NAMES, value);
}
