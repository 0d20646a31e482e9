/**
 * IKE SAs that have ended and are still listed for a while, so that whoever asks can see how they
 * ended. Nothing is sent or taken by them; they only stand in the endpoint's table.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { isReplaced, ownSpi } from "@/ike/records/ike_sa.ts";

/** Ended IKE SAs that are listed for a while, at most; the oldest go first. */
export const ENDED_MAX = 10_000;

/** The books of an endpoint that an ended IKE SA stands in. */
export interface EndedBooks {
  readonly config: IkeConfig;
  /** By own SPI, in order of creation. */
  readonly bySpi: Map<bigint, IkeSa>;
  /** Own SPIs of SAs that ended a short while ago, oldest first, with the time they go. */
  readonly ended: Map<bigint, number>;
  /** Own SPIs of rekeyed IKE SAs that are gone and stay listed, oldest first. */
  readonly rekeyed: Set<bigint>;
}

/**
 * An SA has ended: it stays listed for `endedKeptMs`, provided that it ever had keys. One that was
 * refused in IKE_SA_INIT does not: anybody could fill the list with those.
 */
export function keepEnded(books: EndedBooks, sa: IkeSa, nowMs: number): void {
  const { config: { endedKeptMs }, ended } = books;
  dropEnded(books, nowMs);
  if (endedKeptMs === 0 || !sa.keys) return;
  ended.set(ownSpi(sa), nowMs + endedKeptMs);
  if (ended.size <= ENDED_MAX) return;
  for (const oldest of ended.keys()) return unlist(books, oldest);
}

/** Takes off the list those whose time is over. */
export function dropEnded(books: EndedBooks, nowMs: number): void {
  for (const [spi, untilMs] of books.ended) {
    if (untilMs > nowMs) return;
    unlist(books, spi);
  }
}

/** Nobody waits for the SA's answers any more: it goes, or stays to be looked at. */
export function forgetEnded(books: EndedBooks, sa: IkeSa): void {
  const { bySpi, ended, rekeyed, config: { rekeyedKeptMax } } = books, spi = ownSpi(sa);
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

/** Whether an SA of the endpoint's table is listed: an ended one may stand there to repeat answers. */
export function isListed({ config, ended }: EndedBooks, sa: IkeSa): boolean {
  if (sa.phase !== "closed" || ended.has(ownSpi(sa))) return true;
  return isReplaced(sa) && config.rekeyedKeptMax > 0;
}

function unlist({ bySpi, ended, rekeyed }: EndedBooks, spi: bigint): void {
  ended.delete(spi);
  if (bySpi.get(spi)?.forgotten && !rekeyed.has(spi)) bySpi.delete(spi);
}
