/**
 * Makes the configuration of the core and the plan of the run from a checked setup: IANA numbers, identity
 * rules, selectors, tunnels and times.
 * @module
 */
import { indexInSlice, sizeOfSlice, type Slice, WHOLE } from "@/base/slice.ts";
import { type IpAddress, type IpPrefix, prefixRange, showAddress } from "@/base/address.ts";
import { must, SetupError } from "@/base/errors.ts";
import { type AuthMaterial, authOf, signatureHashesOf } from "@/engine/run/auth_of.ts";
import { NO_CERTIFICATES } from "@/engine/run/certificate_files.ts";
import { ownIdentity, ownIdentityText, peerIdentity } from "@/engine/run/identity_of.ts";
import { redirectOf } from "@/engine/run/redirect_of.ts";
import { crashDetectionOf, resumptionOf } from "@/engine/run/resumption_of.ts";
import { mobikeOf, mobileAddresses } from "@/engine/run/mobike_of.ts";
import { type ClientPlan, pathOfTunnel, type RunPlan, type StormPlan } from "@/engine/run/plan.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TsType } from "@/iana/ts_type.ts";
import type { AggfragConfig } from "@/ike/records/aggfrag.ts";
import type { ChildConfig, IkeConfig, PpkConfig } from "@/ike/records/config.ts";
import type { PuzzleConfig } from "@/ike/records/puzzle.ts";
import type { PoolPlan, PoolPlans } from "@/ike/records/pool.ts";
import { hasStages } from "@/setup/check_load.ts";
import { ppkOctets } from "@/setup/check_ppk.ts";
import {
  additionalOf,
  type ChildConf,
  type IkeConf,
  pfsAdditionalOf,
  type SelectorConf,
  type Setup,
} from "@/setup/setup.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** The least limit of half-open SAs of a gateway, whatever `numberoftunnels` is. */
const HALF_OPEN_MIN = 10_000;
/** The most key exchanges of peers that wait to be computed. */
const COMPUTING_MAX = 4_096;
/** The shortest time for which a gateway waits for IKE_AUTH, in milliseconds. */
const HALF_OPEN_TIMEOUT_MS = 30_000;

/** Milliseconds for which an ended IKE SA stays listed. */
const ENDED_KEPT_MS = 5_000;
/** The most rekeyed IKE SAs, and the most rekeyed CHILD_SAs, that a run keeps listed. */
const HISTORY_MAX = 10_000;

const NO_MATERIAL: AuthMaterial = { certificates: NO_CERTIFICATES };

/**
 * Makes the configuration that all IKE SAs of the test share; `trace` is off. `nattPort` is the real own
 * NAT-T port if the setup says 0. @throws {SetupError} if an identity needs something that is missing.
 */
