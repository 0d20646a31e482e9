/**
 * Nonce payload: its body is the nonce (RFC 7296 §3.9).
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** Ni or Nr, by the direction of the message. */
export interface NoncePayload extends PayloadFlags {
  readonly type: typeof PayloadType.NONCE;
  /** 16 to 256 octets. */
  readonly data: Uint8Array;
}

const NONCE_OCTETS_MIN = 16;
const NONCE_OCTETS_MAX = 256;

/** Codec of {@linkcode NoncePayload}. */
export const nonceCodec: PayloadCodec<NoncePayload> = {
  type: PayloadType.NONCE,

  decode(body) {
    const { left } = body;
    if (left < NONCE_OCTETS_MIN || left > NONCE_OCTETS_MAX) {
      throw new WireError(`Cannot accept a nonce of ${left} octets`);
    }
    return { type: PayloadType.NONCE, data: body.rest() };
  },

  encode({ data }, body) {
    body.put(data);
  },
};
