/**
 * IANA ikev2-parameters: IKEv2 Traffic Selector Types.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** TS Type, uint8 (RFC 7296 §3.13.1). */
export const TsType = {
  TS_IPV4_ADDR_RANGE: 7,
  TS_IPV6_ADDR_RANGE: 8,
  TS_FC_ADDR_RANGE: 9, // RFC 4595
  TS_SECLABEL: 10, // RFC 9478
} as const;

const NAMES = namesOf(TsType);

/** The name of a number, such as `TS_IPV4_ADDR_RANGE`, or `unknown(241)` if the registry has none. */
export function nameOfTsType(value: number): string {
  return nameIn(NAMES, value);
}
