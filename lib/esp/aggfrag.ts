/**
 * AGGFRAG_PAYLOAD, the payload of ESP in which packets are aggregated and fragmented (IP-TFS, RFC 9347 §6.1).
 * Data blocks follow the header: whole packets, the end or the beginning of one, and padding at last.
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Sub-Type (0) |   Reserved    |          BlockOffset          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |       DataBlocks ...
 * ```
 *
 * BlockOffset says where the first data block begins that is no continuation of the payload before; it may be
 * behind the end of this payload. The header of Sub-Type 1 has 20 octets more for congestion control, which are
 * read and not evaluated.
 * @module
 */

/** The Next Header of ESP with this payload. */
export const AGGFRAG_NEXT_HEADER = 144;
/** Octets of the header of Sub-Type 0. */
export const AGGFRAG_HEADER_OCTETS = 4;
const CONTROL_HEADER_OCTETS = 24;
/** The most octets that wait to be sent. */
const QUEUE_OCTETS_MAX = 1 << 20;
/** The most packets that wait to be sent. */
const QUEUE_PACKETS_MAX = 4_096;
/** Octets of the largest packet: an IPv6 header and its payload. */
const PACKET_OCTETS_MAX = 40 + 65_535;
const NOTHING = new Uint8Array(0);
/** The most payloads that are kept until those that they have overtaken arrive. */
export const REORDER_WINDOW = 3;

/** Makes payloads of packets. */
export class AggfragSender {
  readonly #fragments: boolean;
  readonly #tooBig: () => void;
  #queue: Uint8Array[] = [];
  #next = 0;
  #octets = 0;
  /** Octets of the next packet that are sent already. */
  #sent = 0;
  /** Octets of padding in all payloads so far. */
  padding = 0;

  /**
   * `fragments`: whether the other end takes packets in fragments; `tooBig` is called for each packet that is
   * dropped, as it may not be in fragments and payloads have become too small for it.
   */
  constructor(fragments: boolean, tooBig: () => void = () => {}) {
    this.#fragments = fragments;
    this.#tooBig = tooBig;
  }

  /** Whether packets wait, or the rest of one. */
  get isWaiting(): boolean {
    return this.#next < this.#queue.length;
  }

