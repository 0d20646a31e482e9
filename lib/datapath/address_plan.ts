/**
 * The addresses of a test on its interface: a few are added as such, and the many addresses of tunnels get
 * local routes, each of which makes all addresses of a prefix addresses of this host. The kernel takes longer
 * to add an address the more addresses an interface has, and a few microseconds for a local route.
 * @module
 */
import {
  addressFromBigInt,
  addressPlus,
  addressToBigInt,
  type IpAddress,
  type IpPrefix,
} from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { indexInSlice, sizeOfSlice, type Slice } from "@/base/slice.ts";

/** The part of a setup that says which addresses a test has. */
export interface AddressPlan {
  readonly role: "client" | "gateway";
  readonly bindifname: string;
  readonly bindifaddr: IpPrefix | undefined;
  readonly startclntaddr: IpPrefix | undefined;
  readonly numberoftunnels: number;
  /** Whether a tunnel of a client, or the gateway, has as many addresses as the two options say. */
  readonly mobike: boolean;
  readonly mobikeaddrpertunnel: number;
  readonly mobikeaddrpergw: number;
  /** The first address of the other family, from which there are as many; absent: there is none. */
  readonly mobikeotheraddr?: IpPrefix | undefined;
  readonly staticroute: string;
  /** The transport of the test; absent: auto. */
  readonly transport?: "auto" | "portable" | "native";
  /** Which tunnels the test makes; absent: all. */
  readonly slice?: Slice | undefined;
}

/** The addresses and local routes of a test. */
export interface OwnAddresses {
  /** Addresses, each with the length of its subnet, in the order in which they are added. */
  readonly addresses: readonly IpPrefix[];
  /** Prefixes that get a local route. */
  readonly localRoutes: readonly IpPrefix[];
}

/**
 * The own addresses of a test. The first address of the tunnels is added as such and brings the route to its
 * subnet; those that follow are local routes where the transport can send from them, which `isRoutable` says
 * of the first of a family.
 * @throws {SetupError} if the address space ends before the last tunnel.
 */
export function ownAddressesOf(
  plan: AddressPlan,
  isRoutable: (first: IpAddress) => boolean,
): OwnAddresses {
  const { role, startclntaddr, bindifaddr, mobike } = plan;
  const isClient = role === "client";
  const other = mobike ? plan.mobikeotheraddr : undefined;
  const count = mobike && !isClient ? plan.mobikeaddrpergw : 1;
  const ofGateway = [bindifaddr, isClient ? undefined : other].flatMap((first) =>
    first ? following(first, count, () => 0) : []
  );
  if (!isClient || !startclntaddr) return { addresses: ofGateway, localRoutes: [] };
  const families = [startclntaddr, ...(other ? [other] : [])].map((first) =>
    ofTunnels(plan, first, isRoutable(first.address))
  );
  return {
    addresses: [...families.flatMap(({ addresses }) => addresses), ...ofGateway],
    localRoutes: families.flatMap(({ localRoutes }) => localRoutes),
  };
}

/** The addresses of all tunnels in one family, from `first` on. */
function ofTunnels(plan: AddressPlan, first: IpPrefix, isRoutable: boolean): OwnAddresses {
  const { numberoftunnels, slice } = plan;
  const each = plan.mobike ? plan.mobikeaddrpertunnel : 1;
  if (slice) {
    const addresses = ofSlice({ first, each, tunnels: numberoftunnels }, slice);
    const [start, ...others] = addresses;
    if (!start || !isRoutable) return { addresses, localRoutes: [] };
    const bits = 8 * first.address.length;
    const localRoutes = others.map(({ address }) => ({ address, bits }));
    return { addresses: [start], localRoutes };
  }
  const count = numberoftunnels * each;
  if (!isRoutable) {
    const addresses = following(first, count, (i) => Math.floor(i / each));
    return { addresses, localRoutes: [] };
  }
  const last = addressPlus(first.address, count - 1);
  if (!last) throw noneLeft(Math.floor(lastIndex(first.address) / each) + 1);
  const second = addressPlus(first.address, 1);
  const localRoutes = count > 1 ? prefixesFrom(second!, last) : [];
  return { addresses: [first], localRoutes };
}

/** The fewest prefixes that together contain exactly the addresses from `first` to `last`. */
export function prefixesFrom(first: IpAddress, last: IpAddress): IpPrefix[] {
  const octets = first.length;
  const end = addressToBigInt(last);
  const prefixes: IpPrefix[] = [];
  for (let at = addressToBigInt(first); at <= end;) {
    let hostBits = 0n;
    // The prefix grows as long as it begins at `at` and does not pass the end.
    while (
      hostBits < BigInt(8 * octets) && (at >> hostBits & 1n) === 0n &&
      at + (2n << hostBits) - 1n <= end
    ) hostBits++;
    prefixes.push({
      address: addressFromBigInt(at, octets)!,
      bits: 8 * octets - Number(hostBits),
    });
    at += 1n << hostBits;
  }
  return prefixes;
}

/**
 * The addresses of the tunnels of a slice, each with the prefix length of the first of all. No prefix covers
 * them alone, and another host has the addresses between them.
 */
function ofSlice(
  { first, each, tunnels }: {
    readonly first: IpPrefix;
    readonly each: number;
    readonly tunnels: number;
  },
  slice: Slice,
): IpPrefix[] {
  const addresses: IpPrefix[] = [];
  for (let nth = 0; nth < sizeOfSlice(slice, tunnels); nth++) {
    const index = indexInSlice(slice, nth);
    const begin = addressPlus(first.address, index * each);
    if (!begin) throw noneLeft(index);
    addresses.push(...following({ ...first, address: begin }, each, () => index));
  }
  return addresses;
}

/** `count` addresses from the first on, each with its prefix length. */
function following(
  first: IpPrefix,
  count: number,
  tunnelOf: (index: number) => number,
): IpPrefix[] {
  return Array.from({ length: count }, (_, i) => {
    const address: IpAddress | undefined = addressPlus(first.address, i);
    if (address) return { ...first, address };
    throw noneLeft(tunnelOf(i));
  });
}

/** The number of addresses that follow an address in its family. */
function lastIndex(address: IpAddress): number {
  return Number((1n << BigInt(8 * address.length)) - 1n - addressToBigInt(address));
}

function noneLeft(tunnel: number): SetupError {
  return new SetupError(`Cannot give tunnel ${tunnel} an address: there is none left`);
}
