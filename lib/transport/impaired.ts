/**
 * A transport with a bad network in front of it, as the rules of {@linkcode Impairment} want it. What
 * is held back is kept in memory, a bounded number of messages; ESP and keepalives pass as they are.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import {
  type Direction,
  type Fate,
  type Impairment,
  type ImpairmentCounts,
  messageKind,
  messageSpis,
} from "@/transport/impairment.ts";
import { SendErrorBook, type SendErrors } from "@/transport/send_errors.ts";
import type { Connections, Datagram, Transport, TransportListener } from "@/transport/transport.ts";

/** Messages held back at a time; more pass at once. */
const HELD_MAX = 10_000;

/** Calls a function later; the result forgets it. */
export type After = (ms: number, call: () => void) => () => void;

/** A message that waits to be passed. */
interface Held {
  readonly pass: () => void;
  forget: () => void;
}

/** One that waits to cross another. */
interface Crossing extends Held {
  readonly octets: Uint8Array;
  /** What it is, and what it waits for: {@linkcode nameOf} of each. */
  readonly name: string;
  readonly waitsFor: string;
}

/** See the file. */
export class ImpairedTransport implements Transport {
  readonly name: Transport["name"];
  readonly counters: Transport["counters"];
  readonly ikePort: number;
  readonly nattPort: number | undefined;
  readonly halfOpenMax: number;
  /** Impairments are of IKE alone. */
  readonly esp: EspCarrier | undefined;
  readonly notes: readonly string[];
  readonly connections: Connections | undefined;
  readonly sendErrors: SendErrors;
  readonly #inner: Transport;
  readonly #impairment: Impairment;
  readonly #after: After;
  /** One message a direction that lets another pass. */
  readonly #overtaken = new Map<Direction, Held>();
  /** Messages that wait for one of the other direction, by what they wait for, and by what they are. */
  readonly #crossing = new Map<string, Crossing>();
  readonly #crossingByName = new Map<string, Crossing>();
  /** The last that crossed, by name: it is not held a second time. */
  readonly #wasHeld = new Map<string, Uint8Array>();
  readonly #timers = new Set<() => void>();
  #held = 0;
  #closed = false;

