/**
 * From a checked setup to a run that is ready to start: backend, sockets, surroundings.
 * @module
 */
import { type IpAddress, isUnspecified, parseAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { chooseBackend, missingFrom } from "@/crypto/choose.ts";
import type { NativeCrypto } from "@/crypto/native_backend.ts";
import { ikeConfigOf, ownAddressesOf, planOf } from "@/engine/config_of.ts";
import type { EventHub } from "@/engine/event_hub.ts";
import type { RunHooks } from "@/engine/hooks.ts";
import { TestRun } from "@/engine/test_run.ts";
import type { IkeConfig, IkeEnv } from "@/ike/config.ts";
import type { Setup } from "@/setup/setup.ts";
import type { Transport, UdpOptions } from "@/transport/transport.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";

/** What the C shim gives to a run, where there is one. */
export interface NativeSide {
  readonly crypto: NativeCrypto;
  /** Opens the shim's batched sockets; throws as {@linkcode openPortableUdp} does. */
  readonly openUdp: (options: UdpOptions) => Transport;
}

/** What a run needs beside its setup. */
export interface OpenRunOptions {
  readonly setupFileName: string;
  readonly events: EventHub;
  readonly hooks?: RunHooks;
  /** Words for what the setup leaves at its default although it is not there yet. */
  readonly notYet?: readonly string[];
  readonly native?: NativeSide | undefined;
  /** Surroundings shared with another run of this process; absent: the run's own. */
  readonly env?: IkeEnv;
}

/** Surroundings for runs: one for a process, or one for each run. */
export function newIkeEnv(crypto: CryptoBackend): IkeEnv {
  const { randomOctets: random } = crypto;
  return { crypto, random, childrenBySpi: new Map(), broken: new Set() };
}

/**
 * Opens everything a run needs; it begins with `start()`.
 * @throws {SetupError} where the setup, or what it asks of this machine, cannot be had.
 * @throws {SystemError} where the system refuses otherwise.
 */
export function openRun(setup: Setup, options: OpenRunOptions): TestRun {
  const { native, events, hooks, notYet = [], setupFileName } = options;
  const config = ikeConfigOf(setup);
  const env = options.env ?? newIkeEnv(chooseBackend(native?.crypto, setup.cryptobackend));
  refuseMissing(env.crypto, config);
  const transport = openTransport(setup, options);
  try {
    const plan = planOf(setup, transport);
    return new TestRun({
      setup,
      setupFileName,
      plan,
      config,
      env,
      transport,
      events,
      notYet,
      ...(hooks ? { hooks } : {}),
      computeMax: Math.max(4, 2 * navigator.hardwareConcurrency),
    });
  } catch (e) {
    transport.close().catch(() => {});
    throw e;
  }
}

/** @throws {SetupError} naming the algorithms of the setup that the backend lacks. */
function refuseMissing(crypto: CryptoBackend, { algorithms, children }: IkeConfig): void {
  const missing = missingFrom(crypto, {
    encr: [...algorithms.encryption, ...children.flatMap((child) => child.encryption)],
    integ: [...algorithms.integrity, ...children.flatMap((child) => child.integrity)],
    prf: algorithms.prf,
    groups: algorithms.groups,
  });
  if (missing.length === 0) return;
  throw new SetupError(
    `Cannot run with ${missing.join(", ")}: the ${crypto.name} crypto backend lacks it`,
  );
}

function openTransport(setup: Setup, { native, events }: OpenRunOptions): Transport {
  if (setup.transport === "native" && !native) {
    throw new SetupError("Cannot use the native transport, this program carries no C shim");
  }
  const open = native && setup.transport !== "portable" ? native.openUdp : openPortableUdp;
  const ownAddresses = ownAddressesOf(setup, addressesOf);
  const plain = { ownAddresses, ikePort: setup.ownport };
  const both = { ...plain, nattPort: setup.ownnattport };
  if (setup.ikeconf.enablenatt) return open(both);
  if (setup.role === "client") return open(plain);
  // A client may begin at the NAT-T port though NAT-T is off here; without that port most still can.
  try {
    return open(both);
  } catch (e) {
    if (!(e instanceof SetupError)) throw e;
    const transport = open(plain);
    events.publish(3, `${e.message}. Going on without the NAT-T port`);
    return transport;
  }
}

/** Addresses of an interface that a peer can reach. */
function addressesOf(name: string): IpAddress[] {
  const found: IpAddress[] = [];
  for (const { name: interfaceName, address } of Deno.networkInterfaces()) {
    const octets = interfaceName === name ? parseAddress(address) : undefined;
    if (octets && !isUnspecified(octets) && !isLinkLocal(octets)) found.push(octets);
  }
  return found;
}

/** fe80::/10: bound to a zone, which a setup cannot name. */
function isLinkLocal(address: IpAddress): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}