export function ikeConfigOf(
  setup: Setup,
  nattPort = setup.ownnattport,
  material: AuthMaterial = NO_MATERIAL,
): IkeConfig {
  const { certificates, eap } = material;
  const { ikeconf, role, numberoftunnels } = setup;
  const client = role === "client";
  const { retraninterval, maxretran } = ikeconf;
  const mobike = mobikeOf(setup);
  const redirect = redirectOf(setup);
  const resumption = resumptionOf(setup, material.secrets);
  const puzzles = puzzlesOf(setup);
  const crashDetection = crashDetectionOf(setup, material.secrets);
  return {
    algorithms: {
      encryption: ikeconf.ikeencyptalg,
      integrity: ikeconf.ikeintegrityalg,
      prf: ikeconf.ikeprfalg,
      groups: ikeconf.dhgrpid,
      additional: additionalOf(ikeconf),
    },
    children: ikeconf.childlist.map((child) => childConfig(setup, child)),
    ownId: ownIdentity(ownIdentityText(ikeconf), client, {
      certificates,
      eapIdentity: eap?.identity,
    }),
    peerId: client ? peerIdentity(ikeconf.peerid) : undefined,
    matchPeerId: client && ikeconf.matchpeerid === true,
    auth: authOf(
      setup,
      material,
      ownIdentity(ikeconf.myid2 || ikeconf.myid, client, {
        certificates,
        eapIdentity: eap?.identity,
      }),
    ),
    signatureHashes: signatureHashesOf(setup),
    announcesAuth: ikeconf.announceauth,
    fullTranscript: ikeconf.transcriptauth === "off" ? undefined : ikeconf.transcriptauth,
    ppk: ppkOf(ikeconf),
    childless: ikeconf.childless === "never" ? undefined : ikeconf.childless,
    initialContact: client && ikeconf.initialcontact,
    natt: wantsNatt(setup) || ikeconf.tcpencap
      ? {
        ownPort: nattPort,
        peerPort: setup.peernattport,
        forced: ikeconf.tradtionalencapforceudp,
        keepaliveMs: ikeconf.nattkeepaliveinterval,
      }
      : undefined,
    refuseNat: client && ikeconf.disallownat,
    ...(ikeconf.reauth ? { reauth: { lifetimeMs: client ? 0 : ikeconf.reauthlifetime } } : {}),
    ...(mobike && !isTcpAlone(setup) ? { mobike } : {}),
    ...(redirect ? { redirect } : {}),
    ...(resumption ? { resumption } : {}),
    ...(crashDetection ? { crashDetection } : {}),
    ...(puzzles ? { puzzles } : {}),
    cookieThreshold: client ? -1 : ikeconf.numoftunneltoenablecookie,
    computingMax: COMPUTING_MAX,
    halfOpenMax: Math.max(HALF_OPEN_MIN, numberoftunnels),
    halfOpenTimeoutMs: Math.max(HALF_OPEN_TIMEOUT_MS, retraninterval * maxretran),
    retransmitIntervalMs: retraninterval,
    retransmitBackoff: ikeconf.retranbackoff,
    transmissionsMax: maxretran,
    ikeLifetimeMs: ikeconf.ikelifetime,
    marginMs: ikeconf.margintime,
    jitter: ikeconf.jitter,
    lifetimeOvertime: ikeconf.lifetimeovertime,
    childLost: ikeconf.childlost,
    livenessIntervalMs: ikeconf.initiatedpd ? ikeconf.dpdinterval : 0,
    livenessForced: ikeconf.forcedpd,
    remoteAccess: client && ikeconf.ratunnel,
    cfgAttributes: ikeconf.cfgattributes,
    pools: client ? undefined : poolPlansOf(setup),
    fragmentOctets: ikeconf.enablefragment ? ikeconf.mtu : 0,
    reassembleTimeoutMs: ikeconf.reassembletimeout,
    rekeyedKeptMax: ikeconf.keepikehistory ? HISTORY_MAX : 0,
    endedKeptMs: ENDED_KEPT_MS,
    trace: false,
  };
}

/** The post-quantum pre-shared key; undefined if none is used. */
function ppkOf({ ppk }: IkeConf): PpkConfig | undefined {
  if (ppk.id === "") return undefined;
  const key = ppkOctets(ppk.value);
  must(key !== undefined, "a checked setup has a key that can be read");
  return {
    id: new TextEncoder().encode(ppk.id),
    key,
    required: ppk.ppkrequired,
    intermediate: ppk.intermediate,
  };
}

/** What an end does about puzzles; undefined: nothing. */
function puzzlesOf({ role, ikeconf }: Setup): PuzzleConfig | undefined {
  const { puzzlethreshold, puzzledifficulty, puzzleauth, puzzlebitsmax } = ikeconf;
  if (role === "client") {
    return { threshold: Infinity, difficulty: 0, inAuth: false, bitsMax: puzzlebitsmax };
  }
  if (puzzlethreshold < 0) return undefined;
  const [threshold, difficulty, inAuth] = [puzzlethreshold, puzzledifficulty, puzzleauth];
  return { threshold, difficulty, inAuth, bitsMax: -1 };
}

/** Whether UDP is not used at all: a client with TCP does not try UDP first (RFC 9329 §5.1). */
export function isTcpAlone({ role, ikeconf }: Setup): boolean {
  return ikeconf.tcpencap && (role === "client" || !ikeconf.traditionalencap);
}

/**
 * Whether NAT detection is used in UDP; forced UDP encapsulation needs it, as it makes the peer detect a NAT.
 */
export function wantsNatt({ ikeconf }: Setup): boolean {
  return ikeconf.enablenatt || ikeconf.tradtionalencapforceudp;
}

/** The pools, each from its start address to the end of the prefix; undefined: there are none. */
export function poolPlansOf({ poolconf }: Setup): PoolPlans | undefined {
  const { v4startaddr, v6startaddr, v4dnslist, v6dnslist } = poolconf;
  if (!v4startaddr && !v6startaddr) return undefined;
  return { v4: poolPlan(v4startaddr, v4dnslist), v6: poolPlan(v6startaddr, v6dnslist) };
}

