/**
 * UDP by `Deno.listenDatagram`, which works everywhere without the shim. Each own address and port has a
 * socket with the system's default receive buffer, which a burst of datagrams overruns.
 * @module
 */
import {
  type IpAddress,
  isLinkLocal,
  parseAddress,
  type Path,
  showAddress,
} from "@/base/address.ts";
import { octetsKey } from "@/base/bytes.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import { SetupError } from "@/base/errors.ts";
import { WorkSlice } from "@/native/iterations.ts";
import {
  isMarkedAtIkePort,
  KEEPALIVE,
  kindOf,
  MARKER_OCTETS,
  withMarker,
} from "@/transport/non_esp_marker.ts";
import { refusalOf } from "@/transport/refusal.ts";
import {
  refusedDatagram,
  SendErrorCounts,
  unroutableDatagram,
  whyNoDatagram,
} from "@/transport/send_errors.ts";
import {
  noDatagrams,
  type Transport,
  type TransportCounters,
  type TransportListener,
  type UdpOptions,
} from "@/transport/transport.ts";

/** The largest UDP payload. */
const PAYLOAD_MAX = 65_535;
/** The most tunnels to set up at a time, so that a receive buffer of 208 KB holds their messages. */
const HALF_OPEN_MAX = 64;
/** The most attempts to find a port that is free at all own addresses. */
const FREE_PORT_TRIES = 20;

interface Socket {
  readonly conn: Deno.DatagramConn;
  readonly address: IpAddress;
  readonly port: number;
  readonly natt: boolean;
}

/**
 * Opens the sockets.
 * @throws {SetupError} naming the option if the setup can be changed to avoid it.
 * @throws {SystemError} otherwise.
 */
export function openPortableUdp(options: UdpOptions): Transport {
  const { namespace, freebind } = options;
  if (namespace !== undefined || freebind) {
    const what = freebind ? "addresses that no interface has" : `the namespace ${namespace}`;
    throw new SetupError(`Cannot open sockets for ${what} by the portable transport`);
  }
  return new PortableUdp(options);
}

class PortableUdp implements Transport {
  readonly name = "portable";
  readonly halfOpenMax = HALF_OPEN_MAX;
  readonly counters: TransportCounters = noDatagrams();
  readonly ikePort: number;
  readonly nattPort: number | undefined;
  /** Sends ESP; the traffic class of packets is left to the system. */
  readonly esp: EspCarrier = {
    receiver: undefined,
    send: (packet, path) => {
      const socket = this.#socketFor(path);
      const natt = socket?.natt ? socket : undefined;
      this.#put(natt, packet.slice(), { path, isIke: false });
    },
    flush: () => {},
  };
  readonly sendErrors = new SendErrorCounts();
  readonly #sockets: Socket[] = [];
  /** Sockets by own address and port. */
  readonly #byEnd = new Map<string, Socket>();
  /** Addresses by the text that the system gives for them, so that each is parsed once. */
  readonly #addresses = new Map<string, IpAddress>();
  /** Texts of addresses, by their octets. */
  readonly #hostnames = new Map<string, string>();
  readonly #loops: Promise<void>[] = [];
  /**
   * The time slice that all sockets share, so that the rest of the process has its turns even during a flood.
   */
  readonly #slice = new WorkSlice();
  readonly #sends = new Set<Promise<unknown>>();
  #closed = false;

  readonly #linkLocalInterface: string | undefined;

  constructor({ ownAddresses, ikePort, nattPort, linkLocalInterface }: UdpOptions) {
    this.#linkLocalInterface = linkLocalInterface;
    try {
      this.ikePort = this.#openAll(ownAddresses, ikePort, false);
      this.nattPort = nattPort === undefined
        ? undefined
        : this.#openAll(ownAddresses, nattPort, true);
    } catch (e) {
      this.#closeSockets();
      throw e;
    }
  }

  listen(listener: TransportListener): void {
    for (const socket of this.#sockets) this.#loops.push(this.#receive(socket, listener));
  }

  send(octets: Uint8Array, path: Path): void {
    const socket = this.#socketFor(path);
    this.#put(socket, socket?.natt ? withMarker(octets) : octets, { path, isIke: true });
  }

  keepalive(path: Path): void {
    const socket = this.#socketFor(path);
    if (socket?.natt) this.counters.keepalivesSent++;
    this.#put(socket?.natt ? socket : undefined, KEEPALIVE, { path, isIke: false });
  }

  #socketFor({ ownAddress, ownPort }: Path): Socket | undefined {
    return this.#closed ? undefined : this.#byEnd.get(endKey(ownAddress, ownPort));
  }

