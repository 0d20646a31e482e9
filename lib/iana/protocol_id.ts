/**
 * IANA ikev2-parameters: IKEv2 Security Protocol Identifiers.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Security Protocol Identifier, uint8 (RFC 7296 §3.3.1). */
export const ProtocolId = {
  IKE: 1,
  AH: 2,
  ESP: 3,
  FC_ESP_HEADER: 4, // RFC 4595
  FC_CT_AUTHENTICATION: 5, // RFC 4595
  GIKE_UPDATE: 6, // RFC 9838
} as const;

const NAMES = namesOf(ProtocolId);

/** The name of a number, such as `IKE`, `AH`, `ESP`, or `unknown(9)` if the registry has none. */
export function nameOfProtocol(value: number): string {
  return nameIn(NAMES, value);
}
