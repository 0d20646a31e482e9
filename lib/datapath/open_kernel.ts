/**
 * Opens the kernel data path: removes what earlier processes have left, checks that the kernel has ESP, and
 * makes the XFRM interface if one is wanted.
 * @module
 */
import { SetupError, SystemError } from "@/base/errors.ts";
import type { DataPathListener } from "@/datapath/data_path.ts";
import { KernelDataPath, type XfrmDevice } from "@/datapath/kernel.ts";
import { cleanLeftovers, freeRange, KernelJournal } from "@/datapath/kernel_journal.ts";
import { namespaceNumber, ownProcess } from "@/datapath/living_process.ts";
import { linkIndex, newXfrmLink } from "@/datapath/route_message.ts";
import { deleteState, newState, type XfrmState } from "@/datapath/xfrm_state.ts";
import { loadShim, type ShimSymbols } from "@/native/load.ts";
import { NetlinkFamily, NetlinkSocket, showRefusal } from "@/native/netlink.ts";

/** The options of a kernel data path. */
export interface OpenKernelOptions {
  /** Name of the interface that gets inner addresses. */
  readonly virtualipif: string;
  /** Name of an XFRM interface to be made; empty: none, so that policies hold for all interfaces. */
  readonly xfrmif: string;
  readonly listener: DataPathListener;
}

/** The reason why the kernel cannot be the data path; undefined: it can. */
export function whyKernelCannot(): string | undefined {
  const { symbols, ...shim } = loadShim();
  if (!symbols) return "reason" in shim ? shim.reason : "there is no C shim";
  try {
    const xfrm = new NetlinkSocket(symbols, { family: NetlinkFamily.XFRM });
    try {
      return tryState(xfrm);
    } finally {
      xfrm.close();
    }
  } catch (e) {
    if (e instanceof SystemError) return `the kernel has no XFRM (${e.errno})`;
    throw e;
  }
}

/** Opens the kernel data path. @throws {SetupError} if the setup or the system has to be changed first. */
export function openKernel(options: OpenKernelOptions): KernelDataPath {
  const lack = whyKernelCannot();
  if (lack) throw new SetupError(`Cannot use datapath: kernel: ${lack}`);
  const shim = loadShim().symbols!;
  const xfrm = new NetlinkSocket(shim, { family: NetlinkFamily.XFRM });
  const route = new NetlinkSocket(shim, { family: NetlinkFamily.ROUTE });
  try {
    return openOver(options, { shim, xfrm, route });
  } finally {
    xfrm.close();
    route.close();
  }
}

interface Sockets {
  readonly shim: ShimSymbols;
  readonly xfrm: NetlinkSocket;
  readonly route: NetlinkSocket;
}

function openOver(options: OpenKernelOptions, { shim, xfrm, route }: Sockets): KernelDataPath {
  const { virtualipif, xfrmif, listener } = options;
  const namespace = namespaceNumber();
  const { taken, cleaned } = cleanLeftovers(namespace, { xfrm, route });
  for (const line of cleaned) listener.note(3, line);
  const innerDevice = linkIndex(route, virtualipif);
  if (innerDevice === undefined) {
    throw new SetupError(`Cannot use virtualipif ${virtualipif}: there is no such interface`);
  }
  const reqidBase = freeRange(taken);
  const ifId = xfrmif ? reqidBase : 0;
  const entry = { ...ownProcess(), reqidBase, innerDevice, xfrmName: xfrmif };
  const journal = new KernelJournal(namespace, entry);
  const xfrmDevice = xfrmif ? makeLink(route, xfrmif, ifId) : undefined;
  return new KernelDataPath({
    shim,
    listener,
    innerDevice,
    xfrmDevice,
    journal,
    scope: { reqidBase, ifId },
  });
}

function makeLink(route: NetlinkSocket, name: string, ifId: number): XfrmDevice {
  const [refused] = route.request([newXfrmLink(name, ifId, 0)]);
  if (refused?.errno === "EEXIST") {
    throw new SetupError(`Cannot make xfrmif ${name}: there is an interface of that name`);
  }
  if (refused) throw new SetupError(`Cannot make xfrmif ${name}: ${showRefusal(refused)}`);
  return { name, index: linkIndex(route, name)! };
}

/** Adds a state and removes it again, as a kernel may have XFRM but no ESP. */
function tryState(xfrm: NetlinkSocket): string | undefined {
  const loopback = Uint8Array.of(127, 0, 0, 1);
  const [word] = crypto.getRandomValues(new Uint32Array(1));
  const state: XfrmState = {
    spi: (word! | 0x8000_0000) >>> 0,
    source: loopback,
    destination: loopback,
    suite: { protocol: 3, encryption: 12, keyBits: 128, integrity: 12, esn: false },
    keys: { encryption: new Uint8Array(16), integrity: new Uint8Array(32) },
    tunnelMode: false,
    aggfrag: undefined,
    selectors: undefined,
    reqid: 0,
    encapsulation: "none",
    sourcePort: 0,
    destinationPort: 0,
    replayWindow: 32,
    ifId: 0,
  };
  const [refused] = xfrm.request([newState(state)]);
  if (!refused) return void xfrm.request([deleteState(state)]);
  if (refused.errno === "EPERM") return "it needs CAP_NET_ADMIN";
  return `the kernel has no ESP (${showRefusal(refused)})`;
}
