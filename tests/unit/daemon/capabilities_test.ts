import assert from "node:assert/strict";
import { missingCapabilities } from "@/daemon/capabilities.ts";

/** The part of /proc/self/status with the capabilities of these numbers. */
function status(...bits: number[]): string {
  const set = bits.reduce((sum, bit) => sum | 1n << BigInt(bit), 0n);
  return `Name:\tx\nCapPrm:\tffffffffffffffff\nCapEff:\t${set.toString(16).padStart(16, "0")}\n`;
}

Deno.test("each capability that the daemon needs and does not have is named", () => {
  assert.deepEqual(missingCapabilities(status(12, 21)), []);
  assert.deepEqual(missingCapabilities(status(12)).map((w) => w.split(" ")[0]), ["CAP_SYS_ADMIN"]);
  assert.deepEqual(missingCapabilities(status(21)).map((w) => w.split(" ")[0]), ["CAP_NET_ADMIN"]);
  assert.equal(missingCapabilities(status()).length, 2);
  assert.equal(missingCapabilities("").length, 2);
});
