/**
 * A CHILD_SA as plain data: what was negotiated, its SPIs and its keys (RFC 7296 §1.1.2, §2.17).
 * @module
 */
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";

/** The four keys of a CHILD_SA as views: encryption and integrity, by initiator and responder. */
export function childKeys(child: ChildSa): {
  readonly ei: Uint8Array;
  readonly ai: Uint8Array;
  readonly er: Uint8Array;
  readonly ar: Uint8Array;
} {
  const keys = child.keys ?? new Uint8Array(0);
  const e = child.suite?.encryptionOctets ?? 0;
  const a = child.suite?.integrityOctets ?? 0;
  return {
    ei: keys.subarray(0, e),
    ai: keys.subarray(e, e + a),
    er: keys.subarray(e + a, 2 * e + a),
    ar: keys.subarray(2 * e + a, 2 * (e + a)),
  };
}

/** Whether it carries traffic, or may still do so. */
export function isLiveChild(child: ChildSa): boolean {
  return child.state === "established" || child.state === "rekeying";
}

/** The CHILD_SA with this outbound SPI, by which a Delete of the peer names it. */
export function childByOutboundSpi(sa: IkeSa, protocol: number, spi: number): ChildSa | undefined {
  return sa.children.find((c) => c.spiOut === spi && c.suite?.protocol === protocol);
}

/** Ends a CHILD_SA: removes it from the data path and from its IKE SA, and frees its SPI. Idempotent. */
export function removeChild(
  sa: IkeSa,
  child: ChildSa,
  out: { push(effect: { kind: "uninstall" | "send_by"; child: ChildSa }, sa: IkeSa): void },
): void {
  if (child.state === "closed") return;
  const { broken, childrenBySpi } = sa.env;
  child.state = "closed";
  child.behind = undefined;
  // The new CHILD_SA takes over sending first, so that there is always an SA to send by.
  for (const next of sa.children) {
    if (next.behind !== child) continue;
    next.behind = undefined;
    if (!broken.has("keep_sending_by_old")) out.push({ kind: "send_by", child: next }, sa);
  }
  const inPath = child.suite !== undefined && child.keys !== undefined;
  if (inPath && !broken.has("forget_uninstall")) out.push({ kind: "uninstall", child }, sa);
  if (!broken.has("leak_child_spi")) childrenBySpi.delete(child.spiIn);
  const at = sa.children.indexOf(child);
  if (at >= 0) sa.children.splice(at, 1);
}
