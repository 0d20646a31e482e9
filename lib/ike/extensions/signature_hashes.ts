/**
 * SIGNATURE_HASH_ALGORITHMS in IKE_SA_INIT: by which hashes a peer may sign with the method Digital
 * Signature (RFC 7427 §4).
 *
 * ```text
 * | Hash Algorithm Identifier (uint16) | … |
 * ```
 * @module
 */
import { Reader, Writer } from "@/base/bytes.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";

/** The most identifiers of one notify that are kept; the registry has seven. */
const HASHES_MAX = 32;

/** See {@linkcode Extension}. */
export const signatureHashes: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,

  says({ sa }) {
    const { signatureHashes } = sa.config;
    if (signatureHashes.length === 0) return [];
    const data = new Writer(2 * signatureHashes.length);
    for (const hash of signatureHashes) data.u16(hash);
    return [notify(NotifyType.SIGNATURE_HASH_ALGORITHMS, data.done())];
  },

  hears({ sa }, { payloads }) {
    const data = findNotify(payloads, NotifyType.SIGNATURE_HASH_ALGORITHMS)?.data;
    if (!data) return;
    const reader = new Reader(data);
    const hashes: number[] = [];
    while (reader.left >= 2 && hashes.length < HASHES_MAX) hashes.push(reader.u16());
    sa.setup!.signatureHashes = hashes;
  },
};
