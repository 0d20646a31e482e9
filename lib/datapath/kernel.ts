/**
 * The kernel's IPsec as data path: states, policies, routes and addresses by netlink, in batches. Only what
 * was installed is removed again: it is recognized by its reqid, by its routing protocol, or by the journal
 * (see `kernel_journal.ts`).
 * @module
 */
import type { IpAddress, IpPrefix, Path } from "@/base/address.ts";
import { showSpi32 } from "@/base/bytes.ts";
import { SystemError } from "@/base/errors.ts";
import type {
  DataPath,
  DataPathListener,
  Encapsulation,
  SaCounters,
  SaPair,
} from "@/datapath/data_path.ts";
import {
  bypassPolicies,
  type KernelScope,
  policiesIn,
  policiesOut,
  policyContent,
  policyKey,
  routesOut,
  routeToPeer,
  stateIn,
  stateOut,
} from "@/datapath/kernel_plan.ts";
import type { KernelJournal } from "@/datapath/kernel_journal.ts";
import { KernelRequests } from "@/datapath/kernel_requests.ts";
import { Owned } from "@/datapath/owned.ts";
import { askRoute, deleteLink, type NextHop, readNextHop } from "@/datapath/route_message.ts";
import { TunnelRoutes } from "@/datapath/tunnel_routes.ts";
import { XFRM_GROUPS, XfrmMessage } from "@/datapath/xfrm.ts";
import {
  addPolicy,
  deletePolicy,
  putPolicy,
  readAcquire,
  type XfrmPolicy,
} from "@/datapath/xfrm_policy.ts";
import {
  canMigrate,
  knowsNoMigration,
  migrateState,
  type StateMove,
} from "@/datapath/xfrm_migrate.ts";
import {
  deleteState,
  getState,
  KERNEL_REPLAY_WINDOW_MAX,
  newState,
  readExpire,
  readMapping,
  readState,
  replayAfter,
  type ReplayRecord,
  type ReportedState,
  sentSequence,
  type XfrmState,
} from "@/datapath/xfrm_state.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { NetlinkFamily, NetlinkSocket } from "@/native/netlink.ts";
import { SocketWait } from "@/native/udp.ts";

/**
 * Milliseconds for which the states of a replaced SA stay. A program that waits for room in its socket
 * already holds its route and with it the old SA, and packets of the peer may still be in flight.
 */
const LINGER_MS = 2000;

/** Why a pair ends whose outbound state could not be read. */
const UNREAD =
  "The kernel does not tell the sequence numbers of the outbound state (it may have expired): " +
  "one at the new address would use them again";

/** An XFRM interface that is removed when the data path is closed. */
export interface XfrmDevice {
  readonly name: string;
  readonly index: number;
}

/** The options of a kernel data path. */
export interface KernelOptions {
  readonly shim: ShimSymbols;
  readonly listener: DataPathListener;
  readonly scope: KernelScope;
  /** Path of its network namespace; absent: the process's own. */
  readonly namespacePath?: string | undefined;
  /** Index of the interface that gets inner addresses. */
  readonly innerDevice: number;
  /** The XFRM interface that routes lead into; undefined: there is none. */
  readonly xfrmDevice: XfrmDevice | undefined;
  /** The journal of addresses and policies; absent: there is none. */
  readonly journal?: KernelJournal;
}

interface Entry {
  pair: SaPair;
  in: boolean;
  out: boolean;
  /** Number of packets at the last query, and the time at which it was seen to have grown; 0: never. */
  packetsSeen: number;
  lastPacketMs: number;
}

