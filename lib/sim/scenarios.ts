/**
 * The tasks of the core as small plays for two hosts. Each says what is done, and what must be true
 * when the world has come to rest.
 * @module
 */
import { Encr } from "@/iana/encr.ts";
import { IdType } from "@/iana/id_type.ts";
import { Integ } from "@/iana/integ.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { Prf } from "@/iana/prf.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TsType } from "@/iana/ts_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { bothByPsk } from "@/ike/auth/psk.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { ChildConfig, IkeAlgorithms, IkeConfig, NatTraversal } from "@/ike/records/config.ts";
import type { Host, World } from "@/sim/world.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** What a play leaves behind once it is over. */
export interface Ending {
  /** Whether its tunnel is meant to stand at the end. */
  readonly stands: boolean;
  /** A sentence that must be true at rest; its text when it is not. */
  check?(): string | undefined;
}

/** One play. */
export interface Scenario {
  readonly name: string;
  play(world: World): Ending;
}

const text = (s: string) => new TextEncoder().encode(s);
/** Suites that worlds choose from. */
export const SUITES: readonly IkeAlgorithms[] = [
  suite(Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256),
  suite(Encr.ENCR_AES_GCM_16, 256, undefined, Prf.PRF_HMAC_SHA2_256),
  suite(Encr.ENCR_CHACHA20_POLY1305, 0, undefined, Prf.PRF_HMAC_SHA1),
  suite(Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA1_96, Prf.PRF_HMAC_SHA1),
];

function suite(
  id: number,
  keyBits: number,
  integrity: number | undefined,
  prf: number,
): IkeAlgorithms {
  return {
    encryption: [{ id, keyBits }],
    integrity: integrity === undefined ? [] : [integrity],
    prf: [prf],
    groups: [KeGroup.CURVE25519],
  };
}

/** An IPv4 range, any protocol and port. */
export function range4(start: readonly number[], end: readonly number[]): TrafficSelector {
  return {
    tsType: TsType.TS_IPV4_ADDR_RANGE,
    protocol: 0,
    startPort: 0,
    endPort: 65535,
    startAddress: Uint8Array.from(start),
    endAddress: Uint8Array.from(end),
  };
}

const ANY4 = range4([0, 0, 0, 0], [255, 255, 255, 255]);
/** One ESP CHILD_SA of any IPv4 traffic, tunnel mode. */
export const CHILD: ChildConfig = {
  protocol: ProtocolId.ESP,
  encryption: [{ id: Encr.ENCR_AES_GCM_16, keyBits: 128 }],
  integrity: [],
  esn: false,
  tunnelMode: true,
  tfc: true,
  ipcomp: false,
  lifetimeMs: 0,
  replayWindow: 64,
  ownTs: [ANY4],
  peerTs: [ANY4],
  ownTsStep: 0,
  peerTsStep: 0,
  pfsGroups: [],
  useProvisionedTs: false,
};

/** NAT detection without keepalives. */
export const NATT: NatTraversal = { ownPort: 4500, peerPort: 4500, forced: false, keepaliveMs: 0 };

/** A configuration that works with itself; worlds change what their play is about. */
export function worldConfig(change: Partial<IkeConfig> = {}): IkeConfig {
  return {
    algorithms: SUITES[0]!,
    children: [CHILD],
    ownId: { kind: "own-address" },
    peerId: undefined,
    matchPeerId: false,
    auth: bothByPsk("a secret of the world"),
    signatureHashes: [],
    initialContact: true,
    natt: NATT,
    refuseNat: false,
    cookieThreshold: -1,
    halfOpenMax: 100,
    computingMax: 100,
    halfOpenTimeoutMs: 30_000,
    retransmitIntervalMs: 500,
    retransmitBackoff: 1,
    transmissionsMax: 12,
    ikeLifetimeMs: 0,
    marginMs: 0,
    jitter: false,
    lifetimeOvertime: true,
    childLost: "note",
    livenessIntervalMs: 0,
    livenessForced: false,
    remoteAccess: false,
    pools: undefined,
    fragmentOctets: 0,
    reassembleTimeoutMs: 30_000,
    rekeyedKeptMax: 0,
    endedKeptMs: 0,
    trace: true,
    ...change,
  };
}

/** The two hosts of most plays. */
export interface Pair {
  readonly a: Host;
  readonly b: Host;
}

