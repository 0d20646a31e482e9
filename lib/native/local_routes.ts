/**
 * The IPv6 addresses that the routes of this host make its own. Those of an interface have such a route each;
 * a route of a whole prefix makes all of its addresses local, from which only sockets with IPV6_FREEBIND can
 * send.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import { fromHex, octetsKey } from "@/base/bytes.ts";

/** The kernel's routes of IPv6, a line each, in hexadecimal (`net/ipv6/route.c`). */
const ROUTES = "/proc/net/ipv6_route";
/** The flag of a local route (`linux/ipv6_route.h`). */
const RTF_LOCAL = 0x80000000;
const ADDRESS_OCTETS = 16;
/** Places of the fields of a line. */
const DESTINATION = 0;
const PREFIX_LENGTH = 1;
const FLAGS = 8;

/** Whether all of these are IPv6 addresses that a route makes local. `readRoutes`: tests have their own. */
export function areLocalByRoutes(
  addresses: readonly IpAddress[],
  readRoutes: () => string = () => Deno.readTextFileSync(ROUTES),
): boolean {
  if (addresses.length === 0 || addresses.some(({ length }) => length !== ADDRESS_OCTETS)) {
    return false;
  }
  let text: string;
  try {
    text = readRoutes();
  } catch {
    return false;
  }
  const alone = new Set<string>();
  const prefixes: { readonly first: Uint8Array; readonly bits: number }[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(/\s+/);
    const first = fromHex(fields[DESTINATION]!);
    if (first?.length !== ADDRESS_OCTETS || !(Number(`0x${fields[FLAGS]}`) & RTF_LOCAL)) continue;
    const bits = Number(`0x${fields[PREFIX_LENGTH]}`);
    if (bits === 8 * ADDRESS_OCTETS) alone.add(octetsKey(first));
    else prefixes.push({ first, bits });
  }
  return addresses.every((address) =>
    alone.has(octetsKey(address)) ||
    prefixes.some(({ first, bits }) => beginAlike(address, first, bits))
  );
}

/** Whether two addresses have their first bits in common. */
function beginAlike(a: IpAddress, b: IpAddress, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (a[whole]! ^ b[whole]!) >> 8 - rest === 0;
}
