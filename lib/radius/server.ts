/**
 * The socket of a RADIUS server. A handler decides about the replies.
 * @module
 */
import { SystemError, systemWords } from "@/base/errors.ts";
import type { RadiusReply } from "@/eap/radius/front_end.ts";
import { WorkSlice } from "@/native/iterations.ts";
import { type RadiusAddress, showRadiusAddress } from "@/radius/sockets.ts";

/** Decides about the replies: a `RadiusFrontEnd`, or a capture that is replayed. */
export interface RadiusHandler {
  /** See `RadiusFrontEnd.receive`. */
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
  /** Lets the rest of the process run while many datagrams are waiting. */
  readonly #slice = new WorkSlice();
  #closed = false;

  /**
   * Listens at an address, where port 0 stands for any free port. `noted` is called with the
   * notes of replies. @throws {SystemError} if the system refuses.
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

  /** The address at which it listens. */
  get address(): RadiusAddress {
    const { hostname, port } = this.#conn.addr as Deno.NetAddr;
    return { hostname, port };
  }

  /** Stops listening, after pending replies have been sent. */
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