  #put(
    socket: Socket | undefined,
    payload: Uint8Array,
    { path, isIke }: { readonly path: Path; readonly isIke: boolean },
  ): void {
    const { peerPort, peerAddress } = path;
    const length = payload.length;
    const unsentIke = isIke ? 1 : 0;
    if (!socket) {
      this.counters.sendErrors++;
      const known = { isClosed: this.#closed, hasSocket: false, length, peerPort };
      return this.sendErrors.add(unroutableDatagram(path, whyNoDatagram(known), unsentIke));
    }
    const to = { hostname: this.#hostnameOf(peerAddress), port: peerPort } as const;
    const sent = socket.conn.send(payload, { transport: "udp", ...to })
      .then(() => void this.counters.sent++, (e) => {
        this.counters.sendErrors++;
        this.sendErrors.add(refusedDatagram(path, errnoOf(e), { unsentIke }));
      })
      .finally(() => this.#sends.delete(sent));
    this.#sends.add(sent);
  }

  flush(): void {}

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#sends);
    this.#closeSockets();
    await Promise.all(this.#loops);
  }

  #closeSockets(): void {
    for (const { conn } of this.#sockets) conn.close();
  }

  /** Opens one port at all addresses; 0 means a port that is free at each. */
  #openAll(addresses: readonly IpAddress[], port: number, natt: boolean): number {
    for (let tries = 1;; tries++) {
      const opened: Socket[] = [];
      try {
        let same = port;
        for (const address of addresses) {
          const socket = openSocket({ address, port: same, natt }, this.#linkLocalInterface);
          same = socket.port;
          opened.push(socket);
        }
        this.#sockets.push(...opened);
        for (const s of opened) this.#byEnd.set(endKey(s.address, s.port), s);
        return same;
      } catch (e) {
        for (const { conn } of opened) conn.close();
        const mayTryAgain = port === 0 && opened.length > 0 && tries < FREE_PORT_TRIES;
        if (!mayTryAgain) throw e;
      }
    }
  }

  async #receive(socket: Socket, listener: TransportListener): Promise<void> {
    const buffer = new Uint8Array(PAYLOAD_MAX);
    while (!this.#closed) {
      try {
        const [octets, from] = await socket.conn.receive(buffer);
        const beganMs = performance.now();
        // The buffer is used again, while the core keeps views of a message for as long as it needs them.
        this.#arrived(socket, octets.slice(), from as Deno.NetAddr, listener);
        await this.#slice.spent(performance.now() - beganMs);
      } catch (e) {
        if (this.#closed) return;
        // An ICMP error about an earlier datagram does not make the socket unusable.
        if (e instanceof Deno.errors.ConnectionRefused) continue;
        if (e instanceof Deno.errors.ConnectionReset) continue;
        return listener.failed(e);
      }
    }
  }

  #arrived(
    socket: Socket,
    payload: Uint8Array,
    from: Deno.NetAddr,
    listener: TransportListener,
  ): void {
    this.counters.received++;
    const encapsulated = socket.natt || isMarkedAtIkePort(payload);
    if (encapsulated) {
      const kind = kindOf(payload);
      if (kind === "keepalive") this.counters.keepalives++;
      if (kind === "esp") {
        this.counters.esp++;
        const origin = { address: this.#addressOf(from.hostname), port: from.port };
        this.esp.receiver?.packet(payload, 0, payload.length, 0, origin);
        this.esp.receiver?.batchEnds();
      }
      if (kind !== "ike") return;
    }
    const path = {
      ownAddress: socket.address,
      ownPort: socket.port,
      peerAddress: this.#addressOf(from.hostname),
      peerPort: from.port,
    };
    const octets = encapsulated ? payload.subarray(MARKER_OCTETS) : payload;
    listener.datagrams([{ octets, path, encapsulated }]);
  }

  #addressOf(hostname: string): IpAddress {
    let address = this.#addresses.get(hostname);
    if (!address) {
      address = parseAddress(hostname.replace(/%.*/, "")) ?? new Uint8Array(4);
      remember(this.#addresses, hostname, address);
    }
    return address;
  }

  #hostnameOf(address: IpAddress): string {
    const key = octetsKey(address);
    let hostname = this.#hostnames.get(key);
    if (!hostname) remember(this.#hostnames, key, hostname = showAddress(address));
    return hostname;
  }
}

/** The most addresses that are cached, so that strangers cannot fill the memory with theirs. */
const REMEMBERED_MAX = 100_000;

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= REMEMBERED_MAX) map.clear();
  map.set(key, value);
}

function endKey(address: IpAddress, port: number): string {
  return `${octetsKey(address)}${port}`;
}

function openSocket(
  { address, port, natt }: Pick<Socket, "address" | "port" | "natt">,
  linkLocalInterface: string | undefined,
): Socket {
  const zone = isLinkLocal(address) && linkLocalInterface ? `%${linkLocalInterface}` : "";
  const hostname = showAddress(address) + zone;
  try {
    const conn = Deno.listenDatagram({ transport: "udp", hostname, port });
    return { conn, address, port: (conn.addr as Deno.NetAddr).port, natt };
  } catch (e) {
    throw refusalOf({ address, port, natt, syscall: "bind", errno: errnoOf(e) });
  }
}

/** The errno name of an error, or its message if the runtime gives none. */
function errnoOf(e: unknown): string {
  const code = (e as { readonly code?: unknown }).code;
  if (typeof code === "string") return code;
  return e instanceof Error ? e.message : String(e);
}
