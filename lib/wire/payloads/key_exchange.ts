/**
 * Key Exchange payload: the sender's public value (RFC 7296 §3.4; of a KEM, the public key or the
 * ciphertext, RFC 9370 §2.2).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-------------------------------+-------------------------------+
 * |     Key Exchange Method       |           RESERVED            |
 * +-------------------------------+-------------------------------+
 * ~                       Key Exchange Data                       ~
 * ```
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** A public value of one key exchange method. */
export interface KePayload extends PayloadFlags {
  readonly type: typeof PayloadType.KE;
  /** Transform Type 4 number, uint16. */
  readonly group: number;
  /** Its length is the method's to check. */
  readonly data: Uint8Array;
}

/** Codec of {@linkcode KePayload}. */
export const keCodec: PayloadCodec<KePayload> = {
  type: PayloadType.KE,

  decode(body) {
    const group = body.u16();
    body.u16(); // RESERVED
    if (body.left === 0) throw new WireError("Cannot accept an empty public value");
    return { type: PayloadType.KE, group, data: body.rest() };
  },

  encode({ group, data }, body) {
    body.u16(group).u16(0).put(data);
  },
};
