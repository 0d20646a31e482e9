/**
 * From a checked setup to a run that can start: crypto backend, sockets, configuration, recorders.
 * @module
 */
import { type IpAddress, parseAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { chooseBackend, missingFrom } from "@/crypto/choose.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { ikeConfigOf, ownAddressesOf, planOf, wantsNatt } from "@/engine/config_of.ts";
import type { EventHub } from "@/engine/event_hub.ts";
import type { RunHooks } from "@/engine/hooks.ts";
import { TestRun } from "@/engine/test_run.ts";
import type { IkeEnv } from "@/ike/config.ts";
import { loadLibcrypto } from "@/native/libcrypto.ts";
import { KeylogDirectory } from "@/report/keylog.ts";
import { PcapFile } from "@/report/pcap.ts";
import type { Setup } from "@/setup/setup.ts";
import { openUdp } from "@/transport/open.ts";
import type { Transport } from "@/transport/transport.ts";

/** Surroundings of the core, over the backend the setup asks for. @throws {SetupError} */
export function environment(setup: Setup): IkeEnv {
  const { cryptobackend } = setup;
  const native = cryptobackend === "portable" ? undefined : loadLibcrypto();
  const crypto = chooseBackend(native, cryptobackend);
  refuseMissing(crypto, setup);
  return { crypto, random: crypto.randomOctets, childrenBySpi: new Map(), broken: new Set() };
}

/** What a backend lacks is refused by name when the setup is checked. */
function refuseMissing(crypto: CryptoBackend, { ikeconf }: Setup): void {
  const missing = missingFrom(crypto, {
    encr: [...ikeconf.ikeencyptalg, ...ikeconf.childlist.flatMap((c) => c.encalg)],
    integ: [...ikeconf.ikeintegrityalg, ...ikeconf.childlist.flatMap((c) => c.integrityalg)],
    prf: ikeconf.ikeprfalg,
    groups: ikeconf.dhgrpid,
  });
  if (missing.length === 0) return;
  throw new SetupError(
    `The ${crypto.name} crypto backend has no ${missing.join(", ")}: take them out of the setup`,
  );
}

/** Opens the sockets of a setup. @throws {SetupError} */
export function openTransport(setup: Setup): Transport {
  return openUdp({
    ownAddresses: ownAddressesOf(setup, addressesOn),
    ikePort: setup.ownport,
    // A gateway hears peers that float to the NAT-T port although NAT-T is off here.
    nattPort: setup.role === "gateway" || wantsNatt(setup) ? setup.ownnattport : undefined,
  }, setup.transport);
}

function addressesOn(name: string): IpAddress[] {
  return Deno.networkInterfaces().filter((i) => i.name === name)
    .map((i) => parseAddress(i.address)).filter((a) => a !== undefined);
}

/** What a run is made of, beside its setup. */
export interface RunParts {
  readonly env: IkeEnv;
  readonly transport: Transport;
  readonly events: EventHub;
  readonly setupFileName: string;
  readonly hooks: RunHooks;
  readonly notYet: readonly string[];
}

/** A run that has not begun. */
export function prepareRun(setup: Setup, parts: RunParts): TestRun {
  const { ikePort, nattPort, halfOpenMax } = parts.transport;
  const config = ikeConfigOf(setup, nattPort);
  return new TestRun({ setup, plan: planOf(setup, { ikePort, halfOpenMax }), config, ...parts });
}

/** Capture and key files of a run. */
export interface Recorders {
  readonly hooks: RunHooks;
  close(): void;
}

/** Opens what was asked for. @throws {SetupError} where a file cannot be written. */
export function openRecorders(files: {
  readonly pcap?: string | undefined;
  readonly keylog?: string | undefined;
}): Recorders {
  const pcap = files.pcap === undefined ? undefined : new PcapFile(files.pcap);
  const keylog = files.keylog === undefined ? undefined : new KeylogDirectory(files.keylog);
  return {
    hooks: {
      ...(pcap
        ? { datagram: (sent, octets, path, epochMs) => pcap.add(sent, octets, path, epochMs) }
        : {}),
      ...(keylog
        ? { ikeKeyed: (sa) => keylog.addIke(sa), childKeyed: (child) => keylog.addChild(child) }
        : {}),
    },
    close() {
      pcap?.close();
      keylog?.close();
    },
  };
}
