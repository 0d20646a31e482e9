/**
 * NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP in IKE_SA_INIT (RFC 7296 §2.23).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { natDetection, noteNat } from "@/ike/path/nat_detection.ts";
import type { Extension } from "@/ike/records/extension.ts";

/** See {@linkcode Extension}. */
export const natDetected: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,
  inResumption: true,

  says({ sa }, { response, path }) {
    if (!response) return natDetection(sa, path, 0n);
    return sa.peer.natDetected ? natDetection(sa, path, sa.spiR) : [];
  },

  hears(turn, { payloads, path }) {
    noteNat(turn, payloads, path);
  },
};
