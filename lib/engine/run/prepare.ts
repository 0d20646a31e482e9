/**
 * Makes a run from a checked setup: crypto backend, authentication, sockets, configuration. Nothing here
 * depends on a command line, so that any thread or process can make a run of its own.
 * @module
 */
import { type IpAddress, parseAddress, parsePrefix } from "@/base/address.ts";
import { SetupError, type SetupPosition } from "@/base/errors.ts";
import { chooseBackend, missingFrom, type WantedAlgorithms } from "@/crypto/choose.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { readNeighbourTables } from "@/datapath/neighbour_table.ts";
import { dataPathKind, openDataPath } from "@/datapath/open.ts";
import type { AuthMaterial } from "@/engine/run/auth_of.ts";
import {
  ikeConfigOf,
  isTcpAlone,
  ownAddressesOf,
  planOf,
  wantsNatt,
} from "@/engine/run/config_of.ts";
import { HashLookup } from "@/engine/run/certificate_lookup.ts";
import { readCertificateFiles, type ReadingProgress } from "@/engine/run/certificate_files.ts";
import { openEap } from "@/engine/run/eap_of.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import { impairmentOf } from "@/engine/run/impairment_of.ts";
import type { RunHooks } from "@/engine/run/hooks.ts";
import { openSpent } from "@/engine/run/spent_file.ts";
import { openTickets } from "@/engine/run/ticket_file.ts";
import { openSecrets } from "@/engine/run/resumption_of.ts";
import type { Shard } from "@/base/shard.ts";
import type { Slice } from "@/base/slice.ts";
import type { TunnelCounts } from "@/engine/load/tunnel_counts.ts";
import type { RunPart } from "@/engine/run/part.ts";
import type { NativeSockets } from "@/transport/native_sockets.ts";
import { openNativeUdp, openSharedUdp } from "@/transport/udp_native.ts";
import { pingPlanOf } from "@/engine/load/ping_plan.ts";
import { trafficPlanOf } from "@/engine/load/traffic_plan.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { loadLibcrypto } from "@/native/libcrypto.ts";
import { loadLibssl } from "@/native/libssl.ts";
import { SetupErrors } from "@/setup/read.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { pathIn, profilesOf, setupOf } from "@/setup/profiles.ts";
import { additionalOf, pfsAdditionalOf, type Setup } from "@/setup/setup.ts";
import { JoinedTransport } from "@/transport/joined.ts";
import { ImpairedTransport } from "@/transport/impaired.ts";
import { openTcp, openUdp } from "@/transport/open.ts";
import { openPingSockets } from "@/transport/ping_sockets.ts";
import { TrafficSockets } from "@/transport/traffic_sockets.ts";
import type { Transport, UdpOptions } from "@/transport/transport.ts";

/** Returns the position of an option in its file. */
export type PositionOf = (path: string) => SetupPosition;

/**
 * Makes the environment of the core with the crypto backend of the setup. @throws {SetupErrors} naming each
 * algorithm that the backend lacks, with its position in the file.
 */
export async function environment(setup: Setup, positionOf?: PositionOf): Promise<IkeEnv> {
  const { cryptobackend } = setup;
  const native = cryptobackend === "portable" ? undefined : loadLibcrypto();
  const crypto = await chooseBackend(native, cryptobackend);
  refuseMissing(crypto, setup, positionOf);
  for (const [i, profile] of profilesOf(setup).entries()) {
    refuseMissing(
      crypto,
      setupOf(setup, profile),
      positionOf && ((path) => positionOf(pathIn(i, path))),
    );
  }
  return { crypto, random: crypto.randomOctets, childrenBySpi: new Map(), broken: new Set() };
}

/** Refuses algorithms that a backend lacks. @throws {SetupErrors} with the name and position of each. */
export function refuseMissing(
  crypto: CryptoBackend,
  { ikeconf }: Setup,
  positionOf?: PositionOf,
): void {
  const children = ikeconf.childlist.flatMap((child, i) => {
    const at = `ikeconf.childlist[${i}]`;
    return [
      [`${at}.encalg`, { encr: child.protocol === "ah" ? [] : child.encalg }],
      [`${at}.integrityalg`, { integ: child.integrityalg }],
      [`${at}.pfsgrpid`, { groups: child.pfsenabled ? child.pfsgrpid : [] }],
      ...pfsAdditionalOf(child).map((groups, n) =>
        [`${at}.pfsaddke${n + 1}`, { groups: methodsIn(groups) }] as const
      ),
    ] as const;
  });
  const wanted: readonly (readonly [string, WantedAlgorithms])[] = [
    ["ikeconf.dhgrpid", { groups: ikeconf.dhgrpid }],
    ...additionalOf(ikeconf).map((groups, n) =>
      [`ikeconf.addke${n + 1}`, { groups: methodsIn(groups) }] as const
    ),
    ["ikeconf.ikeintegrityalg", { integ: ikeconf.ikeintegrityalg }],
    ["ikeconf.ikeencyptalg", { encr: ikeconf.ikeencyptalg }],
    ["ikeconf.ikeprfalg", { prf: ikeconf.ikeprfalg }],
    ...children,
  ];
  const errors = wanted.flatMap(([path, algorithms]) =>
    missingFrom(crypto, algorithms).map((name) =>
      new SetupError(
        `${path}: the ${crypto.name} crypto backend has no ${name}; take it out`,
        positionOf?.(path),
      )
    )
  );
  if (errors.length > 0) throw new SetupErrors(errors);
}

