/**
 * Encrypted payloads as they stand on the wire, not opened: SK (RFC 7296 §3.14) and its fragment SKF
 * (RFC 7383 §2.5). Each is the last of its message; its Next Payload names the first payload inside.
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-------------------------------+-------------------------------+
 * |        Fragment Number        |        Total Fragments        |  SKF only
 * +-------------------------------+-------------------------------+
 * ~                     Initialization Vector                     ~
 * ~                    Encrypted IKE Payloads                     ~
 * +               +-----------------------------------------------+
 * |               |             Padding (0-255 octets)            |
 * +-----------------------------------------------+---------------+
 * |                                               |  Pad Length   |
 * +-----------------------------------------------+---------------+
 * ~                    Integrity Checksum Data                    ~
 * ```
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** Encrypted and Authenticated. */
export interface SkPayload extends PayloadFlags {
  readonly type: typeof PayloadType.SK;
  /** Type of the first payload inside; 0: it is empty. */
  readonly firstType: number;
  /** IV ‖ ciphertext ‖ ICV. */
  readonly body: Uint8Array;
  /** Offset of `body` in its message; what is before it is associated data (RFC 5282 §5.1). */
  readonly offset: number;
}

/** Encrypted and Authenticated Fragment. */
export interface SkfPayload extends PayloadFlags {
  readonly type: typeof PayloadType.SKF;
  /** In the first fragment the type of the first payload of the whole message; otherwise 0. */
  readonly firstType: number;
  /** Fragment Number, uint16, from 1. */
  readonly fragment: number;
  /** Total Fragments, uint16, at least `fragment`. */
  readonly total: number;
  /** IV ‖ ciphertext ‖ ICV. */
  readonly body: Uint8Array;
  /** Offset of `body` in its message; the fragment's numbers are associated data too. */
  readonly offset: number;
}

/** Codec of {@linkcode SkPayload}; `firstType` belongs to the generic header, which sets it. */
export const skCodec: PayloadCodec<SkPayload> = {
  type: PayloadType.SK,

  decode(body) {
    const offset = body.at;
    return { type: PayloadType.SK, firstType: 0, body: body.rest(), offset };
  },

  encode({ body: sealed }, body) {
    body.put(sealed);
  },
};

/** Codec of {@linkcode SkfPayload}; `firstType` belongs to the generic header, which sets it. */
export const skfCodec: PayloadCodec<SkfPayload> = {
  type: PayloadType.SKF,

  decode(body) {
    const fragment = body.u16();
    const total = body.u16();
    // Neither number is zero, and the fragment's number is not above the total (RFC 7383 §2.6).
    if (fragment === 0 || fragment > total) {
      throw new WireError(`Cannot accept fragment ${fragment} of ${total}`);
    }
    const offset = body.at;
    return { type: PayloadType.SKF, firstType: 0, fragment, total, body: body.rest(), offset };
  },

  encode({ fragment, total, body: sealed }, body) {
    body.u16(fragment).u16(total).put(sealed);
  },
};