/** The kernel's IPsec; see {@linkcode DataPath}. */
export class KernelDataPath implements DataPath {
  readonly kind = "kernel";
  readonly #options: KernelOptions;
  readonly #xfrm: NetlinkSocket;
  readonly #route: NetlinkSocket;
  readonly #notices: NetlinkSocket;
  readonly #requests: KernelRequests;
  readonly #wait: SocketWait;
  readonly #entries = new Map<number, Entry>();
  /** Entries by {@linkcode outboundKey} of their outbound state. */
  readonly #outbound = new Map<string, Entry>();
  /** The inbound SPI of the pair that each rekey chain sends by. */
  readonly #senders = new Map<number, number>();
  /** States of replaced SAs, with the timers that end them. */
  readonly #lingering = new Map<Uint8Array, ReturnType<typeof setTimeout>>();
  readonly #policies = new Owned<XfrmPolicy>(policyKey, policyContent);
  readonly #routes: TunnelRoutes;
  readonly #bypass: readonly XfrmPolicy[];
  /** Whether the kernel may move states by itself; false once it has refused that. */
  #migrates = true;
  /** Inbound SPIs of pairs whose outbound state could not move; the next flush removes them. */
  readonly #unread = new Set<number>();
  #windowNoted = false;
  #closed = false;

