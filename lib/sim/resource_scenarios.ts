/**
 * Scenarios of CHILD_SAs with the same selectors for several resources (RFC 9611): as many as both ends want, of
 * one end alone, and with rekeys by either end.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import {
  CHILD,
  establishedSa,
  onRandomHosts,
  pair,
  PATIENT,
  type Scenario,
} from "@/sim/scenarios.ts";

const several: Scenario = {
  name: "resources",
  start(world) {
    const drawn = () => world.random.pick([0, 1, 2, 3]);
    const [ofA, ofB] = [drawn(), drawn()];
    const child = (resources: number) => ({ children: [{ ...CHILD, resources }] });
    const hosts = pair(world, PATIENT, { a: child(ofA), b: child(ofB) });
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => {
      if (world.random.chance(0.3)) return world.tell(host, sa, { kind: "rekey_ike" });
      if (sa.children.length === 0) return;
      world.tell(host, sa, { kind: "rekey_child", child: world.random.pick(sa.children) });
    });
    const most = ofA > 0 && ofB > 0 ? 1 + Math.min(ofA, ofB) : 1;
    return {
      stands: true,
      check() {
        for (const host of [hosts.a, hosts.b]) {
          const why = fault(establishedSa(host), most);
          if (why) return why;
        }
        return undefined;
      },
    };
  },
};

function fault(sa: IkeSa | undefined, most: number): string | undefined {
  const children = sa?.children.filter(({ state }) => state === "established") ?? [];
  const named = children.map(({ resource }) => resource);
  if (children.length > most) return "there are so many CHILD_SAs as both ends want (RFC 9611)";
  if (most > 1 && named.includes(undefined)) {
    return "each of several CHILD_SAs has its resource, also after a rekey (RFC 9611)";
  }
  return new Set(named).size === named.length ? undefined : "a resource has one CHILD_SA";
}

/** All scenarios of this file. */
export const RESOURCE_SCENARIOS: readonly Scenario[] = [several];
