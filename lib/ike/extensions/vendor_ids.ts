/**
 * Vendor IDs of the peer (RFC 7296 §3.12), which say nothing about the protocol that this end relies on: they
 * are kept to show what was tested. This end sends none.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import type { Payload } from "@/wire/message.ts";

/** Vendor IDs of a peer that are kept, and the octets of each. */
const IDS_MAX = 8;
const OCTETS_MAX = 64;

/** Those in IKE_SA_INIT. */
export const vendorIdsInInit: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,
  inResumption: true,

  hears({ sa }, { payloads }) {
    sa.peer.vendorIds = withVendorIds([], payloads);
  },
};

/** Those in IKE_AUTH. */
export const vendorIdsInAuth: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  hears({ sa }, { payloads }) {
    sa.peer.vendorIds = withVendorIds(sa.peer.vendorIds, payloads);
  },
};

function withVendorIds(known: readonly string[], payloads: readonly Payload[]): readonly string[] {
  const ids = payloads.flatMap((payload) =>
    payload.type === PayloadType.VENDOR && "data" in payload
      ? [toHex(payload.data.subarray(0, OCTETS_MAX))]
      : []
  );
  return ids.length === 0 ? known : [...new Set([...known, ...ids])].slice(0, IDS_MAX);
}
