/**
 * Opens the userland data path as far as the process is allowed to: with a TUN device and routes, or only for
 * packets of its own.
 * @module
 */
import { SetupError, SystemError } from "@/base/errors.ts";
import type { DataPathListener } from "@/datapath/data_path.ts";
import { HostRoutes } from "@/datapath/host_routes.ts";
import { cleanLeftovers, freeRange, KernelJournal } from "@/datapath/kernel_journal.ts";
import { namespaceNumber, ownProcess } from "@/datapath/living_process.ts";
import { RawEsp } from "@/datapath/raw_esp.ts";
import { linkIndex } from "@/datapath/route_message.ts";
import { TunDevice } from "@/datapath/tun_device.ts";
import { UserlandDataPath } from "@/datapath/userland.ts";
import type { EspCrypto } from "@/datapath/userland_sa.ts";
import type { Shard } from "@/base/shard.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import { loadShim, type ShimSymbols } from "@/native/load.ts";
import { NetlinkFamily, NetlinkSocket } from "@/native/netlink.ts";
import { pathMtu } from "@/native/udp.ts";

/** MTU of the device: with any cipher, an ESP packet in UDP over IPv6 then fits into 1500 octets. */
const TUN_MTU = 1400;

const NO_DEVICE_OF_WORKERS =
  "No TUN device, as several workers share the test: tunnels carry pings of our own alone. Set shards: 1 for " +
  "packets of other programs";

/** The options of a userland data path. */
export interface OpenUserlandOptions {
  /** Name of the interface that gets inner addresses. */
  readonly virtualipif: string;
  readonly listener: DataPathListener;
  readonly crypto: Omit<EspCrypto, "shim">;
  readonly udp: EspCarrier | undefined;
  /** The worker that has the data path; absent: the process has one. */
  readonly shard?: Shard | undefined;
}

/** Opens the userland data path. @throws {SetupError} if the setup has to be changed first. */
export function openUserland(options: OpenUserlandOptions): UserlandDataPath {
  const { listener, udp } = options;
  const { symbols: shim } = loadShim();
  const crypto = { ...options.crypto, shim };
  if (!shim) {
    listener.note(3, "No C shim: no TUN device and no ESP without UDP, only pings of our own");
    const nothing = { raw: undefined, system: undefined, pathMtu: () => undefined };
    return new UserlandDataPath({ crypto, listener, udp, ...nothing, closed: () => {} });
  }
  const opened = openSystem(shim, options);
  return new UserlandDataPath({
    crypto,
    listener,
    udp,
    raw: (receiver) =>
      new RawEsp(shim, receiver, {
        failed: (e) => listener.note(1, `Raw sockets are of no use any more: ${e}`),
        shard: options.shard,
      }),
    system: opened,
    pathMtu: (address) => pathMtu(shim, address),
    closed: () => opened?.closed(),
  });
}

interface OpenedSystem {
  readonly tun: TunDevice;
  readonly routes: HostRoutes;
  readonly closed: () => void;
}

/** Opens the device and its routes; undefined, with a note, if the process is not allowed to. */
function openSystem(shim: ShimSymbols, options: OpenUserlandOptions): OpenedSystem | undefined {
  const { listener, virtualipif, shard } = options;
  if (shard) {
    // A packet of the system would have to find the device of the worker that has its tunnel.
    if (shard.number === 0) listener.note(3, NO_DEVICE_OF_WORKERS);
    return undefined;
  }
  const socket = new NetlinkSocket(shim, { family: NetlinkFamily.ROUTE });
  const innerDevice = linkIndex(socket, virtualipif);
  if (innerDevice === undefined) {
    socket.close();
    throw new SetupError(`Cannot use virtualipif ${virtualipif}: there is no such interface`);
  }
  try {
    const tun = new TunDevice(shim, socket, TUN_MTU);
    const journal = openJournal(shim, socket, { innerDevice, listener });
    const tunnelDevice = tun.index;
    const routes = new HostRoutes({ socket, listener, innerDevice, tunnelDevice, journal });
    const closed = () => {
      socket.close();
      journal.close();
    };
    return { tun, routes, closed };
  } catch (e) {
    socket.close();
    if (!(e instanceof SystemError)) throw e;
    listener.note(
      2,
      `No TUN device (${e.message}; it needs CAP_NET_ADMIN): tunnels carry pings of our own alone`,
    );
    return undefined;
  }
}

/** Opens the journal, after removing what processes that died have left. */
function openJournal(
  shim: ShimSymbols,
  route: NetlinkSocket,
  { innerDevice, listener }: { readonly innerDevice: number; readonly listener: DataPathListener },
): KernelJournal {
  const namespace = namespaceNumber();
  let others: readonly number[] = [];
  try {
    const xfrm = new NetlinkSocket(shim, { family: NetlinkFamily.XFRM });
    try {
      const { cleaned, taken } = cleanLeftovers(namespace, { xfrm, route });
      others = taken;
      for (const line of cleaned) listener.note(3, line);
    } finally {
      xfrm.close();
    }
  } catch (e) {
    // A kernel without XFRM holds nothing that could be left over.
    if (!(e instanceof SystemError)) throw e;
  }
  return new KernelJournal(namespace, {
    ...ownProcess(),
    // No state or policy of this data path uses these reqids.
    reqidBase: freeRange(others),
    innerDevice,
    xfrmName: "",
  });
}
