/**
 * Vendor ID payload: its body is the vendor's own (RFC 7296 §3.12).
 * @module
 */
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** Announces an extension of a vendor. */
export interface VendorPayload extends PayloadFlags {
  readonly type: typeof PayloadType.VENDOR;
  readonly data: Uint8Array;
}

/** Codec of {@linkcode VendorPayload}. */
export const vendorCodec: PayloadCodec<VendorPayload> = {
  type: PayloadType.VENDOR,

  decode(body) {
    return { type: PayloadType.VENDOR, data: body.rest() };
  },

  encode({ data }, body) {
    body.put(data);
  },
};