  /** Adds a packet, which is copied. False: too many wait already. */
  add(packet: Uint8Array): boolean {
    const count = this.#queue.length - this.#next;
    if (count >= QUEUE_PACKETS_MAX || this.#octets + packet.length > QUEUE_OCTETS_MAX) return false;
    this.#queue.push(packet.slice());
    this.#octets += packet.length;
    return true;
  }

  /**
   * Writes the next payload to the start of `out`, and fills it with padding if `fills` is set; returns its
   * octets. `out` is as long as a payload may be. A packet that may not be in fragments and does not fit into
   * it is dropped, as it would keep all others waiting.
   */
  take(out: Uint8Array, fills: boolean): number {
    const left = this.isWaiting ? this.#queue[this.#next]!.length - this.#sent : 0;
    const offset = this.#sent > 0 ? left : 0;
    out[0] = out[1] = 0;
    out[2] = offset >> 8;
    out[3] = offset;
    let at = AGGFRAG_HEADER_OCTETS;
    while (this.isWaiting && at < out.length) {
      const packet = this.#queue[this.#next]!;
      const rest = packet.subarray(this.#sent);
      const room = out.length - at;
      if (rest.length > room && !this.#fragments) {
        if (at > AGGFRAG_HEADER_OCTETS) break;
        this.#tooBig();
        this.#shift();
        continue;
      }
      const part = rest.subarray(0, room);
      out.set(part, at);
      at += part.length;
      if (part.length < rest.length) this.#sent += part.length;
      else this.#shift();
    }
    if (!fills) return at;
    out.fill(0, at);
    this.padding += out.length - at;
    return out.length;
  }

  #shift(): void {
    this.#octets -= this.#queue[this.#next++]!.length;
    this.#sent = 0;
    if (this.#next < 1_024 && this.#next < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#next);
    this.#next = 0;
  }
}

/** What becomes of payloads at the receiver. */
export interface AggfragListener {
  /** Takes a whole packet, which is at `at`, as long as the call lasts. */
  packet(buffer: Uint8Array, at: number, octets: number): void;
  /** A payload or a data block is malformed. */
  malformed(): void;
  /** Fragments of a packet are dropped, as others of it did not come. */
  incomplete(): void;
}

/** A payload that has overtaken others. */
interface Early {
  readonly payload: Uint8Array;
  readonly sinceMs: number;
}

/** Makes packets of payloads, in the order of their sequence numbers (RFC 9347 §2.2.3). */
export class AggfragReceiver {
  readonly #listener: AggfragListener;
  /** The sequence number of the next payload; 0: none has arrived. */
  #expected = 0;
  readonly #early = new Map<number, Early>();
  /** The beginning of a packet that continues in the next payload. */
  #begun = NOTHING;
  /** Octets of it that have arrived; those behind them in `#begun` are room for more. */
  #begunOctets = 0;

  constructor(listener: AggfragListener) {
    this.#listener = listener;
  }

  /** Whether payloads wait for those that they have overtaken. */
  get isWaiting(): boolean {
    return this.#early.size > 0;
  }

  /** Takes the payload of the ESP packet with this sequence number. */
  receive(sequence: number, payload: Uint8Array, nowMs: number): void {
    if (this.#expected === 0 || sequence === this.#expected) {
      this.#expected = sequence + 1;
      this.#read(payload);
      return this.#readEarly();
    }
    // A late one was given up already: of its data blocks, only whole packets can be used.
    if (sequence < this.#expected) return this.#readAlone(payload);
    this.#early.set(sequence, { payload: payload.slice(), sinceMs: nowMs });
    if (this.#early.size > REORDER_WINDOW) this.#skip();
  }

  /** Gives up payloads that others have waited for since `sinceMs` or longer. */
  expire(sinceMs: number): void {
    while ([...this.#early.values()].some((early) => early.sinceMs <= sinceMs)) this.#skip();
  }

  /** Continues behind the payloads that are missing. */
  #skip(): void {
    this.#forget();
    this.#expected = Math.min(...this.#early.keys());
    this.#readEarly();
  }

  #readEarly(): void {
    for (;;) {
      const early = this.#early.get(this.#expected);
      if (!early) return;
      this.#early.delete(this.#expected++);
      this.#read(early.payload);
    }
  }

  #readAlone(payload: Uint8Array): void {
    const before = [this.#begun, this.#begunOctets] as const;
    [this.#begun, this.#begunOctets] = [NOTHING, 0];
    this.#read(payload);
    [this.#begun, this.#begunOctets] = before;
  }

  #forget(): void {
    if (this.#begunOctets > 0) this.#listener.incomplete();
    this.#begun = NOTHING;
    this.#begunOctets = 0;
  }

  #read(payload: Uint8Array): void {
    const type = payload[0];
    const header = type === 0 ? AGGFRAG_HEADER_OCTETS : CONTROL_HEADER_OCTETS;
    if (type === undefined || type > 1 || payload.length < header) {
      return this.#listener.malformed();
    }
    const offset = payload[2]! << 8 | payload[3]!;
    // It announces the rest of a packet, and has not one octet of it.
    if (offset > 0 && payload.length === header) return this.#listener.malformed();
    const end = header + offset;
    if (this.#begunOctets > 0 && !this.#continue(payload, header, offset)) return;
    this.#readBlocks(payload, end);
  }

  /** Adds to the packet that was begun. False: nothing else is in the payload. */
  #continue(payload: Uint8Array, at: number, offset: number): boolean {
    const isPadding = offset === 0 && (at === payload.length || payload[at]! >> 4 === 0);
    // A sender may insert payloads of padding alone between the fragments of a packet.
    if (isPadding) return false;
    if (offset === 0) {
      this.#forget();
      return true;
    }
    this.#add(payload.subarray(at, at + offset));
    if (at + offset > payload.length) return false;
    const packet = this.#begun.subarray(0, this.#begunOctets);
    this.#begun = NOTHING;
    this.#begunOctets = 0;
    if (packetOctets(packet, 0, packet.length) === packet.length) {
      this.#listener.packet(packet, 0, packet.length);
    } else this.#listener.malformed();
    return true;
  }

  #add(part: Uint8Array): void {
    const octets = this.#begunOctets + part.length;
    if (octets > PACKET_OCTETS_MAX) return this.#forget();
    if (octets > this.#begun.length) this.#grow(octets);
    this.#begun.set(part, this.#begunOctets);
    this.#begunOctets = octets;
  }

  /** Makes room for so many octets, and for as many again, as others follow. */
  #grow(octets: number): void {
    const grown = new Uint8Array(Math.min(2 * octets, PACKET_OCTETS_MAX));
    grown.set(this.#begun.subarray(0, this.#begunOctets));
    this.#begun = grown;
  }

  #readBlocks(payload: Uint8Array, start: number): void {
    let at = start;
    while (at < payload.length) {
      if (payload[at]! >> 4 === 0) return; // Padding reaches to the end.
      const octets = packetOctets(payload, at, payload.length);
      if (octets === "malformed") return this.#listener.malformed();
      if (octets === "unknown" || at + octets > payload.length) {
        return this.#add(payload.subarray(at));
      }
      this.#listener.packet(payload, at, octets);
      at += octets;
    }
  }
}

/** Octets of the packet at `at`; unknown if its length is behind the end. */
function packetOctets(
  buffer: Uint8Array,
  at: number,
  end: number,
): number | "unknown" | "malformed" {
  const version = buffer[at]! >> 4;
  const lengthAt = version === 4 ? at + 2 : version === 6 ? at + 4 : undefined;
  if (lengthAt === undefined) return "malformed";
  if (lengthAt + 2 > end) return "unknown";
  const length = buffer[lengthAt]! << 8 | buffer[lengthAt + 1]!;
  if (version === 6) return 40 + length;
  return length < 20 ? "malformed" : length;
}
