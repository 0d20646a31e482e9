/**
 * Notify payload: an error or a status (RFC 7296 §3.10).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * |  Protocol ID  |   SPI Size    |      Notify Message Type      |
 * +---------------+---------------+-------------------------------+
 * ~                Security Parameter Index (SPI)                 ~
 * +---------------------------------------------------------------+
 * ~                       Notification Data                       ~
 * ```
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { decodeAnnouncements } from "@/wire/auth_announcements.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** A notification, about the SA that `spi` names or about none. */
export interface NotifyPayload extends PayloadFlags {
  readonly type: typeof PayloadType.NOTIFY;
  /** Protocol ID, uint8; 0 without an SPI, where a receiver ignores it. */
  readonly protocol: number;
  /** 4 octets for AH and ESP; else mostly none. */
  readonly spi: Uint8Array;
  /** Notify Message Type, uint16. */
  readonly notify: number;
  /** Notification Data, in the form of the type. */
  readonly data: Uint8Array;
}

/** Octets of notification data, least and most, where its type fixes them. */
const DATA_OCTETS: ReadonlyMap<number, readonly [min: number, max: number]> = new Map([
  [NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, [1, 1]], // RFC 7296 §3.10.1, so the next six
  [NotifyType.INVALID_MESSAGE_ID, [4, 4]],
  [NotifyType.INVALID_KE_PAYLOAD, [2, 2]],
  [NotifyType.SET_WINDOW_SIZE, [4, 4]],
  [NotifyType.IPCOMP_SUPPORTED, [3, 0xffff]], // §2.22: attributes may follow
  [NotifyType.NAT_DETECTION_SOURCE_IP, [20, 20]],
  [NotifyType.NAT_DETECTION_DESTINATION_IP, [20, 20]],
  [NotifyType.COOKIE, [1, 64]], // RFC 7296 §2.6
  [NotifyType.ADDITIONAL_IP4_ADDRESS, [4, 4]], // RFC 4555 §4.2.2, so the next two
  [NotifyType.ADDITIONAL_IP6_ADDRESS, [16, 16]],
  [NotifyType.COOKIE2, [8, 64]],
  [NotifyType.AUTH_LIFETIME, [4, 4]], // RFC 4478 §3
  [NotifyType.TICKET_LT_OPAQUE, [5, 0xffff]], // RFC 5723 §7.1: a lifetime and a ticket
  [NotifyType.TICKET_OPAQUE, [1, 0xffff]],
  [NotifyType.SIGNATURE_HASH_ALGORITHMS, [2, 0xffff]], // RFC 7427 §4
  [NotifyType.PUZZLE, [3, 3]], // RFC 8019 §8.1
  [NotifyType.USE_AGGFRAG, [0, 1]], // RFC 9347 §5.1: one octet, which libreswan 5 leaves out
]);

/** Codec of {@linkcode NotifyPayload}. */
export const notifyCodec: PayloadCodec<NotifyPayload> = {
  type: PayloadType.NOTIFY,

  decode(body) {
    const protocol = body.u8();
    const spiSize = body.u8();
    const notify = body.u16();
    const ipsec = protocol === ProtocolId.AH || protocol === ProtocolId.ESP;
    if (ipsec && spiSize !== 4 && spiSize !== 0) {
      throw new WireError(`Cannot accept SPI size ${spiSize} for protocol ${protocol}`);
    }
    const spi = body.take(spiSize);
    const octets = DATA_OCTETS.get(notify);
    if (octets && (body.left < octets[0] || body.left > octets[1])) {
      throw new WireError(`Cannot accept ${body.left} octets of data in ${nameOfNotify(notify)}`);
    }
    if (notify === NotifyType.SIGNATURE_HASH_ALGORITHMS && body.left % 2 !== 0) {
      throw new WireError(`Cannot split ${body.left} octets into hash algorithms`);
    }
    const data = body.rest();
    if (notify === NotifyType.SUPPORTED_AUTH_METHODS) decodeAnnouncements(data);
    return { type: PayloadType.NOTIFY, protocol, spi, notify, data };
  },

  encode({ protocol, spi, notify, data }, body) {
    body.u8(protocol).u8(spi.length).u16(notify);
    if (spi.length > 0) body.put(spi);
    if (data.length > 0) body.put(data);
  },
};
