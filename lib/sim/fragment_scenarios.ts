/**
 * Scenarios with messages that are sent in fragments (RFC 7383).
 * @module
 */
import { CloseCode } from "@/ike/records/failure.ts";
import { oneTunnel, onRandomHosts, pair, PATIENT, type Scenario } from "@/sim/scenarios.ts";

const fragments: Scenario = {
  name: "fragments",
  start(world) {
    const fragmentOctets = world.random.pick([64, 100, 150]);
    const hosts = pair(world, { ...PATIENT, fragmentOctets });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => {
      const child = sa.children[0];
      if (world.random.chance(0.5)) return world.tell(host, sa, { kind: "rekey_ike" });
      if (child) world.tell(host, sa, { kind: "rekey_child", child });
    });
    return {
      stands: true,
      check() {
        // At host b, a late copy of the IKE_SA_INIT request may begin an SA that fails. The tunnel
        // that host a dialled must not fail.
        const { failures } = hosts.a;
        return failures.length > 0 ? `patience is enough: ${failures}` : oneTunnel(hosts);
      },
    };
  },
};

/**
 * One end fragments its messages if the peer supports it; the other does not support fragments, or
 * has vanished.
 */
const fragmentsUnheard: Scenario = {
  name: "fragments_unheard",
  start(world) {
    const small = { fragmentOctets: 64, reassembleTimeoutMs: 3_000 };
    const whole = { fragmentOctets: 0 };
    const vanishes = world.random.chance(0.5);
    const own = vanishes ? {} : world.random.pick([{ a: whole }, { b: whole }]);
    const { a, b } = pair(world, small, own);
    const sa = world.dial(a, b);
    if (!vanishes) {
      return {
        stands: true,
        check: () =>
          world.ladder.some((line) => / \[\d+\/\d+\]/.test(line))
            ? "no fragments are sent to a peer that did not say that it takes them (RFC 7383 §2.3)"
            : undefined,
      };
    }
    world.at(20 + world.random.fraction() * 60, () => {
      world.tell(a, sa, { kind: "abandon", closeCode: CloseCode.STOPPED, why: "power cut" });
    });
    return { stands: false };
  },
};

/** All scenarios of this file. */
export const FRAGMENT_SCENARIOS: readonly Scenario[] = [
  fragments,
  fragmentsUnheard,
];
