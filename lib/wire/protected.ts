/**
 * Messages under SK and SKF payloads: padding, encryption, integrity (RFC 7296 §3.14; combined-mode
 * ciphers RFC 5282; fragments RFC 7383). Keys and algorithms come from outside, the IV and, if need
 * be, the padding too: what is sealed here is determined to the last octet.
 *
 * ```text
 *   | IKE header | SK header | IV | payloads ‖ padding ‖ Pad Length | ICV |
 *   |<-- associated data --->|    |<--------- encrypted ----------->|        AEAD
 *   |<---------------------- authenticated ------------------------>|        cipher and integrity
 * ```
 * @module
 */
import { concat, sameOctets, Writer } from "@/base/bytes.ts";
import { must, WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import {
  decodePayloads,
  encodeHeader,
  encodePayloads,
  HEADER_OCTETS,
  type MessageHeader,
  type Payload,
  PAYLOAD_HEADER_OCTETS,
  setFirstPayload,
  setMessageLength,
} from "@/wire/message.ts";
import type { SkfPayload, SkPayload } from "@/wire/payloads/encrypted.ts";

/** What this file asks of a cipher; `Cipher` of `crypto/backend.ts` is one. */
export interface MessageCipher {
  /** Octets of the IV in the payload. */
  readonly ivOctets: number;
  /** The padded plaintext is a multiple of this. */
  readonly blockOctets: number;
  /** Octets of ICV that the cipher itself appends; 0: an integrity algorithm must. */
  readonly icvOctets: number;
  /**
   * Encrypts in place: `text` holds the plaintext and `icvOctets` more, and the ciphertext and its ICV
   * afterwards.
   */
  sealInPlace(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, text: Uint8Array): void;
  /** Plaintext; `undefined` where the ICV or the length is wrong. */
  open(
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined;
}

/** What this file asks of an integrity algorithm; `Integrity` of `crypto/backend.ts` is one. */
export interface MessageIntegrity {
  readonly icvOctets: number;
  mac(key: Uint8Array, data: Uint8Array): Uint8Array;
}

/** Algorithms and keys of one direction of an IKE SA: plain data. */
export interface Protection {
  readonly cipher: MessageCipher;
  /** SK_ei or SK_er, the salt included. */
  readonly encryptionKey: Uint8Array;
  /** Present exactly where the cipher has no ICV of its own. */
  readonly integrity: MessageIntegrity | undefined;
  /** SK_ai or SK_ar; not looked at without `integrity`. */
  readonly integrityKey: Uint8Array;
}

/** How one message is sealed. */
export interface Sealing {
  readonly protection: Protection;
  /** `cipher.ivOctets` octets; never twice with one key where the cipher counts. */
  readonly iv: Uint8Array;
  /** What stands before Pad Length, 0 to 255 octets; absent: as few zeros as the block asks for. */
  readonly padding?: Uint8Array;
  /** A payload that stands before the Encrypted payload, in clear; absent: there is none. */
  readonly inFront?: Payload | undefined;
}

/** How a message is sealed in fragments. */
export interface FragmentSealing {
  readonly protection: Protection;
  /** An IV for each fragment, by its number from 1. */
  iv(fragment: number): Uint8Array;
  /** Octets of payloads that one fragment carries at most, at least 1. */
  readonly clearMax: number;
  /** Padding of each fragment, by its number; absent: as few zeros as the block asks for. */
  padding?(fragment: number): Uint8Array;
  /** A payload that stands in clear in the first fragment alone (RFC 7383 §2.5.3); absent: there is none. */
  readonly inFront?: Payload | undefined;
}

/** What was inside an SK or SKF payload, authentic. Slices are views of the decrypted octets. */
export interface Opened {
  /** The payloads as octets, or a fragment's part of them. */
  readonly content: Uint8Array;
  /** Padding without Pad Length. */
  readonly padding: Uint8Array;
  readonly iv: Uint8Array;
}

/** An opened message: its payloads too. */
export interface OpenedMessage extends Opened {
  readonly payloads: readonly Payload[];
}

const FRAGMENT_HEADER_OCTETS = 4;
/** Where the IV of a message begins whose only payload is SK, or SKF. */
const SK_BODY_AT = HEADER_OCTETS + PAYLOAD_HEADER_OCTETS;
const SKF_BODY_AT = SK_BODY_AT + FRAGMENT_HEADER_OCTETS;
/** Where the Next Payload field of an IKE header stands (RFC 7296 §3.1). */
const FIRST_PAYLOAD_AT = 16;
const NO_OCTETS = new Uint8Array(0);
/** Paddings of zeros by their number of octets: no cipher asks for more than 15. */
const ZEROS = new Uint8Array(256);

/**
 * A protected message as its prf sees it (RFC 9242 §3.3.2): all up to the generic header of the
 * Encrypted payload, then what is inside that payload in clear, without IV, padding and ICV. Both
 * Length fields say so, and a fragmented message looks as if it had come whole.
 * @param octets The message as it was on the wire, or any of its fragments.
 * @param inside The payloads, or their octets as they came with the type of the first.
 */
export function clearForm(octets: Uint8Array, inside: readonly Payload[] | Inside): Uint8Array {
  const { firstType, content } = "content" in inside ? inside : insideOf(inside);
  const at = encryptedAt(octets);
  const total = at + PAYLOAD_HEADER_OCTETS + content.length;
  const w = new Writer(total);
  w.put(octets.subarray(0, at)).u8(firstType).u8(octets[at + 1]!);
  w.u16(PAYLOAD_HEADER_OCTETS + content.length).put(content);
  if (at === HEADER_OCTETS) setFirstPayload(w, PayloadType.SK);
  setMessageLength(w, total);
  return w.done();
}

/** Payloads as octets, and the type of the first of them. */
export interface Inside {
  readonly firstType: number;
  readonly content: Uint8Array;
}

function insideOf(payloads: readonly Payload[]): Inside {
  const inner = new Writer(1024);
  const firstType = encodePayloads(payloads, inner);
  return { firstType, content: inner.done() };
}

/** Where the generic header of the Encrypted payload begins, which is the last of its message. */
function encryptedAt(octets: Uint8Array): number {
  let at = HEADER_OCTETS;
  let type = octets[FIRST_PAYLOAD_AT]!;
  while (type !== PayloadType.SK && type !== PayloadType.SKF) {
    const length = octets[at + 2]! << 8 | octets[at + 3]!;
    must(length >= PAYLOAD_HEADER_OCTETS, "a message that was decoded, with an Encrypted payload");
    type = octets[at]!;
    at += length;
  }
  return at;
}

/** A message with `payloads` inside of SK. */
export function sealMessage(
  header: MessageHeader,
  payloads: readonly Payload[],
  sealing: Sealing,
): Uint8Array {
  const w = new Writer(512);
  const skAt = beginMessage(header, w, { type: PayloadType.SK, inFront: sealing.inFront });
  w.u32(0).put(sealing.iv);
  w.setU8(skAt, encodePayloads(payloads, w));
  return sealBody(w, { skAt, bodyAt: skAt + PAYLOAD_HEADER_OCTETS }, sealing);
}

/** The same with the payloads as octets already; `firstType` is the type of the first of them. */
export function sealContent(
  header: MessageHeader,
  inside: { readonly firstType: number; readonly content: Uint8Array },
  sealing: Sealing,
): Uint8Array {
  const w = new Writer(128 + inside.content.length);
  const skAt = beginMessage(header, w, { type: PayloadType.SK, inFront: sealing.inFront });
  w.u8(inside.firstType).u8(0).u16(0).put(sealing.iv).put(inside.content);
  return sealBody(w, { skAt, bodyAt: skAt + PAYLOAD_HEADER_OCTETS }, sealing);
}

/** Begins a message with its header and what stands before the Encrypted payload, of which it returns the place. */
function beginMessage(
  header: MessageHeader,
  w: Writer,
  { type, inFront }: { readonly type: number; readonly inFront?: Payload | undefined },
): number {
  encodeHeader(header, w);
  if (!inFront) setFirstPayload(w, type);
  else {
    setFirstPayload(w, encodePayloads([inFront], w));
    w.setU8(HEADER_OCTETS, type);
  }
  return w.length;
}

/**
 * One message in fragments: each an SKF payload with a part of `payloads` (RFC 7383 §2.5). Their number
 * has to fit a uint16.
 */
export function sealFragments(
  header: MessageHeader,
  payloads: readonly Payload[],
  sealing: FragmentSealing,
): Uint8Array[] {
  const inner = new Writer(1024);
  const firstType = encodePayloads(payloads, inner);
  const content = inner.done();
  const { clearMax } = sealing;
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length || at === 0; at += clearMax) {
    parts.push(content.subarray(at, at + clearMax));
  }
  return sealParts(header, { firstType, parts }, sealing);
}

/** The same with the parts cut already. */
export function sealParts(
  header: MessageHeader,
  inside: { readonly firstType: number; readonly parts: readonly Uint8Array[] },
  sealing: Omit<FragmentSealing, "clearMax">,
): Uint8Array[] {
  const { firstType, parts } = inside;
  const { protection } = sealing;
  return parts.map((part, i) => {
    const fragment = i + 1;
    const w = new Writer(128 + part.length);
    const inFront = fragment === 1 ? sealing.inFront : undefined;
    const skAt = beginMessage(header, w, { type: PayloadType.SKF, inFront });
    const bodyAt = skAt + PAYLOAD_HEADER_OCTETS + FRAGMENT_HEADER_OCTETS;
    // RFC 7383 §2.5.1: only the first fragment names the first payload.
    w.u8(fragment === 1 ? firstType : PayloadType.NONE).u8(0).u16(0).u16(fragment).u16(
      parts.length,
    );
    const iv = sealing.iv(fragment);
    const padding = sealing.padding?.(fragment);
    w.put(iv).put(part);
    const at = { skAt, bodyAt };
    return sealBody(w, at, padding ? { protection, iv, padding } : { protection, iv });
  });
}

/**
 * Verifies and decrypts the SK payload `sk` of the message `octets`, then reads what is inside.
 * @returns `undefined` where it is not authentic: to be dropped.
 * @throws {WireError} where it is authentic and breaks the RFC.
 */
export function openMessage(
  octets: Uint8Array,
  sk: SkPayload,
  protection: Protection,
): OpenedMessage | undefined {
  const opened = openBody(octets, sk, protection);
  if (!opened) return undefined;
  const { content, padding, iv } = opened;
  return { content, padding, iv, payloads: decodePayloads(sk.firstType, content) };
}

/**
 * Verifies and decrypts one fragment.
 * @returns `undefined` where it is not authentic: to be dropped.
 * @throws {WireError} where it is authentic and breaks the RFC.
 */
export function openFragment(
  octets: Uint8Array,
  skf: SkfPayload,
  protection: Protection,
): Opened | undefined {
  return openBody(octets, skf, protection);
}

/**
 * The payloads of a fragmented message, from the contents of all fragments in order and the first
 * fragment's `firstType`.
 * @throws {WireError} where they break the RFC.
 */
export function joinFragments(firstType: number, contents: readonly Uint8Array[]): Payload[] {
  return decodePayloads(firstType, concat(...contents));
}

/** Octets of a datagram that seals `contentOctets` of payloads, in one SK or one SKF payload. */
export function sealedOctets(
  { cipher, integrity }: Protection,
  contentOctets: number,
  fragment = false,
): number {
  const { ivOctets, blockOctets } = cipher;
  const icvOctets = integrity?.icvOctets ?? cipher.icvOctets;
  const plain = Math.ceil((contentOctets + 1) / blockOctets) * blockOctets;
  return (fragment ? SKF_BODY_AT : SK_BODY_AT) + ivOctets + plain + icvOctets;
}

/** Pads, encrypts and completes a message that ends with its IV and, in clear, the content. */
function sealBody(
  w: Writer,
  { skAt, bodyAt }: { readonly skAt: number; readonly bodyAt: number },
  sealing: Sealing,
): Uint8Array {
  const { protection, iv } = sealing;
  const { cipher, encryptionKey, integrity } = protection;
  const contentAt = bodyAt + iv.length;
  const padding = sealing.padding ?? leastPadding(w.length - contentAt, cipher.blockOctets);
  if (padding.length > 0) w.put(padding);
  w.u8(padding.length);
  const icvOctets = integrity?.icvOctets ?? cipher.icvOctets;
  const total = w.length + icvOctets;
  setMessageLength(w, total);
  w.setU16(skAt + 2, total - skAt);

  const datagram = w.done(icvOctets);
  if (!integrity) {
    const aad = datagram.subarray(0, bodyAt);
    cipher.sealInPlace(encryptionKey, iv, aad, datagram.subarray(contentAt));
    return datagram;
  }
  const end = total - icvOctets;
  cipher.sealInPlace(encryptionKey, iv, NO_OCTETS, datagram.subarray(contentAt, end));
  datagram.set(integrity.mac(protection.integrityKey, datagram.subarray(0, end)), end);
  return datagram;
}

function leastPadding(contentOctets: number, blockOctets: number): Uint8Array {
  const over = (contentOctets + 1) % blockOctets;
  return over === 0 ? NO_OCTETS : ZEROS.subarray(0, blockOctets - over);
}

function openBody(
  octets: Uint8Array,
  { body, offset }: SkPayload | SkfPayload,
  protection: Protection,
): Opened | undefined {
  const { cipher, encryptionKey, integrity } = protection;
  const icvOctets = integrity?.icvOctets ?? cipher.icvOctets;
  if (body.length < cipher.ivOctets + icvOctets) return undefined;
  const iv = body.subarray(0, cipher.ivOctets);
  let plaintext: Uint8Array | undefined;
  if (integrity) {
    const end = octets.length - icvOctets;
    const icv = integrity.mac(protection.integrityKey, octets.subarray(0, end));
    if (!sameOctets(icv, octets.subarray(end))) return undefined;
    const ciphertext = body.subarray(cipher.ivOctets, body.length - icvOctets);
    plaintext = cipher.open(encryptionKey, iv, NO_OCTETS, ciphertext);
    if (!plaintext) throw new WireError(`Cannot decrypt ${ciphertext.length} octets in blocks`);
  } else {
    const aad = octets.subarray(0, offset);
    plaintext = cipher.open(encryptionKey, iv, aad, body.subarray(cipher.ivOctets));
    if (!plaintext) return undefined;
  }
  return unpad(plaintext, iv);
}

/** RFC 7296 §3.14: the last octet is Pad Length; padding may hold anything. */
function unpad(plaintext: Uint8Array, iv: Uint8Array): Opened {
  const end = plaintext.length - 1;
  const padLength = plaintext[end];
  if (padLength === undefined || padLength > end) {
    throw new WireError(`Cannot accept Pad Length ${padLength} in ${plaintext.length} octets`);
  }
  const contentEnd = end - padLength;
  return {
    content: plaintext.subarray(0, contentEnd),
    padding: plaintext.subarray(contentEnd, end),
    iv,
  };
}
