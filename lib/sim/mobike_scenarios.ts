/**
 * Scenarios with MOBIKE (RFC 4555): tunnels move across NATs, during rekeys of IKE SAs and
 * CHILD_SAs, to addresses that cannot be reached, and with an attacker on the path.
 * @module
 */
import { compareAddresses, samePath } from "@/base/address.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { MobikeConfig, MobikeMoves } from "@/ike/records/mobility.ts";
import { NatBox } from "@/sim/nat_box.ts";
import { establishedSa, PATIENT, type Scenario, SUITES, worldConfig } from "@/sim/scenarios.ts";
import type { Host, Place, World } from "@/sim/world.ts";

/** The addresses of the client. */
export const CLIENT = [1, 3, 5].map((n) => Uint8Array.of(10, 0, 0, n));
const GATEWAY = [2, 4].map((n) => Uint8Array.of(10, 0, 0, n));
/** An address of each end in the other family. */
const [CLIENT6, GATEWAY6] = [1, 2].map((n) =>
  Uint8Array.of(0x20, 1, 0xd, 0xb8, ...new Uint8Array(11), n)
) as [Uint8Array, Uint8Array];
const INSIDE = Uint8Array.of(192, 168, 0, 2);
const OUTSIDE = Uint8Array.of(10, 0, 0, 7);
const ATTACKER = Uint8Array.of(10, 0, 0, 99);

/** The conditions of a scenario with MOBIKE. */
export interface MobileStage {
  readonly moves?: MobikeMoves;
  /** Whether the client's second address is behind a NAT. */
  readonly secondIsNatted?: boolean;
  /** Whether each end has one address of each family instead. */
  readonly families?: boolean;
  /** Whether both ends support NAT traversal; absent: they do. */
  readonly natt?: boolean;
  readonly intervalMs?: number;
  readonly both?: Partial<IkeConfig>;
}

/** Host a, the client, dials and moves; host b, the gateway, answers and follows. */
export function mobilePair(world: World, stage: MobileStage = {}): { a: Host; b: Host } {
  const { moves = "own-only", secondIsNatted = false, natt = true, intervalMs = Infinity } = stage;
  const algorithms = world.random.pick(SUITES);
  const config = (mobike: MobikeConfig) => {
    const common = worldConfig({ algorithms, ...PATIENT, mobike, ...stage.both });
    return natt ? common : { ...common, natt: undefined };
  };
  const box = () => new NatBox({ outside: OUTSIDE, lifetimeMs: Infinity, forwards: [] });
  const second: Place = secondIsNatted ? { address: INSIDE, nat: box() } : { address: CLIENT[1]! };
  const ofA: Place[] = stage.families
    ? [CLIENT[0]!, CLIENT6].map((address) => ({ address }))
    : [{ address: CLIENT[0]! }, second, { address: CLIENT[2]! }];
  const ofB = stage.families ? [GATEWAY[0]!, GATEWAY6] : GATEWAY;
  const own = { addresses: ofA.map(({ address }) => address), step: 0, moves, intervalMs };
  const others = { ...own, addresses: ofB };
  const a = world.join("a", ofA, config(own), false);
  const b = world.join("b", ofB.map((address) => ({ address })), config(others), true);
  return { a, b };
}

/**
 * Checks that both ends and their CHILD_SAs use the same path when the world has come to rest;
 * returns the broken rule, if any.
 */
export function settledAlike({ a, b }: { readonly a: Host; readonly b: Host }): string | undefined {
  const atA = establishedSa(a);
  const atB = establishedSa(b);
  if (!atA || !atB) return undefined;
  const ofA = atA.peer.mobility;
  const ofB = atB.peer.mobility;
  if (!ofA || !ofB) return "both ends know MOBIKE";
  for (const [host, sa, mobility] of [[a, atA, ofA], [b, atB, ofB]] as const) {
    if (!samePath(mobility.path, mobility.settled)) return `${host.name}: a move comes to an end`;
    if (!samePath(mobility.path, sa.path)) return `${host.name}: all IKE SAs have one path`;
    for (const child of sa.children) {
      const path = host.traffic.paths.get(child);
      if (path && !samePath(path, sa.path)) {
        return `${host.name}: CHILD_SAs go where it was settled`;
      }
    }
  }
  const place = a.places.find(({ address }) => isSame(address, ofA.path.ownAddress));
  const seen = place?.nat?.outside ?? ofA.path.ownAddress;
  const meets = isSame(seen, ofB.path.peerAddress) &&
    isSame(ofA.path.peerAddress, ofB.path.ownAddress);
  return meets ? undefined : "both ends of a tunnel that moved are at the same path";
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return compareAddresses(a, b) === 0;
}

