import assert from "node:assert/strict";
import { type IpAddress, showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import {
  bridgeAddress,
  freeAddress,
  MANAGEMENT_PREFIX,
  parseManagementPrefix,
} from "@/daemon/management_address.ts";

/** Assigns up to `count` addresses of a prefix, of which the addresses in `taken` are used already. */
function assign(prefixText: string, count: number, taken: string[] = []): string[] {
  const prefix = parseManagementPrefix(prefixText);
  const used = new Set(taken);
  const assigned: string[] = [];
  const isUsed = (address: IpAddress) => used.has(showAddress(address));
  for (let i = 0; i < count; i++) {
    const address = freeAddress(prefix, isUsed);
    if (!address) break;
    assigned.push(showAddress(address));
    used.add(showAddress(address));
  }
  return assigned;
}

Deno.test("the bridge has the first address, and instances have the following ones", () => {
  const prefix = parseManagementPrefix(MANAGEMENT_PREFIX);
  assert.equal(showAddress(bridgeAddress(prefix)), "169.254.240.1");
  const first = assign(MANAGEMENT_PREFIX, 3);
  assert.deepEqual(first, ["169.254.240.2", "169.254.240.3", "169.254.240.4"]);
});

Deno.test("addresses that are in use are skipped, and an unused one between them is assigned", () => {
  assert.deepEqual(assign("10.0.0.0/24", 2, ["10.0.0.2", "10.0.0.4"]), ["10.0.0.3", "10.0.0.5"]);
});

Deno.test("neither the first nor the last address of the network is assigned, and no address when all are used", () => {
  assert.deepEqual(assign("10.0.0.4/30", 9), ["10.0.0.6"]);
  assert.deepEqual(assign("10.0.0.0/29", 9).length, 5);
  assert.equal(assign(MANAGEMENT_PREFIX, 5_000).length, 4_093);
});

Deno.test("host bits of the prefix are ignored, and a prefix may be of IPv6", () => {
  assert.deepEqual(assign("10.1.2.77/24", 1), ["10.1.2.2"]);
  assert.deepEqual(assign("fd00:1::/64", 2), ["fd00:1::2", "fd00:1::3"]);
});

Deno.test("a text that is no prefix, and a prefix without a free address, are refused", () => {
  for (
    const text of ["", "10.0.0.1", "10.0.0.0/33", "10.0.0.0/31", "10.0.0.1/32", "x/8", "::/127"]
  ) {
    assert.throws(() => parseManagementPrefix(text), SetupError, text);
  }
});
