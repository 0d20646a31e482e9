/**
 * SPIs of IKE SAs: eight octets, which the end that receives by them chooses (RFC 7296 §2.6).
 * @module
 */
import { spiInShard } from "@/base/shard.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";

/** Draws an SPI, which may be zero or in use. */
export function drawSpi({ random, shard }: IkeEnv): bigint {
  const octets = random(8);
  const spi = new DataView(octets.buffer, octets.byteOffset).getBigUint64(0);
  return shard ? spiInShard(spi, shard) : spi;
}
