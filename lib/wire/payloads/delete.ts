/**
 * Delete payload: the sender's inbound SAs that are no more (RFC 7296 §3.11).
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * |  Protocol ID  |   SPI Size    |          Num of SPIs          |
 * +---------------+---------------+-------------------------------+
 * ~     SPI(s): none for IKE, four octets each for AH and ESP     ~
 * ```
 * @module
 */
import type { Reader } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** SAs of one protocol that their receiver has deleted. */
export interface DeletePayload extends PayloadFlags {
  readonly type: typeof PayloadType.DELETE;
  /** Protocol ID, uint8. IKE means the SA that protects the message. */
  readonly protocol: number;
  /** Inbound SPIs of the sender, uint32; empty for IKE. */
  readonly spis: readonly number[];
  /** SPIs of a protocol other than IKE, AH and ESP, all of one length; then `spis` is empty. */
  readonly rawSpis?: readonly Uint8Array[];
}

/** Codec of {@linkcode DeletePayload}. */
export const deleteCodec: PayloadCodec<DeletePayload> = {
  type: PayloadType.DELETE,

  decode(body) {
    const protocol = body.u8();
    const spiSize = body.u8();
    const count = body.u16();
    switch (protocol) {
      case ProtocolId.IKE:
        if (spiSize !== 0 || count !== 0) throw badSpis(protocol, spiSize, count);
        return { type: PayloadType.DELETE, protocol, spis: [] };
      case ProtocolId.AH:
      case ProtocolId.ESP:
        if (spiSize !== 4 || 4 * count !== body.left) throw badSpis(protocol, spiSize, count);
        return { type: PayloadType.DELETE, protocol, spis: spisOf(body, count) };
      default: {
        const fits = spiSize > 0 ? spiSize * count === body.left : count === 0;
        if (!fits) throw badSpis(protocol, spiSize, count);
        const rawSpis: Uint8Array[] = [];
        for (let i = 0; i < count; i++) rawSpis.push(body.take(spiSize));
        return { type: PayloadType.DELETE, protocol, spis: [], rawSpis };
      }
    }
  },

  encode({ protocol, spis, rawSpis }, body) {
    if (rawSpis) {
      body.u8(protocol).u8(rawSpis[0]?.length ?? 0).u16(rawSpis.length);
      for (const spi of rawSpis) body.put(spi);
      return;
    }
    body.u8(protocol).u8(protocol === ProtocolId.IKE ? 0 : 4).u16(spis.length);
    for (const spi of spis) body.u32(spi);
  },
};

function spisOf(body: Reader, count: number): number[] {
  const spis: number[] = [];
  for (let i = 0; i < count; i++) spis.push(body.u32());
  return spis;
}

function badSpis(protocol: number, spiSize: number, count: number): WireError {
  return new WireError(`Cannot accept ${count} SPIs of size ${spiSize} for protocol ${protocol}`);
}
