/**
 * Puzzle Solution payload: its body is the keys that solve a puzzle, all of the same length, one after the
 * other (RFC 8019 §8.2).
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** The solution of a puzzle that a responder has given. */
export interface PuzzleSolutionPayload extends PayloadFlags {
  readonly type: typeof PayloadType.PS;
  /** The four keys, at least one octet. */
  readonly data: Uint8Array;
}

/** Codec of {@linkcode PuzzleSolutionPayload}. */
export const puzzleSolutionCodec: PayloadCodec<PuzzleSolutionPayload> = {
  type: PayloadType.PS,

  decode(body) {
    if (body.left === 0) throw new WireError("Cannot accept a Puzzle Solution without data");
    return { type: PayloadType.PS, data: body.rest() };
  },

  encode({ data }, body) {
    body.put(data);
  },
};
