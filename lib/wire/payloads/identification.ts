/**
 * Identification payloads: who the initiator and the responder are (RFC 7296 §3.5).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+-----------------------------------------------+
 * |   ID Type     |                 RESERVED                      |
 * +---------------+-----------------------------------------------+
 * ~                   Identification Data                         ~
 * ```
 * @module
 */
import type { Reader, Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { IdType } from "@/iana/id_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** An identity: its type, and octets that mean what the type says. */
export interface IdentityFields extends PayloadFlags {
  /** ID Type, uint8. */
  readonly idType: number;
  readonly data: Uint8Array;
  /** The three RESERVED octets, uint24, if not 0: AUTH covers them as received (RFC 7296 §2.15). */
  readonly reserved?: number;
}

/** Identification - Initiator. */
export interface IdiPayload extends IdentityFields {
  readonly type: typeof PayloadType.IDI;
}

/** Identification - Responder. */
export interface IdrPayload extends IdentityFields {
  readonly type: typeof PayloadType.IDR;
}

/** Codec of {@linkcode IdiPayload}. */
export const idiCodec: PayloadCodec<IdiPayload> = {
  type: PayloadType.IDI,

  decode(body) {
    return { type: PayloadType.IDI, ...decodeIdentity(body) };
  },

  encode: encodeIdentity,
};

/** Codec of {@linkcode IdrPayload}. */
export const idrCodec: PayloadCodec<IdrPayload> = {
  type: PayloadType.IDR,

  decode(body) {
    return { type: PayloadType.IDR, ...decodeIdentity(body) };
  },

  encode: encodeIdentity,
};

/** Type and octets, once these are of a length that the type allows. */
function decodeIdentity(body: Reader): IdentityFields {
  const idType = body.u8();
  const reserved = body.u8() * 0x10000 + body.u16();
  const { left } = body;
  if (!isDataLength(idType, left)) {
    throw new WireError(`Cannot accept ${left} octets for ID type ${idType}`);
  }
  const data = body.rest();
  return reserved === 0 ? { idType, data } : { idType, data, reserved };
}

function isDataLength(idType: number, octets: number): boolean {
  switch (idType) {
    case IdType.ID_IPV4_ADDR:
      return octets === 4;
    case IdType.ID_IPV6_ADDR:
      return octets === 16;
    case IdType.ID_NULL:
      return octets === 0; // RFC 7619 §2.2
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
    case IdType.ID_DER_ASN1_DN:
    case IdType.ID_DER_ASN1_GN:
      return octets > 0;
    default:
      return true;
  }
}

function encodeIdentity({ idType, data, reserved = 0 }: IdentityFields, body: Writer): void {
  body.u8(idType).u8(reserved >>> 16).u16(reserved & 0xffff).put(data);
}
