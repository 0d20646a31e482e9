/**
 * IP-TFS in the userland data path (RFC 9347): packets of a CHILD_SA are collected and leave in payloads, at a
 * constant rate or as there are packets, and received payloads are taken apart.
 * @module
 */
import type { AggfragTerms } from "@/datapath/data_path.ts";
import type { UserlandSa } from "@/datapath/userland_sa.ts";
import { AggfragReceiver, AggfragSender } from "@/esp/aggfrag.ts";

/** Milliseconds between two looks at the CHILD_SAs whose payloads leave at a constant rate. */
const PACE_MS = 10;
/**
 * The most payloads that leave at one look for one CHILD_SA, so that a halt is not made up for: those of three
 * looks at the highest rate, as timers are late now and then.
 */
const BURST_MAX = 300;
/** How long payloads wait for those that they have overtaken, in milliseconds. */
const REORDER_MS = 100;

/** Both directions of a CHILD_SA with IP-TFS. */
export interface AggfragHalves {
  readonly terms: AggfragTerms;
  readonly sender: AggfragSender;
  readonly receiver: AggfragReceiver;
  /** Payloads that may leave, of a constant rate. */
  credit: number;
}

/** What the data path does for the CHILD_SAs. */
export interface AggfragOwner {
  /** Sends one payload of a CHILD_SA; `fills`: with padding to its full size. */
  send(sa: UserlandSa, fills: boolean): void;
  /** Sends what was handed over so far. */
  flush(): void;
  /** Takes a packet out of a payload. */
  packet(sa: UserlandSa, buffer: Uint8Array, at: number, octets: number): void;
  malformed(): void;
  incomplete(): void;
  /** A packet waited to be sent, and payloads have become too small for it meanwhile. */
  tooBig(): void;
}

/** The CHILD_SAs with IP-TFS of one data path. */
export class UserlandAggfrag {
  readonly #owner: AggfragOwner;
  readonly #halves = new Map<UserlandSa, AggfragHalves>();
  /** Those whose packets wait for the next flush. */
  readonly #ready = new Set<UserlandSa>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #lookedMs = 0;

  constructor(owner: AggfragOwner) {
    this.#owner = owner;
  }

  /** The halves of a CHILD_SA that has IP-TFS. */
  of(sa: UserlandSa): AggfragHalves | undefined {
    const terms = sa.pair.aggfrag;
    if (!terms) return undefined;
    const known = this.#halves.get(sa);
    if (known) return known;
    const owner = this.#owner;
    const receiver = new AggfragReceiver({
      packet: (buffer, at, octets) => owner.packet(sa, buffer, at, octets),
      malformed: () => owner.malformed(),
      incomplete: () => owner.incomplete(),
    });
    const sender = new AggfragSender(terms.fragments, () => owner.tooBig());
    const halves = { terms, sender, receiver, credit: 0 };
    this.#halves.set(sa, halves);
    if (terms.rate > 0) this.#watch();
    return halves;
  }

  /** Adds a packet to those of a CHILD_SA; false: too many wait. */
  add(sa: UserlandSa, { sender, terms }: AggfragHalves, packet: Uint8Array): boolean {
    if (!sender.add(packet)) return false;
    if (terms.rate === 0) this.#ready.add(sa);
    return true;
  }

  /** Sends the packets of the CHILD_SAs without a rate. */
  sendReady(): void {
    for (const sa of this.#ready) {
      const halves = this.#halves.get(sa);
      while (halves?.sender.isWaiting) this.#owner.send(sa, false);
    }
    this.#ready.clear();
  }

  /** Takes the payload of an ESP packet. */
  receive(halves: AggfragHalves, sequence: number, payload: Uint8Array): void {
    halves.receiver.receive(sequence, payload, performance.now());
    if (halves.receiver.isWaiting) this.#watch();
  }

  /** Forgets a CHILD_SA that is removed. */
  remove(sa: UserlandSa): void {
    this.#halves.delete(sa);
    this.#ready.delete(sa);
    if (this.#halves.size === 0) this.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #watch(): void {
    if (this.#timer !== undefined) return;
    this.#lookedMs = performance.now();
    this.#timer = setInterval(() => this.#look(), PACE_MS);
  }

  #look(): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    let isNeeded = false;
    for (const [sa, halves] of this.#halves) {
      const { receiver, terms: { rate } } = halves;
      if (receiver.isWaiting) receiver.expire(nowMs - REORDER_MS);
      isNeeded ||= receiver.isWaiting || rate > 0;
      if (rate === 0 || !sa.hasOutbound) continue;
      halves.credit = Math.min(BURST_MAX, halves.credit + rate * elapsedMs / 1_000);
      for (; halves.credit >= 1; halves.credit--) this.#owner.send(sa, true);
    }
    this.#owner.flush();
    if (!isNeeded) this.close();
  }
}
