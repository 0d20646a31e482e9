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

/** To whom an address is leased. */
interface Lease {
  readonly identity: string;
  /** The number of IKE SAs that have it: two while a peer authenticates again, or is resumed. */
  readonly holders: number;
}

/** The state of a pool. */
export interface AddressPool {
  readonly plan: PoolPlan;
  /** Addresses that are leased at present, as numbers. */
  readonly leased: Map<bigint, Lease>;
  /** Addresses below `nextFresh` that were returned, the longest free first. */
  readonly returned: Set<bigint>;
  /** The first address that was never leased in turn. */
  nextFresh: bigint;
  /** The last address of each identity, by its key, oldest first. */
  readonly lastOf: Map<string, bigint>;
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

/** Pools without leases. */
export function newPools(plans: PoolPlans): AddressPools {
  return { v4: plans.v4 && newPool(plans.v4), v6: plans.v6 && newPool(plans.v6) };
}

function newPool(plan: PoolPlan): AddressPool {
  const nextFresh = addressToBigInt(plan.first);
  return { plan, leased: new Map(), returned: new Set(), nextFresh, lastOf: new Map() };
}

/**
 * Leases an address: the requested one if it is free or the same identity has it, otherwise the identity's
 * last one if it is free, otherwise one that was never used, otherwise the one that is free the longest. A
 * peer that authenticates again before it leaves asks for the address that it has (RFC 7296 §3.15.1).
 * Undefined: none is free.
 */
export function lease(
  pool: AddressPool,
  identity: string,
  wanted: IpAddress | undefined,
): IpAddress | undefined {
  const wantedNumber = wanted && addressToBigInt(wanted);
  if (wantedNumber !== undefined && share(pool, identity, wantedNumber)) return wanted;
  const before = pool.lastOf.get(identity);
  const chosen = [wantedNumber, before].find((a) => a !== undefined && isFree(pool, a)) ??
    fresh(pool) ?? pool.returned.values().next().value;
  if (chosen === undefined) return undefined;
  pool.returned.delete(chosen);
  pool.leased.set(chosen, { identity, holders: 1 });
  remember(pool, identity, chosen);
  return addressFromBigInt(chosen, pool.plan.first.length);
}

/** Leases an address once more to the identity that has it; returns whether it has. */
function share({ leased }: AddressPool, identity: string, address: bigint): boolean {
  const held = leased.get(address);
  if (held?.identity !== identity) return false;
  leased.set(address, { identity, holders: held.holders + 1 });
  return true;
}

function isFree(pool: AddressPool, address: bigint): boolean {
  const { first, last } = pool.plan;
  return address >= addressToBigInt(first) && address <= addressToBigInt(last) &&
    !pool.leased.has(address);
}

/**
 * The next address that was never leased; addresses that were leased on request, out of turn, are skipped.
 */
function fresh(pool: AddressPool): bigint | undefined {
  const last = addressToBigInt(pool.plan.last);
  while (pool.nextFresh <= last) {
    const address = pool.nextFresh++;
    if (!pool.leased.has(address)) return address;
  }
  return undefined;
}

function remember({ lastOf }: AddressPool, identity: string, address: bigint): void {
  lastOf.delete(identity);
  lastOf.set(identity, address);
  if (lastOf.size > REMEMBERED_MAX) lastOf.delete(lastOf.keys().next().value!);
}

/** Returns the leases of one IKE SA. An address that is not of these pools is a {@linkcode Bug}. */
export function returnLeases(pools: AddressPools, { addresses }: InnerConfiguration): void {
  for (const address of addresses) {
    const pool = address.length === 4 ? pools.v4 : pools.v6;
    const value = addressToBigInt(address);
    const held = pool?.leased.get(value);
    must(held !== undefined, "an address comes back once");
    const { identity, holders } = held;
    if (holders > 1) {
      pool!.leased.set(value, { identity, holders: holders - 1 });
      continue;
    }
    pool!.leased.delete(value);
    if (value < pool!.nextFresh) pool!.returned.add(value);
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