/** Host a dials, host b answers; `both` and then each one's own changes. */
export function pair(
  world: World,
  both: Partial<IkeConfig> = {},
  own: { readonly a?: Partial<IkeConfig>; readonly b?: Partial<IkeConfig> } = {},
): Pair {
  const algorithms = world.random.pick(SUITES);
  const config = (change: Partial<IkeConfig> = {}) =>
    worldConfig({ algorithms, ...both, ...change });
  const a = world.join("a", Uint8Array.of(10, 0, 0, 1), config(own.a), false);
  const b = world.join("b", Uint8Array.of(10, 0, 0, 2), config(own.b), true);
  return { a, b };
}

/** The first SA of a host that is established. */
export function up(host: Host): IkeSa | undefined {
  return [...host.endpoint.bySpi.values()].find((sa) => sa.phase === "established");
}

/** Does something to an established SA of a host, once there is one, and some time later. */
function later(world: World, host: Host, deed: (sa: IkeSa) => void): void {
  const delay = world.random.fraction() * 3_000;
  world.at(8_000 + delay, () => {
    const sa = up(host);
    if (sa) deed(sa);
  });
}

const establish: Scenario = {
  name: "ike_init+ike_auth",
  play(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    return { stands: true };
  },
};

const cookies: Scenario = {
  name: "cookie",
  play(world) {
    const { a, b } = pair(world, {}, { b: { cookieThreshold: 0 } });
    world.dial(a, b);
    // The threshold is 0: whoever is half-open without a cookie of ours breaks §2.6.
    return { stands: true };
  },
};

const forgedCookie: Scenario = {
  name: "forged_cookie",
  play(world) {
    const { a, b } = pair(world, {}, { b: { cookieThreshold: 0 } });
    // The attacker asks from an address that is not its own, with a cookie it made up.
    const sa = world.dial(a, b);
    world.at(20, () => {
      const request = sa.setup?.initRequest;
      if (request) world.inject(b, { octets: withCookie(request), path: spoofed(a, b) });
    });
    world.at(21, () => {
      const forged = [...b.endpoint.bySpi.values()].some((s) => s.path.peerAddress[3] === 99);
      if (forged) throw world.broken("a cookie that is not ours makes no SA");
    });
    return { stands: true };
  },
};

function spoofed(a: Host, b: Host) {
  const peerAddress = Uint8Array.from([...a.address.subarray(0, 3), 99]);
  return { ownAddress: b.address, ownPort: 500, peerAddress, peerPort: 500 };
}

/** The same IKE_SA_INIT with a COOKIE notify of 33 octets put first. */
function withCookie(request: Uint8Array): Uint8Array {
  const notify = [request[16]!, 0, 0, 8 + 33, 0, 0, 0x40, 0x06, ...new Array<number>(33).fill(1)];
  const octets = Uint8Array.from([...request.subarray(0, 28), ...notify, ...request.subarray(28)]);
  octets[16] = 41;
  octets[26] = octets.length >> 8;
  octets[27] = octets.length & 0xff;
  return octets;
}

const otherGroup: Scenario = {
  name: "invalid_ke",
  play(world) {
    const algorithms = { ...SUITES[0]!, groups: [KeGroup.CURVE25519, KeGroup.ECP_256] };
    const only = { ...SUITES[0]!, groups: [KeGroup.ECP_256] };
    const { a, b } = pair(world, {}, { a: { algorithms }, b: { algorithms: only } });
    world.dial(a, b);
    return { stands: true };
  },
};

const wrongSecret: Scenario = {
  name: "wrong_psk",
  play(world) {
    const { a, b } = pair(world, {}, { b: { auth: bothByPsk("another secret") } });
    world.dial(a, b);
    return { stands: false };
  },
};

const noProposal: Scenario = {
  name: "no_proposal",
  play(world) {
    const { a, b } = pair(world, {}, {
      a: { algorithms: SUITES[0]! },
      b: { algorithms: SUITES[1]! },
    });
    world.dial(a, b);
    return { stands: false };
  },
};

const narrowing: Scenario = {
  name: "narrowing",
  play(world) {
    const third = world.random.below(200);
    const peerTs = [range4([10, third, 0, 0], [10, third + 1, 255, 255])];
    const children = [{ ...CHILD, peerTs }];
    const { a, b } = pair(world, {}, { b: { children } });
    world.dial(a, b);
    return { stands: true };
  },
};

