/**
 * IKE and ESP in TCP through the shim (RFC 9329): a client opens a connection from each tunnel's own
 * address, a gateway accepts them. Connections without an authenticated SA are limited in number and time.
 * @module
 */
import { endsKey, type IpAddress, type Path } from "@/base/address.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import { must, SetupError, SystemError } from "@/base/errors.ts";
import { loadShim, type ShimSymbols } from "@/native/load.ts";
import { pollUntilOver } from "@/native/poll_loop.ts";
import {
  type AcceptedTcp,
  kernelLacksFrames,
  openTcpSocket,
  type TcpSocket,
  type TcpSocketOptions,
  TcpWait,
} from "@/native/tcp.ts";
import { closeFd } from "@/native/udp.ts";
import { needsFreebind } from "@/transport/native_sockets.ts";
import { kindOf, MARKER_OCTETS } from "@/transport/non_esp_marker.ts";
import { refusedConnection, SendErrorCounts, unroutableDatagram } from "@/transport/send_errors.ts";
import { type ConnectionEnd, TcpConnection } from "@/transport/tcp_connection.ts";
import { TcpListeners } from "@/transport/tcp_listeners.ts";
import { TcpStrangers } from "@/transport/tcp_strangers.ts";
import { FRAME_MAX, MESSAGE_MAX, PACKET_MAX } from "@/transport/tcp_frames.ts";
import {
  type ConnectionCounters,
  type Connections,
  type Datagram,
  type LostConnection,
  noDatagrams,
  type TcpOptions,
  type Transport,
  type TransportCounters,
  type TransportListener,
} from "@/transport/transport.ts";

/** Octets received from a connection in one call, including what is kept of an incomplete frame. */
const ARENA_OCTETS = 2 * FRAME_MAX;
/** How often one connection is read before others have their turn. */
const CALLS_MAX = 4;
/** The most sockets that are read in one turn. */
const READ_MAX = 16;
/**
 * Defaults: the most connections without an authenticated SA, and the milliseconds that each has to
 * authenticate.
 */
const STRANGERS_MAX = 1024;
const STRANGER_MS = 30_000;
/** Errno names that mean that an own port, or a pair of ends, is in use. */
const HELD: ReadonlySet<string> = new Set(["EADDRINUSE", "EADDRNOTAVAIL"]);
/** The most tunnels to set up at a time. TCP loses nothing, but the other end must keep up. */
const HALF_OPEN_MAX = 256;

/**
 * Opens the transport, and its listening sockets if it has any.
 * @throws {SetupError} naming the option if the setup can be changed to avoid it, or there is no shim.
 * @throws {SystemError} otherwise.
 */
export function openNativeTcp(options: TcpOptions): TcpTransport {
  const shim = loadShim();
  if (!shim.symbols) throw new SetupError(`Cannot use tcpencap: ${shim.reason}`);
  const lack = options.kernelEsp ? kernelLacksFrames(shim.symbols) : undefined;
  if (lack) throw new SetupError(`Cannot use tcpencap with the kernel's data path: ${lack}`);
  return new TcpTransport(shim.symbols, options);
}

/** A transport whose connections are made and accepted through the shim. */
export class TcpTransport implements Transport {
  readonly name = "native";
  readonly counters: TransportCounters = noDatagrams();
  readonly ikePort: number;
  readonly nattPort = undefined;
  readonly halfOpenMax = HALF_OPEN_MAX;
  readonly esp: EspCarrier;
  readonly sendErrors = new SendErrorCounts();
  readonly connections: Connections & { readonly counters: ConnectionCounters };
  readonly #shim: ShimSymbols;
  readonly #options: TcpOptions;
  /** Whether own addresses are local by a route alone. */
  readonly #isRouted: boolean;
  readonly #wait: TcpWait;
  /** Tags of sockets that are ready and have not been read yet. */
  readonly #ready: number[] = [];
  readonly #listeners: TcpListeners;
  readonly #byTag = new Map<number, TcpConnection>();
  readonly #byPath = new Map<string, TcpConnection>();
  /** Connections without an authenticated SA. */
  readonly #strangers: TcpStrangers;
  /** Connections that have something to send. */
  readonly #dirty = new Set<TcpConnection>();
  readonly #arena = new Uint8Array(ARENA_OCTETS);
  #lost: LostConnection[] = [];
  #listener: TransportListener | undefined;
  #loop: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lostTimer: ReturnType<typeof setTimeout> | undefined;
  #lastTag = 0;
  #closed = false;

