/**
 * Plays of messages in fragments (RFC 7383).
 * @module
 */
import { CloseCode } from "@/ike/records/failure.ts";
import { oneTunnel, pair, PATIENT, type Scenario, someone } from "@/sim/scenarios.ts";

const fragments: Scenario = {
  name: "fragments",
  play(world) {
    const fragmentOctets = world.random.pick([64, 100, 150]);
    const hosts = pair(world, { ...PATIENT, fragmentOctets });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    someone(world, hosts, (host, sa) => {
      const child = sa.children[0];
      if (world.random.chance(0.5)) return world.tell(host, sa, { kind: "rekey_ike" });
      if (child) world.tell(host, sa, { kind: "rekey_child", child });
    });
    return {
      stands: true,
      check() {
        // A late copy of its IKE_SA_INIT may fail at b; what a dialled must not.
        const { failures } = hosts.a;
        return failures.length > 0 ? `patience is enough: ${failures}` : oneTunnel(hosts);
      },
    };
  },
};

/** One end cuts its messages if it may, the other does not support it or has vanished meanwhile. */
const fragmentsUnheard: Scenario = {
  name: "fragments_unheard",
  play(world) {
    const small = { fragmentOctets: 64, reassembleTimeoutMs: 3_000 };
    const whole = { fragmentOctets: 0 };
    const vanishes = world.random.chance(0.5);
    const own = vanishes ? {} : world.random.pick([{ a: whole }, { b: whole }]);
    const { a, b } = pair(world, small, own);
    const sa = world.dial(a, b);
    if (!vanishes) return { stands: true };
    world.at(20 + world.random.fraction() * 60, () => {
      world.tell(a, sa, { kind: "abandon", closeCode: CloseCode.STOPPED, why: "power cut" });
    });
    return { stands: false };
  },
};

/** Messages that are cut, where both ends support it. */
export const FRAGMENT_SCENARIOS: readonly Scenario[] = [
  fragments,
  fragmentsUnheard,
];
