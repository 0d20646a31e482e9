import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import { areLocalByRoutes } from "@/native/local_routes.ts";

/** Lines of /proc/net/ipv6_route of Linux 6: a subnet, a local prefix, an address of an interface. */
const ROUTES = [
  "fd000001000000000000000000000000 30 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001       v0",
  "fd000001000000000000000000010002 7f 00000000000000000000000000000000 00 00000000000000000000000000000000 0000014a 00000001 00000000 80000001       v0",
  "fd000001000000000000000000010000 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       v0",
  "",
].join("\n");

const are = (...texts: string[]) =>
  areLocalByRoutes(texts.map((text) => parseAddress(text)!), () => ROUTES);

Deno.test("addresses of local prefixes and of interfaces are local, those of the subnet are not", () => {
  assert.equal(are("fd00:1::1:0", "fd00:1::1:2", "fd00:1::1:3"), true);
  assert.equal(are("fd00:1::1:0", "fd00:1::1:1"), false);
  assert.equal(are("fd00:1::1:4"), false);
});

Deno.test("without addresses of IPv6, or without the kernel's table, none is", () => {
  assert.equal(are(), false);
  assert.equal(are("10.0.0.1"), false);
  const none = () => {
    throw new Error("no such file");
  };
  assert.equal(areLocalByRoutes([parseAddress("fd00:1::1:0")!], none), false);
  assert.equal(areLocalByRoutes([parseAddress("fd00:1::1:0")!], () => "nonsense\n\n0 1"), false);
});
