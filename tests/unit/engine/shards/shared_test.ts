/** What the workers of a gateway share: pools and the counts of tunnels. */
import assert from "node:assert/strict";
import { parseAddress, showAddress } from "@/base/address.ts";
import { SeededRandom } from "@/base/random.ts";
import { plainCopy } from "@/engine/shards/plain_copy.ts";
import { newCountsMemory, SharedCounts } from "@/engine/shards/shared_counts.ts";
import { shareOf } from "@/engine/shards/share.ts";
import { SharedRows } from "@/engine/shards/shared_memory.ts";
import { newPoolMemory, SharedPool } from "@/engine/shards/shared_pool.ts";
import { loadShim } from "@/native/load.ts";
import type { Setup } from "@/setup/setup.ts";
import { setup } from "../setups.ts";
import { type AddressPool, newPools, type PoolPlan } from "@/ike/records/pool.ts";

const NO_STORM: Setup["loadconf"]["storms"][number] = {
  kind: "none",
  after: 0,
  tunnels: -1,
  spread: 0,
  count: 1,
  every: 0,
};

/** The tables use a hash of the shim. */
function test(name: string, fn: () => void): void {
  Deno.test({ name, ignore: !loadShim().symbols, fn });
}

const PLAN: PoolPlan = {
  first: parseAddress("10.1.0.5")!,
  last: parseAddress("10.1.0.24")!,
  prefixBits: 24,
  dns: [],
};

test("a pool that workers share leases the same addresses as one of a single endpoint", () => {
  const random = new SeededRandom(7);
  const below = (n: number) => Math.floor(random.fraction() * n);
  const memory = newPoolMemory(PLAN);
  const shared = [new SharedPool(PLAN, memory), new SharedPool(PLAN, memory)];
  const own: AddressPool = newPools({ v4: PLAN, v6: undefined }).v4!;
  const held: Uint8Array[] = [];
  for (let step = 0; step < 20_000; step++) {
    const one = shared[below(2)]!;
    if (held.length > 0 && below(100) < 48) {
      const [address] = held.splice(below(held.length), 1);
      one.giveBack(address!);
      own.giveBack(address!);
    } else {
      const wanted = below(3) === 0 ? Uint8Array.of(10, 1, 0, below(30)) : undefined;
      const who = `peer ${below(26)}`;
      const leased = one.lease(who, wanted);
      const expected = own.lease(who, wanted);
      assert.equal(leased && showAddress(leased), expected && showAddress(expected), `${step}`);
      if (leased) held.push(leased);
    }
    assert.deepEqual([one.assigned, one.leases], [own.assigned, own.leases]);
  }
});

test("an address comes back to a shared pool once", () => {
  const pool = new SharedPool(PLAN, newPoolMemory(PLAN));
  const address = pool.lease("a", undefined)!;
  pool.giveBack(address);
  assert.throws(() => pool.giveBack(address), /comes back once/);
  assert.throws(() => pool.giveBack(parseAddress("10.9.9.9")!), /comes back once/);
});

test("a tunnel that is down at one worker is continued at another, once", () => {
  const memory = newCountsMemory(10);
  const [first, second] = [new SharedCounts(memory, 10), new SharedCounts(memory, 10)];
  first.addDown("a");
  assert.equal(second.takeDown("b"), false);
  assert.equal(second.takeDown("a"), true);
  assert.equal(first.takeDown("a"), false);
});

test("IKE SAs that INITIAL_CONTACT ends at other workers are continued by the new one", () => {
  const memory = newCountsMemory(10);
  const [first, second] = [new SharedCounts(memory, 10), new SharedCounts(memory, 10)];
  first.live("a", 1);
  second.live("a", 1);
  // One of the two is at the worker of the new IKE SA, which ends it by itself.
  second.displace("a", 1);
  assert.equal(second.takeDown("a"), true, "the new one continues the one at the other worker");
  assert.equal(second.takeDown("a"), false);
  assert.equal(first.takeDisplaced("a"), true, "its end was announced, and is not counted again");
  assert.equal(first.takeDisplaced("a"), false);
});

test("a full table of shared rows refuses new keys, and keeps the others", () => {
  const shape = { rows: 8, words: 1 };
  const rows = new SharedRows(new SharedArrayBuffer(SharedRows.octets(shape)), shape);
  for (let i = 0; i < 8; i++) assert.equal(rows.change(`${i}`, (row) => row[0] = i + 1), i + 1);
  assert.equal(rows.change("another", () => 1), undefined);
  for (let i = 0; i < 8; i++) assert.equal(rows.change(`${i}`, (row) => row[0]), i + 1);
});

test("a copy for another thread has no memory but that of its own octets", () => {
  const piece = new Uint8Array(32_768);
  const copy = plainCopy({
    list: [piece.subarray(8, 12)],
    map: new Map([["a", { octets: piece.subarray(0, 4) }]]),
    none: undefined,
    big: 5n,
  });
  assert.equal(copy.list[0]!.buffer.byteLength, 4);
  assert.equal(copy.map.get("a")!.octets.buffer.byteLength, 4);
  assert.deepEqual([copy.none, copy.big], [undefined, 5n]);
});

test("a limit of the whole test is divided among workers", () => {
  const storms = [{ ...NO_STORM, kind: "rekey-ike", tunnels: 5 }] as const;
  const loadconf = { ...setup().loadconf, storms };
  const tunnelsOf = (role: "client" | "gateway", number: number) =>
    shareOf(setup({ role, loadconf }), { number, of: 2 }).loadconf.storms[0]!.tunnels;
  assert.deepEqual([tunnelsOf("gateway", 0), tunnelsOf("gateway", 1)], [3, 2]);
  // The tunnels of a client have the same numbers at all workers.
  assert.deepEqual([tunnelsOf("client", 0), tunnelsOf("client", 1)], [5, 5]);
});
