/**
 * Security Association payload: proposals of transforms of attributes (RFC 7296 §3.3).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * | Last Substruc |   RESERVED    |        Proposal Length        |  0 (last) or 2
 * +---------------+---------------+---------------+---------------+
 * | Proposal Num  |  Protocol ID  |    SPI Size   |Num  Transforms|
 * +---------------+---------------+---------------+---------------+
 * ~                        SPI (variable)                         ~
 * +---------------+---------------+-------------------------------+
 * | Last Substruc |   RESERVED    |        Transform Length       |  0 (last) or 3
 * +---------------+---------------+-------------------------------+
 * |Transform Type |   RESERVED    |          Transform ID         |
 * +---------------+---------------+-------------------------------+
 * |A|     Attribute Type          |  AF=1: Value, AF=0: Length    |
 * |F|                             |  and Value (variable)         |
 * +-------------------------------+-------------------------------+
 * ```
 * @module
 */
import { Reader, type Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TransformAttribute } from "@/iana/transform_attribute.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** A transform attribute other than Key Length (RFC 7296 §3.3.5). */
export interface RawAttribute {
  /** 15 bits. */
  readonly attribute: number;
  /** uint16 in Type/Value format (AF set), octets in Type/Length/Value format. */
  readonly value: number | Uint8Array;
}

/** One algorithm (RFC 7296 §3.3.2). */
export interface Transform {
  /** Transform Type, uint8. */
  readonly type: number;
  /** Transform ID, uint16, of the registry of its type. */
  readonly id: number;
  /** The Key Length attribute in bits, uint16; absent where there is none. */
  readonly keyBits?: number;
  /** All other attributes, in order; absent where there are none. They follow Key Length. */
  readonly attributes?: readonly RawAttribute[];
}

/** One protocol with the transforms to choose from (RFC 7296 §3.3.1). */
export interface Proposal {
  /** Proposal Num, uint8, from 1. */
  readonly number: number;
  /** Protocol ID, uint8. */
  readonly protocol: number;
  /** 4 octets for AH and ESP, 8 where an IKE SA is rekeyed, none in IKE_SA_INIT. */
  readonly spi: Uint8Array;
  readonly transforms: readonly Transform[];
}

/** Proposals in order of preference (RFC 7296 §3.3). */
export interface SaPayload extends PayloadFlags {
  readonly type: typeof PayloadType.SA;
  readonly proposals: readonly Proposal[];
}

const MORE_PROPOSALS = 2;
const MORE_TRANSFORMS = 3;
/** The AF bit: Type/Value format (RFC 7296 §3.3.5). */
const SHORT_ATTRIBUTE = 0x8000;

/** Codec of {@linkcode SaPayload}. */
export const saCodec: PayloadCodec<SaPayload> = {
  type: PayloadType.SA,

  decode(body) {
    const proposals: Proposal[] = [];
    let more: boolean;
    do {
      more = moreFollow(body.u8(), MORE_PROPOSALS);
      proposals.push(decodeProposal(body));
      // RFC 7296 §3.3.1: the mark could be inferred from the length, so both must agree.
      if (more !== body.left > 0) {
        throw new WireError("Cannot accept a misplaced last proposal mark");
      }
    } while (more);
    return { type: PayloadType.SA, proposals };
  },

  encode({ proposals }, body) {
    const last = proposals.length - 1;
    for (let i = 0; i <= last; i++) {
      const at = body.length;
      body.u8(i < last ? MORE_PROPOSALS : 0).u8(0).u16(0);
      encodeProposal(proposals[i]!, body);
      body.setU16(at + 2, body.length - at);
    }
  },
};

