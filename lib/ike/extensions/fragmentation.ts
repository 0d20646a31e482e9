/**
 * IKEV2_FRAGMENTATION_SUPPORTED in IKE_SA_INIT: whether both ends support fragments (RFC 7383 §2.3).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import {
  fragmentationNotify,
  noteFragmentation,
  supportsFragments,
} from "@/ike/window/fragments.ts";

/** See {@linkcode Extension}. */
export const fragmentation: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,
  inResumption: true,

  says({ sa }, { response }) {
    return fragmentationNotify(response ? sa.peer.fragmentation : supportsFragments(sa));
  },

  hears({ sa }, { payloads }) {
    noteFragmentation(sa, payloads);
  },
};