  constructor(shim: ShimSymbols, options: TcpOptions) {
    this.#shim = shim;
    this.#options = options;
    this.#isRouted = needsFreebind(options);
    this.#wait = new TcpWait(shim);
    this.#strangers = new TcpStrangers(options.strangersHeldMax);
    this.#listeners = new TcpListeners({
      shim,
      wait: this.#wait,
      open: (address, port) => this.#open(address, port),
      watch: (fd) => this.#newTag(fd),
      accepted: (connection) => this.#welcome(connection),
    });
    try {
      this.ikePort = options.listens ? this.#listeners.open(options) : options.port;
    } catch (e) {
      this.#closeAll();
      throw e;
    }
    this.esp = {
      receiver: undefined,
      send: (packet, path) => this.#sendEsp(packet, path),
      flush: () => this.flush(),
    };
    this.connections = {
      port: this.ikePort,
      counters: {
        opened: 0,
        accepted: 0,
        crowdedOut: 0,
        idle: 0,
        hoarding: 0,
        badStreams: 0,
        espDropped: 0,
        badFrames: 0,
      },
      open: (path) => this.#begin(path),
      keep: (path) => this.#keep(path),
      release: (path) => this.#release(path),
    };
  }

  /** Octets that are kept for connections of strangers; used by tests. */
  get strangersHeld(): number {
    return this.#strangers.heldOctets;
  }

  /** The number of connections, including those that are not established yet; used by tests. */
  get connectionCount(): number {
    return this.#byTag.size;
  }

  listen(listener: TransportListener): void {
    this.#listener = listener;
    this.#loop = this.#run(listener);
  }

  send(octets: Uint8Array, path: Path): void {
    const connection = this.#byPath.get(endsKey(path));
    if (!connection || octets.length > MESSAGE_MAX) {
      this.counters.sendErrors++;
      const why = connection
        ? `${octets.length} octets are more than a frame takes`
        : "there is no connection";
      return this.sendErrors.add(unroutableDatagram(path, why, 1));
    }
    this.counters.sent++;
    const end = connection.sendIke(octets);
    if (end) return this.#end(connection, end);
    this.#dirty.add(connection);
    this.#countHeld(connection);
  }

  /** Does nothing, as a connection needs no keepalives (RFC 9329 §6.6). */
  keepalive(): void {
    must(false, "no keepalive in TCP");
  }

  flush(): void {
    for (const connection of this.#dirty) this.#flushOne(connection);
    this.#dirty.clear();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#lostTimer);
    this.#wait.wake();
    await this.#loop;
    this.#closeAll();
  }

  #open(ownAddress: IpAddress, ownPort: number, peer?: TcpSocketOptions["peer"]): TcpSocket {
    const { namespace, freebind, ownEsp } = this.#options;
    const namespacePath = namespace?.includes("/")
      ? namespace
      : namespace && `/run/netns/${namespace}`;
    const socketOptions = {
      ownAddress,
      ownPort,
      peer,
      namespacePath,
      freebind: freebind || this.#isRouted,
      carriesTunnels: ownEsp,
    };
    return openTcpSocket(this.#shim, socketOptions);
  }

  #newTag(fd: number): number {
    const tag = ++this.#lastTag;
    this.#wait.add(fd, tag);
    return tag;
  }

  #begin(path: Path): Path {
    const { ownAddress, peerAddress, peerPort } = path;
    const peer = { address: peerAddress, port: peerPort };
    const { fd, port } = this.#openFrom(ownAddress, path.ownPort, peer);
    const real: Path = { ...path, ownPort: port, tcp: true };
    const tag = this.#newTag(fd);
    const { kernelEsp = false } = this.#options;
    const parts = { shim: this.#shim, fd, path: real, tag, opened: true, kernelEsp };
    this.#add(new TcpConnection(parts));
    this.connections.counters.opened++;
    return real;
  }

  /**
   * Opens a connection. An earlier one may hold the own port for a minute (TIME_WAIT); then any other port is
   * used.
   */
  #openFrom(ownAddress: IpAddress, ownPort: number, peer: TcpSocketOptions["peer"]): TcpSocket {
    try {
      return this.#open(ownAddress, ownPort, peer);
    } catch (e) {
      const isHeld = e instanceof SystemError && HELD.has(e.errno);
      if (!isHeld || ownPort === 0) throw e;
      return this.#open(ownAddress, 0, peer);
    }
  }

  #add(connection: TcpConnection): void {
    const key = endsKey(connection.path);
    const before = this.#byPath.get(key);
    // No two connections have the same ends: the earlier one has ended, though that was not reported yet.
    if (before) this.#forget(before);
    this.#byPath.set(key, connection);
    this.#byTag.set(connection.tag, connection);
    this.#waitFor(connection);
  }

  #keep(path: Path): void {
    const connection = this.#byPath.get(endsKey(path));
    if (connection) this.#strangers.delete(connection.tag);
  }

  #release(path: Path): void {
    const connection = this.#byPath.get(endsKey(path));
    if (!connection) return;
    // The end that opened a connection closes it (RFC 9329 §6.1). A gateway waits for that, but only for a
    // limited time.
    if (!this.#options.listens) connection.released = true;
    else this.#watch(connection);
    this.#dirty.add(connection);
  }

  /**
   * Treats a connection as that of a stranger, as no authenticated SA uses it: the time in which it has to
   * get one is limited.
   */
  #watch(connection: TcpConnection): void {
    const { strangersMax = STRANGERS_MAX, strangerMs = STRANGER_MS } = this.#options;
    this.#strangers.add(connection, performance.now() + strangerMs);
    if (this.#strangers.size > strangersMax) {
      // An honest client authenticates at once, so that the oldest stranger is the least likely to be one.
      this.connections.counters.crowdedOut++;
      this.#end(this.#strangers.oldest!.connection, { why: "too many connections of strangers" });
    }
    this.#armTimer();
  }

  #armTimer(): void {
    const { oldest } = this.#strangers;
    if (this.#timer !== undefined || !oldest || this.#closed) return;
    const waitMs = Math.max(1, oldest.untilMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const connection of this.#strangers.overdue(performance.now())) {
        this.connections.counters.idle++;
        this.#end(connection, { why: "nobody authenticated in time" });
      }
      this.#armTimer();
    }, waitMs);
  }

  #sendEsp(packet: Uint8Array, path: Path): void {
    const connection = this.#byPath.get(endsKey(path));
    const isSent = connection && packet.length <= PACKET_MAX && connection.sendEsp(packet);
    if (isSent) this.#dirty.add(connection);
    else this.connections.counters.espDropped++;
  }

  #flushOne(connection: TcpConnection): void {
    if (!this.#byTag.has(connection.tag)) return;
    const end = connection.flush();
    if (end) return this.#end(connection, end);
    if (connection.released && connection.isIdle) return this.#forget(connection);
    this.#strangers.count(connection);
    this.#waitFor(connection);
  }

  /** Bounds the octets that wait for strangers: the connection for which most octets wait is closed. */
  #countHeld(connection: TcpConnection): void {
    this.#strangers.count(connection);
    for (let one = this.#strangers.greediest; one; one = this.#strangers.greediest) {
      this.connections.counters.hoarding++;
      this.#end(one, { why: "too much waits for a peer that has not authenticated" });
    }
  }

  #waitFor(connection: TcpConnection): void {
    if (connection.wantsRoom === connection.isBlocked) return;
    connection.wantsRoom = connection.isBlocked;
    this.#wait.change(connection.fd, connection.tag, { toTake: true, room: connection.wantsRoom });
  }

  /** Closes a connection that has ended, and reports it to its user. */
  #end(connection: TcpConnection, { why, isBad }: ConnectionEnd): void {
    if (isBad) this.connections.counters.badStreams++;
    const isUsed = !connection.released && this.#byTag.has(connection.tag);
    this.#forget(connection);
    if (!isUsed || this.#closed) return;
    // A connection that was never established is reported like a datagram that could not be sent.
    if (!connection.isEstablished) this.sendErrors.add(refusedConnection(connection.path, why));
    this.#lost.push({ path: connection.path, why });
    // The report comes later, as the caller may be sending at this moment.
    this.#lostTimer ??= setTimeout(() => {
      this.#lostTimer = undefined;
      const lost = this.#lost;
      this.#lost = [];
      this.#listener?.lost?.(lost);
    }, 0);
  }

  #forget(connection: TcpConnection): void {
    if (!this.#byTag.delete(connection.tag)) return;
    const key = endsKey(connection.path);
    if (this.#byPath.get(key) === connection) this.#byPath.delete(key);
    this.#strangers.delete(connection.tag);
    closeFd(this.#shim, connection.fd);
  }

  #closeAll(): void {
    for (const connection of [...this.#byTag.values()]) this.#forget(connection);
    this.#listeners.close();
    this.#wait.close();
  }

  async #run(listener: TransportListener): Promise<void> {
    const take = () => this.#takeSome(listener);
    const isOver = () => this.#closed;
    try {
      await pollUntilOver({ take, wait: () => this.#wait.wait(), isOver });
    } catch (e) {
      if (!this.#closed) listener.failed(e);
    }
  }

  /** Handles some of the sockets that are ready, in turn; returns their number. */
  #takeSome(listener: TransportListener): number {
    if (this.#ready.length === 0) this.#ready.push(...this.#wait.ready());
    const tags = this.#ready.splice(0, READ_MAX);
    for (const tag of tags) {
      const connection = this.#byTag.get(tag);
      if (connection) this.#takeFrom(connection, listener);
      else this.#listeners.accept(tag);
    }
    return tags.length;
  }

  #welcome({ fd, ...ends }: AcceptedTcp): void {
    const path: Path = { ...ends, tcp: true };
    const tag = this.#newTag(fd);
    const { kernelEsp = false } = this.#options;
    const connection = new TcpConnection({
      shim: this.#shim,
      fd,
      path,
      tag,
      opened: false,
      kernelEsp,
    });
    this.connections.counters.accepted++;
    this.#add(connection);
    this.#watch(connection);
  }

  #takeFrom(connection: TcpConnection, listener: TransportListener): void {
    const failed = connection.settle();
    if (failed) return this.#end(connection, failed);
    for (let call = 0; call < CALLS_MAX && this.#byTag.has(connection.tag); call++) {
      const batch: Datagram[] = [];
      const end = connection.receive(this.#arena, (buffer, at, octets) => {
        const datagram = this.#frame(buffer, at, octets, connection.path);
        if (datagram) batch.push(datagram);
      });
      if (end !== "later") this.esp.receiver?.batchEnds();
      if (batch.length > 0) listener.datagrams(batch);
      if (end === "later") break;
      if (end) return this.#end(connection, end);
    }
    this.#flushOne(connection);
    this.#countHeld(connection);
  }

  /** The IKE message of a frame; undefined: the frame is something else, and was passed on or counted. */
  #frame(buffer: Uint8Array, at: number, octets: number, path: Path): Datagram | undefined {
    this.counters.received++;
    const payload = buffer.subarray(at, at + octets);
    switch (kindOf(payload)) {
      case "ike":
        return { octets: payload.subarray(MARKER_OCTETS), path, encapsulated: true };
      case "esp":
        this.counters.esp++;
        this.esp.receiver?.packet(buffer, at, octets, 0);
        return undefined;
      case "keepalive":
        // Keepalives are not sent in TCP, and are ignored if they arrive (RFC 9329 §6.6).
        this.counters.keepalives++;
        return undefined;
      case "nothing":
        this.connections.counters.badFrames++;
        return undefined;
    }
  }
}
