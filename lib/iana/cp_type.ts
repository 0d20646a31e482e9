/**
 * IANA ikev2-parameters: IKEv2 Configuration Payload CFG Types.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** CFG Type, uint8 (RFC 7296 §3.15). */
export const CpType = {
  CFG_REQUEST: 1,
  CFG_REPLY: 2,
  CFG_SET: 3,
  CFG_ACK: 4,
} as const;

const NAMES = namesOf(CpType);

/** The name of a number, such as `CFG_REQUEST`, or `unknown(9)` if the registry has none. */
export function nameOfCpType(value: number): string {
  return nameIn(NAMES, value);
}
