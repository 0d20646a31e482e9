/**
 * Authentication payload: the proof of an identity (RFC 7296 §3.8).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+-----------------------------------------------+
 * | Auth Method   |                RESERVED                       |
 * +---------------+-----------------------------------------------+
 * ~                      Authentication Data                      ~
 * ```
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** A MAC or a signature over the sender's octets (RFC 7296 §2.15). */
export interface AuthPayload extends PayloadFlags {
  readonly type: typeof PayloadType.AUTH;
  /** Auth Method, uint8. */
  readonly method: number;
  readonly data: Uint8Array;
}

/** Codec of {@linkcode AuthPayload}. */
export const authCodec: PayloadCodec<AuthPayload> = {
  type: PayloadType.AUTH,

  decode(body) {
    const method = body.u8();
    body.u8(); // RESERVED
    body.u16(); // RESERVED
    if (body.left === 0) throw new WireError("Cannot accept empty authentication data");
    return { type: PayloadType.AUTH, method, data: body.rest() };
  },

  encode({ method, data }, body) {
    body.u8(method).u8(0).u16(0).put(data);
  },
};
