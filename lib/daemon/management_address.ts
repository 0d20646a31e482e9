/**
 * Management addresses: one for the bridge, one for each instance, so that the host reaches the API of
 * every instance in its network namespace.
 * @module
 */
import {
  addressPlus,
  compareAddresses,
  type IpAddress,
  type IpPrefix,
  parsePrefix,
  prefixRange,
} from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";

/** Where the addresses come from unless `--mgmtprefix` says otherwise. */
export const MANAGEMENT_PREFIX = "169.254.240.0/20";

/** The bridge, one instance, and the two ends that IPv4 keeps for itself. */
const HOST_BITS_MIN = 2;

/** @throws {SetupError} for what is no prefix, or has no room for an instance. */
export function parseManagementPrefix(text: string): IpPrefix {
  const prefix = text.includes("/") ? parsePrefix(text) : undefined;
  if (!prefix) {
    throw new SetupError(`Cannot use --mgmtprefix ${text}: expected ${MANAGEMENT_PREFIX}`);
  }
  if (!hasRoom(prefix)) {
    throw new SetupError(`Cannot use --mgmtprefix ${text}: it has no room for an instance`);
  }
  return prefix;
}

/** Whether there is room for the bridge and an instance. */
export function hasRoom({ address, bits }: IpPrefix): boolean {
  return address.length * 8 - bits >= HOST_BITS_MIN;
}

/** The bridge's own: the first after that of the network. */
export function bridgeAddress(prefix: IpPrefix): IpAddress {
  return addressPlus(prefixRange(prefix)[0], 1)!;
}

/** The lowest that nobody uses, neither the network's ends nor the bridge's; none is left: undefined. */
export function freeAddress(
  prefix: IpPrefix,
  isUsed: (address: IpAddress) => boolean,
): IpAddress | undefined {
  const last = prefixRange(prefix)[1];
  let address = addressPlus(bridgeAddress(prefix), 1)!;
  while (compareAddresses(address, last) < 0) {
    if (!isUsed(address)) return address;
    address = addressPlus(address, 1)!;
  }
  return undefined;
}
