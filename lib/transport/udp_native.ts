/**
 * UDP through the shim: one socket of each family serves any number of own addresses, system calls handle
 * batches of datagrams, the receive buffer has megabytes, and sockets can be in a named network namespace.
 * @module
 */
import { type IpAddress, isLinkLocal, isUnspecified, type Path } from "@/base/address.ts";
import { octetsKey } from "@/base/bytes.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import { SetupError } from "@/base/errors.ts";
import { loadShim, type ShimSymbols } from "@/native/load.ts";
import { messagesMax } from "@/native/iterations.ts";
import { pollUntilOver } from "@/native/poll_loop.ts";
import { PAYLOAD_MAX, RecordQueue } from "@/native/record_queue.ts";
import {
  errorAt,
  receiveDropsOf,
  RECORD_OCTETS,
  RecordAt,
  RecordFlag,
  RecordWord,
  type SendOutcome,
  SLOT_OCTETS,
  SocketWait,
} from "@/native/udp.ts";
import { AddressBook } from "@/transport/address_book.ts";
import { isMarkedAtIkePort, KEEPALIVE, kindOf, MARKER_OCTETS } from "@/transport/non_esp_marker.ts";
import {
  closeAll,
  type NativeSocket,
  type NativeSockets,
  notesOf,
  openShardSockets,
  openSockets,
} from "@/transport/native_sockets.ts";
import { linkScopeOf } from "@/transport/link_scope.ts";
import {
  icmpError,
  refusedDatagram,
  SendErrorCounts,
  unroutableDatagram,
  whyNoDatagram,
} from "@/transport/send_errors.ts";
import {
  type Datagram,
  noDatagrams,
  type Transport,
  type TransportCounters,
  type TransportListener,
  type UdpOptions,
} from "@/transport/transport.ts";

/** The most datagrams of one batch. */
const SLOTS = 64;
/** Octets of receive buffer, as the system counts them, that one tunnel may need while it is set up. */
const OCTETS_PER_HALF_OPEN = 3328;
const HALF_OPEN_MIN = 64;
/** The most link-local peers whose interface is remembered. */
const SCOPES_MAX = 10_000;

/**
 * Opens the sockets, or takes those that were `opened` with the same options; it closes them.
 * @throws {SetupError} naming the option if the setup can be changed to avoid it, or there is no shim.
 * @throws {SystemError} otherwise.
 */
export function openNativeUdp(options: UdpOptions, opened?: NativeSockets): Transport {
  return new NativeUdp(shimOrRefusal(), options, opened);
}

/**
 * Opens sockets that several workers share: those of each, for {@linkcode openNativeUdp} in that worker.
 * @throws {SetupError | SystemError} as there.
 */
export function openSharedUdp(options: UdpOptions, shards: number): readonly NativeSockets[] {
  return openShardSockets(shimOrRefusal(), options, shards);
}

/** Closes sockets of {@linkcode openSharedUdp} that no worker has taken. */
export function closeSharedUdp({ sockets }: NativeSockets): void {
  closeAll(shimOrRefusal(), sockets);
}

function shimOrRefusal(): ShimSymbols {
  const shim = loadShim();
  if (!shim.symbols) throw new SetupError(`Cannot use the native UDP transport: ${shim.reason}`);
  return shim.symbols;
}