  constructor(inner: Transport, impairment: Impairment, after: After = later) {
    this.#inner = inner;
    this.#impairment = impairment;
    // Timers of what will never leave would keep the process.
    this.#after = (ms, call) => {
      const forget = after(ms, () => {
        this.#timers.delete(forget);
        call();
      });
      this.#timers.add(forget);
      return () => {
        this.#timers.delete(forget);
        forget();
      };
    };
    this.name = inner.name;
    this.counters = inner.counters;
    this.ikePort = inner.ikePort;
    this.nattPort = inner.nattPort;
    this.halfOpenMax = inner.halfOpenMax;
    this.esp = inner.esp;
    this.notes = inner.notes ?? [];
    this.connections = inner.connections;
    this.sendErrors = inner.sendErrors ?? new SendErrorBook();
  }

  /** What became of messages, rule by rule. */
  get impairment(): readonly ImpairmentCounts[] {
    return this.#impairment.counts;
  }

  listen(listener: TransportListener): void {
    this.#inner.listen({
      failed: (error) => listener.failed(error),
      lost: (ends) => listener.lost?.(ends),
      datagrams: (batch) => {
        const passed: Datagram[] = [];
        for (const datagram of batch) {
          const deliver = (octets: Uint8Array, now: boolean) => {
            if (now) passed.push({ ...datagram, octets });
            else listener.datagrams([{ ...datagram, octets }]);
          };
          this.#treat("in", datagram.octets, deliver);
        }
        if (passed.length > 0) listener.datagrams(passed);
      },
    });
  }

  send(octets: Uint8Array, path: Path): void {
    this.#treat("out", octets, (message, now) => {
      this.#inner.send(message, path);
      if (!now) this.#inner.flush();
    });
  }

  keepalive(path: Path): void {
    this.#inner.keepalive(path);
  }

  flush(): void {
    this.#inner.flush();
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const forget of this.#timers) forget();
    return this.#inner.close();
  }

  /** `pass` is told whether it is called before this returns. */
  #treat(
    direction: Direction,
    lent: Uint8Array,
    pass: (octets: Uint8Array, now: boolean) => void,
  ): void {
    // A held message is not on its way yet: its repeats wait with it.
    if (this.#isHeld(direction, lent)) return;
    const waiting = this.#overtaken.get(direction);
    const fate = this.#impairment.judge(direction, lent);
    if (fate?.lost) return;
    const meets = this.#takeCrossing(direction, lent);
    if (!fate) pass(lent, true);
    else this.#pass(direction, lent, { fate, pass, meets: meets !== undefined });
    // This one has passed the one that waited; one that waits since now is passed by the next.
    if (waiting && this.#overtaken.get(direction) === waiting) this.#passHeld(direction, waiting);
    meets?.pass();
  }

  #pass(
    direction: Direction,
    lent: Uint8Array,
    { fate, pass, meets }: {
      readonly fate: Fate;
      readonly pass: (octets: Uint8Array, now: boolean) => void;
      readonly meets: boolean;
    },
  ): void {
    const octets = fate.corrupted ? this.#impairment.corrupted(lent, fate.corrupted) : lent.slice();
    const all = (now: boolean) => {
      for (let copy = 0; copy < fate.copies; copy++) pass(octets, now);
    };
    if (fate.replayAfterMs !== undefined && this.#held < HELD_MAX) {
      this.#later(fate.replayAfterMs, () => pass(octets, false));
    }
    // What it was to meet is held already: they cross now.
    if (meets) { for (const counts of fate.countsOfCrossing) counts.crossed++; }
    if (this.#held >= HELD_MAX) all(true);
    else if (fate.crossingMs > 0 && !meets) this.#holdForCrossing(direction, lent, { fate, all });
    else if (fate.reorderWaitMs > 0 && !this.#overtaken.has(direction)) {
      this.#letPass(direction, fate.reorderWaitMs + fate.delayMs, () => all(false));
    } else if (fate.delayMs > 0) this.#later(fate.delayMs, () => all(false));
    else all(true);
  }

  #holdForCrossing(
    direction: Direction,
    lent: Uint8Array,
    { fate, all }: { readonly fate: Fate; readonly all: (now: boolean) => void },
  ): void {
    const other = direction === "in" ? "out" : "in", spis = messageSpis(lent);
    const waitsFor = nameOf(other, fate.crossingKind, spis);
    const name = nameOf(direction, messageKind(lent)!, spis);
    // A second one that waits for the same would never be met, nor would a repeat.
    if (this.#crossing.has(waitsFor) || this.#crossingByName.has(name)) return all(true);
    if (isSame(this.#wasHeld.get(name), lent)) return all(true);
    const crossing: Crossing = {
      name,
      waitsFor,
      octets: lent.slice(),
      pass: () => {
        for (const counts of fate.countsOfCrossing) counts.crossed++;
        all(false);
      },
      forget: this.#after(fate.crossingMs, () => {
        if (this.#crossing.get(waitsFor) !== crossing) return;
        this.#dropCrossing(crossing);
        if (!this.#closed) all(false);
      }),
    };
    this.#crossing.set(waitsFor, crossing);
    this.#crossingByName.set(name, crossing);
    this.#held++;
  }

  /** Whether the same octets wait to cross another. */
  #isHeld(direction: Direction, octets: Uint8Array): boolean {
    const kind = this.#crossing.size > 0 ? messageKind(octets) : undefined;
    if (kind === undefined) return false;
    const name = nameOf(direction, kind, messageSpis(octets));
    return isSame(this.#crossingByName.get(name)?.octets, octets);
  }

  /** What waits for a message like this one. */
  #takeCrossing(direction: Direction, octets: Uint8Array): Crossing | undefined {
    const kind = this.#crossing.size > 0 ? messageKind(octets) : undefined;
    if (kind === undefined) return undefined;
    const held = this.#crossing.get(nameOf(direction, kind, messageSpis(octets)));
    if (!held) return undefined;
    this.#dropCrossing(held);
    held.forget();
    this.#remember(nameOf(direction, kind, messageSpis(octets)), octets.slice());
    return held;
  }

  #dropCrossing({ name, waitsFor, octets }: Crossing): void {
    this.#crossing.delete(waitsFor);
    this.#crossingByName.delete(name);
    this.#held--;
    this.#remember(name, octets);
  }

  #remember(name: string, octets: Uint8Array): void {
    this.#wasHeld.delete(name);
    this.#wasHeld.set(name, octets);
    if (this.#wasHeld.size <= HELD_MAX) return;
    for (const oldest of this.#wasHeld.keys()) return void this.#wasHeld.delete(oldest);
  }

  /** Lets the next message of a direction pass before this one; it waits so long at most. */
  #letPass(direction: Direction, ms: number, pass: () => void): void {
    const held: Held = {
      pass,
      forget: this.#after(ms, () => {
        if (this.#overtaken.get(direction) !== held) return;
        this.#overtaken.delete(direction);
        this.#held--;
        if (!this.#closed) pass();
      }),
    };
    this.#overtaken.set(direction, held);
    this.#held++;
  }

  #passHeld(direction: Direction, held: Held): void {
    this.#overtaken.delete(direction);
    this.#held--;
    held.forget();
    held.pass();
  }

  #later(ms: number, call: () => void): void {
    this.#held++;
    this.#after(ms, () => {
      this.#held--;
      if (!this.#closed) call();
    });
  }
}

function later(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}

function isSame(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one?.length === other.length && one.every((octet, i) => octet === other[i]);
}

/** A message as others may wait for it: a request or response of an exchange of one IKE SA. */
function nameOf(direction: Direction, kind: number, spis: string): string {
  return `${direction} ${kind} ${spis}`;
}
