/**
 * MOBIKE of a setup: which addresses each tunnel of a client owns, and which a gateway announces.
 * @module
 */
import { addressPlus, type IpAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import type { MobikeConfig } from "@/ike/records/mobility.ts";
import type { Setup } from "@/setup/setup.ts";

/**
 * How this end takes part; undefined: `mobike` is false.
 * @throws {SetupError} where addresses lie past the end of their family's space.
 */
export function mobikeOf(setup: Setup): MobikeConfig | undefined {
  const { mobike, role, startclntaddr, bindifaddr, mobikechangeaddrtype: moves } = setup;
  const first = role === "client" ? startclntaddr?.address : bindifaddr?.address;
  if (!mobike || !first) return undefined;
  const count = role === "client" ? setup.mobikeaddrpertunnel : setup.mobikeaddrpergw;
  return {
    addresses: run(first, count),
    step: role === "client" ? count : 0,
    moves,
    intervalMs: role === "client" ? setup.mobikeiplifetime : Infinity,
  };
}

/** `count` addresses from `first` on. @throws {SetupError} where there are not so many. */
function run(first: IpAddress, count: number): IpAddress[] {
  return Array.from({ length: count }, (_, i) => {
    const address = addressPlus(first, i);
    if (!address) throw new SetupError(`Cannot have ${count} addresses: no more are left`);
    return address;
  });
}

/**
 * All addresses of a client with `tunnels` tunnels, or of a gateway, each once.
 * @throws {SetupError} where the last one lies past the end of its family's space.
 */
export function mobileAddresses({ addresses, step }: MobikeConfig, tunnels: number): IpAddress[] {
  return run(addresses[0]!, step === 0 ? addresses.length : step * tunnels);
}
