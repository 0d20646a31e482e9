/**
 * IANA ikev2-parameters: IKEv2 Payload Types.
 * @module
 */
import { nameIn } from "@/iana/registry.ts";

/** Next Payload, uint8 (RFC 7296 §3.2). */
export const PayloadType = {
  NONE: 0, // No Next Payload
  SA: 33, // Security Association
  KE: 34, // Key Exchange
  IDI: 35, // Identification - Initiator
  IDR: 36, // Identification - Responder
  CERT: 37, // Certificate
  CERTREQ: 38, // Certificate Request
  AUTH: 39, // Authentication
  NONCE: 40, // Nonce
  NOTIFY: 41, // Notify
  DELETE: 42, // Delete
  VENDOR: 43, // Vendor ID
  TSI: 44, // Traffic Selector - Initiator
  TSR: 45, // Traffic Selector - Responder
  SK: 46, // Encrypted and Authenticated
  CP: 47, // Configuration
  EAP: 48, // Extensible Authentication
  GSPM: 49, // Generic Secure Password Method, RFC 6467
  IDG: 50, // Group Identification, RFC 9838
  GSA: 51, // Group Security Association, RFC 9838
  KD: 52, // Key Download, RFC 9838
  SKF: 53, // Encrypted and Authenticated Fragment, RFC 7383
  PS: 54, // Puzzle Solution, RFC 8019
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [PayloadType.NONE, "none"],
  [PayloadType.SA, "SA"],
  [PayloadType.KE, "KE"],
  [PayloadType.IDI, "IDi"],
  [PayloadType.IDR, "IDr"],
  [PayloadType.CERT, "CERT"],
  [PayloadType.CERTREQ, "CERTREQ"],
  [PayloadType.AUTH, "AUTH"],
  [PayloadType.NONCE, "Nonce"],
  [PayloadType.NOTIFY, "N"],
  [PayloadType.DELETE, "D"],
  [PayloadType.VENDOR, "V"],
  [PayloadType.TSI, "TSi"],
  [PayloadType.TSR, "TSr"],
  [PayloadType.SK, "SK"],
  [PayloadType.CP, "CP"],
  [PayloadType.EAP, "EAP"],
  [PayloadType.GSPM, "GSPM"],
  [PayloadType.IDG, "IDg"],
  [PayloadType.GSA, "GSA"],
  [PayloadType.KD, "KD"],
  [PayloadType.SKF, "SKF"],
  [PayloadType.PS, "PS"],
]);

/** The RFC's notation, `SA`, `IDi`, `N`; a nonce (Ni, Nr) is `Nonce`, whichever side sent it. */
export function nameOfPayload(value: number): string {
  return nameIn(NAMES, value);
}
