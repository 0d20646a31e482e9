/**
 * A payload whose body stays as it is: types without a codec here, and what a setup wants sent.
 * @module
 */
import type { PayloadFlags } from "@/wire/codec.ts";

/** A payload of any type with an opaque body; the only record that has `raw`. */
export interface RawPayload extends PayloadFlags {
  /** Next Payload number, uint8. */
  readonly type: number;
  /** All behind the generic payload header. */
  readonly raw: Uint8Array;
}
