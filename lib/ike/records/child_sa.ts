/**
 * A CHILD_SA as plain data: what was negotiated, its SPIs and its keys (RFC 7296 §1.1.2, §2.17).
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { IkeSa } from "@/ike/records/ike_sa.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** As the API's CHILD State counts them: 1 creating … 6 closed. */
export type ChildState = "creating" | "established" | "rekeying" | "rekeyed" | "closing" | "closed";

/** The transforms of a CHILD_SA, IANA numbers. */
export interface ChildSuite {
  /** 3 ESP, 2 AH. */
  readonly protocol: number;
  /** Transform type 1; 0 for AH. */
  readonly encryption: number;
  /** The Key Length attribute; 0: a cipher of fixed length. */
  readonly keyBits: number;
  /** Transform type 3; 0: none (AEAD). */
  readonly integrity: number;
  /** Whether sequence numbers have 64 bits (RFC 4303 §2.2.1). */
  readonly esn: boolean;
  /** Octets of one direction's encryption key, its salt included. */
  readonly encryptionOctets: number;
  readonly integrityOctets: number;
}

/** IPComp as it was settled (RFC 7296 §2.22). */
export interface Ipcomp {
  /** uint16; the CPI of what we send. */
  readonly cpiOut: number;
  /** IANA IPCOMP Transform ID: 2 DEFLATE. */
  readonly transform: number;
}

/** A pair of ESP or AH SAs negotiated together. */
export interface ChildSa {
  state: ChildState;
  /** The IKE SA it belongs to now. */
  parent: IkeSa;
  /** Which entry of the configuration's child list. */
  readonly configIndex: number;
  /** uint32; what we receive on, the name the API knows it by. */
  readonly spiIn: number;
  /** uint32; what we send on. 0 until the peer named it. */
  spiOut: number;
  suite: ChildSuite | undefined;
  /** Whether the exchange that made it was initiated here: who is "i" of the keys. */
  readonly initiatedHere: boolean;
  /** SK_ei ‖ SK_ai ‖ SK_er ‖ SK_ar, in the order of KEYMAT (RFC 7296 §2.17). */
  keys: Uint8Array | undefined;
  tunnelMode: boolean;
  /** Whether the peer takes TFC padding in what we send it (RFC 4303 §2.7). */
  peerTakesTfc: boolean;
  /** uint16; the CPI of what we receive, once offered or settled; 0: none. */
  cpiIn: number;
  ipcomp: Ipcomp | undefined;
  ownTs: readonly TrafficSelector[];
  peerTs: readonly TrafficSelector[];
  /**
   * The one it replaces, as long as our packets still leave by that: who answers a rekey cannot know
   * that the peer has the new one before it deletes the old (RFC 7296 §2.8).
   */
  behind: ChildSa | undefined;
  /** Whether a rekey put another in its place, or it lost against one: what it is closed for. */
  replaced: boolean;
  /** The path of the IKE SA when it was made. */
  readonly path: Path;
  /** Transform Type 4 of a key exchange of its own; 0: none. */
  group: number;
  establishedMs: number | undefined;
  /** When we rekey it; Infinity: not by ourselves. */
  rekeyMs: number;
  /** When it is dead, rekeyed or not; past its lifetime while it is being replaced. */
  expireMs: number;
  /** Why our last rekey of it came to nothing, for the report of its loss. */
  rekeyRefusal: string | undefined;
}

/** The four keys of a CHILD_SA as views: encryption and integrity, by initiator and responder. */
export function childKeys(child: ChildSa): {
  readonly ei: Uint8Array;
  readonly ai: Uint8Array;
  readonly er: Uint8Array;
  readonly ar: Uint8Array;
} {
  const keys = child.keys ?? new Uint8Array(0);
  const e = child.suite?.encryptionOctets ?? 0, a = child.suite?.integrityOctets ?? 0;
  return {
    ei: keys.subarray(0, e),
    ai: keys.subarray(e, e + a),
    er: keys.subarray(e + a, 2 * e + a),
    ar: keys.subarray(2 * e + a, 2 * (e + a)),
  };
}

/** Whether it carries, or still may carry, traffic. */
export function isLiveChild(child: ChildSa): boolean {
  return child.state === "established" || child.state === "rekeying";
}

/** The CHILD_SA whose peer receives on `spi`; that is how a peer names it in a Delete. */
export function childByOutboundSpi(sa: IkeSa, protocol: number, spi: number): ChildSa | undefined {
  return sa.children.find((c) => c.spiOut === spi && c.suite?.protocol === protocol);
}

/** Ends a CHILD_SA: out of the data path, off its IKE SA, its SPI free again. Idempotent. */
export function removeChild(
  sa: IkeSa,
  child: ChildSa,
  out: { push(effect: { kind: "uninstall" | "send_by"; child: ChildSa }, sa: IkeSa): void },
): void {
  if (child.state === "closed") return;
  const { broken, childrenBySpi } = sa.env;
  child.state = "closed";
  child.behind = undefined;
  // Before the old one goes: there is an SA to send by at any time.
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
