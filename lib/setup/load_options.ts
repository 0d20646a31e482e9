/**
 * The options of `loadconf`: at which rate the tunnels of a client begin, and how long the test goes on
 * afterwards.
 * @module
 */
import { duration, float, int, oneOf } from "@/setup/kinds.ts";
import { option } from "@/setup/option.ts";

const C = { role: "client" } as const;

/** The most tunnels a second that a stage may ask for. */
const RATE_MAX = 1_000_000;

/** `loadconf`, without its stages. */
export const LOAD = {
  arrival: option(
    oneOf("regular", "poisson"),
    "regular",
    "how tunnels arrive at the rate of the stages: evenly, or by chance and independently (Poisson process)",
    C,
  ),
  burst: option(int(1, 1_000_000), "1", "tunnels that arrive together; the rate stays the same", C),
  seed: option(
    int(0, 4_294_967_295),
    "1",
    "seed of random arrivals; the same seed makes the same arrivals",
    C,
  ),
  soak: option(
    duration,
    "0s",
    "how long the test goes on after all tunnels were set up or given up; 0: as long as runningtime says",
  ),
} as const;

/** An entry of `loadconf.stages`; they follow each other. */
export const LOAD_STAGE = {
  rate: option(
    float(0, RATE_MAX),
    "0",
    "tunnels a second in this stage; a list of stages replaces setupinterval",
    C,
  ),
  ramp: option(
    duration,
    "0s",
    "time in which the rate changes evenly to it from that of the stage before, or from 0",
    C,
  ),
  hold: option(
    duration,
    "0s",
    "time for which the rate then stays; the last stage lasts until all tunnels have begun",
    C,
  ),
} as const;
