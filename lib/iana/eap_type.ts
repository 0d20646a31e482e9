/**
 * IANA eap-numbers: Method Types, those that are in use.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** EAP method type, uint8 (RFC 3748 §5). */
export const EapType = {
  IDENTITY: 1,
  NOTIFICATION: 2,
  NAK: 3,
  MD5_CHALLENGE: 4,
  OTP: 5,
  GTC: 6,
  TLS: 13,
  SIM: 18,
  TTLS: 21,
  AKA: 23,
  PEAP: 25,
  MSCHAPV2: 26,
  FAST: 43,
  PAX: 46,
  PSK: 47,
  SAKE: 48,
  IKEV2: 49,
  AKA_PRIME: 50,
  GPSK: 51,
  PWD: 52,
  EKE: 53,
  TEAP: 55,
  EXPANDED: 254,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [EapType.IDENTITY, "Identity"],
  [EapType.NOTIFICATION, "Notification"],
  [EapType.NAK, "Legacy Nak"],
  [EapType.MD5_CHALLENGE, "MD5-Challenge"],
  [EapType.OTP, "One-Time Password (OTP)"],
  [EapType.GTC, "Generic Token Card (GTC)"],
  [EapType.TLS, "EAP-TLS"],
  [EapType.SIM, "EAP-SIM"],
  [EapType.TTLS, "EAP-TTLS"],
  [EapType.AKA, "EAP-AKA"],
  [EapType.PEAP, "PEAP"],
  [EapType.MSCHAPV2, "MS-EAP-Authentication"],
  [EapType.FAST, "EAP-FAST"],
  [EapType.PAX, "EAP-PAX"],
  [EapType.PSK, "EAP-PSK"],
  [EapType.SAKE, "EAP-SAKE"],
  [EapType.IKEV2, "EAP-IKEv2"],
  [EapType.AKA_PRIME, "EAP-AKA'"],
  [EapType.GPSK, "EAP-GPSK"],
  [EapType.PWD, "EAP-pwd"],
  [EapType.EKE, "EAP-EKE"],
  [EapType.TEAP, "TEAP"],
  [EapType.EXPANDED, "Expanded Type"],
]);

/** The name of a number, such as `EAP-TLS`, or `unknown(200)` if the table has none. */
export function nameOfEapType(value: number): string {
  return nameIn(NAMES, value);
}

/** EAP packet code, uint8 (RFC 3748 §4). */
export const EapCode = { REQUEST: 1, RESPONSE: 2, SUCCESS: 3, FAILURE: 4 } as const;

const CODE_NAMES = namesOf(EapCode);

/** The name of a number, such as `REQUEST`, or `unknown(9)` if the registry has none. */
export function nameOfEapCode(value: number): string {
  return nameIn(CODE_NAMES, value);
}