function poolPlan(
  start: IpPrefix | undefined,
  dns: readonly (IpAddress | undefined)[],
): PoolPlan | undefined {
  if (!start) return undefined;
  const servers = dns.filter((server) => server !== undefined);
  const [, last] = prefixRange(start);
  return { first: start.address, last, prefixBits: start.bits, dns: servers };
}

/** The real ports of the open sockets, which a setup may give as 0. */
export interface OpenPorts {
  readonly ikePort: number;
  readonly halfOpenMax: number;
}

/**
 * Makes the plan of tunnels and times. @throws {SetupError} if an address is missing, is of another family,
 * or is outside of the address space.
 */
export function planOf(setup: Setup, ports: OpenPorts, slice?: Slice): RunPlan {
  if (slice && setup.role === "gateway") {
    throw new SetupError(
      "Cannot run a slice of a gateway: it answers whatever comes. Give --slice to the clients",
    );
  }
  const common = {
    tunnels: setup.numberoftunnels,
    ...(slice && { slice }),
    runningTimeMs: setup.runningtime,
    storms: stormPlansOf(setup),
    ...keysOf(setup),
    ...(setup.loadconf.soak > 0 && { soakMs: setup.loadconf.soak }),
    stopTimeoutMs: setup.stoptimeout,
    abortOnError: setup.abortonerr,
    thresholds: setup.thresholds,
    abortOnFail: setup.abortonfail,
    childHistoryMax: setup.ikeconf.keepchildhistory ? HISTORY_MAX : 0,
    ownPort: ports.ikePort,
  };
  if (setup.role === "gateway") {
    const ownAddress = setup.bindifaddr?.address ?? Uint8Array.of(0, 0, 0, 0);
    return { ...common, role: "gateway", ownAddress };
  }
  const { ownAddress, addressStep } = clientAddresses(setup);
  const peerAddress = required(setup.peeraddr, "peeraddr");
  if (peerAddress.length !== ownAddress.length) {
    const own = showAddress(ownAddress);
    const peer = showAddress(peerAddress);
    throw new SetupError(`Cannot reach peeraddr ${peer} from startclntaddr ${own}: two families`);
  }
  return {
    ...common,
    role: "client",
    setupIntervalMs: setup.setupinterval,
    ...loadPlanOf(setup),
    retryIntervalMs: setup.tunnelretryinterval,
    triesMax: setup.tunnelmaxretry,
    halfOpenMax: halfOpenMaxOf(setup, ports, slice),
    halfOpenAdapts: setup.setupinterval === 0 && !hasStages(setup.loadconf),
    ownAddress,
    addressStep,
    peerAddress,
    ...(setup.ikeconf.tcpencap
      ? { peerPort: setup.ikeconf.peertcpport, tcp: true }
      : { peerPort: setup.peerport }),
    reauthMakes: setup.ikeconf.reauthmode === "make",
    ...flapPlanOf(setup),
  };
}

/** The most tunnels that a client sets up at a time: all slices together no more than `maxhalfopen`. */
function halfOpenMaxOf(
  { maxhalfopen }: Setup,
  { halfOpenMax }: OpenPorts,
  { of } = WHOLE,
): number {
  return maxhalfopen ? Math.max(1, Math.floor(maxhalfopen / of)) : halfOpenMax;
}

/** How key pairs are kept, if otherwise than by default. */
function keysOf({ loadconf: { dhreuse, keypool } }: Setup): Pick<RunPlan, "keys"> {
  return dhreuse > 1 || keypool > 0 ? { keys: { uses: dhreuse, ahead: keypool } } : {};
}

/** The storms of both roles. */
function stormPlansOf({ loadconf }: Setup): StormPlan[] {
  return loadconf.storms.flatMap(({ kind, after, tunnels, spread, count, every }) => {
    if (kind === "none") return [];
    const many = tunnels < 0 ? Infinity : tunnels;
    return [{ kind, afterMs: after, tunnels: many, spreadMs: spread, count, everyMs: every }];
  });
}

/** The stages by which tunnels begin. */
function loadPlanOf({ loadconf }: Setup): Pick<ClientPlan, "load"> {
  if (!hasStages(loadconf)) return {};
  const { stages, arrival, burst, seed } = loadconf;
  const load = {
    stages: stages.map(({ rate, ramp, hold }) => ({
      ratePerSec: rate,
      rampMs: ramp,
      holdMs: hold,
    })),
    poisson: arrival === "poisson",
    burst,
    seed,
  };
  return { load };
}

