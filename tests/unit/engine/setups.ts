/** Setups without a file: the defaults of the option tables with the differences of a test. */
import { parseAddress, parsePrefix } from "@/base/address.ts";
import { CHILD } from "@/setup/child_options.ts";
import { IKECONF, PPK } from "@/setup/ike_options.ts";
import { LOAD, LOAD_STAGE } from "@/setup/load_options.ts";
import { FLAP, PINGCONF, POOL, TOP, TRAFFICCONF } from "@/setup/options.ts";
import type { ChildConf, IkeConf, SelectorConf, Setup } from "@/setup/setup.ts";

// deno-lint-ignore no-explicit-any -- every table has options of its own types.
function defaults(table: Record<string, { readonly value: unknown }>): any {
  return Object.fromEntries(Object.entries(table).map(([name, { value }]) => [name, value]));
}

/** A selector for all protocols and ports. */
export function ts(start: string, end: string, more: Partial<SelectorConf> = {}): SelectorConf {
  const startaddr = parseAddress(start)!;
  const endaddr = parseAddress(end)!;
  const family = startaddr.length === 4 ? 4 : 6;
  return { family, protocol: 0, startport: 0, endport: 65535, startaddr, endaddr, ...more };
}

/** All of IPv4. */
const ANY = ts("0.0.0.0", "255.255.255.255");

/** The defaults with addresses and the differences of a test. */
export function setup(
  top: Partial<Setup> = {},
  ike: Partial<IkeConf> = {},
  child: Partial<ChildConf> = {},
): Setup {
  const childlist = [{ ...defaults(CHILD), ownts: [ANY], peerts: [ANY], ...child }];
  return {
    ...defaults(TOP),
    startclntaddr: parsePrefix("10.1.0.1/16"),
    peeraddr: parseAddress("10.9.0.1"),
    flapconf: defaults(FLAP),
    loadconf: { ...defaults(LOAD), stages: [defaults(LOAD_STAGE)], storms: [] },
    profiles: [],
    poolconf: defaults(POOL),
    pingconf: defaults(PINGCONF),
    trafficconf: defaults(TRAFFICCONF),
    ikeconf: {
      ...defaults(IKECONF),
      ppk: defaults(PPK),
      eapusers: [],
      psks: [],
      childlist,
      ...ike,
    },
    ...top,
  };
}
