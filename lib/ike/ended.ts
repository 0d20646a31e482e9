/**
 * Keeps IKE SAs that have ended in the endpoint's table for a while, so that callers can see how they ended.
 * Nothing is sent or received by them.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { isReplaced, ownSpi } from "@/ike/records/ike_sa.ts";

/** The most ended IKE SAs that are kept; the oldest go first. */
export const ENDED_MAX = 10_000;

/** The tables of an endpoint that hold an ended IKE SA. */
export interface EndedTables {
  readonly config: IkeConfig;
  /** IKE SAs by own SPI, in the order of creation. */
  readonly bySpi: Map<bigint, IkeSa>;
  /** Own SPIs of SAs that ended recently, oldest first, with the time at which they are removed. */
  readonly ended: Map<bigint, number>;
  /** Own SPIs of rekeyed IKE SAs that have ended and stay listed, oldest first. */
  readonly rekeyed: Set<bigint>;
}

/**
 * Keeps an SA that has ended for `endedKeptMs`, if it ever had keys. An SA that was refused in IKE_SA_INIT is
 * not kept, as anybody could fill the list with those.
 */
export function keepEnded(tables: EndedTables, sa: IkeSa, nowMs: number): void {
  const { config: { endedKeptMs }, ended } = tables;
  dropEnded(tables, nowMs);
  if (endedKeptMs === 0 || !sa.keys) return;
  ended.set(ownSpi(sa), nowMs + endedKeptMs);
  if (ended.size <= ENDED_MAX) return;
  for (const oldest of ended.keys()) return unlist(tables, oldest);
}

/** Removes SAs whose time is over. */
export function dropEnded(tables: EndedTables, nowMs: number): void {
  for (const [spi, untilMs] of tables.ended) {
    if (untilMs > nowMs) return;
    unlist(tables, spi);
  }
}

/** Handles that an SA's responses need not be repeated any more: it is removed, or stays listed. */
export function forgetEnded(tables: EndedTables, sa: IkeSa): void {
  const { bySpi, ended, rekeyed, config: { rekeyedKeptMax } } = tables;
  const spi = ownSpi(sa);
  sa.window.answered = undefined;
  if (isReplaced(sa) && rekeyedKeptMax > 0) {
    rekeyed.add(spi);
    if (rekeyed.size <= rekeyedKeptMax) return;
    for (const oldest of rekeyed) {
      rekeyed.delete(oldest);
      if (!ended.has(oldest)) bySpi.delete(oldest);
      return;
    }
  }
  if (!ended.has(spi)) bySpi.delete(spi);
}

/** Whether an SA of the endpoint's table is listed; an ended one may only be there to repeat responses. */
export function isListed({ config, ended }: EndedTables, sa: IkeSa): boolean {
  if (sa.phase !== "closed" || ended.has(ownSpi(sa))) return true;
  return isReplaced(sa) && config.rekeyedKeptMax > 0;
}

function unlist({ bySpi, ended, rekeyed }: EndedTables, spi: bigint): void {
  ended.delete(spi);
  if (bySpi.get(spi)?.forgotten && !rekeyed.has(spi)) bySpi.delete(spi);
}