/** The plan of flapping; undefined: no tunnel flaps. */
function flapPlanOf({ flapconf, numberoftunnels }: Setup): Pick<ClientPlan, "flap"> {
  const { flapping, numoftunnel, minflapinterval, maxflapinterval, flapresume } = flapconf;
  const tunnels = numoftunnel < 0 ? numberoftunnels : numoftunnel;
  if (!flapping || tunnels === 0) return {};
  return {
    flap: {
      tunnels,
      minMs: minflapinterval,
      maxMs: maxflapinterval,
      ...(flapresume ? { resumes: true } : {}),
    },
  };
}

/**
 * The addresses of sockets: those of all tunnels, or that of the gateway. A gateway without `bindifaddr` uses
 * the addresses that `onInterface` returns for `bindifname`. @throws {SetupError} if there are none.
 */
export function ownAddressesOf(
  setup: Setup,
  onInterface: (name: string) => readonly IpAddress[],
  slice: Slice = WHOLE,
): readonly IpAddress[] {
  const mobike = mobikeOf(setup);
  if (mobike && setup.role === "gateway") return mobileAddresses(mobike, 0);
  if (setup.role === "gateway") {
    if (setup.bindifaddr) return [setup.bindifaddr.address];
    const addresses = onInterface(setup.bindifname);
    if (addresses.length > 0) return addresses;
    const where = setup.bindifname || "the interface";
    throw new SetupError(`Cannot find an address at ${where}: set bindifaddr, or bindifname`);
  }
  const plan = planOf(setup, { ikePort: 0, halfOpenMax: 1 });
  if (plan.role !== "client") return [];
  return Array.from({ length: sizeOfSlice(slice, plan.tunnels) }, (_, nth) => {
    const index = indexInSlice(slice, nth);
    return mobike ? mobileAddresses(mobike, index) : [pathOfTunnel(plan, index).ownAddress];
  }).flat();
}

function clientAddresses(setup: Setup): { ownAddress: IpAddress; addressStep: number } {
  const { address: ownAddress } = required(setup.startclntaddr, "startclntaddr");
  return { ownAddress, addressStep: setup.mobike ? setup.mobikeaddrpertunnel : 1 };
}

function required<T>(value: T | undefined, option: string): T {
  if (value === undefined) throw new SetupError(`Cannot run a client without ${option}`);
  return value;
}

/**
 * The configuration of a CHILD_SA. Only a client has steps from tunnel to tunnel, as a gateway does not know
 * the tunnel of a peer.
 */
function childConfig(setup: Setup, child: ChildConf): ChildConfig {
  const client = setup.role === "client";
  const ah = child.protocol === "ah";
  const ownTs = child.ownts.map(selector);
  const peerTs = child.peerts.map(selector);
  const ownTsStep = client ? setup.owntsaddrincrease : 0;
  const peerTsStep = client ? setup.peertsaddrincrease : 0;
  return {
    protocol: ah ? ProtocolId.AH : ProtocolId.ESP,
    encryption: ah ? [] : child.encalg,
    integrity: child.integrityalg,
    esn: child.esn,
    tunnelMode: child.tunnelmode,
    tfc: child.tfc,
    ipcomp: child.ipcomp,
    ...(child.iptfs === "never" ? {} : { aggfrag: aggfragOf(child, child.iptfs) }),
    ...(child.resourcesas > 0 ? { resources: child.resourcesas } : {}),
    lifetimeMs: child.lifetime,
    pfsGroups: child.pfsenabled ? child.pfsgrpid : [],
    pfsAdditional: pfsAdditionalOf(child),
    useProvisionedTs: child.useprovisionedtsforrekey,
    replayWindow: child.replaywindowsize,
    ownTs,
    peerTs,
    ownTsStep,
    peerTsStep,
  };
}

function aggfragOf(child: ChildConf, use: AggfragConfig["use"]): AggfragConfig {
  const { iptfsfragments, iptfssize, iptfsrate } = child;
  return { use, takesFragments: iptfsfragments, payloadOctets: iptfssize, rate: iptfsrate };
}

function selector(conf: SelectorConf): TrafficSelector {
  return {
    tsType: conf.family === 4 ? TsType.TS_IPV4_ADDR_RANGE : TsType.TS_IPV6_ADDR_RANGE,
    protocol: conf.protocol,
    startPort: conf.startport,
    endPort: conf.endport,
    startAddress: conf.startaddr,
    endAddress: conf.endaddr,
  };
}
