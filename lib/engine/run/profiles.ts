/**
 * Divides the tunnels of a client among profiles by their weights, each with a configuration of its own. A tunnel
 * has the same profile in each of its tries, and in every slice of a test.
 * @module
 */
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { IkeConfig } from "@/ike/records/config.ts";

/** One profile. */
export interface ProfileConfig {
  readonly name: string;
  /** Its part of the sum of all weights, a whole number from 1 on. */
  readonly weight: number;
  readonly config: IkeConfig;
}

/** The profiles of a run. */
export class Profiles implements RunPart {
  readonly #turns: readonly ProfileConfig[];
  readonly #counts = new Map<string, number>();

  constructor(profiles: readonly ProfileConfig[]) {
    this.#turns = turnsOf(profiles);
    for (const { name } of profiles) this.#counts.set(name, 0);
  }

  readonly handlers: EffectHandlers = {
    established: (_, { index }) => {
      const { name } = this.of(index);
      this.#counts.set(name, this.#counts.get(name)! + 1);
    },
  };

  /** The profile of a tunnel. */
  of(index: number): ProfileConfig {
    return this.#turns[index % this.#turns.length]!;
  }

  /** Set-ups by the name of their profile. */
  counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}

/**
 * The profiles of successive tunnels, as many as the sum of all weights: each profile as often as its weight says,
 * and as evenly as that allows (smooth weighted round robin), so that a ramp has all kinds at any time.
 */
function turnsOf(profiles: readonly ProfileConfig[]): ProfileConfig[] {
  const sum = profiles.reduce((total, { weight }) => total + weight, 0);
  const credit = profiles.map(() => 0);
  return Array.from({ length: sum }, () => {
    for (const [i, { weight }] of profiles.entries()) credit[i]! += weight;
    const richest = credit.indexOf(Math.max(...credit));
    credit[richest]! -= sum;
    return profiles[richest]!;
  });
}
