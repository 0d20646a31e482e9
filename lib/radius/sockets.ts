/**
 * The UDP sockets of a RADIUS client. A response belongs to a request by its socket and its
 * identifier of one octet (RFC 2865 §2.5), so more sockets are opened for more concurrent requests.
 * @module
 */
import { parseAddress, showAddress } from "@/base/address.ts";
import { systemWords } from "@/base/errors.ts";
import { WorkSlice } from "@/native/iterations.ts";

/** The most sockets of one client, each with up to 256 requests. */
const SOCKETS_MAX = 64;
const IDENTIFIERS = 256;
const DATAGRAM_MAX = 4_096;

/** The address of a server. */
export interface RadiusAddress {
  /** IP address without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** `10.0.0.1:1812`, `[2001:db8::1]:1812`. */
export function showRadiusAddress({ hostname, port }: RadiusAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** An identifier on a socket, reserved for one request. */
export interface RadiusSlot {
  /** uint8. */
  readonly identifier: number;
  /** Sends a datagram to the server. Rejects if the system refuses. */
  send(octets: Uint8Array): Promise<unknown>;
  /** Is called with each datagram of the server that has this identifier. */
  heard: (octets: Uint8Array) => void;
  /** Releases the identifier. */
  free(): void;
}

interface Socket {
  readonly conn: Deno.DatagramConn;
  readonly slots: (RadiusSlot | undefined)[];
  used: number;
  /**
   * The identifier to try next, which has been free for the longest time, as late answers may still
   * come for others.
   */
  next: number;
}

/** All sockets to one server. */
export class RadiusSockets {
  readonly #server: RadiusAddress;
  readonly #bind: string;
  readonly #sockets: Socket[] = [];
  readonly #loops: Promise<void>[] = [];
  /** Lets the rest of the process run while many datagrams are waiting in the sockets. */
  readonly #slice = new WorkSlice();
  #closed = false;
  /** The number of datagrams that came from other addresses or answered no request. */
  strays = 0;

  /** `bind` is the own address; empty for any. */
  constructor(server: RadiusAddress, bind: string) {
    const address = parseAddress(server.hostname);
    // The address is written as the system writes it, as it is compared with that of answers.
    this.#server = address ? { ...server, hostname: showAddress(address) } : server;
    this.#bind = bind || (server.hostname.includes(":") ? "::" : "0.0.0.0");
  }

  /** Reserves an identifier for a request; returns the reason as text if there is none. */
  slot(): RadiusSlot | string {
    if (this.#closed) return "the client is closed";
    let socket = this.#sockets.find(({ used }) => used < IDENTIFIERS);
    if (!socket) {
      if (this.#sockets.length >= SOCKETS_MAX) {
        return `${SOCKETS_MAX * IDENTIFIERS} requests are on their way`;
      }
      try {
        socket = this.#open();
      } catch (e) {
        return `no UDP socket at ${this.#bind}: ${systemWords(e)}`;
      }
    }
    return this.#take(socket);
  }

  /** Closes all sockets; pending requests get no answer. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { conn } of this.#sockets) conn.close();
    await Promise.all(this.#loops);
    this.#sockets.length = 0;
  }

  #open(): Socket {
    const conn = Deno.listenDatagram({ transport: "udp", hostname: this.#bind, port: 0 });
    const socket: Socket = { conn, slots: new Array(IDENTIFIERS), used: 0, next: 0 };
    this.#sockets.push(socket);
    this.#loops.push(this.#receive(socket));
    return socket;
  }

  #take(socket: Socket): RadiusSlot {
    while (socket.slots[socket.next]) socket.next = (socket.next + 1) % IDENTIFIERS;
    const identifier = socket.next;
    const { hostname, port } = this.#server;
    socket.next = (identifier + 1) % IDENTIFIERS;
    socket.used++;
    const slot: RadiusSlot = {
      identifier,
      send: (octets) => socket.conn.send(octets, { transport: "udp", hostname, port }),
      heard: () => {},
      free: () => {
        if (socket.slots[identifier] !== slot) return;
        socket.slots[identifier] = undefined;
        socket.used--;
      },
    };
    return socket.slots[identifier] = slot;
  }

  async #receive({ conn, slots }: Socket): Promise<void> {
    const buffer = new Uint8Array(DATAGRAM_MAX);
    while (!this.#closed) {
      try {
        const [octets, from] = await conn.receive(buffer);
        const beganMs = performance.now();
        const { hostname, port } = from as Deno.NetAddr;
        const slot = octets.length > 1 ? slots[octets[1]!] : undefined;
        const isServer = hostname === this.#server.hostname && port === this.#server.port;
        if (slot && isServer) slot.heard(octets.slice());
        else this.strays++;
        await this.#slice.spent(performance.now() - beganMs);
      } catch (e) {
        if (this.#closed) return;
        // ICMP reported an error of an earlier datagram; unanswered requests are sent again anyway.
        if (e instanceof Deno.errors.ConnectionRefused) continue;
        if (e instanceof Deno.errors.ConnectionReset) continue;
        throw e;
      }
    }
  }
}
