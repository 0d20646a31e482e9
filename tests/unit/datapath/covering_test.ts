/**
 * The smallest prefix, and the smallest masked port, that hold a selector.
 */
import assert from "node:assert/strict";
import { parseAddress, showAddress } from "@/base/address.ts";
import { coveringPorts, coveringPrefix } from "@/datapath/covering.ts";
import type { Selector } from "@/datapath/data_path.ts";

function selector(first: string, last: string, more: Partial<Selector> = {}): Selector {
  const ends = { first: parseAddress(first)!, last: parseAddress(last)! };
  return { ...ends, protocol: 0, startPort: 0, endPort: 65_535, ...more };
}

function prefix(first: string, last: string): string {
  const { address, bits } = coveringPrefix(selector(first, last));
  return `${showAddress(address)}/${bits}`;
}

Deno.test("a prefix is itself, a range the smallest prefix with both ends in it", () => {
  assert.equal(prefix("10.1.0.0", "10.1.255.255"), "10.1.0.0/16");
  assert.equal(prefix("10.1.2.3", "10.1.2.3"), "10.1.2.3/32");
  assert.equal(prefix("10.1.2.3", "10.1.2.4"), "10.1.2.0/29");
  assert.equal(prefix("10.1.2.255", "10.1.3.0"), "10.1.2.0/23");
  assert.equal(prefix("0.0.0.0", "255.255.255.255"), "0.0.0.0/0");
  assert.equal(prefix("127.255.255.255", "128.0.0.0"), "0.0.0.0/0");
  assert.equal(prefix("fd00::", "fd00::ffff"), "fd00::/112");
  assert.equal(prefix("fd00::1", "fd00::8000:0:0:1"), "fd00::/64");
});

Deno.test("ports: one, a power of two, a range that needs more, any, and what cannot be seen", () => {
  const at = (startPort: number, endPort: number, protocol = 6) => {
    const from = selector("10.0.0.1", "10.0.0.1", { protocol, startPort, endPort });
    return coveringPorts(from, selector("10.0.0.2", "10.0.0.2")).source;
  };
  assert.deepEqual(at(500, 500), { port: 500, mask: 0xffff });
  assert.deepEqual(at(1024, 2047), { port: 1024, mask: 0xfc00 });
  assert.deepEqual(at(80, 81), { port: 80, mask: 0xfffe });
  assert.deepEqual(at(79, 80), { port: 64, mask: 0xffe0 });
  assert.deepEqual(at(0, 65_535), { port: 0, mask: 0 });
  assert.deepEqual(at(65_535, 0), { port: 0, mask: 0 });
});

Deno.test("ICMP has its type where the source port stands, its code where the other does", () => {
  const echo = { protocol: 1, startPort: 0x0800, endPort: 0x0800 };
  const named = selector("10.0.0.1", "10.0.0.1", echo);
  const any = selector("10.0.0.2", "10.0.0.2");
  const expected = { source: { port: 8, mask: 0xffff }, destination: { port: 0, mask: 0xffff } };
  assert.deepEqual(coveringPorts(named, any), expected);
  assert.deepEqual(coveringPorts(any, named), expected);
  const codes = { protocol: 58, startPort: 0x8000, endPort: 0x80ff };
  assert.deepEqual(coveringPorts(selector("fd00::1", "fd00::1", codes), any), {
    source: { port: 128, mask: 0xffff },
    destination: { port: 0, mask: 0xff00 },
  });
});
