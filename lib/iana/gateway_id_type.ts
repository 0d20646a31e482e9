/**
 * IANA ikev2-parameters: IKEv2 Gateway Identity Types.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** GW Ident Type of REDIRECT and REDIRECTED_FROM, uint8 (RFC 5685 §7.2). */
export const GatewayIdType = {
  IPV4_ADDRESS: 1,
  IPV6_ADDRESS: 2,
  FQDN: 3,
} as const;

const NAMES = namesOf(GatewayIdType);

/** The name of a number, such as `FQDN`, or `unknown(9)` if the registry has none. */
export function nameOfGatewayIdType(value: number): string {
  return nameIn(NAMES, value);
}
