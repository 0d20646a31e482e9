/**
 * Scenarios with IKE SAs that are set up without a CHILD_SA (RFC 6023): both ends support that, one end
 * requires it, or the first CHILD_SA cannot be made.
 * @module
 */
import { KeGroup } from "@/iana/ke_group.ts";
import type { ChildConfig, IkeConfig } from "@/ike/records/config.ts";
import type { PoolPlan } from "@/ike/records/pool.ts";
import {
  CHILD,
  establishedSa,
  oneTunnel,
  onRandomHosts,
  pair,
  PATIENT,
  range4,
  type Scenario,
} from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";

const POOL: PoolPlan = {
  first: Uint8Array.of(172, 16, 0, 1),
  last: Uint8Array.of(172, 16, 0, 9),
  prefixBits: 24,
  dns: [],
};

type Childless = IkeConfig["childless"];

/** Whether an IKE_AUTH request that was sent asked for a CHILD_SA; undefined: none was sent. */
function asked(world: World, { name }: Host): boolean | undefined {
  const request = world.ladder.find((line) =>
    new RegExp(`${name}\\S* -\\S.*IKE_AUTH req 1 `).test(line)
  );
  return request === undefined ? undefined : /\bTSi\b/.test(request);
}

/** Both ends have a CHILD_SA at the end, whichever exchange made it, also with rekeys. */
const agreed: Scenario = {
  name: "childless",
  start(world) {
    const [ofA, ofB] = world.random.pick<[Childless, Childless]>([
      ["allow", "allow"],
      ["allow", "force"],
      ["force", "allow"],
      ["force", "force"],
      ["allow", undefined],
      ["allow", undefined],
      [undefined, "allow"],
    ]);
    const groups = world.random.chance(0.5) ? [KeGroup.CURVE25519] : [];
    const children: ChildConfig[] = [{ ...CHILD, pfsGroups: groups }];
    const assigns = world.random.chance(0.3);
    const hosts = pair(world, { ...PATIENT, children }, {
      a: { childless: ofA, remoteAccess: assigns },
      b: { childless: ofB, pools: assigns ? { v4: POOL, v6: undefined } : undefined },
    });
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => {
      const child = sa.children[0];
      if (world.random.chance(0.5)) return world.tell(host, sa, { kind: "rekey_ike" });
      if (child) world.tell(host, sa, { kind: "rekey_child", child });
    });
    return {
      stands: true,
      check() {
        const without = ofA !== undefined && ofB !== undefined;
        if (asked(world, hosts.a) === without) {
          return "IKE_AUTH asks for no CHILD_SA where both ends can, and only there (RFC 6023 §3)";
        }
        const sa = establishedSa(hosts.a);
        if (sa?.peer.childless) return "a tunnel has its CHILD_SA in the end";
        return oneTunnel(hosts);
      },
    };
  },
};

/** One end requires it and the other does not support it, so that there is no tunnel. */
const forced: Scenario = {
  name: "childless_forced",
  start(world) {
    const atA = world.random.chance(0.5);
    const hosts = pair(
      world,
      {},
      atA ? { a: { childless: "force" } } : { b: { childless: "force" } },
    );
    world.dial(hosts.a, hosts.b);
    return {
      stands: false,
      check() {
        if (atA && asked(world, hosts.a) !== undefined) {
          return "no IKE_AUTH where the responder cannot do without a CHILD_SA (RFC 6023)";
        }
        const made = [hosts.a, hosts.b].some((host) => host.established > 0);
        return made ? "no CHILD_SA is made in IKE_AUTH where an end forbids that" : undefined;
      },
    };
  },
};

/** The first CHILD_SA is refused, so that the tunnel fails and its IKE SA is deleted. */
const refused: Scenario = {
  name: "childless_refused",
  start(world) {
    const elsewhere = range4([10, 9, 0, 0], [10, 9, 255, 255]);
    const here = range4([10, 8, 0, 0], [10, 8, 255, 255]);
    const { a, b } = pair(world, { childless: "allow" }, {
      a: { children: [{ ...CHILD, peerTs: [here] }] },
      b: { children: [{ ...CHILD, ownTs: [elsewhere] }] },
    });
    world.dial(a, b);
    return {
      stands: false,
      check: () => establishedSa(a) ? "an IKE SA that can have no CHILD_SA is deleted" : undefined,
    };
  },
};

/** All scenarios of this file. */
export const CHILDLESS_SCENARIOS: readonly Scenario[] = [agreed, forced, refused];
