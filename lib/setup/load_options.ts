/**
 * The options of `loadconf`: at which rate the tunnels of a client begin, and how long the test goes on
 * afterwards.
 * @module
 */
import { duration, float, int, oneOf, text } from "@/setup/kinds.ts";
import { option } from "@/setup/option.ts";

/** The most exchanges that share a key pair, and the most pairs that are made ahead. */
const USES_MAX = 1_000_000;
const AHEAD_MAX = 100_000;

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
  dhreuse: option(
    int(1, USES_MAX),
    "1",
    "key exchanges that share a Diffie-Hellman pair (RFC 7296 §2.12); 1: each has its own, as those by ML-KEM always have",
  ),
  keypool: option(
    int(0, AHEAD_MAX),
    "0",
    "key pairs that are made ahead for each group while the test has nothing else to do",
  ),
} as const;

/** An entry of `profiles`; its `ikeconf` has the options that differ from those of the setup. */
export const PROFILE = {
  name: option(text, "", "name of the profile in the result", C),
  weight: option(
    int(1, 10_000),
    "1",
    "its part of the tunnels: its weight of the sum of all; its ikeconf has the options that differ",
    C,
  ),
} as const;

/** An entry of `loadconf.storms`: what many tunnels do at once. */
export const LOAD_STORM = {
  kind: option(
    oneOf("none", "rekey-ike", "rekey-child", "reconnect", "drop"),
    "none",
    "what tunnels do; reconnect: a Delete and a new set-up; drop: a new set-up without a Delete; by a ticket if they have one",
  ),
  after: option(duration, "10s", "time from when all tunnels are set up or given up to the storm"),
  tunnels: option(
    int(-1),
    "-1",
    "number of tunnels, from tunnel 0 on (gateway: the oldest); -1: all that are up",
  ),
  spread: option(duration, "0s", "time over which they begin one after the other; 0s: all at once"),
  count: option(int(1, 1_000), "1", "how often the storm comes"),
  every: option(duration, "0s", "time from one of its beginnings to the next"),
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
