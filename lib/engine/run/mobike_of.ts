/**
 * Makes the configuration of MOBIKE from a setup: the addresses of each tunnel of a client, and those that a
 * gateway announces.
 * @module
 */
import { addressPlus, type IpAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import type { MobikeConfig } from "@/ike/records/mobility.ts";
import type { Setup } from "@/setup/setup.ts";

/**
 * The configuration of this end; undefined: `mobike` is false. @throws {SetupError} if an address is outside
 * of the address space.
 */
export function mobikeOf(setup: Setup): MobikeConfig | undefined {
  const { mobike, role, startclntaddr, bindifaddr, mobikechangeaddrtype: moves } = setup;
  const first = role === "client" ? startclntaddr?.address : bindifaddr?.address;
  if (!mobike || !first) return undefined;
  const count = role === "client" ? setup.mobikeaddrpertunnel : setup.mobikeaddrpergw;
  const other = setup.mobikeotheraddr?.address;
  return {
    addresses: [first, ...(other ? [other] : [])].flatMap((one) => run(one, count)),
    step: role === "client" ? count : 0,
    moves,
    intervalMs: role === "client" ? setup.mobikeiplifetime : Infinity,
  };
}

/** `count` addresses from `first` on. @throws {SetupError} if one is outside of the address space. */
function run(first: IpAddress, count: number): IpAddress[] {
  return Array.from({ length: count }, (_, i) => {
    const address = addressPlus(first, i);
    if (!address) throw new SetupError(`Cannot have ${count} addresses: no more are left`);
    return address;
  });
}

/**
 * All addresses of a tunnel of a client, or of a gateway, those of the first family first.
 * @throws {SetupError} where the last one lies past the end of its family's space.
 */
export function mobileAddresses({ addresses, step }: MobikeConfig, index: number): IpAddress[] {
  return addresses.map((one) => {
    const address = addressPlus(one, step * index);
    if (address) return address;
    throw new SetupError(`Cannot give tunnel ${index} an address: no more are left`);
  });
}
