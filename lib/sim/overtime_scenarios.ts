/**
 * Scenarios about lifetimes that are short compared with retransmission: while an exchange that replaces an
 * SA is in progress the SA exceeds its lifetime, but not for longer, and not without such an exchange.
 * @module
 */
import { KeGroup } from "@/iana/ke_group.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { isCurrent } from "@/ike/records/ike_sa.ts";
import { CHILD, establishedSa, type Pair, pair, type Scenario } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";

/** Time in milliseconds by which the tunnel is established in the worst network. */
const START_MS = 30_000;
/** Interval at which ages of SAs are checked, in milliseconds. */
const LOOK_MS = 250;
/** Tolerance in milliseconds, as the event that ends an SA may be due at the time of the check. */
const SLACK_MS = 1;

/** Lifetimes are of the order of one retransmission interval, and the number of transmissions never ends. */
const SHORT = { retransmitIntervalMs: 1_000, transmissionsMax: 60, jitter: true };

/** Whether an exchange of either end that replaces the SA is in progress, by RFC 7296 §2.8. */
function isBeingReplaced(sa: IkeSa, child: ChildSa | undefined): boolean {
  const tasks = [...sa.queue, ...(sa.active ? [sa.active] : [])];
  if (!child) {
    return !isCurrent(sa) || sa.answering?.kind === "rekey_ike" ||
      sa.rekeyMs < Infinity || tasks.some(({ kind }) =>
        kind === "rekey_ike" || kind === "delete_ike"
      );
  }
  const isAnswered = sa.answering?.kind === "create_child" && sa.answering.old === child;
  return child.state === "rekeyed" || child.state === "closing" || isAnswered ||
    child.rekeyMs < Infinity ||
    tasks.some((task) =>
      task.kind === "create_child" && task.old === child ||
      task.kind === "delete_child" && task.child === child
    );
}

/** Throws if an SA has exceeded its lifetime without a replacement in progress, or by too much. */
function lookAtAges(world: World, { a, b }: Pair): void {
  for (const host of [a, b]) {
    for (const sa of host.endpoint.bySpi.values()) {
      if (sa.phase !== "established") continue;
      const { config } = sa;
      const patienceMs = config.retransmitIntervalMs * config.transmissionsMax;
      const ages = [
        {
          what: "an IKE SA",
          lifetimeMs: config.ikeLifetimeMs,
          since: sa.establishedMs,
          child: undefined,
        },
        ...sa.children.map((child) => {
          const { lifetimeMs } = config.children[child.configIndex]!;
          return { what: "a CHILD_SA", lifetimeMs, since: child.establishedMs, child };
        }),
      ];
      for (const { what, lifetimeMs, since, child } of ages) {
        const overMs = world.nowMs - (since ?? Infinity) - lifetimeMs - SLACK_MS;
        if (lifetimeMs === 0 || overMs <= 0) continue;
        if (overMs > patienceMs) {
          throw world.broken(`${host.name}: ${what} has an end of its overtime`);
        }
        if (!isBeingReplaced(sa, child)) {
          throw world.broken(
            `${host.name}: ${what} is older than its lifetime only while it is replaced`,
          );
        }
      }
    }
  }
}

function lookUntil(world: World, hosts: Pair, untilMs: number): void {
  for (let ms = START_MS; ms < untilMs; ms += LOOK_MS) world.at(ms, () => lookAtAges(world, hosts));
}

/** Closes all IKE SAs repeatedly, as a rekey in progress may make another one. */
function closeAll(world: World, { a, b }: Pair): void {
  for (const host of [a, b]) {
    for (const sa of [...host.endpoint.bySpi.values()]) {
      if (sa.phase !== "established" || sa.closeAsked) continue;
      world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED });
    }
  }
}

/** Rekeys of both ends in any network: no tunnel is lost, and traffic is never interrupted. */
const late: Scenario = {
  name: "late_rekeys",
  start(world) {
    const { random } = world;
    const timing = { marginMs: 500 + random.below(2_000), ...SHORT };
    const children = [{ ...CHILD, lifetimeMs: 4_000 + random.below(3_000) }];
    const ikeLifetimeMs = random.chance(0.5) ? 5_000 + random.below(6_000) : 0;
    // In a bad network the set-up at both ends may take longer than the first lifetimes.
    const hosts = pair(world, { ...timing, children, ikeLifetimeMs });
    world.dial(hosts.a, hosts.b);
    world.at(START_MS, () => world.seamless = true);
    const endMs = START_MS + 40_000;
    lookUntil(world, hosts, endMs);
    world.at(endMs, () => {
      world.seamless = false;
      if (hosts.a.failures.length > 0 || !establishedSa(hosts.a)) {
        throw world.broken("no tunnel is lost");
      }
    });
    for (let ms = endMs; ms < endMs + 300_000; ms += 500) {
      world.at(ms, () => closeAll(world, hosts));
    }
    return { stands: false };
  },
};

/** The peer refuses every rekey: the tunnel ends at its lifetime, in any network. */
const refused: Scenario = {
  name: "refused_rekeys",
  start(world) {
    // With a short margin the refusal often comes past the lifetime.
    const timing = { marginMs: 100 + world.random.below(1_000), ...SHORT };
    // The first CHILD_SA has no key exchange, so that incompatible groups only show in the rekey.
    const mine = [{ ...CHILD, lifetimeMs: 8_000, pfsGroups: [KeGroup.CURVE25519] }];
    const theirs = [{ ...CHILD, pfsGroups: [KeGroup.ECP_256] }];
    const hosts = pair(world, timing, { a: { children: mine }, b: { children: theirs } });
    world.dial(hosts.a, hosts.b);
    lookUntil(world, hosts, START_MS + 70_000);
    return {
      stands: false,
      check: () => establishedSa(hosts.a) ? "an SA whose rekey is refused ends" : undefined,
    };
  },
};

/** The end that begins a rekey vanishes; what the other end has replaced is removed in time. */
const vanished: Scenario = {
  name: "rekeyed_and_vanished",
  start(world) {
    const children = [{ ...CHILD, lifetimeMs: 6_000 }];
    const both = { ...SHORT, transmissionsMax: 6 };
    const hosts = pair(world, both, { b: { children, marginMs: 1 } });
    const { a, b } = hosts;
    world.dial(a, b);
    world.at(4_000, () => {
      const sa = establishedSa(a);
      const child = sa?.children[0];
      if (child) world.tell(a, sa!, { kind: "rekey_child", child });
    });
    world.at(4_030, () => abandonAll(world, a));
    world.at(START_MS + 30_000, () => [a, b].forEach((host) => abandonAll(world, host)));
    for (let ms = 4_000; ms < START_MS + 20_000; ms += LOOK_MS) {
      world.at(ms, () => lookAtAges(world, hosts));
    }
    return { stands: false };
  },
};

function abandonAll(world: World, host: Host): void {
  for (const sa of [...host.endpoint.bySpi.values()]) {
    const event = { kind: "abandon", closeCode: CloseCode.STOPPED, why: "power cut" } as const;
    world.tell(host, sa, event);
  }
}

/** All scenarios of this file. */
export const OVERTIME_SCENARIOS: readonly Scenario[] = [late, refused, vanished];
