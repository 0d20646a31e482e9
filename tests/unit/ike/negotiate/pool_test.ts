/** Inner addresses: which IKE SA gets which, and how they are returned. */
import assert from "node:assert/strict";
import { parseAddress, showAddress } from "@/base/address.ts";
import { type AddressPool, type AddressPools, newPools, returnLeases } from "@/ike/records/pool.ts";

const v4 = (text: string) => parseAddress(text)!;

function pools(first: string, last: string): AddressPools & { readonly v4: AddressPool } {
  const made = newPools({
    v4: { first: v4(first), last: v4(last), prefixBits: 29, dns: [] },
    v6: undefined,
  });
  return { ...made, v4: made.v4! };
}

function take(pool: AddressPool, who: string, wish?: string): string | undefined {
  const address = pool.lease(who, wish === undefined ? undefined : v4(wish));
  return address && showAddress(address);
}

Deno.test("addresses are assigned from the first to the last, and then none", () => {
  const { v4: pool } = pools("10.1.0.5", "10.1.0.7");
  assert.deepEqual(["a", "b", "c", "d"].map((who) => take(pool, who)), [
    "10.1.0.5",
    "10.1.0.6",
    "10.1.0.7",
    undefined,
  ]);
});

Deno.test("released addresses are assigned again when no unused one is left, the longest free first", () => {
  const all = pools("10.1.0.5", "10.1.0.7");
  for (const who of ["a", "b", "c"]) take(all.v4, who);
  returnLeases(all, { addresses: [v4("10.1.0.6")], dns: [] });
  returnLeases(all, { addresses: [v4("10.1.0.5")], dns: [] });
  assert.deepEqual([take(all.v4, "x"), take(all.v4, "y"), take(all.v4, "z")], [
    "10.1.0.6",
    "10.1.0.5",
    undefined,
  ]);
});

Deno.test("an identity gets its last address again while it is free", () => {
  const all = pools("10.1.0.0", "10.1.0.7");
  take(all.v4, "a");
  assert.equal(take(all.v4, "b"), "10.1.0.1");
  returnLeases(all, { addresses: [v4("10.1.0.1")], dns: [] });
  assert.equal(take(all.v4, "b"), "10.1.0.1");
  assert.equal(take(all.v4, "b"), "10.1.0.2", "a second SA of it has an address of its own");
});

Deno.test("a requested address is assigned if it is free, and not assigned again in turn", () => {
  const { v4: pool } = pools("10.1.0.5", "10.1.0.7");
  assert.equal(take(pool, "a", "10.1.0.6"), "10.1.0.6");
  assert.equal(take(pool, "b", "10.1.0.6"), "10.1.0.5");
  assert.equal(take(pool, "c", "10.1.0.4"), "10.1.0.7", "before the first");
  assert.equal(take(pool, "d", "10.1.0.8"), undefined, "after the last");
});

Deno.test("an address that was requested out of turn is assigned once after its release", () => {
  const all = pools("10.1.0.5", "10.1.0.6");
  take(all.v4, "a", "10.1.0.6");
  returnLeases(all, { addresses: [v4("10.1.0.6")], dns: [] });
  assert.deepEqual([take(all.v4, "x"), take(all.v4, "y"), take(all.v4, "z")], [
    "10.1.0.5",
    "10.1.0.6",
    undefined,
  ]);
});

Deno.test("an address is released only once", () => {
  const all = pools("10.1.0.5", "10.1.0.6");
  take(all.v4, "a");
  returnLeases(all, { addresses: [v4("10.1.0.5")], dns: [] });
  assert.throws(() => returnLeases(all, { addresses: [v4("10.1.0.5")], dns: [] }));
});

Deno.test("an identity shares the address that it asks for and has, until its last IKE SA returns it", () => {
  const all = pools("10.1.0.5", "10.1.0.7");
  assert.equal(take(all.v4, "a"), "10.1.0.5");
  assert.equal(take(all.v4, "a", "10.1.0.5"), "10.1.0.5");
  assert.equal(take(all.v4, "b", "10.1.0.5"), "10.1.0.6", "another identity does not");
  assert.equal(all.v4.assigned, 2);
  const inner = { addresses: [v4("10.1.0.5")], dns: [] };
  returnLeases(all, inner);
  assert.equal(take(all.v4, "c", "10.1.0.5"), "10.1.0.7");
  returnLeases(all, inner);
  assert.equal(take(all.v4, "d", "10.1.0.5"), "10.1.0.5");
  assert.throws(() => returnLeases(all, { addresses: [v4("10.1.0.4")], dns: [] }));
});