/** From the octet behind the last-substructure mark to the proposal's end. */
function decodeProposal(body: Reader): Proposal {
  body.u8(); // RESERVED
  const length = body.u16();
  if (length < 8 || length - 4 > body.left) {
    throw new WireError(`Cannot accept proposal length ${length}, ${body.left + 4} octets left`);
  }
  const r = new Reader(body.octets, body.at, body.at + length - 4);
  body.take(length - 4);
  const number = r.u8();
  const protocol = r.u8();
  const spiSize = r.u8();
  const count = r.u8();
  if (!isSpiSize(protocol, spiSize)) {
    throw new WireError(`Cannot accept SPI size ${spiSize} for protocol ${protocol}`);
  }
  const spi = r.take(spiSize);
  const transforms: Transform[] = [];
  for (let i = 1; i <= count; i++) {
    const more = moreFollow(r.u8(), MORE_TRANSFORMS);
    if (more !== i < count) throw new WireError("Cannot accept a misplaced last transform mark");
    transforms.push(decodeTransform(r));
  }
  r.end();
  return { number, protocol, spi, transforms };
}

/** RFC 7296 §3.3.1; what other protocols use is theirs. */
function isSpiSize(protocol: number, size: number): boolean {
  if (protocol === ProtocolId.IKE) return size === 0 || size === 8;
  return protocol !== ProtocolId.AH && protocol !== ProtocolId.ESP || size === 4;
}

function moreFollow(mark: number, more: number): boolean {
  if (mark !== 0 && mark !== more) {
    throw new WireError(`Cannot accept last substructure mark ${mark}`);
  }
  return mark === more;
}

/** From the octet behind the last-substructure mark to the transform's end. */
function decodeTransform(r: Reader): Transform {
  r.u8(); // RESERVED
  const length = r.u16();
  const left = length - 8;
  const type = r.u8();
  r.u8(); // RESERVED
  const id = r.u16();
  if (left === 0) return { type, id };
  if (left < 0 || left > r.left) throw new WireError(`Cannot accept transform length ${length}`);
  return decodeAttributes(r, r.at + left, type, id);
}

function decodeAttributes(r: Reader, end: number, type: number, id: number): Transform {
  let keyBits: number | undefined;
  const attributes: RawAttribute[] = [];
  while (r.at < end) {
    if (end - r.at < 4) throw new WireError("Cannot read a transform attribute past its transform");
    const head = r.u16();
    const tail = r.u16();
    const attribute = head & 0x7fff;
    if (head < SHORT_ATTRIBUTE) {
      if (tail > end - r.at) throw new WireError(`Cannot accept attribute length ${tail}`);
      attributes.push({ attribute, value: r.take(tail) });
    } else if (attribute === TransformAttribute.KEY_LENGTH) {
      if (keyBits !== undefined) throw new WireError("Cannot accept a second Key Length attribute");
      keyBits = tail;
    } else {
      attributes.push({ attribute, value: tail });
    }
  }
  if (attributes.length === 0) return { type, id, keyBits: keyBits! };
  return keyBits === undefined ? { type, id, attributes } : { type, id, keyBits, attributes };
}

/** What stands behind the proposal's length field. */
function encodeProposal({ number, protocol, spi, transforms }: Proposal, w: Writer): void {
  w.u8(number).u8(protocol).u8(spi.length).u8(transforms.length);
  if (spi.length > 0) w.put(spi);
  const last = transforms.length - 1;
  for (let i = 0; i <= last; i++) {
    const { type, id, keyBits, attributes } = transforms[i]!;
    const at = w.length;
    w.u8(i < last ? MORE_TRANSFORMS : 0).u8(0).u16(0).u8(type).u8(0).u16(id);
    if (keyBits !== undefined) w.u16(SHORT_ATTRIBUTE | TransformAttribute.KEY_LENGTH).u16(keyBits);
    if (attributes) encodeAttributes(attributes, w);
    w.setU16(at + 2, w.length - at);
  }
}

function encodeAttributes(attributes: readonly RawAttribute[], w: Writer): void {
  for (const { attribute, value } of attributes) {
    if (typeof value === "number") w.u16(SHORT_ATTRIBUTE | attribute).u16(value);
    else w.u16(attribute & 0x7fff).u16(value.length).put(value);
  }
}
