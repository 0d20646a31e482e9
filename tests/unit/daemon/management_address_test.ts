import assert from "node:assert/strict";
import { type IpAddress, showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import {
  bridgeAddress,
  freeAddress,
  MANAGEMENT_PREFIX,
  parseManagementPrefix,
} from "@/daemon/management_address.ts";

function take(prefixText: string, count: number, taken: string[] = []): string[] {
  const prefix = parseManagementPrefix(prefixText);
  const used = new Set(taken);
  const got: string[] = [];
  const isUsed = (address: IpAddress) => used.has(showAddress(address));
  for (let i = 0; i < count; i++) {
    const address = freeAddress(prefix, isUsed);
    if (!address) break;
    got.push(showAddress(address));
    used.add(showAddress(address));
  }
  return got;
}

Deno.test("the bridge has the first address, instances the next", () => {
  const prefix = parseManagementPrefix(MANAGEMENT_PREFIX);
  assert.equal(showAddress(bridgeAddress(prefix)), "169.254.240.1");
  assert.deepEqual(take(MANAGEMENT_PREFIX, 3), ["169.254.240.2", "169.254.240.3", "169.254.240.4"]);
});

Deno.test("used addresses are skipped, and released ones are assigned again", () => {
  assert.deepEqual(take("10.0.0.0/24", 2, ["10.0.0.2", "10.0.0.4"]), ["10.0.0.3", "10.0.0.5"]);
});

Deno.test("neither the first nor the last address of the network is assigned, and the addresses are limited", () => {
  assert.deepEqual(take("10.0.0.4/30", 9), ["10.0.0.6"]);
  assert.deepEqual(take("10.0.0.0/29", 9).length, 5);
  assert.equal(take(MANAGEMENT_PREFIX, 5_000).length, 4_093);
});

Deno.test("host bits of the prefix are ignored, and IPv6 works as well", () => {
  assert.deepEqual(take("10.1.2.77/24", 1), ["10.1.2.2"]);
  assert.deepEqual(take("fd00:1::/64", 2), ["fd00:1::2", "fd00:1::3"]);
});

Deno.test("a text that is no prefix, and a prefix without a free address, are refused", () => {
  for (
    const text of ["", "10.0.0.1", "10.0.0.0/33", "10.0.0.0/31", "10.0.0.1/32", "x/8", "::/127"]
  ) {
    assert.throws(() => parseManagementPrefix(text), SetupError, text);
  }
});
