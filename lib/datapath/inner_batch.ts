/**
 * Inner packets of our own that leave through tunnels together.
 * @module
 */
import { allowFragmentation, HEADERS_OCTETS_MAX, writeInner } from "@/datapath/inner_packet.ts";
import type { InnerPackets } from "@/datapath/inner_packets.ts";

/** The most packets of one batch. */
const BATCH = 64;

/** Packets that wait to be sent. */
export class InnerBatch {
  /** Number of packets that no tunnel took. */
  unsent = 0;
  readonly #inner: InnerPackets;
  /** Room for the packets of a batch, each as large as the largest that it has had. */
  readonly #rooms: Uint8Array[] = [];
  #waiting: Uint8Array[] = [];
  #identification = 0;

  constructor(inner: InnerPackets) {
    this.#inner = inner;
  }

  /** Adds a packet, which may be fragmented on its way, and is sent at the latest with the flush. */
  add(
    ends: Parameters<typeof writeInner>[1],
    upper: Parameters<typeof writeInner>[2],
  ): void {
    if (this.#waiting.length === BATCH) this.flush();
    const nth = this.#waiting.length;
    const most = HEADERS_OCTETS_MAX + upper.payload.length;
    const known = this.#rooms[nth];
    const room = known && known.length >= most ? known : this.#rooms[nth] = new Uint8Array(most);
    const packet = room.subarray(0, writeInner(room, ends, upper));
    this.#identification = this.#identification + 1 & 0xffff;
    allowFragmentation(packet, this.#identification);
    this.#waiting.push(packet);
  }

  /** Sends the packets that wait. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    const packets = this.#waiting;
    this.#waiting = [];
    this.unsent += this.#inner.send(packets);
  }
}
