/**
 * ESP in this process as data path: packets of a TUN device and our own pings are sent as ESP, in UDP, in TCP
 * or as IP protocol 50, and received ESP takes the opposite way (RFC 4301 §5, RFC 4303).
 * @module
 */
import { compareAddresses, type IpAddress, type IpPrefix, type Path } from "@/base/address.ts";
import { showSpi32 } from "@/base/bytes.ts";
import type {
  DataPath,
  DataPathListener,
  DataPathTotals,
  Encapsulation,
  SaCounters,
  SaPair,
} from "@/datapath/data_path.ts";
import { SEQUENCE_LEFT } from "@/datapath/data_path.ts";
import type { HostRoutes } from "@/datapath/host_routes.ts";
import type { InnerPackets } from "@/datapath/inner_packets.ts";
import type { RawEsp } from "@/datapath/raw_esp.ts";
import type { TunDevice } from "@/datapath/tun_device.ts";
import { TunnelTable } from "@/datapath/tunnel_table.ts";
import { type AggfragHalves, UserlandAggfrag } from "@/datapath/userland_aggfrag.ts";
import { addTo, countersOf, UserlandDrops } from "@/datapath/userland_counters.ts";
import { type EspCrypto, UserlandSa, whyUnsupported } from "@/datapath/userland_sa.ts";
import { AGGFRAG_HEADER_OCTETS, AGGFRAG_NEXT_HEADER } from "@/esp/aggfrag.ts";
import type { EspCarrier, EspOrigin, EspReceiver } from "@/esp/carrier.ts";
import { IpProtocol, IpView, leaveTunnel, mustNotFragment, trafficClass } from "@/esp/ip_packet.ts";
import { fragmentsOf, IPV6_MTU_MIN, tooBigMessage } from "@/esp/too_big.ts";
import { rebuildPacket } from "@/esp/transport_mode.ts";

/** How long a path MTU is used before the system is asked again, in milliseconds. */
const PATH_MTU_MS = 1000;
/** The most batches of packets that are received before an SA is removed. */
const DRAINED_MAX = 16;
/** Octets of the largest packet, with the most that ESP adds. */
const SCRATCH_OCTETS = 65_536 + 512;
const UNKNOWN_PATH_MTU = 1500;
/** Octets of the largest ESP packet in TCP (RFC 9329 §3.2). */
const TCP_PACKET_MAX = 65_533;

/** Octets of a payload of IP-TFS in TCP, unless the setup says otherwise: about what a path takes at once. */
const TCP_PAYLOAD_OCTETS = 1_400;

/** The options of a userland data path. */
export interface UserlandOptions {
  readonly crypto: EspCrypto;
  readonly listener: DataPathListener;
  /** Carries ESP in UDP and in TCP; undefined: the transport cannot. */
  readonly udp: EspCarrier | undefined;
  /** Opens raw sockets for ESP without UDP; undefined: the process cannot have them. */
  readonly raw: ((receiver: EspReceiver) => RawEsp) | undefined;
  /** The TUN device and its routes; undefined: only packets of our own are carried. */
  readonly system: { readonly tun: TunDevice; readonly routes: HostRoutes } | undefined;
  /** Octets of the largest packet that reaches an address without fragmentation; undefined: unknown. */
  readonly pathMtu: (address: Uint8Array) => number | undefined;
  /** Is called when the data path is closed, to close what else was opened for it. */
  readonly closed: () => void;
}

