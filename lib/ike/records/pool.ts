/**
 * Inner addresses for remote access: the pools of a gateway, and the leases of an IKE SA (RFC 7296 §2.19). A
 * lease belongs to an IKE SA, moves with its rekey, and is returned when the SA ends.
 * @module
 */
import { addressFromBigInt, addressToBigInt, type IpAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { TsType } from "@/iana/ts_type.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** The most identities of a pool whose last address is remembered. */
const REMEMBERED_MAX = 100_000;

/** The addresses of one family that may be leased, and the DNS servers that go with them. */
export interface PoolPlan {
  readonly first: IpAddress;
  /** The last address, inclusive. */
  readonly last: IpAddress;
  /** Prefix length of the network to which the addresses belong. */
  readonly prefixBits: number;
  readonly dns: readonly IpAddress[];
}

/** The pools of a gateway; a family without a plan is not served. */
export interface PoolPlans {
  readonly v4: PoolPlan | undefined;
  readonly v6: PoolPlan | undefined;
}

/**
 * A pool, which may be shared by several endpoints. It leases the requested address if that is free or the same
 * identity has it, otherwise the identity's last one if it is free, otherwise one that was never used, otherwise
 * the one that is free the longest. A peer that authenticates again before it leaves asks for the address that it
 * has (RFC 7296 §3.15.1).
 */
export interface AddressPool {
  readonly plan: PoolPlan;
  /** Number of addresses that are leased at present. */
  readonly assigned: number;
  /** Number of IKE SAs that have one of them, where several of one identity count each. */
  readonly leases: number;
  /** Leases an address; undefined: none is free. */
  lease(identity: string, wanted: IpAddress | undefined): IpAddress | undefined;
  /** Returns the lease of one IKE SA. An address that is not leased is a {@linkcode Bug}. */
  giveBack(address: IpAddress): void;
}

/** The pools of a gateway. */
export interface AddressPools {
  readonly v4: AddressPool | undefined;
  readonly v6: AddressPool | undefined;
}

/** Inner addresses and DNS servers of a remote-access client, as the IKE SA at either end knows them. */
export interface InnerConfiguration {
  /** At a gateway at most one address of each family. */
  readonly addresses: readonly IpAddress[];
  readonly dns: readonly IpAddress[];
}

/** Pools without leases, of one endpoint. */
export function newPools(plans: PoolPlans): AddressPools {
  return { v4: plans.v4 && new OwnPool(plans.v4), v6: plans.v6 && new OwnPool(plans.v6) };
}

/** To whom an address is leased. */
interface Lease {
  readonly identity: string;
  /** The number of IKE SAs that have it: two while a peer authenticates again, or is resumed. */
  readonly holders: number;
}

/** A pool of one endpoint. Addresses are numbers here. */
class OwnPool implements AddressPool {
  readonly plan: PoolPlan;
  readonly #leased = new Map<bigint, Lease>();
  /** Addresses below `#nextFresh` that were returned, the longest free first. */
  readonly #returned = new Set<bigint>();
  /** The first address that was never leased in turn. */
  #nextFresh: bigint;
  /** The last address of each identity, oldest first. */
  readonly #lastOf = new Map<string, bigint>();

  constructor(plan: PoolPlan) {
    this.plan = plan;
    this.#nextFresh = addressToBigInt(plan.first);
  }

  get assigned(): number {
    return this.#leased.size;
  }

  get leases(): number {
    return [...this.#leased.values()].reduce((sum, { holders }) => sum + holders, 0);
  }

  lease(identity: string, wanted: IpAddress | undefined): IpAddress | undefined {
    const wantedNumber = wanted && addressToBigInt(wanted);
    if (wantedNumber !== undefined && this.#share(identity, wantedNumber)) return wanted;
    const before = this.#lastOf.get(identity);
    const chosen = [wantedNumber, before].find((a) => a !== undefined && this.#isFree(a)) ??
      this.#fresh() ?? this.#returned.values().next().value;
    if (chosen === undefined) return undefined;
    this.#returned.delete(chosen);
    this.#leased.set(chosen, { identity, holders: 1 });
    this.#remember(identity, chosen);
    return addressFromBigInt(chosen, this.plan.first.length);
  }

  giveBack(address: IpAddress): void {
    const value = addressToBigInt(address);
    const held = this.#leased.get(value);
    must(held !== undefined, "an address comes back once");
    const { identity, holders } = held;
    if (holders > 1) {
      this.#leased.set(value, { identity, holders: holders - 1 });
      return;
    }
    this.#leased.delete(value);
    if (value < this.#nextFresh) this.#returned.add(value);
  }

  /** Leases an address once more to the identity that has it; returns whether it has. */
  #share(identity: string, address: bigint): boolean {
    const held = this.#leased.get(address);
    if (held?.identity !== identity) return false;
    this.#leased.set(address, { identity, holders: held.holders + 1 });
    return true;
  }

  #isFree(address: bigint): boolean {
    const { first, last } = this.plan;
    return address >= addressToBigInt(first) && address <= addressToBigInt(last) &&
      !this.#leased.has(address);
  }

  /**
   * The next address that was never leased; addresses that were leased on request, out of turn, are skipped.
   */
  #fresh(): bigint | undefined {
    const last = addressToBigInt(this.plan.last);
    while (this.#nextFresh <= last) {
      const address = this.#nextFresh++;
      if (!this.#leased.has(address)) return address;
    }
    return undefined;
  }

  #remember(identity: string, address: bigint): void {
    const lastOf = this.#lastOf;
    lastOf.delete(identity);
    lastOf.set(identity, address);
    if (lastOf.size > REMEMBERED_MAX) lastOf.delete(lastOf.keys().next().value!);
  }
}

/** Returns the leases of one IKE SA. An address that is not of these pools is a {@linkcode Bug}. */
export function returnLeases(pools: AddressPools, { addresses }: InnerConfiguration): void {
  for (const address of addresses) {
    const pool = address.length === 4 ? pools.v4 : pools.v6;
    must(pool !== undefined, "an address comes back to its pool");
    pool.giveBack(address);
  }
}

/** Selectors for exactly these addresses, to which the client's end of a CHILD_SA is narrowed. */
export function selectorsOf({ addresses }: InnerConfiguration): TrafficSelector[] {
  return addresses.map((address) => ({
    tsType: address.length === 4 ? TsType.TS_IPV4_ADDR_RANGE : TsType.TS_IPV6_ADDR_RANGE,
    protocol: 0,
    startPort: 0,
    endPort: 65535,
    startAddress: address,
    endAddress: address,
  }));
}
