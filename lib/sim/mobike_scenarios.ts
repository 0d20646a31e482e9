/**
 * Plays of MOBIKE (RFC 4555): tunnels that move, with NATs on the way, while IKE SAs and CHILD_SAs are
 * rekeyed, to addresses that nothing reaches, and with an attacker on the way.
 * @module
 */
import { compareAddresses, samePath } from "@/base/address.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { MobikeConfig, MobikeMoves } from "@/ike/records/mobility.ts";
import { NatBox } from "@/sim/nat_box.ts";
import { PATIENT, type Scenario, SUITES, up, worldConfig } from "@/sim/scenarios.ts";
import type { Host, Place, World } from "@/sim/world.ts";

/** Addresses of the client and of the gateway, as each sees them, and the client's behind a NAT. */
export const CLIENT = [1, 3, 5].map((n) => Uint8Array.of(10, 0, 0, n));
const GATEWAY = [2, 4].map((n) => Uint8Array.of(10, 0, 0, n));
const INSIDE = Uint8Array.of(192, 168, 0, 2);
const OUTSIDE = Uint8Array.of(10, 0, 0, 7);
const ATTACKER = Uint8Array.of(10, 0, 0, 99);

/** What differs from play to play. */
export interface MobileStage {
  readonly moves?: MobikeMoves;
  /** Whether the client's second address is behind a NAT. */
  readonly sheltered?: boolean;
  /** Whether the two ends know NAT traversal; absent: they do. */
  readonly natt?: boolean;
  readonly intervalMs?: number;
  readonly both?: Partial<IkeConfig>;
}

/** Host a dials and moves, host b answers and follows. */
export function mobilePair(world: World, stage: MobileStage = {}): { a: Host; b: Host } {
  const { moves = "own-only", sheltered = false, natt = true, intervalMs = Infinity } = stage;
  const algorithms = world.random.pick(SUITES);
  const config = (mobike: MobikeConfig) => {
    const common = worldConfig({ algorithms, ...PATIENT, mobike, ...stage.both });
    return natt ? common : { ...common, natt: undefined };
  };
  const box = () => new NatBox({ outside: OUTSIDE, lifetimeMs: Infinity, forwards: [] });
  const second: Place = sheltered ? { address: INSIDE, nat: box() } : { address: CLIENT[1]! };
  const ofA: Place[] = [{ address: CLIENT[0]! }, second, { address: CLIENT[2]! }];
  const own = { addresses: ofA.map(({ address }) => address), step: 0, moves, intervalMs };
  const others = { ...own, addresses: GATEWAY };
  const a = world.join("a", ofA, config(own), false);
  const b = world.join("b", GATEWAY.map((address) => ({ address })), config(others), true);
  return { a, b };
}

/** The broken rule where the two ends, or their CHILD_SAs, are not at the same path at rest. */
export function settledAlike({ a, b }: { readonly a: Host; readonly b: Host }): string | undefined {
  const atA = up(a);
  const atB = up(b);
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

function tellUp(host: Host, deed: (sa: IkeSa) => void): void {
  const sa = up(host);
  if (sa) deed(sa);
}

/** One end's address is gone, and soon the next one too: the client cannot wait for any answer. */
const hurried: Scenario = {
  name: "mobike_hurried",
  play(world) {
    const { a, b } = mobilePair(world, { sheltered: world.random.chance(0.5) });
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

/** Moves of each kind, over a NAT and back, between and during rekeys and checks of either end. */
const moving: Scenario = {
  name: "mobike",
  play(world) {
    const stage = {
      moves: world.random.pick(["own-only", "peer-only", "both"] as const),
      sheltered: world.random.chance(0.5),
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

/** Without NAT traversal, and by the client's own clock; in the end one of the two says goodbye. */
const timed: Scenario = {
  name: "mobike_timed",
  play(world) {
    const { a, b } = mobilePair(world, { natt: false, intervalMs: 10_000 });
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
      const fair = world.weather.loss === 0;
      if (fair && moves < 7) fault = `a client moves when its time is over, not ${moves} times`;
      const host = world.random.pick([a, b]);
      tellUp(host, (sa) => world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED }));
    });
    return { stands: false, check: () => fault };
  },
};

/** The client goes where nothing leads to: it comes back to where it was. */
const detour: Scenario = {
  name: "mobike_dead_path",
  play(world) {
    const stage = { both: { transmissionsMax: 30 } };
    const { a, b } = mobilePair(world, stage);
    const isDead = (address: Uint8Array) => isSame(address, CLIENT[1]!);
    world.severed = (from, to) => isDead(from) || isDead(to);
    world.dial(a, b);
    world.at(30_000, () => tellUp(a, (sa) => world.tell(a, sa, { kind: "move" })));
    return {
      stands: true,
      check() {
        const sa = up(a);
        if (sa && isDead(sa.path.ownAddress)) return "a client leaves a path that leads nowhere";
        return settledAlike({ a, b });
      },
    };
  },
};

/** What `from` has just sent comes to `to` from the attacker's address. */
function divert(world: World, from: Host, to: Host): void {
  const sa = up(from);
  const octets = sa?.window.request?.datagrams[0];
  if (!octets) return;
  const { peerAddress: ownAddress, peerPort: ownPort } = sa.path;
  world.inject(to, {
    octets,
    path: { ownAddress, ownPort, peerAddress: ATTACKER, peerPort: 4500 },
  });
}

/** Looks for a while whether packets of CHILD_SAs go to the attacker; what is broken then. */
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

/** Requests that update nothing come from elsewhere first: they test a path, and move nobody. */
const tested: Scenario = {
  name: "mobike_path_test",
  play(world) {
    const { a, b } = mobilePair(world, { sheltered: true });
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

/** The client's update comes from the attacker's address first: no packet of a CHILD_SA goes there. */
const hijacked: Scenario = {
  name: "mobike_hijack",
  play(world) {
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

/** All plays of this file. */
export const MOBIKE_SCENARIOS: readonly Scenario[] = [
  moving,
  hurried,
  timed,
  detour,
  tested,
  hijacked,
];
