/**
 * UDP through the shim: one socket of a family for any number of own addresses, batches both ways, a
 * receive buffer of megabytes, sockets in a named network namespace.
 *
 * Waiting costs a change of threads, some fifty microseconds of CPU, so after a batch the sockets are
 * looked at again on the next turns of the event loop, and waited for when they stay empty.
 * @module
 */
import { setImmediate } from "node:timers";
import { type IpAddress, isUnspecified, type Path } from "@/base/address.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import { loadShim, type ShimSymbols } from "@/native/load.ts";
import {
  closeFd,
  openUdpSocket,
  receiveDropsOf,
  RECORD_OCTETS,
  RecordAt,
  RecordFlag,
  RecordWord,
  sendRecords,
  SLOT_OCTETS,
  SocketWait,
  type UdpSocketWish,
} from "@/native/udp.ts";
import { AddressBook } from "@/transport/address_book.ts";
import { hasMarker, kindOf, MARKER_OCTETS } from "@/transport/non_esp_marker.ts";
import { refusalOf } from "@/transport/refusal.ts";
import type {
  Datagram,
  Transport,
  TransportCounters,
  TransportListener,
  UdpOptions,
} from "@/transport/transport.ts";

/** Datagrams of one batch. */
const SLOTS = 64;
/** Octets of records that wait for a flush; the largest datagram fits several times. */
const SEND_OCTETS = 512 * 1024;
/** The largest UDP payload. */
const PAYLOAD_MAX = 65_535;
/** Turns of the event loop on which empty sockets are looked at before they are waited for. */
const LOOKS = 3;
/** Octets of receive buffer to ask for where nobody says. */
const RECEIVE_BUFFER_OCTETS = 8 << 20;
/** Octets of receive buffer, as the system counts them, for a tunnel on its way. */
const OCTETS_PER_HALF_OPEN = 3328;
const HALF_OPEN_MIN = 64;
/** Sockets of their own for addresses, where another process has the port at some other address. */
const OWN_SOCKETS_MAX = 1024;
/** Tries to find one free port for both families. */
const FREE_PORT_TRIES = 20;
/** Link-local peers whose interface is remembered. */
const SCOPES_MAX = 10_000;

const V4_ANY = new Uint8Array(4), V6_ANY = new Uint8Array(16);

interface Socket {
  readonly fd: number;
  readonly port: number;
  readonly natt: boolean;
  /** All zeros where it is for many. */
  readonly address: IpAddress;
  readonly receiveBufferOctets: number;
  readonly bypassRefused: string | undefined;
}

/**
 * Opens the sockets.
 * @throws {SetupError} where the setup can mend it, naming the option; also where there is no shim.
 * @throws {SystemError} otherwise.
 */
export function openNativeUdp(options: UdpOptions): Transport {
  const shim = loadShim();
  if (!shim.symbols) throw new SetupError(`Cannot use the native UDP transport: ${shim.reason}`);
  return new NativeUdp(shim.symbols, options);
}

class NativeUdp implements Transport {
  readonly name = "native";
  readonly counters: TransportCounters & { strays: number };
  readonly ikePort: number;
  readonly nattPort: number | undefined;
  readonly halfOpenMax: number;
  readonly notes: readonly string[];
  readonly #shim: ShimSymbols;
  readonly #wait: SocketWait;
  readonly #sockets: Socket[] = [];
  /** Own addresses; undefined: whatever the datagram was sent to. */
  readonly #own: AddressBook | undefined;
  readonly #book = new AddressBook();
  /** Sockets that send for an address of their own, and those that send for the rest of a family. */
  readonly #byAddress = new Map<string, Socket>();
  /** Interface of link-local peers, as a datagram of theirs told it. */
  readonly #scopes = new Map<string, number>();
  readonly #arena = new Uint8Array(SLOTS * SLOT_OCTETS);
  readonly #arenaWords = new Uint32Array(this.#arena.buffer);
  readonly #queue = new Uint8Array(SEND_OCTETS);
  readonly #queueWords = new Uint32Array(this.#queue.buffer);
  #queued = 0;
  #loop: Promise<void> | undefined;
  #closed = false;
  /** Counted before the sockets were closed. */
  #dropsAtEnd = 0;

