/**
 * Counts what becomes of packets while something happens to their tunnel. Each flow is in one phase at a time,
 * which covers a range of sequence numbers.
 * @module
 */

/** What may happen to a tunnel, apart from nothing. */
export const PHASES = ["setup", "rekey", "move", "outage"] as const;
/** A phase. */
export type Phase = typeof PHASES[number];

/** Milliseconds for which a phase goes on after the event. */
export const AFTER_MS = 1_000;
const CAPACITY_MIN = 64;
/** The end of a range that goes on. */
const OPEN = 0xffffffff;

/** Packets of a phase. */
export interface PhaseCounts {
  sent: number;
  received: number;
}

/** What the phases have to know of the packets of a flow. */
export interface PhasePackets {
  /** Sequence number of the next packet. */
  readonly next: (flow: number) => number;
  /** Whether one has come back. */
  readonly hasSeen: (flow: number, sequence: number) => boolean;
  /** The most packets before an event that are looked at. */
  readonly backMax: number;
}

/** The phases of all flows. */
export class FlowPhases {
  readonly counts: Readonly<Record<Phase, PhaseCounts>> = {
    setup: { sent: 0, received: 0 },
    rekey: { sent: 0, received: 0 },
    move: { sent: 0, received: 0 },
    outage: { sent: 0, received: 0 },
  };
  readonly #packets: PhasePackets;
  #kind = new Uint8Array(CAPACITY_MIN);
  #from = new Uint32Array(CAPACITY_MIN);
  /** The first sequence number after the range. */
  #to = new Uint32Array(CAPACITY_MIN);
  /** When the range ends, on the driver's clock; Infinity: not before {@linkcode FlowPhases.close}. */
  #endMs = new Float64Array(CAPACITY_MIN);
  /** Ranges that end at a time, the first first; a range that was prolonged is put at the end again. */
  #ending: { readonly flow: number; readonly atMs: number }[] = [];
  #isEnding = new Uint8Array(CAPACITY_MIN);

  constructor(packets: PhasePackets) {
    this.#packets = packets;
  }

  /** Makes room for a flow. */
  reach(flow: number): void {
    while (flow >= this.#kind.length) this.#grow();
  }

  /**
   * Something happens to the tunnel of a flow. Without `nowMs` the phase goes on until it is closed, else
   * {@linkcode AFTER_MS} longer. What was sent shortly before belongs to it, unless it came in an earlier phase.
   */
  begin(flow: number, phase: Phase, nowMs = Infinity): void {
    const isSame = this.#to[flow] === OPEN && PHASES[this.#kind[flow]!] === phase;
    if (!isSame) this.#take(flow, phase);
    this.#endMs[flow] = nowMs + AFTER_MS;
    if (nowMs === Infinity || this.#isEnding[flow] === 1) return;
    this.#isEnding[flow] = 1;
    this.#ending.push({ flow, atMs: nowMs + AFTER_MS });
  }

  /** Ends the phase of a flow. */
  close(flow: number): void {
    if (this.#to[flow] === OPEN) this.#to[flow] = this.#packets.next(flow);
  }

  /** Ends the phases whose time has come. */
  advance(nowMs: number): void {
    while (this.#ending.length > 0 && this.#ending[0]!.atMs <= nowMs) {
      const { flow } = this.#ending.shift()!;
      const endMs = this.#endMs[flow]!;
      this.#isEnding[flow] = 0;
      if (endMs <= nowMs) this.close(flow);
      else if (endMs !== Infinity) {
        this.#isEnding[flow] = 1;
        this.#ending.push({ flow, atMs: endMs });
      }
    }
  }

  /** Counts a packet that is sent. */
  sent(flow: number): void {
    if (this.#to[flow] === OPEN) this.counts[PHASES[this.#kind[flow]!]!].sent++;
  }

  /** Counts a packet that came; returns the phase in which it was sent. */
  received(flow: number, sequence: number): Phase | undefined {
    const to = this.#to[flow]!;
    if (sequence < this.#from[flow]! || sequence >= to) return undefined;
    const phase = PHASES[this.#kind[flow]!]!;
    this.counts[phase].received++;
    return phase;
  }

  /** Begins a range. Packets of the range before it that have not come yet are counted in this one. */
  #take(flow: number, phase: Phase): void {
    const { next, hasSeen, backMax } = this.#packets;
    const end = next(flow);
    const start = Math.max(0, end - backMax);
    const counts = this.counts[phase];
    const before = this.counts[PHASES[this.#kind[flow]!]!];
    for (let one = start; one < end; one++) {
      const wasCounted = one >= this.#from[flow]! && one < this.#to[flow]!;
      const hasCome = hasSeen(flow, one);
      if (wasCounted && hasCome) continue;
      if (wasCounted) before.sent--;
      counts.sent++;
      if (hasCome) counts.received++;
    }
    this.#kind[flow] = PHASES.indexOf(phase);
    this.#from[flow] = start;
    this.#to[flow] = OPEN;
  }

  #grow(): void {
    const capacity = 2 * this.#kind.length;
    const copy = <T extends { set(from: T): void }>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#kind = copy(this.#kind, new Uint8Array(capacity));
    this.#from = copy(this.#from, new Uint32Array(capacity));
    this.#to = copy(this.#to, new Uint32Array(capacity));
    this.#endMs = copy(this.#endMs, new Float64Array(capacity));
    this.#isEnding = copy(this.#isEnding, new Uint8Array(capacity));
  }
}
