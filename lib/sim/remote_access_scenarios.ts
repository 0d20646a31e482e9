/**
 * Scenarios about remote access: a gateway assigns inner addresses from a pool (RFC 7296 §2.19).
 * @module
 */
import { selectorsOf } from "@/ike/records/pool.ts";
import { allCovered } from "@/ike/negotiate/selectors.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { establishedSa, pair, type Scenario } from "@/sim/scenarios.ts";

const ADDRESS = Uint8Array.of(10, 9, 0, 1);

/** The pool has one address, which a second tunnel gets after the first has been closed. */
const lastAddress: Scenario = {
  name: "remote_access",
  start(world) {
    const v4 = { first: ADDRESS, last: ADDRESS, prefixBits: 24, dns: [] };
    const { a, b } = pair(world, {}, {
      a: { remoteAccess: true, initialContact: false },
      b: { pools: { v4, v6: undefined } },
    });
    world.dial(a, b);
    world.at(8_000, () => {
      const sa = establishedSa(a);
      if (sa) world.tell(a, sa, { kind: "close", closeCode: CloseCode.STOPPED });
    });
    world.at(20_000, () => void world.dial(a, b, 1));
    return {
      stands: true,
      check() {
        const sa = establishedSa(b);
        const child = sa?.children[0];
        const narrowed = !sa?.inner || !child || allCovered(selectorsOf(sa.inner), child.peerTs);
        return narrowed ? undefined : "a client's selectors are within its inner address";
      },
    };
  },
};

/** All scenarios of this file. */
export const REMOTE_ACCESS_SCENARIOS: readonly Scenario[] = [lastAddress];
