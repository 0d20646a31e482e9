/**
 * EAP payload: one whole EAP packet (RFC 7296 §3.16, RFC 3748 §4).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * |     Code      |  Identifier   |           Length              |
 * +---------------+---------------+-------------------------------+
 * |     Type      |  Type_Data (Request and Response only)        ~
 * ```
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { EapCode } from "@/iana/eap_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** An EAP packet in its envelope. */
export interface EapPayload extends PayloadFlags {
  readonly type: typeof PayloadType.EAP;
  /** From Code to the end; its Length field is the length of `data`. */
  readonly data: Uint8Array;
}

/** Codec of {@linkcode EapPayload}. */
export const eapCodec: PayloadCodec<EapPayload> = {
  type: PayloadType.EAP,

  decode(body) {
    const octets = body.left;
    const data = body.rest();
    if (octets < 4) throw new WireError(`Cannot accept an EAP packet of ${octets} octets`);
    const code = data[0]!;
    const length = data[2]! << 8 | data[3]!;
    if (length !== octets) {
      throw new WireError(`Cannot accept EAP length ${length} in a payload of ${octets} octets`);
    }
    const typed = code === EapCode.REQUEST || code === EapCode.RESPONSE;
    if (typed && octets < 5) throw new WireError("Cannot accept an EAP packet without its type");
    const closing = code === EapCode.SUCCESS || code === EapCode.FAILURE;
    if (closing && octets !== 4) {
      throw new WireError("Cannot accept data in EAP Success or Failure");
    }
    return { type: PayloadType.EAP, data };
  },

  encode({ data }, body) {
    body.put(data);
  },
};
