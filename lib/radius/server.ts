/**
 * A RADIUS server's socket: datagrams in, replies out. What is replied is decided behind it.
 * @module
 */
import { SystemError, systemWords } from "@/base/errors.ts";
import type { RadiusReply } from "@/eap/radius/face.ts";
import { WorkSlice } from "@/native/iterations.ts";
import { type RadiusAddress, showRadiusAddress } from "@/radius/sockets.ts";

/** Who decides: `RadiusFace`, or a capture that is replayed. */
export interface RadiusHandler {
  /** See `RadiusFace.receive`. */
  receive(
    datagram: Uint8Array,
    from: string,
    nowMs: number,
  ): RadiusReply | Promise<RadiusReply>;
}

const DATAGRAM_MAX = 4_096;

/** A server that listens until it is closed. */
export class RadiusServer {
  readonly #conn: Deno.DatagramConn;
  readonly #handler: RadiusHandler;
  readonly #noted: (note: string, from: string) => void;
  readonly #loop: Promise<void>;
  readonly #replies = new Set<Promise<void>>();
  /** Datagrams that wait leave the rest of the process its turns. */
  readonly #slice = new WorkSlice();
  #closed = false;

  /**
   * Listens at an address; port 0 takes a free one. `noted` hears what replies say beside.
   * @throws {SystemError} where the system refuses.
   */
  constructor(
    address: RadiusAddress,
    handler: RadiusHandler,
    noted: (note: string, from: string) => void = () => {},
  ) {
    this.#handler = handler;
    this.#noted = noted;
    const { hostname, port } = address;
    try {
      this.#conn = Deno.listenDatagram({ transport: "udp", hostname, port });
    } catch (e) {
      const why = `Cannot listen for RADIUS at ${showRadiusAddress(address)}: ${systemWords(e)}`;
      throw new SystemError(why, "bind", e instanceof Error ? e.name : "");
    }
    this.#loop = this.#receive();
  }

  /** Where it listens. */
  get address(): RadiusAddress {
    const { hostname, port } = this.#conn.addr as Deno.NetAddr;
    return { hostname, port };
  }

  /** Ends it, with the replies that are on their way. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
    await this.#loop;
    await Promise.all(this.#replies);
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(DATAGRAM_MAX);
    while (!this.#closed) {
      try {
        const [octets, from] = await this.#conn.receive(buffer);
        const beganMs = performance.now();
        const reply = this.#answer(octets.slice(), from as Deno.NetAddr);
        this.#replies.add(reply);
        reply.finally(() => this.#replies.delete(reply));
        await this.#slice.spent(performance.now() - beganMs);
      } catch (e) {
        if (this.#closed) return;
        if (e instanceof Deno.errors.ConnectionRefused) continue;
        if (e instanceof Deno.errors.ConnectionReset) continue;
        throw e;
      }
    }
  }

  async #answer(octets: Uint8Array, from: Deno.NetAddr): Promise<void> {
    const name = showRadiusAddress(from);
    const { octets: reply, note } = await this.#handler.receive(octets, name, performance.now());
    if (note !== undefined) this.#noted(note, name);
    if (!reply || this.#closed) return;
    const { hostname, port } = from;
    await this.#conn.send(reply, { transport: "udp", hostname, port }).catch((e) => {
      if (!this.#closed) this.#noted(`the reply is not sent: ${systemWords(e)}`, name);
    });
  }
}