const noSelectors: Scenario = {
  name: "ts_unacceptable",
  play(world) {
    const ownTs = [range4([10, 0, 0, 0], [10, 0, 0, 255])];
    const peerTs = [range4([10, 9, 0, 0], [10, 9, 0, 255])];
    const { a, b } = pair(world, {}, {
      a: { children: [{ ...CHILD, ownTs }] },
      b: { children: [{ ...CHILD, peerTs }] },
    });
    world.dial(a, b);
    return { stands: false };
  },
};

const deleteIke: Scenario = {
  name: "delete_ike",
  play(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    const who = world.random.pick([[a], [b], [a, b]]);
    for (const host of who) {
      later(
        world,
        host,
        (sa) => world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED }),
      );
    }
    return { stands: false };
  },
};

const deleteChild: Scenario = {
  name: "delete_child",
  play(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    for (const host of world.random.pick([[a], [b], [a, b]])) {
      later(world, host, (sa) => {
        const child = sa.children[0];
        if (child) world.tell(host, sa, { kind: "delete_child", child });
      });
    }
    return {
      stands: true,
      check() {
        const left = (up(a)?.children.length ?? 0) + (up(b)?.children.length ?? 0);
        return up(a) && up(b) && left > 0
          ? "a CHILD_SA deleted by one end is gone at both"
          : undefined;
      },
    };
  },
};

const crossingDeletes: Scenario = {
  name: "crossing_deletes",
  play(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    // Both at the same instant: with any delay the requests cross on the way.
    world.at(9_000, () => {
      for (const host of [a, b]) {
        const sa = up(host), child = sa?.children[0];
        if (child) world.tell(host, sa!, { kind: "delete_child", child });
      }
    });
    return { stands: true };
  },
};

const liveness: Scenario = {
  name: "liveness",
  play(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    // The responder asks at once and often: its first request may overtake its IKE_AUTH response.
    for (let ms = 40; ms < 4_000; ms += 80) {
      world.at(ms, () => {
        for (const host of world.random.pick([[a], [b], [a, b], [b]])) {
          const sa = up(host);
          if (sa && sa.queue.length === 0) world.tell(host, sa, { kind: "liveness_check" });
        }
      });
    }
    return { stands: true };
  },
};

