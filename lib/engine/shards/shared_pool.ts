/**
 * An address pool that all workers of a process share, so that no address is leased twice, and a peer gets its
 * address again whichever worker answers it.
 * @module
 */
import { addressFromBigInt, addressToBigInt, type IpAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { hashOf, locked, type RowsShape, SharedRows } from "@/engine/shards/shared_memory.ts";
import type { AddressPool, PoolPlan } from "@/ike/records/pool.ts";

/** The most addresses of a shared pool; those beyond are not leased. */
export const SHARED_ADDRESSES_MAX = 1 << 20;

/** The words of the head: lock, first index that was never leased, oldest and newest free one, numbers. */
const Head = { LOCK: 0, FRESH: 1, OLDEST: 2, NEWEST: 3, ASSIGNED: 4, LEASES: 5, WORDS: 6 };
/** The words of an address: hash of its owner, number of IKE SAs that have it, its neighbours among free ones. */
const At = { OWNER: 0, HOLDERS: 2, OLDER: 3, NEWER: 4, WORDS: 5 };

/** The memory of a shared pool. */
export interface PoolMemory {
  readonly addresses: SharedArrayBuffer;
  /** The last address of each identity. */
  readonly last: SharedArrayBuffer;
}

/** Memory for a pool. */
export function newPoolMemory(plan: PoolPlan): PoolMemory {
  const size = sizeOf(plan);
  return {
    addresses: new SharedArrayBuffer(4 * (Head.WORDS + size * At.WORDS)),
    last: new SharedArrayBuffer(SharedRows.octets(lastShape(size))),
  };
}

function sizeOf({ first, last }: PoolPlan): number {
  const all = addressToBigInt(last) - addressToBigInt(first) + 1n;
  return all < SHARED_ADDRESSES_MAX ? Number(all) : SHARED_ADDRESSES_MAX;
}

/** Identities beyond twice the addresses are not remembered. */
function lastShape(size: number): RowsShape {
  return { rows: 2 * size + 16, words: 1 };
}

/** See above. An address is its index from the first one, plus 1 where 0 says that there is none. */
export class SharedPool implements AddressPool {
  readonly plan: PoolPlan;
  readonly #size: number;
  readonly #head: Int32Array;
  readonly #words: Int32Array;
  readonly #last: SharedRows;

  constructor(plan: PoolPlan, { addresses, last }: PoolMemory) {
    this.plan = plan;
    this.#size = sizeOf(plan);
    this.#head = new Int32Array(addresses, 0, Head.WORDS);
    this.#words = new Int32Array(addresses, 4 * Head.WORDS);
    this.#last = new SharedRows(last, lastShape(this.#size));
  }

  get assigned(): number {
    return Atomics.load(this.#head, Head.ASSIGNED);
  }

  get leases(): number {
    return Atomics.load(this.#head, Head.LEASES);
  }

  lease(identity: string, wanted: IpAddress | undefined): IpAddress | undefined {
    const owner = hashOf(identity);
    const index = locked(this.#head, () => this.#choose(identity, owner, this.#indexOf(wanted)));
    if (index === undefined) return undefined;
    const address = addressToBigInt(this.plan.first) + BigInt(index);
    return addressFromBigInt(address, this.plan.first.length);
  }

  giveBack(address: IpAddress): void {
    const index = this.#indexOf(address);
    locked(this.#head, () => {
      must(index !== undefined && this.#at(index, At.HOLDERS) > 0, "an address comes back once");
      const holders = this.#at(index, At.HOLDERS) - 1;
      this.#set(index, At.HOLDERS, holders);
      this.#head[Head.LEASES]!--;
      if (holders > 0) return;
      this.#head[Head.ASSIGNED]!--;
      if (index < this.#head[Head.FRESH]!) this.#append(index);
    });
  }

  #choose(
    identity: string,
    owner: readonly [number, number],
    wanted: number | undefined,
  ): number | undefined {
    if (wanted !== undefined && this.#isOf(wanted, owner)) return this.#hold(wanted, owner);
    const before = this.#last.change(identity, (row) => row[0]! - 1);
    const chosen = [wanted, before].find((i) => i !== undefined && i >= 0 && this.#isFree(i)) ??
      this.#fresh() ?? this.#oldest();
    if (chosen === undefined) return undefined;
    this.#remove(chosen);
    this.#last.change(identity, (row) => row[0] = chosen + 1);
    return this.#hold(chosen, owner);
  }

  /** The index of an address; undefined: it is not of this pool. */
  #indexOf(address: IpAddress | undefined): number | undefined {
    if (!address) return undefined;
    const index = addressToBigInt(address) - addressToBigInt(this.plan.first);
    return index >= 0n && index < BigInt(this.#size) ? Number(index) : undefined;
  }

  #hold(index: number, [first, second]: readonly [number, number]): number {
    this.#set(index, At.OWNER, first);
    this.#set(index, At.OWNER + 1, second);
    const holders = this.#at(index, At.HOLDERS);
    if (holders === 0) this.#head[Head.ASSIGNED]!++;
    this.#head[Head.LEASES]!++;
    this.#set(index, At.HOLDERS, holders + 1);
    return index;
  }

  #isFree(index: number): boolean {
    return this.#at(index, At.HOLDERS) === 0;
  }

  #isOf(index: number, [first, second]: readonly [number, number]): boolean {
    return !this.#isFree(index) && this.#at(index, At.OWNER) === (first | 0) &&
      this.#at(index, At.OWNER + 1) === (second | 0);
  }

  /** The next address that was never leased; one that was leased on request, out of turn, is skipped. */
  #fresh(): number | undefined {
    while (this.#head[Head.FRESH]! < this.#size) {
      const index = this.#head[Head.FRESH]!++;
      if (this.#isFree(index)) return index;
    }
    return undefined;
  }

  #oldest(): number | undefined {
    const index = this.#head[Head.OLDEST]! - 1;
    return index < 0 ? undefined : index;
  }

  /** Adds an address to the free ones, as the newest. */
  #append(index: number): void {
    const newest = this.#head[Head.NEWEST]!;
    this.#set(index, At.OLDER, newest);
    this.#set(index, At.NEWER, 0);
    if (newest === 0) this.#head[Head.OLDEST] = index + 1;
    else this.#set(newest - 1, At.NEWER, index + 1);
    this.#head[Head.NEWEST] = index + 1;
  }

  /** Takes an address out of the free ones, if it is one of them. */
  #remove(index: number): void {
    const older = this.#at(index, At.OLDER);
    const newer = this.#at(index, At.NEWER);
    if (older === 0 && this.#head[Head.OLDEST] !== index + 1) return;
    if (older === 0) this.#head[Head.OLDEST] = newer;
    else this.#set(older - 1, At.NEWER, newer);
    if (newer === 0) this.#head[Head.NEWEST] = older;
    else this.#set(newer - 1, At.OLDER, older);
    this.#set(index, At.OLDER, 0);
    this.#set(index, At.NEWER, 0);
  }

  #at(index: number, word: number): number {
    return this.#words[index * At.WORDS + word]!;
  }

  #set(index: number, word: number, value: number): void {
    this.#words[index * At.WORDS + word] = value;
  }
}
