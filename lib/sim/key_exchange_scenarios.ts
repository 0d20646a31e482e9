/**
 * Scenarios about additional key exchanges (RFC 9370): IKE_INTERMEDIATE between IKE_SA_INIT and IKE_AUTH (RFC
 * 9242), and IKE_FOLLOWUP_KE after CREATE_CHILD_SA, with and without fragments, with classical groups and
 * with ML-KEM.
 * @module
 */
import { KeGroup } from "@/iana/ke_group.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeAlgorithms, IkeConfig } from "@/ike/records/config.ts";
import type { IkeEvent } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { STATES_LOST_MAX } from "@/ike/tasks/followup_request.ts";
import {
  CHILD,
  endFrom,
  establishedSa,
  oneTunnel,
  onRandomHosts,
  type Pair,
  pair,
  PATIENT,
  type Scenario,
  SUITES,
} from "@/sim/scenarios.ts";
import type { World } from "@/sim/world.ts";

/** The methods of additional key exchanges; no suite of the scenarios has one of them first. */
const METHODS = [KeGroup.ML_KEM_512, KeGroup.ML_KEM_768, KeGroup.ECP_384] as const;

/** A suite with one to three additional key exchanges at drawn places between ADDKE1 and ADDKE7. */
export function hybrid({ random }: World): IkeAlgorithms {
  const additional: number[][] = [];
  let methods: readonly number[] = METHODS;
  for (let left = 1 + random.below(METHODS.length); left > 0; left--) {
    if (random.chance(0.3)) additional.push([]);
    const method = random.pick(methods);
    methods = methods.filter((other) => other !== method);
    additional.push([method]);
  }
  return { ...SUITES[0]!, additional };
}

const intermediate: Scenario = {
  name: "ike_intermediate",
  start(world) {
    const algorithms = hybrid(world);
    const wanted = algorithms.additional!.flat();
    const fragmentOctets = world.random.chance(0.5) ? 400 : 0;
    const { a, b } = pair(world, { ...PATIENT, algorithms, fragmentOctets });
    world.dial(a, b);
    return {
      stands: true,
      check() {
        const agreed = [establishedSa(a), establishedSa(b)].map((sa) =>
          sa?.suite?.additional.join()
        );
        return agreed.every((methods) => methods === wanted.join())
          ? undefined
          : "every additional key exchange that both ends want takes place";
      },
    };
  },
};

const optional: Scenario = {
  name: "ike_intermediate_optional",
  start(world) {
    const additional = [[KeGroup.ML_KEM_768, KeGroup.NONE]];
    const mine = { ...SUITES[0]!, additional };
    const [plain] = SUITES;
    const turned = world.random.chance(0.5);
    const algorithms = { a: turned ? plain! : mine, b: turned ? mine : plain! };
    const { a, b } = pair(world, PATIENT, {
      a: { algorithms: algorithms.a },
      b: { algorithms: algorithms.b },
    });
    world.dial(a, b);
    return {
      stands: true,
      check() {
        const extra = establishedSa(a)?.suite?.additional.length ?? 0;
        return extra > 0 ? "an end that knows no additional key exchange makes none" : undefined;
      },
    };
  },
};

/** An IKE SA and a CHILD_SA whose rekeys have one to three additional key exchanges each. */
function hybridBoth(world: World): Partial<IkeConfig> {
  const { additional } = hybrid(world);
  const pfsGroups = [world.random.pick([KeGroup.CURVE25519, KeGroup.ECP_256])];
  return {
    ...PATIENT,
    algorithms: hybrid(world),
    children: [{ ...CHILD, pfsGroups, pfsAdditional: additional! }],
    fragmentOctets: world.random.chance(0.5) ? 400 : 0,
  };
}