function tellUp(host: Host, action: (sa: IkeSa) => void): void {
  const sa = establishedSa(host);
  if (sa) action(sa);
}

/** The client loses one address after the other, so quickly that it cannot wait for an answer. */
const hurried: Scenario = {
  name: "mobike_hurried",
  start(world) {
    const { a, b } = mobilePair(world, { secondIsNatted: world.random.chance(0.5) });
    world.seamless = true;
    world.dial(a, b);
    const goTo = ({ address: ownAddress }: Place, peerAddress: Uint8Array) =>
      tellUp(
        a,
        (sa) => world.tell(a, sa, { kind: "move", path: { ...sa.path, ownAddress, peerAddress } }),
      );
    for (let step = 0; step < 4; step++) {
      const atMs = 9_000 + step * world.random.pick([5, 30, 600]);
      world.at(atMs, () => goTo(world.random.pick(a.places), world.random.pick(GATEWAY)));
    }
    return { stands: true, check: () => settledAlike({ a, b }) };
  },
};

/**
 * The client moves behind a NAT and back, between and during rekeys and liveness checks of either
 * end.
 */
const moving: Scenario = {
  name: "mobike",
  start(world) {
    const stage = {
      moves: world.random.pick(["own-only", "peer-only", "both"] as const),
      secondIsNatted: world.random.chance(0.5),
      both: world.random.chance(0.3) ? { fragmentOctets: 100 } : {},
    };
    const { a, b } = mobilePair(world, stage);
    world.seamless = true;
    world.dial(a, b);
    for (let round = 0; round < 5; round++) {
      const atMs = 9_000 + round * world.random.pick([40, 700, 30_000]);
      world.at(atMs, () => tellUp(a, (sa) => world.tell(a, sa, { kind: "move" })));
      world.at(atMs + world.random.below(60) - 30, () => {
        const host = world.random.pick([a, b]);
        tellUp(host, (sa) => {
          const child = sa.children[0];
          const what = world.random.below(3);
          if (what === 0) return world.tell(host, sa, { kind: "rekey_ike" });
          if (what === 1) return world.tell(host, sa, { kind: "liveness_check" });
          if (child) world.tell(host, sa, { kind: "rekey_child", child });
        });
      });
    }
    return { stands: true, check: () => settledAlike({ a, b }) };
  },
};

/**
 * The client loses its address while one end deletes the IKE SA, or checks whether the other is there, whole or
 * in fragments: the outstanding request is repeated by the path to which the client has moved, is answered
 * there, and nothing remains at either end.
 */
const deleted: Scenario = {
  name: "mobike_delete",
  start(world) {
    const { a, b } = mobilePair(world, {
      secondIsNatted: world.random.chance(0.5),
      both: world.random.chance(0.3) ? { fragmentOctets: 100 } : {},
    });
    world.dial(a, b);
    let lost: Uint8Array | undefined;
    world.isUnreachable = (from, to) =>
      lost !== undefined && (isSame(from, lost) || isSame(to, lost));
    // Whoever has answered a Delete forgets the IKE SA soon, and cannot answer repeats that are lost or late.
    world.at(19_000, () => void (world.lossless = true));
    const asking = world.random.pick([a, b]);
    world.at(20_000, () =>
      tellUp(asking, (sa) => {
        if (world.random.chance(0.3)) world.tell(asking, sa, { kind: "liveness_check" });
        world.tell(asking, sa, { kind: "close", closeCode: CloseCode.STOPPED });
      }));
    world.at(20_000 + world.random.below(60), () => {
      const sa = [...a.endpoint.bySpi.values()].find(({ phase }) => phase !== "closed");
      if (!sa) return;
      lost = sa.path.ownAddress;
      world.tell(a, sa, { kind: "move" });
    });
    return {
      stands: false,
      check() {
        const isSlow = world.conditions.delayMs[1] > 200;
        return a.unanswered + (isSlow ? 0 : b.unanswered) > 0
          ? "a Delete is repeated by the path to which the client has moved (RFC 4555 §3.5)"
          : undefined;
      },
    };
  },
};

/**
 * The client moves at intervals of its own, without NAT traversal, among its addresses or from one address
 * family to the other and back; at the end one of the two ends closes the tunnel.
 */