  /** @throws {SystemError} if the system gives no netlink socket. */
  constructor(options: KernelOptions) {
    this.#options = options;
    const { shim, namespacePath } = options;
    const { XFRM, ROUTE } = NetlinkFamily;
    this.#xfrm = new NetlinkSocket(shim, { family: XFRM, namespacePath });
    this.#route = new NetlinkSocket(shim, { family: ROUTE, namespacePath });
    this.#notices = new NetlinkSocket(shim, { family: XFRM, groups: XFRM_GROUPS, namespacePath });
    this.#requests = new KernelRequests(this.#xfrm, (why, needed) => {
      if (needed === undefined) options.listener.note(2, why);
      else this.#removePair(needed, why);
    });
    this.#wait = new SocketWait(shim);
    this.#wait.add(this.#notices.fd, 0);
    const { listener, innerDevice, journal } = options;
    this.#routes = new TunnelRoutes({
      socket: this.#route,
      listener,
      innerDevice,
      journal,
      routeRefused: (spiIn, why) => this.#removePair(spiIn, why),
    });
    const bypass = bypassPolicies();
    const refused = this.#xfrm.request(bypass.map(addPolicy));
    // An equal policy of another program has the same effect, and is left to it.
    this.#bypass = bypass.filter((_, i) => !refused[i]);
    if (this.#bypass.length > 0) options.journal?.addBypass();
    this.#listen();
  }

  installIn(pair: SaPair): void {
    const entry = this.#entry(pair);
    entry.in = true;
    this.#noteWindow(pair);
    const needed = pair.spiIn;
    this.#requests.add(
      newState(stateIn(pair, this.#options.scope)),
      stateName("inbound", pair),
      needed,
    );
    for (const policy of policiesIn(pair, this.#options.scope)) this.#claim(policy, needed);
  }

  installOut(pair: SaPair): void {
    const entry = this.#entry(pair);
    this.#senders.set(pair.rekeyChain, pair.spiIn);
    if (entry.out) return this.#removeNewerOutbound(pair);
    entry.out = true;
    this.#outbound.set(outboundKey(pair.spiOut, pair.path.peerAddress), entry);
    const needed = pair.spiIn;
    this.#requests.add(
      newState(stateOut(pair, this.#options.scope)),
      stateName("outbound", pair),
      needed,
    );
    for (const policy of policiesOut(pair, this.#options.scope)) this.#claim(policy, needed);
    this.#addRoutes(pair);
  }

  uninstall(spiIn: number): void {
    const entry = this.#entries.get(spiIn);
    if (!entry) return;
    this.#entries.delete(spiIn);
    const { scope } = this.#options;
    const { pair } = entry;
    this.#outbound.delete(outboundKey(pair.spiOut, pair.path.peerAddress));
    const policies = this.#policies.release(spiIn);
    for (const policy of policies.restored) this.#requests.add(putPolicy(policy), "a policy");
    for (const policy of policies.removed) this.#requests.remove(deletePolicy(policy), "a policy");
    const states = [
      ...(entry.out ? [deleteState(stateOut(pair, scope))] : []),
      ...(entry.in ? [deleteState(stateIn(pair, scope))] : []),
    ];
    const sender = this.#senders.get(pair.rekeyChain);
    if (sender === spiIn) this.#senders.delete(pair.rekeyChain);
    // The kernel sends by the newest state, so that only a state which was replaced may stay for a while.
    if (sender !== undefined && sender !== spiIn) this.#removeLater(states);
    else for (const state of states) this.#requests.remove(state, "a state");
    this.#routes.release(spiIn);
  }

  #removeLater(states: readonly Uint8Array[]): void {
    for (const state of states) {
      const end = () => {
        this.#lingering.delete(state);
        this.#requests.remove(state, "a state");
        this.flush();
      };
      this.#lingering.set(state, setTimeout(end, LINGER_MS));
    }
  }

  move(spiIn: number, path: Path, encapsulation: Encapsulation): void {
    const entry = this.#entries.get(spiIn);
    if (!entry) return;
    this.flush();
    const { scope } = this.#options;
    const before = entry.pair;
    const pair: SaPair = { ...before, path, encapsulation };
    const states: StateMove[] = [
      ...(entry.out ? [{ old: stateOut(before, scope), now: stateOut(pair, scope) }] : []),
      ...(entry.in ? [{ old: stateIn(before, scope), now: stateIn(pair, scope) }] : []),
    ];
    entry.pair = pair;
    if (entry.out) {
      this.#outbound.delete(outboundKey(pair.spiOut, before.path.peerAddress));
      this.#outbound.set(outboundKey(pair.spiOut, path.peerAddress), entry);
    }
    this.#policies.release(spiIn);
    for (const one of states) this.#moveState(one, spiIn);
    if (entry.in) { for (const policy of policiesIn(pair, scope)) this.#put(policy, spiIn); }
    if (!entry.out) return this.flush();
    for (const policy of policiesOut(pair, scope)) this.#put(policy, spiIn);
    this.#routes.release(spiIn);
    this.#addRoutes(pair);
    this.flush();
  }

  /**
   * Lets the kernel move a state, in one batch with the policies, as a packet that meets one without the other
   * is dropped. The state is replaced where the kernel cannot move it.
   */
  #moveState(move: StateMove, spiIn: number): void {
    if (!this.#migrates || !canMigrate(move)) return this.#replace(move, spiIn);
    this.#requests.try(migrateState(move), (refusal) => {
      if (knowsNoMigration(refusal)) this.#migrates = false;
      this.#replace(move, spiIn);
    });
  }

  /**
   * Replaces a state by one at other addresses, which goes on with its sequence numbers. An outbound state whose
   * numbers are not known is not made: it would use numbers and IVs again under the same key (RFC 4303 §3.3.3).
   */
  #replace({ old, now }: StateMove, spiIn: number): void {
    const told = this.#replayOf(old);
    this.#requests.remove(deleteState(old), "a state");
    if (!told && now.replayWindow === undefined) return void this.#unread.add(spiIn);
    const replay = told && replayAfter(told, now);
    // The new state counts packets from 0, while its sequence numbers go on.
    const entry = this.#entries.get(spiIn);
    if (entry && now.replayWindow !== undefined) entry.packetsSeen = 0;
    const sent = (replay && sentSequence(replay)) ?? 0;
    const packetsSoft = now.packetsSoft && Math.max(1, now.packetsSoft - sent);
    const packetsHard = now.packetsHard && Math.max(1, now.packetsHard - sent);
    const message = newState({ ...now, replay, packetsSoft, packetsHard });
    this.#requests.add(message, "a state at its new address", spiIn);
  }

  addInnerAddress(prefix: IpPrefix): void {
    this.#routes.addAddress(prefix);
  }

  removeInnerAddress(prefix: IpPrefix): void {
    this.#routes.removeAddress(prefix);
  }

  flush(): void {
    this.#requests.flush();
    this.#routes.flush();
    if (this.#unread.size === 0) return;
    const unread = [...this.#unread];
    this.#unread.clear();
    for (const spiIn of unread) this.#removePair(spiIn, UNREAD);
    this.flush();
  }

  counters(spiIn: number): SaCounters | undefined {
    const entry = this.#entries.get(spiIn);
    if (!entry) return undefined;
    this.flush();
    const { scope } = this.#options;
    const came = entry.in ? this.#stateOf(stateIn(entry.pair, scope)) : undefined;
    const went = entry.out ? this.#stateOf(stateOut(entry.pair, scope)) : undefined;
    return {
      packetsIn: came?.packets ?? 0,
      octetsIn: came?.octets ?? 0,
      packetsOut: went?.packets ?? 0,
      octetsOut: went?.octets ?? 0,
    };
  }

  silenceMs(spiIn: number): number | undefined {
    const entry = this.#entries.get(spiIn);
    if (!entry?.in) return undefined;
    this.flush();
    const told = this.#stateOf(stateIn(entry.pair, this.#options.scope));
    const nowMs = Date.now();
    if (told && told.packets > entry.packetsSeen) {
      entry.packetsSeen = told.packets;
      // The kernel reports whole seconds, if it reports the time at all.
      const lastMs = told.lastUsedSec === undefined ? nowMs : told.lastUsedSec * 1_000 + 999;
      entry.lastPacketMs = Math.min(nowMs, lastMs);
    }
    return entry.lastPacketMs ? Math.max(0, nowMs - entry.lastPacketMs) : undefined;
  }

  totals(): undefined {}

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const spiIn of [...this.#entries.keys()]) this.uninstall(spiIn);
    for (const [state, timer] of this.#lingering) {
      clearTimeout(timer);
      this.#requests.remove(state, "a state");
    }
    this.#lingering.clear();
    for (const policy of this.#bypass) this.#requests.remove(deletePolicy(policy), "a policy");
    const { xfrmDevice } = this.#options;
    this.flush();
    this.#routes.close(
      xfrmDevice && { message: deleteLink(xfrmDevice.name), what: "an interface" },
    );
    this.#wait.wake();
    await this.#listening;
    for (const socket of [this.#xfrm, this.#route, this.#notices]) socket.close();
    this.#options.journal?.close();
    this.#wait.close();
  }

  #entry(pair: SaPair): Entry {
    const known = this.#entries.get(pair.spiIn);
    if (known) return known;
    const entry = { pair, in: false, out: false, packetsSeen: 0, lastPacketMs: 0 };
    this.#entries.set(pair.spiIn, entry);
    return entry;
  }

  /** Removes the outbound states that are newer than a pair's: the kernel sends by the newest state. */
  #removeNewerOutbound({ rekeyChain, spiIn }: SaPair): void {
    for (const entry of this.#entries.values()) {
      if (entry.pair.rekeyChain !== rekeyChain || entry.pair.spiIn === spiIn || !entry.out) {
        continue;
      }
      entry.out = false;
      this.#requests.remove(deleteState(stateOut(entry.pair, this.#options.scope)), "a state");
    }
  }

  #claim(policy: XfrmPolicy, owner: number): void {
    if (this.#policies.claim(owner, policy)) {
      this.#requests.add(putPolicy(policy), "a policy", owner);
    }
  }

  /**
   * Like {@linkcode KernelDataPath.#claim}, but installs the policy also if one of the same content is in
   * force.
   */
  #put(policy: XfrmPolicy, owner: number): void {
    this.#policies.claim(owner, policy);
    this.#requests.add(putPolicy(policy), "a policy", owner);
  }

  #addRoutes(pair: SaPair): void {
    if (!pair.tunnelMode) return;
    const outer = this.#nextHop(pair);
    const device = this.#options.xfrmDevice?.index;
    if (!outer) return;
    const by = device === undefined ? outer : { device, gateway: undefined };
    const routes = routesOut(pair, by, this.#routes.addressesFor(pair));
    // The route of the ESP packets themselves must not lead into the XFRM interface.
    if (device !== undefined && outer.device !== device) routes.push(routeToPeer(pair, outer));
    this.#routes.claim(pair.spiIn, routes);
  }

  #nextHop({ path, spiIn }: SaPair): NextHop | undefined {
    let why = "it leads nowhere";
    try {
      for (const { body } of this.#route.ask(askRoute(path.peerAddress))) {
        const hop = readNextHop(body);
        if (hop) return hop;
      }
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      why = e.errno;
    }
    this.#options.listener.note(3, `No route to the peer of ${showSpi32(spiIn)}: ${why}`);
    return undefined;
  }

  /** Removes a pair for which the kernel has refused something, if it is still there. */
  #removePair(spiIn: number, why: string): void {
    if (!this.#entries.has(spiIn)) return this.#options.listener.note(2, why);
    this.uninstall(spiIn);
    this.#options.listener.refused(spiIn, why);
  }

  #replayOf(state: XfrmState): ReplayRecord | undefined {
    return this.#stateOf(state)?.replay;
  }

  #stateOf(state: XfrmState): ReportedState | undefined {
    try {
      const [told] = this.#xfrm.ask(getState(state));
      return told && readState(told.body);
    } catch (e) {
      if (e instanceof SystemError) return undefined;
      throw e;
    }
  }

  #noteWindow({ replayWindow }: SaPair): void {
    if (replayWindow <= KERNEL_REPLAY_WINDOW_MAX || this.#windowNoted) return;
    this.#windowNoted = true;
    this.#options.listener.note(
      3,
      `The kernel's replay window is ${KERNEL_REPLAY_WINDOW_MAX} packets at most, not ${replayWindow}`,
    );
  }

  #listening: Promise<void> = Promise.resolve();

  #listen(): void {
    this.#listening = (async () => {
      while (!this.#closed) {
        await this.#wait.wait();
        if (!this.#closed) this.#handleNotices();
      }
    })();
  }

  /** Handles the notices of the kernel that have arrived. */
  #handleNotices(): void {
    const { listener, scope } = this.#options;
    const { messages, lost } = this.#notices.events();
    if (lost) listener.note(3, "Messages of the kernel were lost: its netlink buffer was full");
    for (const { type, body } of messages) {
      if (type === XfrmMessage.ACQUIRE) {
        const reqid = readAcquire(body);
        const rekeyChain = reqid === undefined ? 0 : reqid - scope.reqidBase;
        if (rekeyChain > 0) listener.acquired(rekeyChain);
      } else if (type === XfrmMessage.EXPIRE) {
        const { spi, destination, hard } = readExpire(body);
        const entry = this.#outbound.get(outboundKey(spi, destination)) ?? this.#entries.get(spi);
        if (entry) listener.expired(entry.pair.spiIn, hard);
      } else if (type === XfrmMessage.MAPPING) {
        const told = readMapping(body);
        if (told && this.#entries.has(told.spi)) {
          listener.peerMoved(told.spi, told.address, told.port);
        }
      }
    }
  }
}

/** What is refused, if a state is, and what such a state needs of the kernel. */
function stateName(direction: "inbound" | "outbound", { aggfrag }: SaPair): string {
  if (!aggfrag) return `the ${direction} state`;
  return `the ${direction} state of IP-TFS (it needs Linux 6.14 with CONFIG_XFRM_IPTFS; ` +
    "datapath: userland does without)";
}

function outboundKey(spiOut: number, peerAddress: IpAddress): string {
  return `${spiOut} ${peerAddress}`;
}
