/**
 * IANA eapsimaka-numbers: subtypes, attributes and codes of EAP-SIM, EAP-AKA and EAP-AKA′.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Subtype of a message, uint8. */
export const SimSubtype = {
  AKA_CHALLENGE: 1,
  AKA_AUTHENTICATION_REJECT: 2,
  AKA_SYNCHRONIZATION_FAILURE: 4,
  AKA_IDENTITY: 5,
  SIM_START: 10,
  SIM_CHALLENGE: 11,
  NOTIFICATION: 12,
  REAUTHENTICATION: 13,
  CLIENT_ERROR: 14,
} as const;

const SUBTYPE_NAMES = namesOf(SimSubtype);

/** The name of a number, such as `AKA_CHALLENGE`, or `unknown(9)` if the registry has none. */
export function nameOfSimSubtype(value: number): string {
  return nameIn(SUBTYPE_NAMES, value);
}

/** Attribute type, uint8; who does not know one below 128 must refuse the message. */
export const SimAttributeType = {
  AT_RAND: 1,
  AT_AUTN: 2,
  AT_RES: 3,
  AT_AUTS: 4,
  AT_PADDING: 6,
  AT_NONCE_MT: 7,
  AT_PERMANENT_ID_REQ: 10,
  AT_MAC: 11,
  AT_NOTIFICATION: 12,
  AT_ANY_ID_REQ: 13,
  AT_IDENTITY: 14,
  AT_VERSION_LIST: 15,
  AT_SELECTED_VERSION: 16,
  AT_FULLAUTH_ID_REQ: 17,
  AT_COUNTER: 19,
  AT_COUNTER_TOO_SMALL: 20,
  AT_NONCE_S: 21,
  AT_CLIENT_ERROR_CODE: 22,
  AT_KDF_INPUT: 23,
  AT_KDF: 24,
  AT_IV: 129,
  AT_ENCR_DATA: 130,
  AT_NEXT_PSEUDONYM: 132,
  AT_NEXT_REAUTH_ID: 133,
  AT_CHECKCODE: 134,
  AT_RESULT_IND: 135,
  AT_BIDDING: 136,
} as const;

const ATTRIBUTE_NAMES = namesOf(SimAttributeType);

/** The name of a number, such as `AT_RAND`, or `unknown(99)` if the registry has none. */
export function nameOfSimAttribute(value: number): string {
  return nameIn(ATTRIBUTE_NAMES, value);
}

/** AT_CLIENT_ERROR_CODE, uint16. */
export const SimClientError = {
  UNABLE_TO_PROCESS_PACKET: 0,
  UNSUPPORTED_VERSION: 1,
  INSUFFICIENT_NUMBER_OF_CHALLENGES: 2,
  RANDS_ARE_NOT_FRESH: 3,
} as const;

const CLIENT_ERROR_NAMES = namesOf(SimClientError);

/** The name of a number, such as `UNSUPPORTED_VERSION`, or `unknown(9)` if the registry has none. */
export function nameOfSimClientError(value: number): string {
  return nameIn(CLIENT_ERROR_NAMES, value);
}

/** AT_NOTIFICATION, uint16: bit 15 says success, bit 14 that nothing is authenticated yet. */
export const SimNotification = {
  GENERAL_FAILURE_AFTER_AUTHENTICATION: 0,
  TEMPORARILY_DENIED: 1026,
  NOT_SUBSCRIBED: 1031,
  GENERAL_FAILURE: 16384,
  SUCCESS: 32768,
} as const;

const NOTIFICATION_NAMES = namesOf(SimNotification);

/** The name of a number, such as `NOT_SUBSCRIBED`, or `unknown(9)` if the registry has none. */
export function nameOfSimNotification(value: number): string {
  return nameIn(NOTIFICATION_NAMES, value);
}
