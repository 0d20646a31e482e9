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

/** Default of `--mgmtprefix`. */
export const MANAGEMENT_PREFIX = "169.254.240.0/20";

/** Host bits for at least four addresses: network, broadcast, the bridge and one instance. */
const HOST_BITS_MIN = 2;

/** Parses `--mgmtprefix`. @throws {SetupError} if it is no prefix, or too small for one instance. */
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

/** Whether a prefix has addresses for the bridge and at least one instance. */
export function hasRoom({ address, bits }: IpPrefix): boolean {
  return address.length * 8 - bits >= HOST_BITS_MIN;
}

/** The address of the bridge: the first one behind the network address. */
export function bridgeAddress(prefix: IpPrefix): IpAddress {
  return addressPlus(prefixRange(prefix)[0], 1)!;
}

/** The lowest unused address between that of the bridge and the broadcast address; undefined if none is left. */
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
