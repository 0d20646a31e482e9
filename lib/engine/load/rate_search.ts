/**
 * Searches the highest rate at which a peer sets tunnels up and all thresholds hold: doubles a rate until one is
 * broken, halves the distance between the highest rate that held and the lowest that did not, and tries the
 * result once more. It knows nothing of tunnels: a trial is a function.
 * @module
 */

/** What a trial of one rate has shown. */
export interface RateVerdict {
  readonly held: boolean;
  /** What was measured, or which threshold was broken, in words. */
  readonly words: string;
}

/** One trial in the trace of a search. */
export interface RateTrial extends RateVerdict {
  /** Tunnels a second. */
  readonly ratePerSec: number;
  /** Why this rate was tried. */
  readonly step: "double" | "halve" | "between" | "confirm";
}

/** Options of a search. */
export interface RateSearch {
  /** The rate of the first trial, and the highest that is tried; tunnels a second. */
  readonly first: number;
  readonly max: number;
  /** The search ends when the lowest broken rate is at most this multiple of the highest that held. */
  readonly precision: number;
  readonly trialsMax: number;
  /** Whether no further trial may begin. */
  readonly isOver: () => boolean;
}

/** The result of a search. */
export interface RateFound {
  /** The highest rate that held, also when it was tried again; undefined: none did. */
  readonly ratePerSec: number | undefined;
  /** Whether the rate held twice. */
  readonly isConfirmed: boolean;
  /** Whether it is the highest rate that may be tried, so that the peer may do more. */
  readonly isCeiling: boolean;
  readonly trials: readonly RateTrial[];
}

/** The lowest rate that is tried, tunnels a second. */
const RATE_MIN = 1;

/** Searches; `trial` is called with one rate after the other. */
export async function searchRate(
  search: RateSearch,
  trial: (ratePerSec: number) => Promise<RateVerdict>,
): Promise<RateFound> {
  const trials: RateTrial[] = [];
  const canGoOn = () => trials.length < search.trialsMax && !search.isOver();
  const holds = async (ratePerSec: number, step: RateTrial["step"]) => {
    const verdict = await trial(ratePerSec);
    trials.push({ ratePerSec, step, ...verdict });
    return verdict.held;
  };
  let [low, high] = await bracket(search, { canGoOn, holds });
  while (low !== undefined && high !== undefined && high > low * search.precision && canGoOn()) {
    const middle = rounded(Math.sqrt(low * high));
    if (middle <= low || middle >= high) break;
    if (await holds(middle, "between")) low = middle;
    else high = middle;
  }
  let isConfirmed = false;
  while (low !== undefined && !isConfirmed && canGoOn()) {
    isConfirmed = await holds(low, "confirm");
    if (!isConfirmed) low = low <= RATE_MIN ? undefined : rounded(low / search.precision);
  }
  // A rate below one that was broken the second time has not been tried yet.
  const isKnown = trials.some(({ ratePerSec, held }) => held && ratePerSec === low);
  const ratePerSec = isKnown ? low : undefined;
  return { ratePerSec, isConfirmed, isCeiling: ratePerSec === search.max, trials };
}

/** The highest rate that held and the lowest that did not, each undefined if there is none. */
async function bracket(
  { first, max }: RateSearch,
  { canGoOn, holds }: {
    readonly canGoOn: () => boolean;
    readonly holds: (ratePerSec: number, step: RateTrial["step"]) => Promise<boolean>;
  },
): Promise<[low: number | undefined, high: number | undefined]> {
  let low: number | undefined;
  let high: number | undefined;
  let rate = Math.min(first, max);
  while (canGoOn()) {
    if (await holds(rate, high === undefined ? "double" : "halve")) {
      low = rate;
      if (high !== undefined || rate === max) break;
      rate = Math.min(2 * rate, max);
    } else {
      high = rate;
      if (low !== undefined || rate <= RATE_MIN) break;
      rate = Math.max(RATE_MIN, rounded(rate / 2));
    }
  }
  return [low, high];
}

/** Three significant digits, so that a rate can be repeated by hand. */
function rounded(rate: number): number {
  return Number(rate.toPrecision(3));
}
