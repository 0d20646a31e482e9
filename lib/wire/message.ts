/**
 * IKE messages: the header and the chain of payloads (RFC 7296 §3.1, §3.2).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------------------------------------------------------+
 * |                       IKE SA Initiator's SPI                  |
 * |                                                               |
 * +---------------------------------------------------------------+
 * |                       IKE SA Responder's SPI                  |
 * |                                                               |
 * +---------------+-------+-------+---------------+---------------+
 * |  Next Payload | MjVer | MnVer | Exchange Type |X|X|R|V|I|X|X|X|
 * +---------------+-------+-------+---------------+---------------+
 * |                          Message ID                           |
 * +---------------------------------------------------------------+
 * |                            Length                             |
 * +---------------+-+-------------+-------------------------------+
 * | Next Payload  |C|  RESERVED   |         Payload Length        |  each payload
 * +---------------+-+-------------+-------------------------------+
 * ```
 * @module
 */
import { Reader, Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec } from "@/wire/codec.ts";
import { authCodec, type AuthPayload } from "@/wire/payloads/authentication.ts";
import {
  certCodec,
  type CertPayload,
  certreqCodec,
  type CertreqPayload,
} from "@/wire/payloads/certificate.ts";
import { cpCodec, type CpPayload } from "@/wire/payloads/configuration.ts";
import { deleteCodec, type DeletePayload } from "@/wire/payloads/delete.ts";
import { eapCodec, type EapPayload } from "@/wire/payloads/eap.ts";
import { skCodec, skfCodec, type SkfPayload, type SkPayload } from "@/wire/payloads/encrypted.ts";
import {
  idiCodec,
  type IdiPayload,
  idrCodec,
  type IdrPayload,
} from "@/wire/payloads/identification.ts";
import { keCodec, type KePayload } from "@/wire/payloads/key_exchange.ts";
import { nonceCodec, type NoncePayload } from "@/wire/payloads/nonce.ts";
import { notifyCodec, type NotifyPayload } from "@/wire/payloads/notify.ts";
import {
  puzzleSolutionCodec,
  type PuzzleSolutionPayload,
} from "@/wire/payloads/puzzle_solution.ts";
import type { RawPayload } from "@/wire/payloads/raw.ts";
import { saCodec, type SaPayload } from "@/wire/payloads/security_association.ts";
import {
  tsiCodec,
  type TsiPayload,
  tsrCodec,
  type TsrPayload,
} from "@/wire/payloads/traffic_selector.ts";
import { vendorCodec, type VendorPayload } from "@/wire/payloads/vendor_id.ts";

/** Any payload that has a codec. */
export type KnownPayload =
  | SaPayload
  | KePayload
  | IdiPayload
  | IdrPayload
  | CertPayload
  | CertreqPayload
  | AuthPayload
  | NoncePayload
  | NotifyPayload
  | DeletePayload
  | VendorPayload
  | TsiPayload
  | TsrPayload
  | SkPayload
  | CpPayload
  | EapPayload
  | SkfPayload
  | PuzzleSolutionPayload;

/** Any payload: a plain record. Only a {@linkcode RawPayload} has `raw`. */
export type Payload = KnownPayload | RawPayload;

/** What a sender says in a header; the rest follows from the payloads. */
export interface MessageHeader {
  /** The original initiator's SPI, uint64. */
  readonly spiI: bigint;
  /** The responder's SPI, uint64; 0 in the first request. */
  readonly spiR: bigint;
  /** Exchange Type, uint8. */
  readonly exchange: number;
  /** uint32. */
  readonly messageId: number;
  /** The I bit: sent by the original initiator of the IKE SA. */
  readonly initiator: boolean;
  /** The R bit: a response. */
  readonly response: boolean;
  /** The V bit: the sender could speak a higher major version; absent: no. */
  readonly higherVersion?: boolean;
  /** Four bits; absent: 2. */
  readonly majorVersion?: number;
  /** Four bits; absent: 0. */
  readonly minorVersion?: number;
}

/** A header as received. */
export interface IkeHeader extends MessageHeader {
  /** Type of the first payload, uint8; 0: no payload. */
  readonly nextPayload: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly higherVersion: boolean;
  /** Octets of the whole message, uint32. */
  readonly length: number;
}

