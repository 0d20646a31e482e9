/**
 * Traffic Selector payloads: which packets a CHILD_SA carries, as seen from initiator (TSi) and
 * responder (TSr) (RFC 7296 §3.13).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+-----------------------------------------------+
 * | Number of TSs |                 RESERVED                      |
 * +---------------+---------------+-------------------------------+
 * |   TS Type     |IP Protocol ID |       Selector Length         |  each selector
 * +---------------+---------------+-------------------------------+
 * |           Start Port          |           End Port            |
 * +-------------------------------+-------------------------------+
 * ~         Starting Address, then Ending Address                 ~
 * ```
 * @module
 */
import type { Reader, Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { stateCopy } from "@/base/octets.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { TsType } from "@/iana/ts_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** A range of addresses, and of ports of one protocol or of all (RFC 7296 §3.13.1). */
export interface TrafficSelector {
  /** TS Type, uint8. */
  readonly tsType: number;
  /** IP Protocol ID, uint8; 0 means any. */
  readonly protocol: number;
  /**
   * First port, uint16; for ICMP and MH type and code (RFC 7296 §3.13.1). 65535 with `endPort` 0 means
   * OPAQUE.
   */
  readonly startPort: number;
  /** Last port, uint16. */
  readonly endPort: number;
  /** First address, of 4 or 16 octets by the type; empty if there is `raw`. */
  readonly startAddress: Uint8Array;
  /** Last address, as long as `startAddress`. */
  readonly endAddress: Uint8Array;
  /**
   * For a type that is no address range, everything after Selector Length; then ports and addresses have no
   * meaning.
   */
  readonly raw?: Uint8Array;
}

/** Traffic Selector - Initiator. */
export interface TsiPayload extends PayloadFlags {
  readonly type: typeof PayloadType.TSI;
  readonly selectors: readonly TrafficSelector[];
}

/** Traffic Selector - Responder. */
export interface TsrPayload extends PayloadFlags {
  readonly type: typeof PayloadType.TSR;
  readonly selectors: readonly TrafficSelector[];
}

const NO_ADDRESS = new Uint8Array(0);

/** Codec of {@linkcode TsiPayload}. */
export const tsiCodec: PayloadCodec<TsiPayload> = {
  type: PayloadType.TSI,

  decode(body) {
    return { type: PayloadType.TSI, selectors: decodeSelectors(body) };
  },

  encode({ selectors }, body) {
    encodeSelectors(selectors, body);
  },
};

/** Codec of {@linkcode TsrPayload}. */
export const tsrCodec: PayloadCodec<TsrPayload> = {
  type: PayloadType.TSR,

  decode(body) {
    return { type: PayloadType.TSR, selectors: decodeSelectors(body) };
  },

  encode({ selectors }, body) {
    encodeSelectors(selectors, body);
  },
};

function decodeSelectors(body: Reader): TrafficSelector[] {
  const count = body.u8();
  body.u8(); // RESERVED
  body.u16(); // RESERVED
  // There must be at least one selector (RFC 7296 §3.13).
  if (count === 0) throw new WireError("Cannot accept a payload without traffic selectors");
  const selectors: TrafficSelector[] = [];
  for (let i = 0; i < count; i++) selectors.push(decodeSelector(body));
  return selectors;
}

function decodeSelector(body: Reader): TrafficSelector {
  const tsType = body.u8();
  const protocol = body.u8();
  const length = body.u16();
  const addressOctets = octetsOf(tsType);
  if (addressOctets === 0) {
    if (length < 4) throw new WireError(`Cannot accept selector length ${length}`);
    return {
      tsType,
      protocol,
      startPort: 0,
      endPort: 0,
      startAddress: NO_ADDRESS,
      endAddress: NO_ADDRESS,
      raw: body.take(length - 4),
    };
  }
  if (length !== 8 + 2 * addressOctets) {
    throw new WireError(`Cannot accept selector length ${length} for TS type ${tsType}`);
  }
  const startPort = body.u16();
  const endPort = body.u16();
  // A CHILD_SA keeps them longer than their message.
  const startAddress = stateCopy(body.take(addressOctets));
  const endAddress = stateCopy(body.take(addressOctets));
  return { tsType, protocol, startPort, endPort, startAddress, endAddress };
}

/** Octets of an address; 0 if the type is no address range. */
function octetsOf(tsType: number): number {
  if (tsType === TsType.TS_IPV4_ADDR_RANGE) return 4;
  return tsType === TsType.TS_IPV6_ADDR_RANGE ? 16 : 0;
}

function encodeSelectors(selectors: readonly TrafficSelector[], body: Writer): void {
  body.u8(selectors.length).u8(0).u16(0);
  for (const ts of selectors) {
    body.u8(ts.tsType).u8(ts.protocol);
    if (ts.raw) {
      body.u16(4 + ts.raw.length).put(ts.raw);
      continue;
    }
    body.u16(8 + ts.startAddress.length + ts.endAddress.length).u16(ts.startPort).u16(ts.endPort);
    body.put(ts.startAddress).put(ts.endAddress);
  }
}
