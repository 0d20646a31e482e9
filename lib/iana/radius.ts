/**
 * IANA radius-types: codes and the attributes that EAP needs; Microsoft's attributes for keys.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** RADIUS code, uint8 (RFC 2865 §4). */
export const RadiusCode = {
  ACCESS_REQUEST: 1,
  ACCESS_ACCEPT: 2,
  ACCESS_REJECT: 3,
  ACCESS_CHALLENGE: 11,
} as const;

const CODE_NAMES = namesOf(RadiusCode);

/** The name of a number, such as `ACCESS_REQUEST`, or `unknown(9)` if the registry has none. */
export function nameOfRadiusCode(value: number): string {
  return nameIn(CODE_NAMES, value);
}

/** RADIUS attribute type, uint8 (RFC 2865 §5, RFC 2869 §5). */
export const RadiusAttribute = {
  USER_NAME: 1,
  NAS_IP_ADDRESS: 4,
  SERVICE_TYPE: 6,
  FRAMED_MTU: 12,
  REPLY_MESSAGE: 18,
  STATE: 24,
  VENDOR_SPECIFIC: 26,
  CALLED_STATION_ID: 30,
  CALLING_STATION_ID: 31,
  NAS_IDENTIFIER: 32,
  PROXY_STATE: 33,
  NAS_PORT_TYPE: 61,
  EAP_MESSAGE: 79,
  MESSAGE_AUTHENTICATOR: 80,
} as const;

const ATTRIBUTE_NAMES = namesOf(RadiusAttribute);

/** The name of a number, such as `EAP_MESSAGE`, or `unknown(200)` if the table has none. */
export function nameOfRadiusAttribute(value: number): string {
  return nameIn(ATTRIBUTE_NAMES, value);
}

/** Service-Type: a user who is given a link. */
export const SERVICE_TYPE_FRAMED = 2;
/** NAS-Port-Type: no port at all (RFC 2865 §5.41). */
export const NAS_PORT_TYPE_VIRTUAL = 5;

/** Microsoft's number among vendors, and its types (RFC 2548 §2.4). */
export const MicrosoftVendor = { ID: 311, MPPE_SEND_KEY: 16, MPPE_RECV_KEY: 17 } as const;