/** A message as it stands on the wire: an SK or SKF payload, if any, is the last and not opened. */
export interface Message {
  readonly header: IkeHeader;
  readonly payloads: readonly Payload[];
}

/** Octets of an IKE header. */
export const HEADER_OCTETS = 28;
/** Octets of a generic payload header. */
export const PAYLOAD_HEADER_OCTETS = 4;

const MAJOR_VERSION = 2;
const FLAG_INITIATOR = 0x08;
const FLAG_VERSION = 0x10;
const FLAG_RESPONSE = 0x20;
const CRITICAL = 0x80;

// deno-lint-ignore no-explicit-any -- a codec takes the record of its own type, which the table pairs.
const CODECS: (PayloadCodec<any> | undefined)[] = Array(256).fill(undefined);
for (
  const codec of [
    saCodec,
    keCodec,
    idiCodec,
    idrCodec,
    certCodec,
    certreqCodec,
    authCodec,
    nonceCodec,
    notifyCodec,
    deleteCodec,
    vendorCodec,
    tsiCodec,
    tsrCodec,
    skCodec,
    cpCodec,
    eapCodec,
    skfCodec,
    puzzleSolutionCodec,
  ]
) CODECS[codec.type] = codec;

/** Every codec, for what goes over all of them. */
export function payloadCodecs(): readonly PayloadCodec<KnownPayload>[] {
  return CODECS.filter((codec) => codec !== undefined);
}

/**
 * Reads a header. One of another major version is read as far as it is the same, so that it can be
 * answered (RFC 7296 §2.5); its length is not looked at.
 * @throws {WireError} where octets are missing, or Length is not the octets' number.
 */
export function decodeHeader(octets: Uint8Array): IkeHeader {
  const r = new Reader(octets);
  const spiI = r.u64();
  const spiR = r.u64();
  const nextPayload = r.u8();
  const version = r.u8();
  const exchange = r.u8();
  const flags = r.u8();
  const messageId = r.u32();
  const length = r.u32();
  const majorVersion = version >>> 4;
  if (majorVersion === MAJOR_VERSION && length !== octets.length) {
    throw new WireError(`Cannot accept message length ${length}, it has ${octets.length} octets`);
  }
  return {
    spiI,
    spiR,
    nextPayload,
    majorVersion,
    minorVersion: version & 0x0f,
    exchange,
    initiator: (flags & FLAG_INITIATOR) !== 0,
    response: (flags & FLAG_RESPONSE) !== 0,
    higherVersion: (flags & FLAG_VERSION) !== 0,
    messageId,
    length,
  };
}

/**
 * Reads a message of version 2. Slices are views of `octets`.
 * @throws {WireError} where it breaks the RFC, or is of another major version.
 */
export function decodeMessage(octets: Uint8Array): Message {
  const header = decodeHeader(octets);
  return { header, payloads: payloadsOf(octets, header) };
}

/** The payloads of a message as {@linkcode decodeMessage} reads them; undefined if it cannot read them. */
export function readablePayloads(octets: Uint8Array): readonly Payload[] | undefined {
  try {
    return decodeMessage(octets).payloads;
  } catch (e) {
    if (e instanceof WireError) return undefined;
    throw e;
  }
}

/**
 * Reads the payloads of a message of version 2 whose header was read. Slices are views of `octets`.
 * @throws {WireError} where it breaks the RFC, or is of another major version.
 */
export function payloadsOf(octets: Uint8Array, header: IkeHeader): Payload[] {
  if (header.majorVersion !== MAJOR_VERSION) {
    throw new WireError(`Cannot read a message of major version ${header.majorVersion}`);
  }
  return decodeChain(octets, HEADER_OCTETS, header.nextPayload, true);
}

/**
 * Reads a chain of payloads that fills `octets`: what was inside an SK payload.
 * @throws {WireError} where it breaks the RFC, or holds an encrypted payload (RFC 7296 §3.1).
 */
export function decodePayloads(firstType: number, octets: Uint8Array): Payload[] {
  return decodeChain(octets, 0, firstType, false);
}

