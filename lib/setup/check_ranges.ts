/**
 * Warns of ranges of addresses, for tunnels or for leases, that contain an address which cannot
 * be used: the address of the network, its broadcast address, or an address of another host.
 * @module
 */
import {
  addressToBigInt,
  type IpAddress,
  type IpPrefix,
  prefixRange,
  showAddress,
} from "@/base/address.ts";
import type { Check } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** A range of addresses that are assigned one after the other. */
interface CountedRange {
  /** The option of its first address. */
  readonly path: string;
  readonly start: IpPrefix;
  /** The most addresses of the range that are used. */
  readonly count: number;
  /** The tunnel or client that gets the address with this index, as text. */
  readonly who: (place: number) => string;
}

/** An address that cannot be used. */
interface Taken {
  readonly address: IpAddress | undefined;
  /** What it is, as the end of a sentence. */
  readonly what: string;
}

/** Warns of ranges that contain an address which cannot be used. */
export function warnOfRanges(setup: Setup, { isBroken, warn }: Check): void {
  for (const { range, taken } of rangesOf(setup)) {
    if (isBroken(range.path) || isBroken("numberoftunnels")) continue;
    for (const one of [...edgesOf(range.start), ...taken]) {
      const place = one.address && placeIn(range, one.address);
      if (place === undefined) continue;
      const who = range.who(place);
      const address = showAddress(one.address!);
      warn(`${who} gets ${address}, which is ${one.what}`, range.path);
    }
  }
}

function rangesOf(setup: Setup): { readonly range: CountedRange; readonly taken: Taken[] }[] {
  const { role, startclntaddr, peeraddr, bindifaddr, numberoftunnels: tunnels, poolconf } = setup;
  if (role === "client") {
    const { mobike, mobikeotheraddr } = setup;
    const owned = mobike ? setup.mobikeaddrpertunnel : 1;
    const who = (place: number) => `tunnel ${Math.floor(place / owned)} of ${tunnels}`;
    const taken = [{ address: peeraddr, what: "peeraddr, the gateway's" }];
    const starts = [
      { path: "startclntaddr", start: startclntaddr },
      { path: "mobikeotheraddr", start: mobike ? mobikeotheraddr : undefined },
    ];
    return starts.flatMap(({ path, start }) =>
      start ? [{ range: { path, start, count: tunnels * owned, who }, taken }] : []
    );
  }
  const own = { address: bindifaddr?.address, what: "bindifaddr, the gateway's own" };
  return [["v4startaddr", poolconf.v4startaddr], ["v6startaddr", poolconf.v6startaddr]].flatMap(
    ([name, start]) => {
      if (!start || typeof start === "string") return [];
      const who = (place: number) => `client ${place + 1} of ${tunnels}`;
      return [{ range: { path: `poolconf.${name}`, start, count: tunnels, who }, taken: [own] }];
    },
  );
}

/**
 * The two addresses of an IPv4 network that no host may have (RFC 1122 §3.2.1.3); a /31 has none
 * (RFC 3021).
 */
function edgesOf(network: IpPrefix): Taken[] {
  if (network.address.length !== 4 || network.bits > 30) return [];
  const [first, last] = prefixRange(network);
  const of = `${showAddress(first)}/${network.bits}`;
  return [
    { address: first, what: `the address of the network ${of} itself` },
    { address: last, what: `the broadcast address of ${of}` },
  ];
}

/** The index of an address in a range; undefined if the range does not contain it. */
function placeIn({ start, count }: CountedRange, address: IpAddress): number | undefined {
  if (address.length !== start.address.length) return undefined;
  const place = addressToBigInt(address) - addressToBigInt(start.address);
  return place >= 0n && place < BigInt(count) ? Number(place) : undefined;
}