/** Encrypts and decrypts ESP in this process; see {@linkcode DataPath}. */
export class UserlandDataPath implements DataPath {
  readonly kind = "userland";
  readonly drops = new UserlandDrops();
  readonly inner: InnerPackets;
  readonly #options: UserlandOptions;
  readonly #sas = new Map<number, UserlandSa>();
  /** The SAs of each rekey chain that may send, the newest last. */
  readonly #rekeyChains = new Map<number, UserlandSa[]>();
  /** Refusals that the next flush reports, by inbound SPI. */
  readonly #refused = new Map<number, string>();
  readonly #table = new TunnelTable<UserlandSa>();
  /** A view of the packet that is being handled; each method that uses it reads a packet into it first. */
  readonly #view = new IpView();
  readonly #scratch = new Uint8Array(SCRATCH_OCTETS);
  readonly #rebuilt = new Uint8Array(SCRATCH_OCTETS);
  readonly #payload = new Uint8Array(SCRATCH_OCTETS);
  readonly #aggfrag: UserlandAggfrag;
  readonly #receiver: EspReceiver;
  /** Payloads of IP-TFS, and octets of padding in those that were sent. */
  readonly #payloads = { payloadsIn: 0, payloadsOut: 0, paddingOut: 0 };
  /** Packets and octets of CHILD_SAs that are gone. */
  readonly #past = { packetsIn: 0, octetsIn: 0, packetsOut: 0, octetsOut: 0 };
  #raw: RawEsp | undefined;
  #nowMs = 0;
  #narrowNoted = false;
  #closed = false;

