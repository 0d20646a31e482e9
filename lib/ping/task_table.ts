/**
 * The ends of ping tasks, and how a reply finds its task: by both addresses and the identifier, in an
 * open-addressing table. A task costs 35 octets and its places in the table.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";

const ADDRESS_OCTETS = 16, ENDS_OCTETS = 2 * ADDRESS_OCTETS;
const CAPACITY_MIN = 64;
/** Tasks of the same ends that can be told apart; a search for an identifier goes over all of them. */
export const SAME_ENDS_MAX = 4096;

/** See the module. Tasks are numbered from 0 in the order they are added. */
export class TaskTable {
  /** Tasks so far. */
  count = 0;
  #capacity = CAPACITY_MIN;
  #ends = new Uint8Array(ENDS_OCTETS * CAPACITY_MIN);
  #octets = new Uint8Array(CAPACITY_MIN);
  #identifiers = new Uint16Array(CAPACITY_MIN);
  /** Task + 1 at each place; 0: empty. A power of two, half as many again as the capacity at least. */
  #places = new Int32Array(2 * CAPACITY_MIN);
  readonly #firstIdentifier: number;

  /**
   * `firstIdentifier`: uint16; tasks of the same ends have those that follow it. Room for so many
   * tasks; more make their own.
   */
  constructor(firstIdentifier: number, tasks = 0) {
    this.#firstIdentifier = firstIdentifier;
    if (tasks > CAPACITY_MIN) this.#grow(tasks);
  }

  /**
   * Adds a task; an unspecified own address is any. Undefined: there are {@linkcode SAME_ENDS_MAX} of
   * the same ends already.
   */
  add(own: IpAddress, peer: IpAddress): number | undefined {
    for (let i = 0; i < SAME_ENDS_MAX; i++) {
      const identifier = this.#firstIdentifier + i & 0xffff;
      if (this.#placeOf(own, peer, identifier) < 0) return this.#put(own, peer, identifier);
    }
    return undefined;
  }

  /** The task whose replies have these ends and this identifier; undefined: none. */
  find(own: IpAddress, peer: IpAddress, identifier: number): number | undefined {
    let place = this.#placeOf(own, peer, identifier);
    if (place < 0) place = this.#placeOf(ANY.subarray(0, own.length), peer, identifier);
    return place < 0 ? undefined : this.#places[place]! - 1;
  }

  /** uint16. */
  identifierOf(task: number): number {
    return this.#identifiers[task]!;
  }

  /** As it was added; a view that lives until the next task is added. */
  ownOf(task: number): IpAddress {
    return this.#address(ENDS_OCTETS * task, task);
  }

  /** Likewise. */
  peerOf(task: number): IpAddress {
    return this.#address(ENDS_OCTETS * task + ADDRESS_OCTETS, task);
  }

  #address(at: number, task: number): IpAddress {
    return this.#ends.subarray(at, at + this.#octets[task]!);
  }

  #put(own: IpAddress, peer: IpAddress, identifier: number): number {
    if (this.count === this.#capacity) this.#grow(2 * this.#capacity);
    const task = this.count++;
    this.#ends.set(own, ENDS_OCTETS * task);
    this.#ends.set(peer, ENDS_OCTETS * task + ADDRESS_OCTETS);
    this.#octets[task] = peer.length;
    this.#identifiers[task] = identifier;
    this.#settle(task);
    return task;
  }

  #grow(capacity: number): void {
    this.#capacity = capacity;
    const ends = new Uint8Array(ENDS_OCTETS * this.#capacity);
    const octets = new Uint8Array(this.#capacity), identifiers = new Uint16Array(this.#capacity);
    ends.set(this.#ends);
    octets.set(this.#octets);
    identifiers.set(this.#identifiers);
    [this.#ends, this.#octets, this.#identifiers] = [ends, octets, identifiers];
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(1.5 * capacity)));
    for (let task = 0; task < this.count; task++) this.#settle(task);
  }

  /** Gives a task its place. */
  #settle(task: number): void {
    const mask = this.#places.length - 1;
    let place = hashOf(this.ownOf(task), this.peerOf(task), this.#identifiers[task]!) & mask;
    while (this.#places[place] !== 0) place = place + 1 & mask;
    this.#places[place] = task + 1;
  }

  #placeOf(own: IpAddress, peer: IpAddress, identifier: number): number {
    const mask = this.#places.length - 1;
    let place = hashOf(own, peer, identifier) & mask;
    for (;;) {
      const task = this.#places[place]! - 1;
      if (task < 0) return -1;
      if (this.#isOf(task, own, peer, identifier)) return place;
      place = place + 1 & mask;
    }
  }

  #isOf(task: number, own: IpAddress, peer: IpAddress, identifier: number): boolean {
    if (this.#identifiers[task] !== identifier || this.#octets[task] !== peer.length) return false;
    const ends = this.#ends, at = ENDS_OCTETS * task;
    for (let i = 0; i < peer.length; i++) {
      if (ends[at + i] !== own[i] || ends[at + ADDRESS_OCTETS + i] !== peer[i]) return false;
    }
    return true;
  }
}

const ANY = new Uint8Array(ADDRESS_OCTETS);

/** FNV-1a with a last round that carries the upper bits down. */
function hashOf(own: IpAddress, peer: IpAddress, identifier: number): number {
  let hash = 0x811c9dc5 ^ identifier;
  for (let i = 0; i < own.length; i++) hash = Math.imul(hash ^ own[i]!, 0x01000193);
  for (let i = 0; i < peer.length; i++) hash = Math.imul(hash ^ peer[i]!, 0x01000193);
  hash = Math.imul(hash ^ hash >>> 15, 0x85ebca6b);
  return hash ^ hash >>> 13;
}