/** Checks which methods each end of the tunnel uses after its rekeys: those that both ends want. */
function hybridTunnel(
  hosts: Pair,
  { children, algorithms }: Partial<IkeConfig>,
): string | undefined {
  const broken = oneTunnel(hosts);
  if (broken) return broken;
  const [config] = children!;
  for (const host of [hosts.a, hosts.b]) {
    const sa = establishedSa(host);
    if (sa && sa.suite!.additional.join() !== algorithms!.additional!.flat().join()) {
      return "a rekeyed IKE SA has the additional key exchanges of the setup";
    }
    const child = sa?.children[0];
    const wanted = config!.pfsAdditional!.flat().join();
    if (child && child.group !== 0 && child.additional.join() !== wanted) {
      return "a rekeyed CHILD_SA has the additional key exchanges of the setup";
    }
  }
  return undefined;
}

/**
 * Lets both ends rekey so that the first request of host b is lost, and its repetition arrives when the request
 * of host a is answered and its additional key exchanges are in progress.
 */
function crossLate(
  world: World,
  { a, b }: Pair,
  rekey: (host: Pair["a"]) => void,
): void {
  const beginMs = 8_000;
  world.at(beginMs, () => {
    world.computationMs = (host, { op }) => {
      if (host === b && op === "ke_generate") return 5;
      return host === a && op === "ke_derive" ? 600 : undefined;
    };
    rekey(b);
  });
  world.at(beginMs + 4, () => void (world.datagramFate = () => "lost"));
  world.at(beginMs + 6, () => {
    world.datagramFate = undefined;
    rekey(a);
  });
  world.at(beginMs + 3_000, () => void (world.computationMs = undefined));
}

/**
 * Checks what became of the late request of `crossLate()` in a perfect network, where it always arrives in the
 * middle of the other rekey; returns the broken rule, if any.
 */
function lateAnswer({ conditions, ladder }: World): string | undefined {
  const isPerfect = conditions.loss === 0 && conditions.duplication === 0;
  const isRefused = ladder.some((line) => line.includes("N(TEMPORARY_FAILURE)"));
  return isPerfect && !isRefused
    ? "a rekey is refused while additional key exchanges of the same SA are in progress (RFC 9370 §2.2.4)"
    : undefined;
}

/** Rekeys of one kind by random hosts, or so that one comes while those of the other end are in progress. */
function followupRekey(name: string, commandFor: (sa: IkeSa) => IkeEvent | undefined): Scenario {
  return {
    name,
    start(world) {
      const both = hybridBoth(world);
      const hosts = pair(world, both);
      world.seamless = true;
      world.dial(hosts.a, hosts.b);
      const rekey = (host: Pair["a"]) => {
        const sa = establishedSa(host);
        const command = sa && commandFor(sa);
        if (command) world.tell(host, sa, command);
      };
      const isLate = world.random.chance(0.7);
      if (isLate) crossLate(world, hosts, rekey);
      else onRandomHosts(world, hosts, rekey);
      return {
        stands: true,
        check: () => (isLate && lateAnswer(world)) || hybridTunnel(hosts, both),
      };
    },
  };
}

const followupChild = followupRekey(
  "followup_rekey_child",
  ({ children: [child] }) => child && { kind: "rekey_child", child },
);

const followupIkeSa = followupRekey("followup_rekey_ike", () => ({ kind: "rekey_ike" }));

/** Repeated rekeys of both kinds; in some worlds only one end has additional key exchanges. */
const followupMixed: Scenario = {
  name: "followup_rekey_mixed",
  start(world) {
    const both = hybridBoth(world);
    const uneven = world.random.chance(0.3);
    const hosts = pair(world, both, uneven ? unevenEnds(both) : {});
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    for (let round = 0; round < 4; round++) {
      for (const host of [hosts.a, hosts.b]) {
        world.at(8_000 + round * 700 + world.random.below(3) * 50, () => {
          const sa = establishedSa(host);
          const child = sa?.children[0];
          if (!sa) return;
          if (world.random.chance(0.5)) return world.tell(host, sa, { kind: "rekey_ike" });
          if (child) world.tell(host, sa, { kind: "rekey_child", child });
        });
      }
    }
    return {
      stands: true,
      check: () => uneven ? oneTunnel(hosts) : hybridTunnel(hosts, both),
    };
  },
};