/** The methods that a backend must have; NONE is not one of them. */
function methodsIn(groups: readonly number[]): readonly number[] {
  return groups.filter((group) => group !== KeGroup.NONE);
}

/**
 * Opens the sockets of a setup; `warn` is called with a sentence about sockets that are missing and not
 * needed. @throws {SetupError}
 */
export function openTransport(
  setup: Setup,
  warn: (words: string) => void = () => {},
  slice?: Slice,
): Transport {
  const impairment = impairmentOf(setup.impairment);
  const transport = openSockets(setup, warn, slice);
  return impairment ? new ImpairedTransport(transport, impairment) : transport;
}

/** The options of the sockets of a setup in UDP, and of those in TCP but for their port. */
export function socketOptionsOf(setup: Setup, slice?: Slice): UdpOptions {
  const kind = dataPathKind(setup.ikeconf);
  return {
    ownAddresses: ownAddressesOf(setup, addressesOn, slice),
    ikePort: setup.ownport,
    kernelEsp: kind === "kernel",
    ownEsp: kind === "userland",
    linkLocalInterface: setup.bindifname,
  };
}

/** Opens the sockets of a setup for several workers. @throws {SetupError} */
export function openShardSockets(
  setup: Setup,
  shards: number,
  slice?: Slice,
): readonly NativeSockets[] {
  const needsNatt = wantsNatt(setup) || setup.role === "gateway";
  const nattPort = needsNatt ? setup.ownnattport : undefined;
  return openSharedUdp({ ...socketOptionsOf(setup, slice), nattPort }, shards);
}

/** The transport of one worker by its sockets. `slice`: its tunnels. @throws {SetupError} */
export function openShardTransport(
  setup: Setup,
  sockets: NativeSockets,
  slice: Slice | undefined,
): Transport {
  const impairment = impairmentOf(setup.impairment);
  const transport = openNativeUdp(socketOptionsOf(setup, slice), sockets);
  return impairment ? new ImpairedTransport(transport, impairment) : transport;
}

function openSockets(
  setup: Setup,
  warn: (words: string) => void,
  slice: Slice | undefined,
): Transport {
  const common = socketOptionsOf(setup, slice);
  if (!setup.ikeconf.tcpencap) return openUdpSockets(setup, common, warn);
  const { owntcpport: port } = setup.ikeconf;
  const listens = setup.role === "gateway";
  const tcp = openTcp({ ...common, port, listens }, setup.transport);
  if (isTcpAlone(setup)) return tcp;
  try {
    return new JoinedTransport(openUdpSockets(setup, common, warn), tcp);
  } catch (e) {
    tcp.close().catch(() => {});
    throw e;
  }
}

function openUdpSockets(
  setup: Setup,
  ports: UdpOptions,
  warn: (words: string) => void,
): Transport {
  const needsNatt = wantsNatt(setup);
  if (!needsNatt && setup.role === "client") return openUdp(ports, setup.transport);
  // A gateway also receives peers that change to the NAT-T port although NAT traversal is off here.
  try {
    return openUdp({ ...ports, nattPort: setup.ownnattport }, setup.transport);
  } catch (e) {
    if (needsNatt || !(e instanceof SetupError)) throw e;
    const transport = openUdp(ports, setup.transport);
    warn(`${e.message}. Without it, peers that float to the NAT-T port are not heard`);
    return transport;
  }
}

function addressesOn(name: string): IpAddress[] {
  return Deno.networkInterfaces().filter((i) => i.name === name)
    .map((i) => parseAddress(i.address)).filter((a) => a !== undefined);
}

/** What is opened for the authentication of a run, and the function that closes it. */
export interface OpenedAuth extends AuthMaterial {
  /** That of each profile. */
  readonly profiles: readonly AuthMaterial[];
  close(): void;
}

/**
 * Reads the certificates of a setup, and opens EAP if it is used; `note` is called with messages of EAP.
 * @throws {SetupError} naming the file that cannot be used.
 */