const timed: Scenario = {
  name: "mobike_timed",
  start(world) {
    const families = world.random.chance(0.5);
    const moving = world.random.pick(["peer-only", "both"] as const);
    const { a, b } = mobilePair(world, {
      natt: false,
      intervalMs: 10_000,
      families,
      moves: families ? moving : "own-only",
    });
    world.dial(a, b);
    let fault: string | undefined;
    let moves = 0;
    let at: Uint8Array | undefined;
    for (let ms = 9_000; ms < 100_000; ms += 1_000) {
      world.at(ms, () =>
        tellUp(b, ({ path }) => {
          if (at && !isSame(at, path.peerAddress)) moves++;
          at = path.peerAddress;
        }));
    }
    world.at(101_000 + world.random.below(9_000), () => {
      const fair = world.conditions.loss === 0;
      if (fair && moves < 7) fault = `a client moves when its time is over, not ${moves} times`;
      const host = world.random.pick([a, b]);
      tellUp(host, (sa) => world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED }));
    });
    return { stands: false, check: () => fault };
  },
};

/** The client moves to an address that cannot be reached, and must come back to where it was. */
const detour: Scenario = {
  name: "mobike_dead_path",
  start(world) {
    const stage = { both: { transmissionsMax: 30 } };
    const { a, b } = mobilePair(world, stage);
    const isDead = (address: Uint8Array) => isSame(address, CLIENT[1]!);
    world.isUnreachable = (from, to) => isDead(from) || isDead(to);
    world.dial(a, b);
    world.at(30_000, () => tellUp(a, (sa) => world.tell(a, sa, { kind: "move" })));
    return {
      stands: true,
      check() {
        const sa = establishedSa(a);
        if (sa && isDead(sa.path.ownAddress)) return "a client leaves a path that leads nowhere";
        return settledAlike({ a, b });
      },
    };
  },
};

/** The last message of `from` arrives at `to` from the attacker's address as well. */
function divert(world: World, from: Host, to: Host): void {
  const sa = establishedSa(from);
  const octets = sa?.window.request?.datagrams[0];
  if (!octets) return;
  const { peerAddress: ownAddress, peerPort: ownPort } = sa.path;
  world.inject(to, {
    octets,
    path: { ownAddress, ownPort, peerAddress: ATTACKER, peerPort: 4500 },
  });
}

/**
 * Watches for some time whether packets of CHILD_SAs go to the attacker; the returned function
 * tells the broken rule.
 */
function watchFor(
  world: World,
  host: Host,
  { fromMs, what }: { readonly fromMs: number; readonly what: string },
): () => string | undefined {
  let fault: string | undefined;
  const look = () => {
    for (const { peerAddress } of host.traffic.paths.values()) {
      if (isSame(peerAddress, ATTACKER)) fault = what;
    }
  };
  for (let ms = fromMs + 1; ms < fromMs + 30_000; ms += ms < fromMs + 100 ? 1 : 50) {
    world.at(ms, look);
  }
  return () => fault;
}

/**
 * Requests that do not update addresses arrive from the attacker's address first: they only test a
 * path, and must not move the SA.
 */
const tested: Scenario = {
  name: "mobike_path_test",
  start(world) {
    const { a, b } = mobilePair(world, { secondIsNatted: true });
    world.dial(a, b);
    world.at(20_000, () => tellUp(a, (sa) => world.tell(a, sa, { kind: "move" })));
    world.at(60_000, () =>
      tellUp(a, (sa) => {
        world.tell(a, sa, { kind: "liveness_check" });
        divert(world, a, b);
      }));
    const fault = watchFor(world, b, { fromMs: 60_000, what: "a test of a path moves nobody" });
    return { stands: true, check: () => fault() ?? settledAlike({ a, b }) };
  },
};

/**
 * The client's update of its addresses arrives from the attacker's address first: no packet of a
 * CHILD_SA may go there.
 */
const hijacked: Scenario = {
  name: "mobike_hijack",
  start(world) {
    const { a, b } = mobilePair(world, { both: { transmissionsMax: 30 } });
    world.dial(a, b);
    world.at(20_000, () =>
      tellUp(a, (sa) => {
        world.tell(a, sa, { kind: "move" });
        divert(world, a, b);
      }));
    const what = "packets go to whom has answered there";
    return { stands: true, check: watchFor(world, b, { fromMs: 20_000, what }) };
  },
};

/** All scenarios of this file. */
export const MOBIKE_SCENARIOS: readonly Scenario[] = [
  moving,
  hurried,
  deleted,
  timed,
  detour,
  tested,
  hijacked,
];
