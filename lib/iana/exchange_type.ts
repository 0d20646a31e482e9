/**
 * IANA ikev2-parameters: IKEv2 Exchange Types.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Exchange Type, uint8 (RFC 7296 §3.1). */
export const ExchangeType = {
  IKE_SA_INIT: 34,
  IKE_AUTH: 35,
  CREATE_CHILD_SA: 36,
  INFORMATIONAL: 37,
  IKE_SESSION_RESUME: 38, // RFC 5723
  GSA_AUTH: 39, // RFC 9838
  GSA_REGISTRATION: 40,
  GSA_REKEY: 41,
  GSA_INBAND_REKEY: 42,
  IKE_INTERMEDIATE: 43, // RFC 9242
  IKE_FOLLOWUP_KE: 44, // RFC 9370
} as const;

const NAMES = namesOf(ExchangeType);

/** The name of a number, such as `IKE_SA_INIT`, or `unknown(240)` if the registry has none. */
export function nameOfExchange(value: number): string {
  return nameIn(NAMES, value);
}