class NativeUdp implements Transport {
  readonly name = "native";
  readonly counters: TransportCounters & { strays: number };
  readonly ikePort: number;
  readonly nattPort: number | undefined;
  readonly halfOpenMax: number;
  readonly notes: readonly string[];
  readonly esp: EspCarrier;
  readonly sendErrors = new SendErrorCounts();
  readonly #shim: ShimSymbols;
  readonly #wait: SocketWait;
  readonly #sockets: NativeSocket[] = [];
  /** The own addresses; undefined: every address to which a datagram was sent is one. */
  readonly #own: AddressBook | undefined;
  readonly #book = new AddressBook();
  /** Sockets that serve all addresses of a family, by {@linkcode sharedIndex}. */
  readonly #shared: (NativeSocket | undefined)[] = [];
  /** Sockets that are bound to one address, by address and port. */
  readonly #byAddress = new Map<string, NativeSocket>();
  /** Interface index for link-local peers from which nothing was received yet; 0: none is known. */
  readonly #linkScope: number;
  /** Interface index of link-local peers from which something was received, by address. */
  readonly #scopes = new Map<string, number>();
  readonly #arena = new Uint8Array(SLOTS * SLOT_OCTETS);
  readonly #arenaWords = new Uint32Array(this.#arena.buffer);
  readonly #queue: RecordQueue;
  /** IKE messages in the arena that have not been delivered. */
  readonly #undelivered: Datagram[] = [];
  #loop: Promise<void> | undefined;
  #closed = false;
  /** The number of datagrams that the receive buffers had lost when the sockets were closed. */
  #dropsAtEnd = 0;

  constructor(shim: ShimSymbols, options: UdpOptions, opened?: NativeSockets) {
    this.#shim = shim;
    this.#queue = new RecordQueue(shim);
    this.counters = this.#newCounters();
    this.esp = {
      receiver: undefined,
      send: (packet, path, trafficClass) => {
        const socket = this.#socketFor(path);
        const natt = socket?.natt ? socket : undefined;
        this.#put(natt, packet, { path, marker: 0, trafficClass, joins: true });
      },
      flush: () => this.flush(),
    };
    this.#own = ownBook(options.ownAddresses);
    this.#linkScope = linkScopeOf(options.linkLocalInterface);
    this.#wait = new SocketWait(shim);
    const { sockets, ikePort, nattPort } = opened ?? this.#open(options);
    this.ikePort = ikePort;
    this.nattPort = nattPort;
    for (const socket of sockets) this.#take(socket);
    const smallest = Math.min(...this.#sockets.map((socket) => socket.receiveBufferOctets));
    this.halfOpenMax = Math.max(HALF_OPEN_MIN, Math.floor(smallest / OCTETS_PER_HALF_OPEN));
    this.notes = notesOf(this.#sockets);
  }

  listen(listener: TransportListener): void {
    this.#loop = this.#receive(listener);
  }

  send(octets: Uint8Array, path: Path): void {
    const socket = this.#socketFor(path);
    const marker = socket?.natt ? MARKER_OCTETS : 0;
    this.#put(socket, octets, { path, marker, trafficClass: 0, isIke: true });
  }

  keepalive(path: Path): void {
    const socket = this.#socketFor(path);
    if (socket?.natt) this.counters.keepalivesSent++;
    this.#put(socket?.natt ? socket : undefined, KEEPALIVE, { path, marker: 0, trafficClass: 0 });
  }

  #put(
    socket: NativeSocket | undefined,
    octets: Uint8Array,
    how: {
      readonly path: Path;
      readonly marker: number;
      readonly trafficClass: number;
      readonly joins?: boolean;
      readonly isIke?: boolean;
    },
  ): void {
    const { path: { ownAddress, peerAddress, peerPort }, marker: zeros, trafficClass } = how;
    const length = zeros + octets.length;
    if (!socket || length > PAYLOAD_MAX || peerPort === 0 || this.#closed) {
      this.counters.sendErrors++;
      const why = whyNoDatagram({ isClosed: this.#closed, hasSocket: !!socket, length, peerPort });
      return this.sendErrors.add(unroutableDatagram(how.path, why, how.isIke ? 1 : 0));
    }
    if (this.#queue.isFullFor(length)) this.flush();
    const scope = isLinkLocal(peerAddress) ? this.#scopeOf(peerAddress) : 0;
    const way = {
      socket: socket.fd,
      ownAddress,
      peerAddress,
      peerPort,
      zeros,
      scope,
      trafficClass,
      joins: how.joins ?? false,
    };
    this.#queue.put(octets, way);
  }

  flush(): void {
    const outcome = this.#queue.flush();
    if (!outcome) return;
    this.counters.sent += outcome.sent;
    this.counters.sendErrors += outcome.refused;
    if (outcome.refused > 0) this.#noteRefused(outcome);
  }

  /** Counts refused datagrams by cause. Those that are not listed count with the cause of the last one. */
  #noteRefused({ refused, listed }: SendOutcome): void {
    let left = refused;
    for (const [i, { at, errno }] of listed.entries()) {
      const { socket: fd, payload, ...ends } = this.#queue.queuedAt(at);
      const socket = this.#sockets.find((one) => one.fd === fd);
      const isIke = !socket?.natt || kindOf(payload) === "ike";
      const count = i === listed.length - 1 ? left : 1;
      const unsentIke = isIke ? count : 0;
      const path = { ...ends, ownPort: socket?.port ?? 0 };
      this.sendErrors.add(refusedDatagram(path, errno, { count, unsentIke }));
      left -= count;
    }
  }

  /** Counts the error in a record: an error of the system, or of ICMP, about a datagram that was sent. */
  #noteError(at: number): void {
    const words = this.#arenaWords;
    const word = at >> 2;
    const arena = this.#arena;
    const octets = words[word + RecordWord.FAMILY]!;
    const { OWN, PEER } = RecordAt;
    const isOwnTold = (words[word + RecordWord.FLAGS]! & RecordFlag.NO_OWN) === 0;
    const path = {
      ownAddress: isOwnTold ? arena.slice(at + OWN, at + OWN + octets) : new Uint8Array(0),
      ownPort: isOwnTold ? this.#sockets[words[word + RecordWord.SOCKET]!]!.port : 0,
      peerAddress: arena.slice(at + PEER, at + PEER + octets),
      peerPort: words[word + RecordWord.PEER_PORT]!,
    };
    this.sendErrors.add(icmpError(path, errorAt(arena, words, at)));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#wait.wake();
    await this.#loop;
    this.#dropsAtEnd = this.#drops();
    this.#closeAll();
  }

  #newCounters(): TransportCounters & { strays: number } {
    const drops = () => this.#sockets.length > 0 ? this.#drops() : this.#dropsAtEnd;
    return {
      ...noDatagrams(),
      strays: 0,
      get receiveDrops() {
        return drops();
      },
    };
  }

  #drops(): number {
    return this.#sockets.reduce((sum, { fd }) => sum + receiveDropsOf(this.#shim, fd), 0);
  }