/**
 * Host a prefers one key exchange, and host b all of them: as each proposes by its own preference, requests
 * that cross are of both kinds.
 */
function unevenEnds(both: Partial<IkeConfig>): {
  readonly a: Partial<IkeConfig>;
  readonly b: Partial<IkeConfig>;
} {
  const [child] = both.children!;
  const { additional } = both.algorithms!;
  const optional = (lists: readonly (readonly number[])[], first: boolean) =>
    lists.map((list) =>
      list.length === 0 ? list : first ? [KeGroup.NONE, ...list] : [...list, KeGroup.NONE]
    );
  const end = (first: boolean): Partial<IkeConfig> => ({
    algorithms: { ...both.algorithms!, additional: optional(additional!, first) },
    children: [{ ...child!, pfsAdditional: optional(child!.pfsAdditional!, first) }],
  });
  return { a: end(true), b: end(false) };
}

const followupAndDelete: Scenario = {
  name: "followup_and_delete",
  start(world) {
    const hosts = pair(world, hybridBoth(world));
    world.dial(hosts.a, hosts.b);
    for (const host of [hosts.a, hosts.b]) {
      for (const at of [8_000, 8_000 + world.random.fraction() * 800]) {
        world.at(at, () => {
          const sa = establishedSa(host);
          const child = sa?.children[0];
          const what = world.random.below(5);
          if (!sa) return;
          if (what === 0) return world.tell(host, sa, { kind: "rekey_ike" });
          if (what === 1 && at > 8_000) {
            return world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED });
          }
          if (!child) return;
          world.tell(host, sa, { kind: what < 4 ? "rekey_child" : "delete_child", child });
        });
      }
    }
    return { stands: false };
  },
};

/** The responder of a rekey gives up waiting sooner than the initiator gives up. */
const followupTooLate: Scenario = {
  name: "followup_too_late",
  start(world) {
    const both = hybridBoth(world);
    const hasty = { transmissionsMax: 3, retransmitIntervalMs: 40 };
    const hosts = pair(world, both, { b: hasty });
    world.dial(hosts.a, hosts.b);
    world.at(8_000 + world.random.fraction() * 500, () => {
      const sa = establishedSa(hosts.a);
      const child = sa?.children[0];
      if (!sa || !child) return;
      const kind = world.random.chance(0.5) ? "rekey_ike" : "rekey_child";
      world.tell(hosts.a, sa, kind === "rekey_ike" ? { kind } : { kind, child });
    });
    // An exchange takes longer than the responder waits, so that some rekeys fail and are tried again.
    world.at(7_000, () => {
      world.computationMs = (host) =>
        host === hosts.a && world.random.chance(0.7) ? 300 : undefined;
    });
    world.at(60_000, () => {
      world.computationMs = undefined;
    });
    return {
      stands: false, // The IKE SA ends when this has happened three times in a row.
      check: () =>
        (establishedSa(hosts.a)?.peer.statesLost ?? 0) >= STATES_LOST_MAX
          ? "an IKE SA whose peer forgets every series ends"
          : undefined,
    };
  },
};

/** Lifetimes end while rekeys with additional key exchanges are in progress; nothing may expire. */
const followupLifetimes: Scenario = {
  name: "followup_lifetimes",
  start(world) {
    const both = hybridBoth(world);
    const [child] = both.children!;
    const timing = { ikeLifetimeMs: 120_000, marginMs: 55_000, jitter: false };
    const children = [{ ...child!, lifetimeMs: 115_000 }];
    const hosts = pair(world, { ...both, ...timing, children });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    // Long enough for rekeys of both ends to come at the same time.
    endFrom(world, hosts.a, 600_000);
    return { stands: false };
  },
};

/** All scenarios of this file. */
export const KEY_EXCHANGE_SCENARIOS: readonly Scenario[] = [
  intermediate,
  optional,
  followupChild,
  followupIkeSa,
  followupMixed,
  followupAndDelete,
  followupTooLate,
  followupLifetimes,
];