  constructor(options: UserlandOptions) {
    this.#options = options;
    this.inner = {
      send: (packets) => this.#sendOwn(packets),
      hasDevice: options.system !== undefined,
      receiver: undefined,
    };
    this.#aggfrag = new UserlandAggfrag({
      send: (sa, fills) => this.#sendPayload(sa, fills),
      flush: () => {
        this.#flushOut();
        options.system?.tun.flush();
      },
      packet: (sa, buffer, at, octets) => this.#takeInner(sa, { buffer, at, octets }, 0),
      malformed: () => void this.drops.badPayload++,
      incomplete: () => void this.drops.incomplete++,
      tooBig: () => void this.drops.tooBig++,
    });
    this.#receiver = {
      packet: (buffer, at, octets, outerClass, from) => {
        const sa = this.#receiveEsp(buffer, at, octets, outerClass);
        if (sa && from) this.#noteOrigin(sa, from);
      },
      batchEnds: () => void options.system?.tun.flush(),
    };
    if (options.udp) options.udp.receiver = this.#receiver;
    options.system?.tun.listen({
      packet: (buffer, at, octets) => void this.#sendInner(buffer, at, octets),
      batchEnds: () => this.#flushOut(),
      failed: (e) => options.listener.note(1, `The TUN device is of no use any more: ${e}`),
    });
  }

  installIn(pair: SaPair): void {
    const sa = this.#saOf(pair);
    if (sa) sa.hasInbound = true;
  }

  installOut(pair: SaPair): void {
    const sa = this.#saOf(pair);
    if (!sa) return;
    const chain = this.#rekeyChains.get(pair.rekeyChain) ?? [];
    const before = chain.at(-1);
    if (before === sa) return;
    if (before) this.#table.remove(before);
    const others = chain.filter((other) => other !== sa);
    this.#rekeyChains.set(pair.rekeyChain, [...others, sa]);
    this.#table.add(sa);
    if (!sa.hasOutbound) this.#options.system?.routes.claim(pair);
    sa.hasOutbound = true;
    // Payloads of a constant rate leave from now on, before the first packet.
    this.#aggfrag.of(sa);
  }

  uninstall(spiIn: number): void {
    const sa = this.#sas.get(spiIn);
    if (!sa) return;
    // Packets that came before the message which ends the SA may wait at another socket than the message did.
    if (sa.pair.encapsulation === "none") this.#drain();
    this.#sas.delete(spiIn);
    const chain = this.#rekeyChains.get(sa.pair.rekeyChain) ?? [];
    const rest = chain.filter((other) => other !== sa);
    if (chain.at(-1) === sa) {
      this.#table.remove(sa);
      const next = rest.at(-1);
      if (next) this.#table.add(next);
    }
    if (rest.length > 0) this.#rekeyChains.set(sa.pair.rekeyChain, rest);
    else this.#rekeyChains.delete(sa.pair.rekeyChain);
    this.#options.system?.routes.release(spiIn);
    addTo(this.#past, countersOf(sa));
    this.#aggfrag.remove(sa);
    sa.close();
  }

  move(spiIn: number, path: Path, encapsulation: Encapsulation): void {
    const sa = this.#sas.get(spiIn);
    if (!sa) return;
    const why = this.#openSockets({ ...sa.pair, path, encapsulation });
    if (why) return this.#options.listener.note(2, `${showSpi32(spiIn)} cannot move: ${why}`);
    sa.pair = { ...sa.pair, path, encapsulation };
    sa.pathMtuAtMs = -Infinity;
    sa.movedTo = undefined;
    if (!sa.hasOutbound || sa.pair.tunnelMode) return;
    this.#options.system?.routes.release(spiIn);
    this.#options.system?.routes.claim(sa.pair);
  }

  addInnerAddress(prefix: IpPrefix): void {
    this.#options.system?.routes.addAddress(prefix);
  }

  removeInnerAddress(prefix: IpPrefix): void {
    this.#options.system?.routes.removeAddress(prefix);
  }

  flush(): void {
    this.#options.system?.routes.flush();
    const refused = [...this.#refused];
    this.#refused.clear();
    for (const [spiIn, why] of refused) this.#options.listener.refused(spiIn, why);
  }

  counters(spiIn: number): SaCounters | undefined {
    const sa = this.#sas.get(spiIn);
    return sa && countersOf(sa);
  }

  silenceMs(spiIn: number): number | undefined {
    const lastPacketMs = this.#sas.get(spiIn)?.lastPacketMs;
    return lastPacketMs ? Math.max(0, Date.now() - lastPacketMs) : undefined;
  }

  totals(): DataPathTotals {
    const sum = { ...this.#past };
    for (const sa of this.#sas.values()) addTo(sum, countersOf(sa));
    const all = { ...this.drops, notSent: this.#raw?.notSent ?? 0 };
    const drops = Object.entries(all).filter(([, count]) => count > 0);
    return { ...sum, ...this.#payloads, drops: Object.fromEntries(drops) };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { udp, system, closed } = this.#options;
    for (const spiIn of [...this.#sas.keys()]) this.uninstall(spiIn);
    this.#aggfrag.close();
    if (udp) udp.receiver = undefined;
    await this.#raw?.close();
    system?.routes.close();
    await system?.tun.close();
    closed();
  }

  #saOf(pair: SaPair): UserlandSa | undefined {
    const known = this.#sas.get(pair.spiIn);
    if (known) return known;
    const why = this.#openSockets(pair);
    if (why) return void this.#refused.set(pair.spiIn, why);
    const sa = new UserlandSa(pair, this.#options.crypto);
    this.#sas.set(pair.spiIn, sa);
    return sa;
  }

  /**
   * Opens the sockets that the packets of a pair need; returns why they cannot be carried, if they cannot.
   */
  #openSockets(pair: SaPair): string | undefined {
    const { crypto, udp, raw } = this.#options;
    const lack = whyUnsupported(pair, crypto);
    if (lack) return lack;
    if (pair.encapsulation !== "none") {
      const how = pair.encapsulation.toUpperCase();
      return udp ? undefined : `this transport carries no ESP in ${how}`;
    }
    const errno = raw
      ? (this.#raw ??= raw(this.#receiver)).open(pair.path.ownAddress)
      : "no C shim";
    return errno && `ESP without UDP needs a raw socket (${errno}: CAP_NET_RAW); in UDP it needs ` +
        "none: tradtionalencapforceudp: true, or tcpencap";
  }

  #drain(): void {
    for (let i = 0; i < DRAINED_MAX && (this.#raw?.drain() ?? 0) > 0; i++);
  }

  #sendOwn(packets: readonly Uint8Array[]): number {
    let without = 0;
    for (const packet of packets) if (!this.#sendInner(packet, 0, packet.length)) without++;
    this.#flushOut();
    this.#options.system?.tun.flush();
    return without;
  }

  #flushOut(): void {
    this.#aggfrag.sendReady();
    this.#nowMs = 0;
    this.#options.udp?.flush();
    this.#raw?.flush();
  }

  /** Sends a packet into its tunnel; false: there is no tunnel for it. */
  #sendInner(buffer: Uint8Array, at: number, octets: number): boolean {
    const view = this.#view;
    if (!view.read(buffer, at, octets)) return !++this.drops.malformed;
    const sa = this.#table.find(buffer, view);
    if (!sa) return !++this.drops.noSa;
    const { tunnelMode } = sa.pair;
    const end = at + view.total;
    const halves = this.#aggfrag.of(sa);
    if (halves) return this.#aggregate(sa, halves, buffer.subarray(at, end));
    const from = tunnelMode ? at : view.upper;
    const clear = buffer.subarray(from, end);
    if (!tunnelMode && view.isFragment) return !!++this.drops.fragment;
    const room = this.#clearMaxFor(sa, clear.length);
    if (clear.length <= room) {
      const tunnelled = view.addressOctets === 4 ? IpProtocol.IPV4 : IpProtocol.IPV6;
      this.#seal(sa, clear, tunnelMode ? tunnelled : view.protocol, trafficClass(buffer, at));
    } else {
      const packet = buffer.subarray(at, end);
      const mtu = room + (tunnelMode ? 0 : view.upper - at);
      this.#tooBig(sa, { packet, view }, mtu);
    }
    return true;
  }

  /** Adds a packet to those that leave in payloads of IP-TFS. */
  #aggregate(sa: UserlandSa, halves: AggfragHalves, packet: Uint8Array): boolean {
    const room = this.#payloadOctets(sa) - AGGFRAG_HEADER_OCTETS;
    if (!halves.terms.fragments && packet.length > room) {
      this.#tooBig(sa, { packet, view: this.#view }, room);
    } else this.#queue(sa, halves, packet);
    return true;
  }

  #queue(sa: UserlandSa, halves: AggfragHalves, packet: Uint8Array): void {
    if (!this.#aggfrag.add(sa, halves, packet)) this.drops.queueFull++;
  }

  /** Octets of a payload of IP-TFS. */
  #payloadOctets(sa: UserlandSa): number {
    const room = Math.min(this.#clearMaxFor(sa, this.#payload.length), this.#payload.length);
    const { fragments, rate, payloadOctets } = sa.pair.aggfrag!;
    // In TCP no path MTU is a limit. A larger payload serves packets that may not be in fragments alone.
    const isLimited = sa.pair.encapsulation === "tcp" && (fragments || rate > 0);
    return Math.min(payloadOctets || (isLimited ? TCP_PAYLOAD_OCTETS : room), room);
  }

  /** Sends one payload of IP-TFS; the outer header tells nothing of the packets in it (RFC 9347 §2.2.5). */
  #sendPayload(sa: UserlandSa, fills: boolean): void {
    const { sender } = this.#aggfrag.of(sa)!;
    const isNewest = this.#rekeyChains.get(sa.pair.rekeyChain)?.at(-1) === sa;
    // A CHILD_SA that is replaced only sends what it has left.
    if (!isNewest && !sender.isWaiting) return;
    const payload = this.#payload.subarray(0, this.#payloadOctets(sa));
    const { padding } = sender;
    const octets = sender.take(payload, fills);
    this.#payloads.payloadsOut++;
    this.#payloads.paddingOut += sender.padding - padding;
    this.#seal(sa, payload.subarray(0, octets), AGGFRAG_NEXT_HEADER, 0);
  }

  /** The most octets of plaintext that reach the peer without fragmentation; asked only when it matters. */
  #clearMaxFor(sa: UserlandSa, clear: number): number {
    if (sa.outbound.sealedOctets(clear) + sa.outerOctets <= IPV6_MTU_MIN) return clear;
    // TCP splits its stream as the path needs it (RFC 9329 §9.4), so that only the length field is a limit.
    if (sa.pair.encapsulation === "tcp") return sa.outbound.clearMax(TCP_PACKET_MAX);
    this.#nowMs ||= performance.now();
    if (this.#nowMs - sa.pathMtuAtMs > PATH_MTU_MS) {
      sa.pathMtuAtMs = this.#nowMs;
      sa.pathMtu = this.#options.pathMtu(sa.pair.path.peerAddress) ?? UNKNOWN_PATH_MTU;
    }
    return sa.outbound.clearMax(sa.pathMtu - sa.outerOctets);
  }

  /** Handles a packet that is too big: its sender is told, or it is fragmented (RFC 4301 §8.2). */
  #tooBig(
    sa: UserlandSa,
    { packet, view }: { readonly packet: Uint8Array; readonly view: IpView },
    mtu: number,
  ): void {
    const isV6 = view.addressOctets === 16;
    if (!mustNotFragment(packet, 0) && sa.pair.tunnelMode) {
      for (const fragment of fragmentsOf(packet, mtu)) {
        const halves = this.#aggfrag.of(sa);
        if (halves) this.#queue(sa, halves, fragment);
        else this.#seal(sa, fragment, IpProtocol.IPV4, trafficClass(fragment, 0));
      }
      return;
    }
    // An IPv6 sender does not go below the minimum MTU: the outer packet is fragmented instead.
    if (isV6 && mtu < IPV6_MTU_MIN && packet.length <= IPV6_MTU_MIN && !sa.pair.aggfrag) {
      const from = sa.pair.tunnelMode ? 0 : view.upper - view.at;
      const next = sa.pair.tunnelMode ? IpProtocol.IPV6 : view.protocol;
      return this.#seal(sa, packet.subarray(from), next, trafficClass(packet, 0));
    }
    this.drops.tooBig++;
    if (isV6 && mtu < IPV6_MTU_MIN && sa.pair.aggfrag) this.#noteNarrow(sa, mtu);
    const told = tooBigMessage(packet, view, isV6 ? Math.max(mtu, IPV6_MTU_MIN) : mtu);
    if (told) this.#deliver(told, 0, told.length);
    this.#options.system?.tun.flush();
  }

  /**
   * Reports, once, that payloads have no room for packets of the smallest MTU of IPv6, below which their
   * senders do not go, so that larger ones are lost for ever.
   */
  #noteNarrow({ pair: { spiIn } }: UserlandSa, room: number): void {
    if (this.#narrowNoted) return;
    this.#narrowNoted = true;
    const text =
      `${showSpi32(spiIn)} drops IPv6 packets of more than ${room} octets: its payloads of ` +
      "IP-TFS have no room for them, and the peer takes none in fragments (iptfsfragments: true " +
      `there, or a larger iptfssize here: IPv6 needs ${IPV6_MTU_MIN + AGGFRAG_HEADER_OCTETS})`;
    this.#options.listener.note(3, text);
  }

  #seal(sa: UserlandSa, clear: Uint8Array, nextHeader: number, innerClass: number): void {
    const { outbound, pair } = sa;
    const { listener, udp } = this.#options;
    if (outbound.left <= SEQUENCE_LEFT) this.#reportSequenceEnd(sa, listener);
    if (outbound.left <= 0) return void this.drops.exhausted++;
    const octets = outbound.seal(clear, nextHeader, this.#scratch, 0);
    const packet = this.#scratch.subarray(0, octets);
    // The outer header gets the packet's DSCP and ECN (RFC 4301 §5.1.2, RFC 6040 §4.1: normal mode).
    if (pair.encapsulation !== "none") udp!.send(packet, pair.path, innerClass);
    else this.#raw!.send(packet, pair.path, innerClass);
  }

  #reportSequenceEnd(sa: UserlandSa, listener: DataPathListener): void {
    if (sa.outbound.left <= 0 && !sa.hardReported) {
      sa.hardReported = true;
      listener.expired(sa.pair.spiIn, true);
    } else if (!sa.softReported) {
      sa.softReported = true;
      listener.expired(sa.pair.spiIn, false);
    }
  }

  /** Takes an ESP packet from anybody; returns the SA that it belongs to if it is authentic. */
  #receiveEsp(
    buffer: Uint8Array,
    at: number,
    octets: number,
    outerClass: number,
  ): UserlandSa | undefined {
    if (octets < 8) return void this.drops.truncated++;
    const spi = (buffer[at]! << 24 | buffer[at + 1]! << 16 | buffer[at + 2]! << 8 |
      buffer[at + 3]!) >>> 0;
    const sa = this.#sas.get(spi);
    if (!sa?.hasInbound) return void this.drops.unknownSpi++;
    const drop = sa.inbound.open(buffer, at, octets);
    if (drop) return void this.drops[drop]++;
    sa.lastPacketMs = Date.now();
    const halves = this.#aggfrag.of(sa);
    if (sa.inbound.nextHeader === IpProtocol.NO_NEXT_HEADER) this.drops.dummy++;
    else if (halves) this.#receivePayload(sa, halves, buffer);
    else if (sa.pair.tunnelMode) this.#receiveTunnelled(sa, buffer, outerClass);
    else this.#receiveTransport(sa, buffer, outerClass);
    return sa;
  }

  /** Takes a payload of IP-TFS, the only one that such a CHILD_SA has (RFC 9347 §2.3). */
  #receivePayload(sa: UserlandSa, halves: AggfragHalves, buffer: Uint8Array): void {
    const { clearAt, clearOctets, nextHeader, sequence } = sa.inbound;
    if (nextHeader !== AGGFRAG_NEXT_HEADER) return void this.drops.badInner++;
    this.#payloads.payloadsIn++;
    this.#aggfrag.receive(halves, sequence, buffer.subarray(clearAt, clearAt + clearOctets));
  }

  /** Records the address and port of the other end, from which an authentic packet came (RFC 7296 §2.23). */
  #noteOrigin(sa: UserlandSa, { address, port }: EspOrigin): void {
    const { path, encapsulation, spiIn } = sa.pair;
    if (encapsulation !== "udp" || isAt(address, port, path.peerAddress, path.peerPort)) return;
    const { movedTo } = sa;
    if (movedTo && isAt(address, port, movedTo.address, movedTo.port)) return;
    sa.movedTo = { address, port };
    this.#options.listener.peerMoved(spiIn, address, port);
  }

  #receiveTunnelled(sa: UserlandSa, buffer: Uint8Array, outerClass: number): void {
    const { clearAt, clearOctets, nextHeader } = sa.inbound;
    const view = this.#view;
    // Octets behind the inner packet are TFC padding (RFC 4303 §2.7).
    const isKnown = view.read(buffer, clearAt, clearOctets) &&
      nextHeader === (view.addressOctets === 4 ? IpProtocol.IPV4 : IpProtocol.IPV6);
    if (!isKnown) return void this.drops.badInner++;
    this.#takeInner(sa, { buffer, at: clearAt, octets: clearOctets }, outerClass);
  }

  /** Takes a packet that came through the tunnel. */
  #takeInner(
    sa: UserlandSa,
    { buffer, at, octets }: {
      readonly buffer: Uint8Array;
      readonly at: number;
      readonly octets: number;
    },
    outerClass: number,
  ): void {
    const view = this.#view;
    if (!view.read(buffer, at, octets)) return void this.drops.badInner++;
    if (!sa.selectors.matchesInbound(buffer, view)) return void this.drops.wrongSelectors++;
    if (leaveTunnel(buffer, at, outerClass) === "dropped") return void this.drops.congestion++;
    sa.inbound.count(view.total);
    this.#deliver(buffer, at, view.total);
  }

  #receiveTransport(sa: UserlandSa, buffer: Uint8Array, outerClass: number): void {
    const { clearAt, clearOctets, nextHeader } = sa.inbound;
    const { path, encapsulation } = sa.pair;
    const octets = rebuildPacket(this.#rebuilt, {
      source: path.peerAddress,
      destination: path.ownAddress,
      protocol: nextHeader,
      trafficClass: outerClass,
      payload: buffer.subarray(clearAt, clearAt + clearOctets),
      // A NAT may have changed the addresses that the upper checksum covers (RFC 3948 §3.1.2).
      newChecksum: encapsulation !== "none",
    });
    const view = this.#view;
    if (!view.read(this.#rebuilt, 0, octets)) return void this.drops.badInner++;
    if (!sa.selectors.matchesInbound(this.#rebuilt, view)) return void this.drops.wrongSelectors++;
    sa.inbound.count(clearOctets);
    this.#deliver(this.#rebuilt, 0, octets);
    this.#options.system?.tun.flush();
  }

  #deliver(buffer: Uint8Array, at: number, octets: number): void {
    if (this.inner.receiver?.(buffer.subarray(at, at + octets))) return;
    const tun = this.#options.system?.tun;
    if (tun) tun.write(buffer, at, octets);
    else this.drops.noDevice++;
  }
}

function isAt(a: IpAddress, portA: number, b: IpAddress, portB: number): boolean {
  return portA === portB && (a === b || compareAddresses(a, b) === 0);
}