const returning: Scenario = {
  name: "initial_contact",
  play(world) {
    const { a, b } = pair(world, { ownId: fqdn("client") });
    world.dial(a, b);
    world.at(9_000, () => {
      for (const sa of [...a.endpoint.bySpi.values()]) {
        const event = { kind: "abandon", closeCode: CloseCode.STOPPED, why: "power cut" } as const;
        world.tell(a, sa, event);
      }
      world.dial(a, b);
    });
    return {
      stands: true,
      check() {
        const live = [...b.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
        const back = up(a) !== undefined;
        return back && live.length > 1
          ? "INITIAL_CONTACT leaves one SA of the identity"
          : undefined;
      },
    };
  },
};

function fqdn(name: string): IkeConfig["ownId"] {
  return { kind: "fixed", identity: { idType: IdType.ID_FQDN, data: text(name) } };
}

const vanishing: Scenario = {
  name: "vanishing_initiator",
  play(world) {
    const { a, b } = pair(world);
    const sa = world.dial(a, b);
    world.at(20 + world.random.fraction() * 60, () => {
      world.tell(a, sa, { kind: "abandon", closeCode: CloseCode.STOPPED, why: "power cut" });
    });
    return {
      stands: false,
      check: () => b.endpoint.halfOpen > 0 ? "a half-open SA expires" : undefined,
    };
  },
};

/** Ends, one or both, at once or some time apart: what makes rekeys cross. */
export function someone(world: World, { a, b }: Pair, deed: (host: Host, sa: IkeSa) => void): void {
  const who = world.random.pick([[a], [b], [a, b], [a, b]]);
  const together = world.random.chance(0.5);
  for (const host of who) {
    const delay = together ? 0 : world.random.fraction() * 1_500;
    world.at(8_000 + delay, () => {
      const sa = up(host);
      if (sa) deed(host, sa);
    });
  }
}

/** One tunnel with one live CHILD_SA at each end, the same at both. */
export function oneTunnel({ a, b }: Pair): string | undefined {
  for (const host of [a, b]) {
    const live = [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
    if (live.length > 1) return `${host.name} holds one IKE SA after a rekey, not ${live.length}`;
    const children = live[0]?.children.length ?? 1;
    if (children !== 1) return `${host.name} holds one CHILD_SA after a rekey, not ${children}`;
  }
  return undefined;
}

/** Enough patience that no exchange of a rekey runs dry: then nothing may ever be lost. */
export const PATIENT = { transmissionsMax: 60 };

const rekeyChildren: Scenario = {
  name: "rekey_child",
  play(world) {
    const children = [{
      ...CHILD,
      pfsGroups: world.random.chance(0.5) ? [KeGroup.CURVE25519] : [],
    }];
    const hosts = pair(world, { ...PATIENT, children });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    someone(world, hosts, (host, sa) => {
      const child = sa.children[0];
      if (child) world.tell(host, sa, { kind: "rekey_child", child });
    });
    return { stands: true, check: () => oneTunnel(hosts) };
  },
};

const rekeyIkeSa: Scenario = {
  name: "rekey_ike",
  play(world) {
    const hosts = pair(world, PATIENT);
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    someone(world, hosts, (host, sa) => world.tell(host, sa, { kind: "rekey_ike" }));
    return { stands: true, check: () => oneTunnel(hosts) };
  },
};

const rekeyMixed: Scenario = {
  name: "rekey_mixed",
  play(world) {
    const hosts = pair(world, PATIENT);
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    for (let round = 0; round < 4; round++) {
      for (const host of [hosts.a, hosts.b]) {
        world.at(8_000 + round * 400 + world.random.below(3) * 50, () => {
          const sa = up(host), child = sa?.children[0];
          if (!sa) return;
          if (world.random.chance(0.5)) return world.tell(host, sa, { kind: "rekey_ike" });
          if (child) world.tell(host, sa, { kind: "rekey_child", child });
        });
      }
    }
    return { stands: true, check: () => oneTunnel(hosts) };
  },
};

const rekeyAndDelete: Scenario = {
  name: "rekey_and_delete",
  play(world) {
    const hosts = pair(world, PATIENT);
    world.dial(hosts.a, hosts.b);
    someone(world, hosts, (host, sa) => {
      const child = sa.children[0];
      const what = world.random.below(4);
      if (what === 0) return world.tell(host, sa, { kind: "rekey_ike" });
      if (what === 1) return world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED });
      if (!child) return;
      world.tell(host, sa, { kind: what === 2 ? "rekey_child" : "delete_child", child });
    });
    return { stands: false };
  },
};

const lifetimes: Scenario = {
  name: "lifetimes",
  play(world) {
    // The margin is longer than any exchange takes here: so nothing may expire.
    const timing = { ikeLifetimeMs: 90_000, marginMs: 40_000, jitter: false, ...PATIENT };
    const children = [{ ...CHILD, lifetimeMs: 80_000 }];
    const hosts = pair(world, { ...timing, children });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    world.at(300_000, () => {
      world.seamless = false;
      const live = up(hosts.a);
      if (live) world.tell(hosts.a, live, { kind: "close", closeCode: CloseCode.STOPPED });
    });
    return { stands: false };
  },
};

const severalChildren: Scenario = {
  name: "several_children",
  play(world) {
    const third = (n: number) => range4([10, n, 0, 0], [10, n, 255, 255]);
    const children = [1, 2, 3].map((n) => ({ ...CHILD, peerTs: [third(n)] }));
    const mirror = [1, 2, 3].map((n) => ({ ...CHILD, ownTs: [third(n)] }));
    const hosts = pair(world, PATIENT, { a: { children }, b: { children: mirror } });
    world.dial(hosts.a, hosts.b);
    return {
      stands: true,
      check() {
        const count = up(hosts.a)?.children.length ?? 3;
        return count === 3 ? undefined : `three CHILD_SAs are there, not ${count}`;
      },
    };
  },
};

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
    const small = { fragmentOctets: 64, reassembleTimeoutMs: 3_000 }, whole = { fragmentOctets: 0 };
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

/** The plays of this file. */
export const SCENARIOS: readonly Scenario[] = [
  establish,
  cookies,
  otherGroup,
  wrongSecret,
  noProposal,
  narrowing,
  noSelectors,
  deleteIke,
  deleteChild,
  crossingDeletes,
  liveness,
  returning,
  vanishing,
  forgedCookie,
  rekeyChildren,
  rekeyIkeSa,
  rekeyMixed,
  rekeyAndDelete,
  lifetimes,
  severalChildren,
  fragments,
  fragmentsUnheard,
];
