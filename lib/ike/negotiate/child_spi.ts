/**
 * SPIs of ESP and AH: four octets, unique in the process over both (RFC 4303 §2.1).
 * @module
 */
import { messageOctets } from "@/base/octets.ts";
import { wordInShard } from "@/base/shard.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";

/** The SPI field while no SPI is known. */
export const NO_SPI32 = new Uint8Array(4);
/** SPIs 1–255 are reserved (RFC 4303 §2.1). */
const SPI_MIN = 256;

/** Draws an SPI that no CHILD_SA of the process has. */
export function freeSpi(env: IkeEnv): number {
  for (;;) {
    const drawn = spiNumber(env.random(4));
    const spi = env.shard ? wordInShard(drawn, env.shard) : drawn;
    if (spi >= SPI_MIN && !env.childrenBySpi.has(spi)) return spi;
  }
}

/** The fault of the SPI in a peer's proposal; undefined: it is valid. */
export function spiFault(spi: Uint8Array): string | undefined {
  if (spi.length !== 4) return `an SPI of ${spi.length} octets instead of 4`;
  return spiNumber(spi) < SPI_MIN ? "a reserved SPI (RFC 4303 §2.1)" : undefined;
}

/** The SPI as a number. */
export function spiNumber(octets: Uint8Array): number {
  return (octets[0]! << 24 | octets[1]! << 16 | octets[2]! << 8 | octets[3]!) >>> 0;
}

/** The four octets of an ESP or AH SPI. */
export function spiOctets32(spi: number): Uint8Array {
  const octets = messageOctets(4);
  octets[0] = spi >>> 24;
  octets[1] = spi >>> 16;
  octets[2] = spi >>> 8;
  octets[3] = spi;
  return octets;
}
