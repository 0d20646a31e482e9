/**
 * Fragmented messages of one SA (RFC 7383): whether both ends support them, and how fragments become a
 * message again. A fragment is only kept if its ICV is right, for one request and one response of the peer at
 * a time, and within limits of number, size and time.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isStranger } from "@/ike/records/ike_sa.ts";
import type { Reassembly } from "@/ike/records/window.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import { openPart } from "@/ike/window/protection.ts";
import { isAnswered, messageHash, OTHER_OCTETS } from "@/ike/window/repeats.ts";
import type { IkeHeader, Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";
import type { SkfPayload } from "@/wire/payloads/encrypted.ts";
import { type Inside, joinFragments } from "@/wire/protected.ts";

/** The most octets of payloads of a message that was reassembled. */
export const REASSEMBLED_OCTETS_MAX = 0xffff;
/**
 * The most octets of fragments that wait at one endpoint; peers that are not authenticated get at most half
 * of them.
 */
export const REASSEMBLY_OCTETS_MAX = 16 * 2 ** 20;
/** The most fragments of a message: those of the longest message in parts of 64 octets. */
export const REASSEMBLED_FRAGMENTS_MAX = 1_024;

/** A fragment that has arrived and is not decrypted. */
export interface ArrivedFragment {
  readonly header: IkeHeader;
  readonly octets: Uint8Array;
  readonly skf: SkfPayload;
}

/** The result of a fragment. */
export type FragmentResult =
  /** The fragment is kept, as others are missing. */
  | { readonly kind: "kept" }
  /** The fragment is not wanted, or not authentic. */
  | { readonly kind: "dropped"; readonly reason: string }
  /**
   * It is the first fragment of the request that was answered, which the peer has since split into more
   * fragments (RFC 7383 §2.5.1): the answer is repeated.
   */
  | { readonly kind: "fragmented_again" }
  /** It was the last missing fragment; `octets` is the sum of all datagrams. */
  | {
    readonly kind: "whole";
    readonly payloads: readonly Payload[];
    /** The payloads as octets, and the type of the first. */
    readonly inside: Inside;
    readonly octets: number;
  };

/** The notify IKEV2_FRAGMENTATION_SUPPORTED if `says` is true (RFC 7383 §2.3). */
export function fragmentationNotify(says: boolean): NotifyPayload[] {
  return says ? [notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)] : [];
}

/** Whether this end supports fragments by its configuration. */
export function supportsFragments(sa: IkeSa): boolean {
  return sa.config.fragmentOctets > 0;
}

/** Records from the peer's IKE_SA_INIT whether both ends support fragments. */
export function noteFragmentation(sa: IkeSa, payloads: readonly Payload[]): void {
  const said = findNotify(payloads, NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) !== undefined ||
    sa.env.broken.has("fragment_unasked");
  sa.peer.fragmentation = supportsFragments(sa) && said;
}

/**
 * Takes a fragment (RFC 7383 §2.6).
 * @throws {WireError} if the message is authentic and breaks the RFC; its fragments are dropped.
 */
export function takeFragment(turn: Turn, arrived: ArrivedFragment): FragmentResult {
  const { sa } = turn;
  const { header, octets, skf } = arrived;
  const reason = unwanted(sa, header, skf);
  if (reason) return { kind: "dropped", reason };
  const content = openPart(sa, octets, skf);
  if (typeof content === "string") return { kind: "dropped", reason: content };
  if (isAnswered(sa, header)) return { kind: "fragmented_again" };
  const partial = partialFor(turn, arrived);
  const tooMuch = tooMuchWith(sa, content.length);
  if (tooMuch) {
    setPartial(sa, header.response, undefined);
    return { kind: "dropped", reason: tooMuch };
  }
  partial.contents.set(skf.fragment, content);
  partial.contentOctets += content.length;
  sa.env.reassembly!.octets += content.length;
  partial.datagramOctets += octets.length;
  if (skf.fragment === 1) {
    partial.firstType = skf.firstType;
    partial.firstHash = messageHash(sa.env, octets);
  }
  if (partial.contents.size < partial.total) return { kind: "kept" };
  setPartial(sa, header.response, undefined);
  const contents = inOrder(partial);
  const { firstType } = partial;
  return {
    kind: "whole",
    payloads: joinFragments(firstType, contents),
    inside: { firstType, content: concat(...contents) },
    octets: partial.datagramOctets,
  };
}

