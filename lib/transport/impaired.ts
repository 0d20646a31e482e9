/**
 * A transport that treats IKE messages as a bad network would, by the rules of {@linkcode Impairment}.
 * Messages that are delayed are kept in memory, up to {@linkcode HELD_MAX} of them. ESP and NAT-T
 * keepalives are not touched.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import {
  type Direction,
  type Impairment,
  type ImpairmentCounts,
  messageKind,
  messageSpis,
  type Treatment,
} from "@/transport/impairment.ts";
import { SendErrorCounts, type SendErrors } from "@/transport/send_errors.ts";
import type { Connections, Datagram, Transport, TransportListener } from "@/transport/transport.ts";

/** The most messages that are held back at a time; when there are so many, others pass at once. */
const HELD_MAX = 10_000;

/** Calls a function after some milliseconds; the returned function cancels the call. */
export type After = (ms: number, call: () => void) => () => void;

/** A message that is held back, and is passed on later. */
interface Held {
  readonly pass: () => void;
  forget: () => void;
}

/** A message that is held back until another one of the opposite direction is sent, so that they cross. */
interface Crossing extends Held {
  readonly octets: Uint8Array;
  /** {@linkcode nameOf} this message, and {@linkcode nameOf} the message that it waits for. */
  readonly name: string;
  readonly waitsFor: string;
}

/** A transport whose messages are impaired on their way in and out. */
export class ImpairedTransport implements Transport {
  readonly name: Transport["name"];
  readonly counters: Transport["counters"];
  readonly ikePort: number;
  readonly nattPort: number | undefined;
  readonly halfOpenMax: number;
  /** The ESP carrier of the inner transport, as ESP is not impaired. */
  readonly esp: EspCarrier | undefined;
  readonly notes: readonly string[];
  readonly connections: Connections | undefined;
  readonly sendErrors: SendErrors;
  readonly #inner: Transport;
  readonly #impairment: Impairment;
  readonly #after: After;
  /** In each direction the message that waits until the next one has overtaken it. */
  readonly #overtaken = new Map<Direction, Held>();
  /** Messages that wait to cross one of the other direction, by the name of that one. */
  readonly #crossing = new Map<string, Crossing>();
  readonly #crossingByName = new Map<string, Crossing>();
  /** The last message of each name that was held to cross another: a repeat of it is not held again. */
  readonly #wasHeld = new Map<string, Uint8Array>();
  readonly #timers = new Set<() => void>();
  #held = 0;
  #closed = false;

  constructor(inner: Transport, impairment: Impairment, after: After = later) {
    this.#inner = inner;
    this.#impairment = impairment;
    // A timer that is left at the end would keep the process alive, so that all of them are known.
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
    this.sendErrors = inner.sendErrors ?? new SendErrorCounts();
  }

  /** The counts of each rule, in the order of the rules. */
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

  /**
   * Treats a message by the rules. `pass` is called for each copy that is passed on, and is told whether that
   * is before this returns.
   */
  #treat(
    direction: Direction,
    lent: Uint8Array,
    pass: (octets: Uint8Array, now: boolean) => void,
  ): void {
    // A message that is held has not been sent yet, so that a copy of it is no repeat to the peer.
    if (this.#isHeld(direction, lent)) return;
    const waiting = this.#overtaken.get(direction);
    const fate = this.#impairment.judge(direction, lent);
    if (fate?.lost) return;
    const meets = this.#takeCrossing(direction, lent);
    if (!fate) pass(lent, true);
    else this.#pass(direction, lent, { fate, pass, meets: meets !== undefined });
    // This message has overtaken the one that waited. A message that only waits since this call waits for the
    // next one.
    if (waiting && this.#overtaken.get(direction) === waiting) this.#passHeld(direction, waiting);
    meets?.pass();
  }

  #pass(
    direction: Direction,
    lent: Uint8Array,
    { fate, pass, meets }: {
      readonly fate: Treatment;
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
    // The message that it is to cross is held already, so that both are sent now.
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
    { fate, all }: { readonly fate: Treatment; readonly all: (now: boolean) => void },
  ): void {
    const other = direction === "in" ? "out" : "in";
    const spis = messageSpis(lent);
    const waitsFor = nameOf(other, fate.crossingKind, spis);
    const name = nameOf(direction, messageKind(lent)!, spis);
    // A second message that waits for the same one, or a repeat, would be held in vain.
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

  /** Whether a message with the same octets is held until it crosses another. */
  #isHeld(direction: Direction, octets: Uint8Array): boolean {
    const kind = this.#crossing.size > 0 ? messageKind(octets) : undefined;
    if (kind === undefined) return false;
    const name = nameOf(direction, kind, messageSpis(octets));
    return isSame(this.#crossingByName.get(name)?.octets, octets);
  }

  /** Releases and returns the message that was held to cross one like this. */
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

  /** Holds a message until the next one of its direction has passed, for `ms` at most. */
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

/** The name by which a message is waited for: its direction, exchange and kind, and its IKE SA. */
function nameOf(direction: Direction, kind: number, spis: string): string {
  return `${direction} ${kind} ${spis}`;
}