/** `mayEncrypt`: whether the chain may end in an SK or SKF payload. */
function decodeChain(
  octets: Uint8Array,
  start: number,
  firstType: number,
  mayEncrypt: boolean,
): Payload[] {
  const payloads: Payload[] = [];
  const end = octets.length;
  let type = firstType;
  let at = start;
  while (type !== PayloadType.NONE) {
    if (end - at < PAYLOAD_HEADER_OCTETS) {
      throw new WireError(`Cannot read a payload of type ${type} in ${end - at} octets`);
    }
    const next = octets[at]!;
    const flags = octets[at + 1]!;
    const length = octets[at + 2]! << 8 | octets[at + 3]!;
    if (length < PAYLOAD_HEADER_OCTETS || length > end - at) {
      throw new WireError(`Cannot accept payload length ${length}, ${end - at} octets left`);
    }
    const body = new Reader(octets, at + PAYLOAD_HEADER_OCTETS, at + length);
    const payload = decodeBody(type, body);
    if (flags & CRITICAL) (payload as { critical?: boolean }).critical = true;
    payloads.push(payload);
    at += length;
    if (type === PayloadType.SK || type === PayloadType.SKF) {
      if (!mayEncrypt) throw new WireError("Cannot accept an encrypted payload inside another");
      (payload as { firstType: number }).firstType = next;
      break;
    }
    type = next;
  }
  if (at !== end) throw new WireError(`Cannot accept ${end - at} octets behind the last payload`);
  return payloads;
}

function decodeBody(type: number, body: Reader): Payload {
  const codec = CODECS[type];
  if (codec === undefined) return { type, raw: body.rest() };
  const payload = codec.decode(body) as KnownPayload;
  body.end();
  return payload;
}

/** A message in clear, or one whose SK payload is sealed already; header fields as given. */
export function encodeMessage(header: MessageHeader, payloads: readonly Payload[]): Uint8Array {
  const w = new Writer(512);
  encodeHeader(header, w);
  setFirstPayload(w, encodePayloads(payloads, w));
  setMessageLength(w, w.length);
  return w.done();
}

/**
 * Appends a header at the start of an empty writer, with no first payload and no length: those are
 * for {@linkcode setFirstPayload} and {@linkcode setMessageLength}.
 */
export function encodeHeader(header: MessageHeader, w: Writer): void {
  const major = header.majorVersion ?? MAJOR_VERSION;
  const minor = header.minorVersion ?? 0;
  w.u64(header.spiI).u64(header.spiR).u8(PayloadType.NONE).u8(major << 4 | minor);
  w.u8(header.exchange).u8(
    (header.initiator ? FLAG_INITIATOR : 0) | (header.response ? FLAG_RESPONSE : 0) |
      (header.higherVersion ? FLAG_VERSION : 0),
  );
  w.u32(header.messageId).u32(0);
}

/** Fills in the header's Next Payload. */
export function setFirstPayload(w: Writer, type: number): void {
  w.setU8(16, type);
}

/** Fills in the header's Length. */
export function setMessageLength(w: Writer, octets: number): void {
  w.setU32(24, octets);
}

/** Appends a chain of payloads; returns the type of its first, 0 for an empty chain. */
export function encodePayloads(payloads: readonly Payload[], w: Writer): number {
  const count = payloads.length;
  for (let i = 0; i < count; i++) {
    const payload = payloads[i]!;
    const at = w.length;
    w.u8(nextTypeOf(payload, payloads[i + 1])).u8(payload.critical ? CRITICAL : 0).u16(0);
    if ("raw" in payload) w.put(payload.raw);
    else CODECS[payload.type]!.encode(payload, w);
    w.setU16(at + 2, w.length - at);
  }
  return payloads[0]?.type ?? PayloadType.NONE;
}

/** An encrypted payload names what is inside it; any other, what follows it. */
function nextTypeOf(payload: Payload, next: Payload | undefined): number {
  if (payload.type === PayloadType.SK || payload.type === PayloadType.SKF) {
    if (!("raw" in payload)) return (payload as SkPayload | SkfPayload).firstType;
  }
  return next?.type ?? PayloadType.NONE;
}

/** The first payload of a type that has a codec. */
export function findPayload<T extends KnownPayload["type"]>(
  payloads: readonly Payload[],
  type: T,
): Extract<KnownPayload, { type: T }> | undefined {
  for (const payload of payloads) {
    if (payload.type === type && !("raw" in payload)) {
      return payload as Extract<KnownPayload, { type: T }>;
    }
  }
  return undefined;
}
