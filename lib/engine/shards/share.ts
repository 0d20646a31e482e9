/**
 * The setup of one worker: limits that hold for the whole test are divided among the workers.
 * @module
 */
import type { Shard } from "@/base/shard.ts";
import type { Setup } from "@/setup/setup.ts";

/** The setup of a worker. A threshold is divided so that all workers together reach it at the same time. */
export function shareOf(setup: Setup, { number, of }: Shard): Setup {
  const { ikeconf, loadconf, role } = setup;
  // A client's storm is of the tunnels whose numbers are below one, whichever worker has them.
  const stormOf = (tunnels: number) =>
    role === "client" || tunnels < 0
      ? tunnels
      : Math.floor(tunnels / of) + (number < tunnels % of ? 1 : 0);
  const part = (n: number) => n > 0 ? Math.max(1, Math.floor(n / of)) : n;
  const { numoftunneltoenablecookie: cookies } = ikeconf;
  return {
    ...setup,
    loadconf: {
      ...loadconf,
      storms: loadconf.storms.map((storm) => ({ ...storm, tunnels: stormOf(storm.tunnels) })),
    },
    ikeconf: {
      ...ikeconf,
      numoftunneltoenablecookie: cookies === "auto" ? cookies : part(cookies),
      puzzlethreshold: part(ikeconf.puzzlethreshold),
    },
  };
}
