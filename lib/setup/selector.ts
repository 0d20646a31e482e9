/**
 * Reads a traffic selector of a setup, in which the type follows from the addresses, or absent
 * addresses from the type.
 * @module
 */
import { compareAddresses, type IpAddress, parseAddress } from "@/base/address.ts";
import { shown } from "@/setup/kinds.ts";
import type { SelectorConf } from "@/setup/setup.ts";

/**
 * Makes a selector of the fields that were read; reports contradictions by `fail`, with the name of
 * the field.
 */
export function readSelector(
  values: Readonly<Record<string, unknown>>,
  fail: (what: string, key: string) => void,
): SelectorConf {
  const read = (key: "startaddr" | "endaddr"): IpAddress | undefined => {
    const text = String(values[key]);
    if (text === "") return undefined;
    const address = parseAddress(text);
    if (!address) fail(`Expected an IPv4 or IPv6 address for ${key}, found ${shown(text)}`, key);
    return address;
  };
  const start = read("startaddr");
  const end = read("endaddr");
  const byAddress = start ? familyOf(start) : end ? familyOf(end) : undefined;
  const byType = values.type === "v6" ? 6 : values.type === "v4" ? 4 : undefined;
  if (byType && byAddress && byType !== byAddress) {
    fail(`type v${byType} contradicts an IPv${byAddress} address`, "type");
  }
  if (start && end && start.length !== end.length) {
    fail("startaddr and endaddr are of different families", "endaddr");
  }
  const family = byType ?? byAddress ?? 4;
  const octets = family === 4 ? 4 : 16;
  const startaddr = start ?? new Uint8Array(octets);
  const endaddr = end ?? new Uint8Array(octets).fill(255);
  const startport = Number(values.startport);
  const endport = Number(values.endport);
  if (startaddr.length === endaddr.length && compareAddresses(startaddr, endaddr) > 0) {
    fail("startaddr is greater than endaddr", "startaddr");
  }
  const opaque = startport === 65_535 && endport === 0;
  if (startport > endport && !opaque) fail("startport is greater than endport", "startport");
  return { family, protocol: Number(values.protocol), startport, endport, startaddr, endaddr };
}

function familyOf(address: IpAddress): 4 | 6 {
  return address.length === 4 ? 4 : 6;
}