  #open(options: UdpOptions): NativeSockets {
    try {
      return openSockets(this.#shim, options);
    } catch (e) {
      this.#wait.close();
      throw e;
    }
  }

  #closeAll(): void {
    closeAll(this.#shim, this.#sockets);
    this.#sockets.length = 0;
    this.#wait.close();
  }

  #take(socket: NativeSocket): void {
    const { address, port, natt, fd } = socket;
    this.#wait.add(fd, this.#sockets.length);
    this.#sockets.push(socket);
    if (isUnspecified(address)) this.#shared[sharedIndex(address, natt)] = socket;
    else this.#byAddress.set(endKey(address, port), socket);
  }

  #socketFor({ ownAddress, ownPort, peerAddress }: Path): NativeSocket | undefined {
    if (ownAddress.length !== peerAddress.length) return undefined;
    const shared = this.#shared[sharedIndex(ownAddress, ownPort === this.nattPort)];
    return shared?.port === ownPort ? shared : this.#byAddress.get(endKey(ownAddress, ownPort));
  }

  #scopeOf(address: IpAddress): number {
    return this.#scopes.get(octetsKey(address)) ?? this.#linkScope;
  }

  async #receive(listener: TransportListener): Promise<void> {
    const take = () => {
      // What was received stays in the arena until all of it is delivered.
      if (this.#undelivered.length === 0) {
        const count = this.#wait.receive(this.#arena);
        if (count === 0) return 0;
        this.#sort(count);
      }
      const batch = this.#undelivered.splice(0, messagesMax());
      if (batch.length > 0) listener.datagrams(batch);
      return 1;
    };
    const wait = () => this.#wait.wait();
    const isOver = () => this.#closed;
    try {
      await pollUntilOver({ take, wait, isOver });
    } catch (e) {
      if (!this.#closed) listener.failed(e);
    }
  }

  /** Passes ESP to its receiver at once, and queues IKE messages for delivery. */
  #sort(count: number): void {
    const batch = this.#undelivered;
    for (let slot = 0; slot < count; slot++) {
      const at = slot * SLOT_OCTETS;
      const word = at >> 2;
      if (this.#arenaWords[word + RecordWord.FLAGS]! & RecordFlag.ERROR) {
        this.#noteError(at);
        continue;
      }
      const whole = this.#arenaWords[word + RecordWord.LENGTH]!;
      const segment = this.#arenaWords[word + RecordWord.SEGMENT]! || whole;
      let from = 0;
      do {
        const datagram = this.#datagramAt(at, from, Math.min(segment, whole - from));
        if (datagram) batch.push(datagram);
        from += segment;
      } while (from < whole);
    }
    this.esp.receiver?.batchEnds();
  }

  /**
   * The IKE message of `length` octets at `from` of a record's payload; undefined: it is no IKE message, and
   * was counted.
   */
  #datagramAt(at: number, from: number, length: number): Datagram | undefined {
    const words = this.#arenaWords;
    const word = at >> 2;
    const arena = this.#arena;
    const socket = this.#sockets[words[word + RecordWord.SOCKET]!]!;
    const octets = words[word + RecordWord.FAMILY]!;
    this.counters.received++;
    const own = this.#ownAt(at, octets, words[word + RecordWord.FLAGS]!, socket);
    if (!own) return void this.counters.strays++;
    const start = at + RECORD_OCTETS + from;
    let payload = arena.subarray(start, start + length);
    // Some peers send the non-ESP marker before they change to the NAT-T port.
    const encapsulated = socket.natt || isMarkedAtIkePort(payload);
    if (encapsulated) {
      const kind = kindOf(payload);
      if (kind === "keepalive") this.counters.keepalives++;
      if (kind === "esp") {
        this.counters.esp++;
        const trafficClass = words[word + RecordWord.TRAFFIC_CLASS]!;
        const address = this.#book.get(arena, at + RecordAt.PEER, octets);
        const sender = { address, port: words[word + RecordWord.PEER_PORT]! };
        this.esp.receiver?.packet(arena, start, length, trafficClass, sender);
      }
      if (kind !== "ike") return undefined;
      payload = arena.subarray(start + MARKER_OCTETS, start + length);
    }
    const peerAddress = this.#book.get(arena, at + RecordAt.PEER, octets);
    const scope = words[word + RecordWord.SCOPE]!;
    if (scope > 0 && this.#scopes.size < SCOPES_MAX) {
      this.#scopes.set(octetsKey(peerAddress), scope);
    }
    const peerPort = words[word + RecordWord.PEER_PORT]!;
    const path = { ownAddress: own, ownPort: socket.port, peerAddress, peerPort };
    return { octets: payload, path, encapsulated };
  }

  /** The own address that a record was sent to; undefined: it is not one of ours. */
  #ownAt(at: number, octets: number, flags: number, socket: NativeSocket): IpAddress | undefined {
    if (flags & RecordFlag.TRUNCATED) return undefined;
    if (!isUnspecified(socket.address)) return socket.address;
    if (flags & RecordFlag.NO_OWN) return undefined;
    const { OWN } = RecordAt;
    if (this.#own) return this.#own.find(this.#arena, at + OWN, octets);
    return this.#book.get(this.#arena, at + OWN, octets);
  }
}

/** The own addresses; undefined if every address is an own one. */
function ownBook(addresses: readonly IpAddress[]): AddressBook | undefined {
  if (addresses.some(isUnspecified)) return undefined;
  return new AddressBook(addresses);
}

function sharedIndex(address: IpAddress, natt: boolean): number {
  return (address.length === 16 ? 2 : 0) + (natt ? 1 : 0);
}

function endKey(address: IpAddress, port: number): string {
  return `${octetsKey(address)}${port}`;
}