  constructor(shim: ShimSymbols, options: UdpOptions) {
    this.#shim = shim;
    this.counters = this.#newCounters();
    this.#own = ownBook(options.ownAddresses);
    this.#wait = new SocketWait(shim);
    try {
      this.ikePort = this.#openPort(options, options.ikePort, false);
      this.nattPort = options.nattPort === undefined
        ? undefined
        : this.#openPort(options, options.nattPort, true);
    } catch (e) {
      this.#closeAll();
      throw e;
    }
    const smallest = Math.min(...this.#sockets.map((socket) => socket.receiveBufferOctets));
    this.halfOpenMax = Math.max(HALF_OPEN_MIN, Math.floor(smallest / OCTETS_PER_HALF_OPEN));
    this.notes = notesOf(this.#sockets);
  }

  listen(listener: TransportListener): void {
    this.#loop = this.#receive(listener);
  }

  send(octets: Uint8Array, path: Path): void {
    const socket = this.#socketFor(path);
    const marker = socket?.natt ? MARKER_OCTETS : 0, length = marker + octets.length;
    if (!socket || length > PAYLOAD_MAX || this.#closed) return void this.counters.sendErrors++;
    const record = RECORD_OCTETS + (length + 7 & ~7);
    if (this.#queued + record > SEND_OCTETS) this.flush();
    const at = this.#queued, queue = this.#queue, words = this.#queueWords;
    // What was here before must not go out as an address, a scope or a marker.
    queue.fill(0, at, at + RECORD_OCTETS + marker);
    const { peerAddress, ownAddress, peerPort } = path, word = at >> 2;
    words[word + RecordWord.LENGTH] = length;
    words[word + RecordWord.SOCKET] = socket.fd;
    words[word + RecordWord.PEER_PORT] = peerPort;
    words[word + RecordWord.FAMILY] = peerAddress.length;
    if (isLinkLocal(peerAddress)) words[word + RecordWord.SCOPE] = this.#scopeOf(peerAddress);
    queue.set(ownAddress, at + RecordAt.OWN);
    queue.set(peerAddress, at + RecordAt.PEER);
    queue.set(octets, at + RECORD_OCTETS + marker);
    this.#queued = at + record;
  }

  flush(): void {
    if (this.#queued === 0) return;
    const { sent, refused } = sendRecords(this.#shim, this.#queue, this.#queued);
    this.#queued = 0;
    this.counters.sent += sent;
    this.counters.sendErrors += refused;
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
      sent: 0,
      received: 0,
      sendErrors: 0,
      keepalives: 0,
      esp: 0,
      strays: 0,
      get receiveDrops() {
        return drops();
      },
    };
  }

  #drops(): number {
    return this.#sockets.reduce((sum, { fd }) => sum + receiveDropsOf(this.#shim, fd), 0);
  }

  #closeAll(): void {
    for (const { fd } of this.#sockets) closeFd(this.#shim, fd);
    this.#sockets.length = 0;
    this.#wait.close();
  }

  /** One port for both families; 0 takes one that is free in each. */
  #openPort(options: UdpOptions, port: number, natt: boolean): number {
    for (let tries = 1;; tries++) {
      const opened: Socket[] = [];
      try {
        let same = port;
        for (const octets of [4, 16]) {
          const addresses = options.ownAddresses.filter((a) => a.length === octets);
          if (addresses.length === 0) continue;
          this.#openFamily(opened, options, addresses, same, natt);
          same = opened.at(-1)!.port;
        }
        for (const socket of opened) this.#take(socket);
        return same;
      } catch (e) {
        for (const { fd } of opened) closeFd(this.#shim, fd);
        const mayTryAgain = port === 0 && opened.length > 0 && tries < FREE_PORT_TRIES;
        if (!mayTryAgain) throw e;
      }
    }
  }

  /** One socket: at the one address, or at any where there are several. */
  #openFamily(
    opened: Socket[],
    options: UdpOptions,
    addresses: readonly IpAddress[],
    port: number,
    natt: boolean,
  ): void {
    const [first] = addresses;
    const open = (address: IpAddress, at: number) =>
      opened.push(openSocket(this.#shim, options, address, at, natt));
    if (addresses.length === 1) return void open(first!, port);
    const any = first!.length === 4 ? V4_ANY : V6_ANY;
    if (!options.freebind) this.#probe(options, addresses, port, natt);
    try {
      open(any, port);
    } catch (e) {
      // Somebody has the port at one address at least, which may be none of ours.
      const mayStillGo = e instanceof SetupError && port !== 0 &&
        addresses.length <= OWN_SOCKETS_MAX && !addresses.some(isUnspecified);
      if (!mayStillGo) throw e;
      for (const address of addresses) open(address, port);
    }
  }

  /** A socket for any address would not tell of those that no interface has. */
  #probe(
    options: UdpOptions,
    addresses: readonly IpAddress[],
    port: number,
    natt: boolean,
  ): void {
    for (const address of addresses) {
      const wish = wishOf(options, address, 0);
      try {
        const probed = openUdpSocket(this.#shim, { ...wish, receiveBufferOctets: 0, probe: true });
        closeFd(this.#shim, probed.fd);
      } catch (e) {
        throw refusalFor(e, options, { address, port, natt });
      }
    }
  }

  #take(socket: Socket): void {
    this.#wait.add(socket.fd, this.#sockets.length);
    this.#sockets.push(socket);
    this.#byAddress.set(endKey(socket.address, socket.port), socket);
  }

  #socketFor({ ownAddress, ownPort, peerAddress }: Path): Socket | undefined {
    if (ownAddress.length !== peerAddress.length) return undefined;
    const any = ownAddress.length === 4 ? V4_ANY : V6_ANY;
    return this.#byAddress.get(endKey(any, ownPort)) ??
      this.#byAddress.get(endKey(ownAddress, ownPort));
  }

  #scopeOf(address: IpAddress): number {
    return this.#scopes.get(String.fromCharCode(...address)) ?? 0;
  }

  async #receive(listener: TransportListener): Promise<void> {
    let empty = 0;
    try {
      while (!this.#closed) {
        const count = this.#wait.receive(this.#arena);
        if (count > 0) this.#deliver(count, listener);
        empty = count > 0 ? 0 : empty + 1;
        if (empty <= LOOKS) await nextTurn();
        else await this.#wait.wait();
      }
    } catch (e) {
      if (!this.#closed) listener.failed(e);
    }
  }

  #deliver(count: number, listener: TransportListener): void {
    const batch: Datagram[] = [];
    for (let slot = 0; slot < count; slot++) {
      const datagram = this.#datagramAt(slot * SLOT_OCTETS);
      if (datagram) batch.push(datagram);
    }
    if (batch.length > 0) listener.datagrams(batch);
  }

  /** The IKE message of a record; what is none is counted. */
  #datagramAt(at: number): Datagram | undefined {
    const words = this.#arenaWords, word = at >> 2, arena = this.#arena;
    const socket = this.#sockets[words[word + RecordWord.SOCKET]!]!;
    const octets = words[word + RecordWord.FAMILY]!, length = words[word + RecordWord.LENGTH]!;
    this.counters.received++;
    const own = this.#ownAt(at, octets, words[word + RecordWord.FLAGS]!, socket);
    if (!own) return void this.counters.strays++;
    const start = at + RECORD_OCTETS;
    let payload = arena.subarray(start, start + length);
    // An IKE message behind a non-ESP marker is taken at any port: some peers float early.
    const encapsulated = socket.natt || hasMarker(payload);
    if (encapsulated) {
      const kind = kindOf(payload);
      if (kind === "keepalive") this.counters.keepalives++;
      if (kind === "esp") this.counters.esp++;
      if (kind !== "ike") return undefined;
      payload = arena.subarray(start + MARKER_OCTETS, start + length);
    }
    const peerAddress = this.#book.get(arena, at + RecordAt.PEER, octets);
    const scope = words[word + RecordWord.SCOPE]!;
    if (scope > 0 && this.#scopes.size < SCOPES_MAX) {
      this.#scopes.set(String.fromCharCode(...peerAddress), scope);
    }
    const peerPort = words[word + RecordWord.PEER_PORT]!;
    const path = { ownAddress: own, ownPort: socket.port, peerAddress, peerPort };
    return { octets: payload, path, encapsulated };
  }

  /** The own address a record was sent to, where it is one of ours. */
  #ownAt(at: number, octets: number, flags: number, socket: Socket): IpAddress | undefined {
    if (flags & RecordFlag.TRUNCATED) return undefined;
    if (!isUnspecified(socket.address)) return socket.address;
    if (flags & RecordFlag.NO_OWN) return undefined;
    const { OWN } = RecordAt;
    if (this.#own) return this.#own.find(this.#arena, at + OWN, octets);
    return this.#book.get(this.#arena, at + OWN, octets);
  }
}

function openSocket(
  shim: ShimSymbols,
  options: UdpOptions,
  address: IpAddress,
  port: number,
  natt: boolean,
): Socket {
  try {
    return { ...openUdpSocket(shim, wishOf(options, address, port)), natt, address };
  } catch (e) {
    throw refusalFor(e, options, { address, port, natt });
  }
}

function wishOf(options: UdpOptions, address: IpAddress, port: number): UdpSocketWish {
  const { namespace, freebind, receiveBufferOctets = RECEIVE_BUFFER_OCTETS } = options;
  const namespacePath = namespace?.includes("/")
    ? namespace
    : namespace && `/run/netns/${namespace}`;
  return { address, port, namespacePath, freebind, receiveBufferOctets };
}

/** What the system said, in words of the setup; what it did not say stays as it is. */
function refusalFor(
  e: unknown,
  { namespace }: UdpOptions,
  end: { readonly address: IpAddress; readonly port: number; readonly natt: boolean },
): unknown {
  if (!(e instanceof SystemError)) return e;
  return refusalOf({ ...end, namespace, syscall: e.syscall, errno: e.errno });
}

/** Addresses that are ours; undefined where any is. */
function ownBook(addresses: readonly IpAddress[]): AddressBook | undefined {
  if (addresses.some(isUnspecified)) return undefined;
  return new AddressBook(addresses);
}

function notesOf(sockets: readonly Socket[]): string[] {
  const refused = sockets.find((socket) => socket.bypassRefused)?.bypassRefused;
  return refused === undefined ? [] : [
    `IPsec policies of this machine apply to IKE as well: no bypass for our sockets (${refused}; ` +
    "it needs CAP_NET_ADMIN and a kernel with XFRM)",
  ];
}

function isLinkLocal(address: IpAddress): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}

function endKey(address: IpAddress, port: number): string {
  return `${String.fromCharCode(...address)}${port}`;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
