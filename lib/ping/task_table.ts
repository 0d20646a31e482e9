/**
 * The ends of ping tasks, and the search for the task of a reply by both addresses and the identifier, in a
 * hash table with open addressing. A task takes 35 octets and its places in the table.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";

const ADDRESS_OCTETS = 16;
const ENDS_OCTETS = 2 * ADDRESS_OCTETS;
const CAPACITY_MIN = 64;
/** The most tasks of equal ends; a search for a free identifier looks at all of them. */
export const SAME_ENDS_MAX = 4096;

/** A table of tasks, which are numbered from 0 in the order in which they are added. */
export class TaskTable {
  /** Number of tasks. */
  count = 0;
  #capacity = CAPACITY_MIN;
  #ends = new Uint8Array(ENDS_OCTETS * CAPACITY_MIN);
  #octets = new Uint8Array(CAPACITY_MIN);
  #identifiers = new Uint16Array(CAPACITY_MIN);
  /**
   * Number of a task plus one at each place; 0: the place is free. The length is a power of two, at least 1.5
   * times the capacity.
   */
  #places = new Int32Array(2 * CAPACITY_MIN);
  readonly #firstIdentifier: number;

  /**
   * `firstIdentifier`, uint16, is that of the first task of given ends; further tasks of the same ends count
   * up from it. There is room for `tasks`; further tasks make room when they are added.
   */
  constructor(firstIdentifier: number, tasks = 0) {
    this.#firstIdentifier = firstIdentifier;
    if (tasks > CAPACITY_MIN) this.#grow(tasks);
  }

  /**
   * Adds a task; an unspecified own address matches any. Undefined: there are {@linkcode SAME_ENDS_MAX} tasks
   * of these ends already.
   */
  add(own: IpAddress, peer: IpAddress): number | undefined {
    for (let i = 0; i < SAME_ENDS_MAX; i++) {
      const identifier = this.#firstIdentifier + i & 0xffff;
      if (this.#placeOf(own, peer, identifier) < 0) return this.#put(own, peer, identifier);
    }
    return undefined;
  }

  /** The task whose replies have these ends and this identifier; undefined: there is none. */
  find(own: IpAddress, peer: IpAddress, identifier: number): number | undefined {
    let place = this.#placeOf(own, peer, identifier);
    if (place < 0) place = this.#placeOf(ANY.subarray(0, own.length), peer, identifier);
    return place < 0 ? undefined : this.#places[place]! - 1;
  }

  /** The identifier of a task, uint16. */
  identifierOf(task: number): number {
    return this.#identifiers[task]!;
  }

  /** The own address of a task as it was added; the array is valid until the next task is added. */
  ownOf(task: number): IpAddress {
    return this.#address(ENDS_OCTETS * task, task);
  }

  /** The peer's address of a task; the array is valid until the next task is added. */
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
    const octets = new Uint8Array(this.#capacity);
    const identifiers = new Uint16Array(this.#capacity);
    ends.set(this.#ends);
    octets.set(this.#octets);
    identifiers.set(this.#identifiers);
    [this.#ends, this.#octets, this.#identifiers] = [ends, octets, identifiers];
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(1.5 * capacity)));
    for (let task = 0; task < this.count; task++) this.#settle(task);
  }

  /** Enters a task into the hash table. */
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
    const ends = this.#ends;
    const at = ENDS_OCTETS * task;
    for (let i = 0; i < peer.length; i++) {
      if (ends[at + i] !== own[i] || ends[at + ADDRESS_OCTETS + i] !== peer[i]) return false;
    }
    return true;
  }
}

const ANY = new Uint8Array(ADDRESS_OCTETS);

/** The FNV-1a hash, with a last round that mixes the upper bits into the lower. */
function hashOf(own: IpAddress, peer: IpAddress, identifier: number): number {
  let hash = 0x811c9dc5 ^ identifier;
  for (let i = 0; i < own.length; i++) hash = Math.imul(hash ^ own[i]!, 0x01000193);
  for (let i = 0; i < peer.length; i++) hash = Math.imul(hash ^ peer[i]!, 0x01000193);
  hash = Math.imul(hash ^ hash >>> 15, 0x85ebca6b);
  return hash ^ hash >>> 13;
}
