/**
 * The parts of all scenarios: two hosts, their configurations, and the conditions that must hold when the
 * world has come to rest. The scenarios themselves are in files that are named after their subject.
 * @module
 */
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { Prf } from "@/iana/prf.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TsType } from "@/iana/ts_type.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { bothByPsk } from "@/ike/auth/psk.ts";
import type { ChildConfig, IkeAlgorithms, IkeConfig, NatTraversal } from "@/ike/records/config.ts";
import type { Host, World } from "@/sim/world.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** What must hold at the end of a scenario. */
export interface Ending {
  /** Whether its tunnel must be established at the end in a perfect network. */
  readonly stands: boolean;
  /**
   * Checks a rule when the world has come to rest; returns the rule as a sentence if it is broken.
   */
  check?(): string | undefined;
}

/** One scenario: it puts hosts into a world, and plans what they do and when. */
export interface Scenario {
  readonly name: string;
  start(world: World): Ending;
}

/** The suites from which worlds choose. */
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

/** How often a world is ended, and the milliseconds between, in which a rekey that was on its way is over. */
const ENDS = 3;
const END_AGAIN_MS = 30_000;

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

/**
 * A configuration with which both hosts can establish a tunnel; each scenario changes what it is
 * about.
 */
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

/** The two hosts of most scenarios. */
export interface Pair {
  readonly a: Host;
  readonly b: Host;
}

/**
 * Adds two hosts to a world, of which host a dials and host b answers. `both` changes the
 * configuration of both, and then `own` that of each.
 */
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

/** The first IKE SA of a host that is established. */
export function establishedSa(host: Host): IkeSa | undefined {
  return [...host.endpoint.bySpi.values()].find((sa) => sa.phase === "established");
}

/**
 * Deletes each IKE SA that a host has from a time on, so that a world with lifetimes comes to rest: also one
 * whose rekey was on its way at that time.
 */
export function endFrom(world: World, host: Host, atMs: number): void {
  const end = (times: number) => {
    world.seamless = false;
    for (const sa of [...host.endpoint.bySpi.values()]) {
      if (sa.phase !== "established") continue;
      world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED });
    }
    if (times > 1) world.at(world.nowMs + END_AGAIN_MS, () => end(times - 1));
  };
  world.at(atMs, () => end(ENDS));
}

/** Performs an action on an established IKE SA of a host, at a random time after the set-up. */
export function afterSetup(world: World, host: Host, action: (sa: IkeSa) => void): void {
  const delay = world.random.fraction() * 3_000;
  world.at(8_000 + delay, () => {
    const sa = establishedSa(host);
    if (sa) action(sa);
  });
}

/**
 * Performs an action at one or at both hosts, at the same time or some time apart, so that
 * exchanges may cross.
 */
export function onRandomHosts(
  world: World,
  { a, b }: Pair,
  action: (host: Host, sa: IkeSa) => void,
): void {
  const who = world.random.pick([[a], [b], [a, b], [a, b]]);
  const together = world.random.chance(0.5);
  for (const host of who) {
    const delay = together ? 0 : world.random.fraction() * 1_500;
    world.at(8_000 + delay, () => {
      const sa = establishedSa(host);
      if (sa) action(host, sa);
    });
  }
}

/** Checks that each end has one IKE SA with one live CHILD_SA; returns the broken rule, if any. */
export function oneTunnel({ a, b }: Pair): string | undefined {
  for (const host of [a, b]) {
    const live = [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
    if (live.length > 1) return `${host.name} holds one IKE SA after a rekey, not ${live.length}`;
    const children = live[0]?.children.length ?? 1;
    if (children !== 1) return `${host.name} holds one CHILD_SA after a rekey, not ${children}`;
  }
  return undefined;
}

/**
 * So many transmissions that no exchange of a rekey ends without an answer: then no SA may ever be
 * lost.
 */
export const PATIENT = { transmissionsMax: 60 };