export async function openAuth(
  setup: Setup,
  { crypto, random }: IkeEnv,
  { positionOf, note, progress, warn = note, isProfile = false }: {
    readonly positionOf?: PositionOf;
    /** Hears of each certificate of a tunnel that was read; absent: nobody does. */
    readonly progress?: ReadingProgress;
    readonly note: (words: string) => void;
    /** Is called with what is probably not intended; absent: `note`. */
    readonly warn?: (words: string) => void;
    /** Whether it is for a profile, which shares files with the setup that it belongs to. */
    readonly isProfile?: boolean;
  },
): Promise<OpenedAuth> {
  const certificates = await readCertificateFiles(setup, crypto, { positionOf, progress });
  for (const words of certificates.notes) warn(words);
  const eap = openEap(setup, { random, tls: loadLibssl(), certificates, note });
  const secrets = openSecrets(setup);
  const spent = isProfile ? undefined : openSpent(setup, warn);
  const tickets = isProfile ? undefined : openTickets(setup, crypto, warn);
  const { certlookup } = setup.ikeconf;
  const lookup = certlookup === "off"
    ? undefined
    : new HashLookup({ crypto, files: certificates.lookupFiles, http: certlookup === "http" });
  const profiles: OpenedAuth[] = [];
  const close = () => {
    for (const profile of profiles) profile.close();
    lookup?.close();
    eap?.close();
    spent?.close();
    tickets?.close();
  };
  try {
    for (const [i, profile] of profilesOf(setup).entries()) {
      const at = positionOf && ((path: string) => positionOf(pathIn(i, path)));
      const options = {
        note,
        isProfile: true,
        ...(at && { positionOf: at }),
        ...(progress && { progress }),
      };
      profiles.push(await openAuth(setupOf(setup, profile), { crypto, random } as IkeEnv, options));
    }
  } catch (e) {
    close();
    throw e;
  }
  return { certificates, eap, lookup, secrets, spent, tickets, profiles, close };
}

/** What a run needs in addition to its setup. */
export interface RunMaterial {
  readonly env: IkeEnv;
  /** The material of authentication; absent: the setup needs none. */
  readonly auth?: AuthMaterial & Partial<Pick<OpenedAuth, "profiles">>;
  readonly transport: Transport;
  readonly events: EventHub;
  readonly setupFileName: string;
  readonly hooks: RunHooks;
  readonly notYet: readonly string[];
  /** Which of the tunnels the run makes; absent: all. */
  readonly slice?: Slice | undefined;
  /** The worker that makes the run; absent: the process has one thread for it. */
  readonly shard?: Shard | undefined;
  /** What the workers of a gateway count together. */
  readonly counts?: TunnelCounts | undefined;
  /** See `TestRunOptions`. */
  readonly created?: (() => void) | undefined;
  readonly aborting?: (() => void) | undefined;
  /** Resolves when sockets and data path may be closed, which other workers may still use. */
  readonly mayClose?: (() => Promise<void>) | undefined;
  /** Further parts of the run. */
  readonly parts?: readonly RunPart[] | undefined;
}

/** Makes a run that has not begun. */
export function prepareRun(setup: Setup, parts: RunMaterial): TestRun {
  const { ikePort, nattPort, halfOpenMax } = parts.transport;
  const config = withHostNetworks(ikeConfigOf(setup, nattPort, parts.auth), setup);
  return new TestRun({
    setup,
    openDataPath: (listener) => {
      const { crypto: backend, random } = parts.env;
      const crypto = { backend, random };
      return openDataPath(setup.ikeconf, listener, {
        crypto,
        udp: parts.transport.esp,
        shard: parts.shard,
      });
    },
    plan: {
      ...planOf(setup, { ikePort, halfOpenMax }, parts.slice),
      ...(parts.shard && { shard: parts.shard }),
    },
    ping: pingPlanOf(setup),
    openPingSockets: ({ shape, peer, auto }, failed) =>
      openPingSockets(shape, { peer, bothFamilies: auto }, failed),
    traffic: trafficPlanOf(setup, parts.slice?.of ?? parts.shard?.of),
    openTrafficSockets: (port, failed) => new TrafficSockets(port, failed),
    readNeighbours: readNeighbourTables,
    config,
    profiles: profilesOf(setup).map((profile, i) => {
      const own = setupOf(setup, profile);
      const config = withHostNetworks(ikeConfigOf(own, nattPort, parts.auth?.profiles?.[i]), own);
      return { name: profile.name, weight: profile.weight, config };
    }),
    ...parts,
    env: parts.auth?.spent ? { ...parts.env, spentTickets: parts.auth.spent } : parts.env,
    ...(parts.auth?.tickets ? { tickets: parts.auth.tickets } : {}),
  });
}

/**
 * Adds the networks of the host if the data path adds assigned addresses to an interface, as a client must
 * not accept addresses of them.
 */
function withHostNetworks(config: IkeConfig, { ikeconf }: Setup): IkeConfig {
  if (!config.remoteAccess || dataPathKind(ikeconf) === "none") return config;
  const hostNetworks = Deno.networkInterfaces().map(({ cidr }) => parsePrefix(cidr))
    .filter((prefix) => prefix !== undefined);
  return { ...config, hostNetworks };
}
