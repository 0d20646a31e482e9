/**
 * Inner addresses for remote access: pools of a gateway, and what one IKE SA holds of them (RFC 7296
 * §2.19). A lease belongs to an IKE SA, moves with its rekey, and comes back when the SA ends.
 * @module
 */
import { addressFromBigInt, addressToBigInt, type IpAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { TsType } from "@/iana/ts_type.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** Identities whose last address is kept in mind at most, by pool. */
const REMEMBERED_MAX = 100_000;

/** Addresses of one family that may be handed out, and the DNS servers that go with them. */
export interface PoolPlan {
  readonly first: IpAddress;
  /** Included. */
  readonly last: IpAddress;
  /** Prefix length of the network it is part of. */
  readonly prefixBits: number;
  readonly dns: readonly IpAddress[];
}

/** What a gateway has to hand out; a family without a plan is not served. */
export interface PoolPlans {
  readonly v4: PoolPlan | undefined;
  readonly v6: PoolPlan | undefined;
}

/** A pool of one family, as it is used. */
export interface AddressPool {
  readonly plan: PoolPlan;
  /** Addresses handed out now, as numbers. */
  readonly leased: Set<bigint>;
  /** Addresses below `nextFresh` that came back, longest free first. */
  readonly returned: Set<bigint>;
  /** Where addresses begin that were never handed out in turn. */
  nextFresh: bigint;
  /** The last address of an identity, by its key, oldest first. */
  readonly lastOf: Map<string, bigint>;
}

/** The pools of a gateway. */
export interface AddressPools {
  readonly v4: AddressPool | undefined;
  readonly v6: AddressPool | undefined;
}

/** Inner addresses and DNS servers of the remote-access client of an IKE SA, at either end. */
export interface InnerConfiguration {
  /** At most one of each family at a gateway. */
  readonly addresses: readonly IpAddress[];
  readonly dns: readonly IpAddress[];
}

/** Pools with nothing handed out. */
export function newPools(plans: PoolPlans): AddressPools {
  return { v4: plans.v4 && newPool(plans.v4), v6: plans.v6 && newPool(plans.v6) };
}

function newPool(plan: PoolPlan): AddressPool {
  const nextFresh = addressToBigInt(plan.first);
  return { plan, leased: new Set(), returned: new Set(), nextFresh, lastOf: new Map() };
}

/**
 * Hands out an address: the one wished for if it is free, else the identity's last one if it is
 * free, else one never used, else the one that is free longest. Undefined: all are handed out.
 */
export function lease(
  pool: AddressPool,
  identity: string,
  wish: IpAddress | undefined,
): IpAddress | undefined {
  const wished = wish && addressToBigInt(wish), before = pool.lastOf.get(identity);
  const chosen = [wished, before].find((a) => a !== undefined && isFree(pool, a)) ??
    fresh(pool) ?? pool.returned.values().next().value;
  if (chosen === undefined) return undefined;
  pool.returned.delete(chosen);
  pool.leased.add(chosen);
  remember(pool, identity, chosen);
  return addressFromBigInt(chosen, pool.plan.first.length);
}

function isFree(pool: AddressPool, address: bigint): boolean {
  const { first, last } = pool.plan;
  return address >= addressToBigInt(first) && address <= addressToBigInt(last) &&
    !pool.leased.has(address);
}

/** The next address in turn; one that was handed out by wish, out of turn, is passed over. */
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

/** Takes back what one IKE SA held; addresses that are not of these pools are a Bug. */
export function giveBack(pools: AddressPools, { addresses }: InnerConfiguration): void {
  for (const address of addresses) {
    const pool = address.length === 4 ? pools.v4 : pools.v6, value = addressToBigInt(address);
    must(pool?.leased.delete(value) === true, "an address comes back once");
    if (value < pool!.nextFresh) pool!.returned.add(value);
  }
}

/** Selectors that cover exactly these addresses: what a remote-access client's end is narrowed to. */
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