/** The reason why `octets` more are not kept; undefined: they are. */
function tooMuchWith(sa: IkeSa, octets: number): string | undefined {
  const { window: { partialRequest, partialResponse }, env } = sa;
  const own = (partialRequest?.contentOctets ?? 0) + (partialResponse?.contentOctets ?? 0);
  if (own + octets > REASSEMBLED_OCTETS_MAX) return "fragments of a message that is too long";
  const max = isStranger(sa) ? REASSEMBLY_OCTETS_MAX / 2 : REASSEMBLY_OCTETS_MAX;
  return env.reassembly!.octets + octets > max
    ? "fragments, of which too many wait at this end"
    : undefined;
}

/** The `messageHash` of the first fragment of a message, if it has arrived. */
export function hashOfFirst(sa: IkeSa, { header, octets, skf }: ArrivedFragment): string {
  if (skf.fragment === 1) return messageHash(sa.env, octets);
  return partialOf(sa, header.response)?.firstHash ?? "";
}

/** Drops the fragments of a message that has arrived by other datagrams. */
export function forgetFragments(sa: IkeSa, { response, messageId }: IkeHeader): void {
  if (partialOf(sa, response)?.messageId === messageId) setPartial(sa, response, undefined);
}

/** When the next fragmented message is given up; Infinity: none waits. */
export function fragmentsDueMs(
  { window: { partialRequest, partialResponse }, env }: IkeSa,
): number {
  if (env.broken.has("keep_fragments")) return Infinity;
  return Math.min(partialRequest?.untilMs ?? Infinity, partialResponse?.untilMs ?? Infinity);
}

/** Gives up messages whose fragments have not all arrived in time (RFC 7383 §2.6). */
export function expireFragments({ sa, nowMs, out }: Turn): void {
  for (const response of [false, true]) {
    const partial = partialOf(sa, response);
    if (!partial || nowMs < partial.untilMs || sa.env.broken.has("keep_fragments")) continue;
    setPartial(sa, response, undefined);
    out.push({ kind: "dropped", reason: "fragments whose others did not come in time" }, sa);
  }
}

/** The reason why a fragment is dropped without verifying its ICV. */
function unwanted(sa: IkeSa, header: IkeHeader, skf: SkfPayload): string | undefined {
  if (!sa.peer.fragmentation) return "a fragment, and fragmentation was not negotiated";
  const { response, messageId, exchange } = header;
  const { fragment, total } = skf;
  if (isAnswered(sa, header)) {
    // The first fragment of a repeated request stands for all (RFC 7383 §2.6.1).
    if (fragment !== 1) return "a repeated fragment that is not the first";
    return total > sa.window.answered!.fragments ? undefined : OTHER_OCTETS;
  }
  if (response) {
    if (messageId !== sa.window.request?.messageId) {
      return "a fragment of a response nobody waits for";
    }
    if (exchange !== sa.window.request.exchange) return "a fragment of another exchange";
  } else {
    if (sa.answering) return "a request while the one before is computed";
    if (sa.phase === "closed") return "a request to an SA that is gone";
    if (messageId !== sa.window.nextPeerId) return "a fragment of a request outside the window";
  }
  if (total > REASSEMBLED_FRAGMENTS_MAX) return "one of too many fragments";
  const partial = partialOf(sa, response);
  if (partial?.messageId !== messageId) return undefined;
  if (exchange !== partial.exchange) return "a fragment of another exchange";
  // A sender that tries again with smaller fragments has more of them, never fewer (RFC 7383 §2.6).
  if (total < partial.total) return "a fragment of fewer than there were";
  const known = total === partial.total && partial.contents.has(fragment);
  return known ? "a fragment that is there already" : undefined;
}

/** The message to which this fragment belongs; a new one for another message or another fragmentation. */
function partialFor({ sa, nowMs, out }: Turn, { header, skf }: ArrivedFragment): Reassembly {
  const { messageId, exchange, response } = header;
  const { total } = skf;
  const known = partialOf(sa, response);
  if (known?.messageId === messageId && known.total === total) return known;
  const fresh: Reassembly = {
    messageId,
    exchange,
    total,
    untilMs: nowMs + sa.config.reassembleTimeoutMs,
    firstType: 0,
    firstHash: "",
    contents: new Map(),
    contentOctets: 0,
    datagramOctets: 0,
  };
  setPartial(sa, response, fresh);
  out.push({ kind: "rearmed" }, sa);
  return fresh;
}

function inOrder({ contents, total }: Reassembly): Uint8Array[] {
  return Array.from({ length: total }, (_, i) => contents.get(i + 1)!);
}

function partialOf(sa: IkeSa, response: boolean): Reassembly | undefined {
  return response ? sa.window.partialResponse : sa.window.partialRequest;
}

function setPartial(sa: IkeSa, response: boolean, partial: Reassembly | undefined): void {
  sa.env.reassembly!.octets -= partialOf(sa, response)?.contentOctets ?? 0;
  if (response) sa.window.partialResponse = partial;
  else sa.window.partialRequest = partial;
}
