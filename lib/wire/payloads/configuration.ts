/**
 * Configuration payload: addresses and servers asked for and handed out (RFC 7296 §3.15).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+-----------------------------------------------+
 * |   CFG Type    |                    RESERVED                   |
 * +-+-------------+---------------+-------------------------------+
 * |R|         Attribute Type      |            Length             |  each attribute
 * +-+-----------------------------+-------------------------------+
 * ~                             Value                             ~
 * ```
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { CfgAttribute, nameOfCfgAttribute } from "@/iana/cfg_attribute.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** One attribute (RFC 7296 §3.15.1). */
export interface ConfigurationAttribute {
  /** Attribute type, 15 bits. */
  readonly attribute: number;
  /** Empty where it is asked for without a wish. */
  readonly value: Uint8Array;
}

/** A request for attributes or an answer to one. */
export interface CpPayload extends PayloadFlags {
  readonly type: typeof PayloadType.CP;
  /** CFG Type, uint8. */
  readonly cpType: number;
  readonly attributes: readonly ConfigurationAttribute[];
}

/** Octets of a value that is not empty, where RFC 7296 §3.15.1 fixes them. */
const VALUE_OCTETS: ReadonlyMap<number, number> = new Map([
  [CfgAttribute.INTERNAL_IP4_ADDRESS, 4],
  [CfgAttribute.INTERNAL_IP4_NETMASK, 4],
  [CfgAttribute.INTERNAL_IP4_DNS, 4],
  [CfgAttribute.INTERNAL_IP4_NBNS, 4],
  [CfgAttribute.INTERNAL_IP4_DHCP, 4],
  [CfgAttribute.INTERNAL_IP4_SUBNET, 8],
  [CfgAttribute.INTERNAL_IP6_ADDRESS, 17],
  [CfgAttribute.INTERNAL_IP6_DNS, 16],
  [CfgAttribute.INTERNAL_IP6_DHCP, 16],
  [CfgAttribute.INTERNAL_IP6_SUBNET, 17],
  [CfgAttribute.P_CSCF_IP4_ADDRESS, 4], // RFC 7651 §4
  [CfgAttribute.P_CSCF_IP6_ADDRESS, 16],
  [CfgAttribute.TIMEOUT_PERIOD_FOR_LIVENESS_CHECK, 4], // 3GPP TS 24.302 §8.2.4.2
]);

/** Codec of {@linkcode CpPayload}. */
export const cpCodec: PayloadCodec<CpPayload> = {
  type: PayloadType.CP,

  decode(body) {
    const cpType = body.u8();
    body.u8(); // RESERVED
    body.u16(); // RESERVED
    const attributes: ConfigurationAttribute[] = [];
    while (body.left > 0) {
      const attribute = body.u16() & 0x7fff;
      const length = body.u16();
      const expected = VALUE_OCTETS.get(attribute);
      if (expected !== undefined && length !== 0 && length !== expected) {
        throw new WireError(`Cannot accept ${length} octets in ${nameOfCfgAttribute(attribute)}`);
      }
      if (attribute === CfgAttribute.SUPPORTED_ATTRIBUTES && length % 2 !== 0) {
        throw new WireError(`Cannot split ${length} octets into attribute types`);
      }
      attributes.push({ attribute, value: body.take(length) });
    }
    return { type: PayloadType.CP, cpType, attributes };
  },

  encode({ cpType, attributes }, body) {
    body.u8(cpType).u8(0).u16(0);
    for (const { attribute, value } of attributes) {
      body.u16(attribute & 0x7fff).u16(value.length).put(value);
    }
  },
};
