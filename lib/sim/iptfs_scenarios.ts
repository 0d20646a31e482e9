/**
 * Scenarios of IP-TFS as it is negotiated (RFC 9347 §5.1): both ends want it, one of them, or one in no other way;
 * and rekeys of the CHILD_SA by either end.
 * @module
 */
import type { AggfragConfig } from "@/ike/records/aggfrag.ts";
import {
  CHILD,
  establishedSa,
  oneTunnel,
  onRandomHosts,
  pair,
  PATIENT,
  type Scenario,
} from "@/sim/scenarios.ts";
import type { World } from "@/sim/world.ts";

type Use = AggfragConfig["use"] | undefined;

function child(use: Use, { random }: World) {
  const takesFragments = random.chance(0.5);
  const aggfrag = use && { use, takesFragments, payloadOctets: 0, rate: 0 };
  return { children: [aggfrag ? { ...CHILD, aggfrag } : CHILD] };
}

const agreed: Scenario = {
  name: "iptfs",
  start(world) {
    const [ofA, ofB] = world.random.pick<[Use, Use]>([
      ["allow", "allow"],
      ["force", "allow"],
      ["allow", "force"],
      ["allow", undefined],
      [undefined, "allow"],
    ]);
    const [a, b] = [child(ofA, world), child(ofB, world)];
    const hosts = pair(world, PATIENT, { a, b });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => {
      const [one] = sa.children;
      if (one) world.tell(host, sa, { kind: "rekey_child", child: one });
    });
    return {
      stands: true,
      check() {
        const made = establishedSa(hosts.a)?.children[0];
        if (!made) return undefined;
        const wanted = ofA !== undefined && ofB !== undefined;
        if ((made.aggfrag !== undefined) !== wanted) {
          return "IP-TFS is agreed on exactly where both ends want it, also in rekeys (RFC 9347 §5.1)";
        }
        const takes = b.children[0]!.aggfrag?.takesFragments;
        if (made.aggfrag && made.aggfrag.peerTakesFragments !== takes) {
          return "who takes fragments is known to the other end (RFC 9347 §5.1)";
        }
        return oneTunnel(hosts);
      },
    };
  },
};

/** All scenarios of this file. */
export const IPTFS_SCENARIOS: readonly Scenario[] = [agreed];
