// Remote access (RFC 7296 §2.19, §3.15): a configuration payload at both ends, in simulated worlds.
import assert from "node:assert/strict";
import { parseAddress, showAddress } from "@/base/address.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { showSelectors } from "@/ike/negotiate/selectors.ts";
import { range4, worldConfig } from "@/sim/scenarios.ts";
import { BrokenInvariant, type Host, type World } from "@/sim/world.ts";
import { twoHosts } from "../two_hosts.ts";

const PERFECT = { loss: 0, duplication: 0, delayMs: [10, 10] } as const;
const BAD_NETWORK = { loss: 0.2, duplication: 0.2, delayMs: [1, 400] } as const;
const at = (text: string) => parseAddress(text)!;
const RANGE6 = {
  ...range4([0, 0, 0, 0], [255, 255, 255, 255]),
  tsType: 8,
  startAddress: new Uint8Array(16),
  endAddress: new Uint8Array(16).fill(255),
};

/** Any address of both families at the client's end. */
const BASE = worldConfig().children[0]!;
const ANY = [range4([0, 0, 0, 0], [255, 255, 255, 255]), RANGE6];
const CHILDREN = [{ ...BASE, ownTs: ANY, peerTs: ANY }];

function v4Pool(last: string) {
  return { first: at("10.9.0.1"), last: at(last), prefixBits: 24, dns: [at("10.9.9.9")] };
}
const V6 = {
  first: at("2001:db8::1"),
  last: at("2001:db8::ff"),
  prefixBits: 120,
  dns: [at("2001:db8::53")],
};

function stage(
  pools: IkeConfig["pools"],
  {
    seed = 7,
    conditions = PERFECT,
    broken = [],
  }: { seed?: number; conditions?: typeof PERFECT | typeof BAD_NETWORK; broken?: FaultName[] } = {},
) {
  return twoHosts({
    seed,
    conditions,
    broken,
    a: { children: CHILDREN, remoteAccess: true, initialContact: false },
    b: { children: CHILDREN, pools },
  });
}

function standing(host: Host): IkeSa[] {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
}

const inner = (sa: IkeSa) => sa.inner?.addresses.map(showAddress);

Deno.test("ladder: addresses and DNS of both families, TSi narrowed to them (§2.19)", () => {
  const { world, a, b } = stage({ v4: v4Pool("10.9.0.9"), v6: V6 });
  world.dial(a, b);
  world.run();
  const lines = world.ladder.map((l) => l.slice(11)).filter((l) => l.includes("IKE_AUTH"));
  assert.deepEqual(lines, [
    "a -> b  IKE_AUTH req 1 {IDi, AUTH, CP(CFG_REQUEST), SAi, TSi, TSr}",
    "b -> a  IKE_AUTH resp 1 {IDr, AUTH, CP(CFG_REPLY), SAr, TSi, TSr}",
  ]);
  for (const host of [a, b]) {
    assert.deepEqual(inner(standing(host)[0]!), ["10.9.0.1", "2001:db8::1"]);
  }
  assert.deepEqual(standing(a)[0]!.inner!.dns.map(showAddress), ["10.9.9.9", "2001:db8::53"]);
  const narrowed = "10.9.0.1, 2001:db8::1";
  assert.equal(showSelectors(standing(a)[0]!.children[0]!.ownTs), narrowed);
  assert.equal(showSelectors(standing(b)[0]!.children[0]!.peerTs), narrowed);
});

Deno.test("ladder: an exhausted pool is INTERNAL_ADDRESS_FAILURE, and the IKE SA remains (§1.2)", () => {
  const { world, a, b } = stage({ v4: v4Pool("10.9.0.1"), v6: undefined });
  world.dial(a, b, 0);
  world.run();
  world.dial(a, b, 1);
  world.run();
  assert.deepEqual(b.failures, ["INTERNAL_ADDRESS_FAILURE"]);
  assert.deepEqual(a.failures, ["INTERNAL_ADDRESS_FAILURE"]);
  const refusal = "b -> a  IKE_AUTH resp 1 {IDr, AUTH, N(INTERNAL_ADDRESS_FAILURE)}";
  assert.ok(world.ladder.some((line) => line.endsWith(refusal)), world.transcript);
  assert.ok(
    world.ladder.some((line) => line.includes("a -> b  INFORMATIONAL")),
    "it deletes the SA",
  );
  assert.equal(standing(b).length, 1);
  assert.equal(b.endpoint.env.pools!.v4!.assigned, 1);
});

Deno.test("ladder: a gateway without a pool ignores the CFG_REQUEST, and the client reports it", () => {
  const { world, a, b } = stage(undefined);
  world.dial(a, b);
  world.run();
  assert.deepEqual(a.failures, ["REFUSED_HERE"]);
  assert.ok(world.transcript.includes("assigned no inner address"), world.transcript);
  assert.equal(standing(b).length, 0);
});

Deno.test("a lease survives rekeys of its IKE SA by either end, and is released at the end of the SA", () => {
  for (const rekeyer of ["a", "b"]) {
    const { world, a, b } = stage({ v4: v4Pool("10.9.0.9"), v6: undefined });
    world.dial(a, b);
    world.run();
    const host = rekeyer === "a" ? a : b;
    world.tell(host, standing(host)[0]!, { kind: "rekey_ike" });
    world.run();
    assert.deepEqual([a, b].map((h) => inner(standing(h)[0]!)), [["10.9.0.1"], ["10.9.0.1"]]);
    const child = standing(a)[0]!.children[0]!;
    world.tell(a, standing(a)[0]!, { kind: "rekey_child", child });
    world.run();
    assert.equal(showSelectors(standing(b)[0]!.children[0]!.peerTs), "10.9.0.1");
    world.tell(a, standing(a)[0]!, { kind: "close", closeCode: CloseCode.STOPPED });
    world.run();
    assert.equal(b.endpoint.env.pools!.v4!.assigned, 0);
  }
});

/** Several tunnels are set up, rekeyed and closed in a bad network, at times that may coincide. */
function churn(seed: number, broken: FaultName[] = []): World {
  const { world, a, b } = stage({ v4: v4Pool("10.9.0.3"), v6: V6 }, {
    seed,
    conditions: BAD_NETWORK,
    broken,
  });
  for (let index = 0; index < 4; index++) world.at(index * 50, () => void world.dial(a, b, index));
  for (const host of [a, b]) {
    world.at(8_000 + world.random.fraction() * 500, () => {
      for (const sa of standing(host)) world.tell(host, sa, { kind: "rekey_ike" });
    });
  }
  world.at(16_000, () => {
    for (const sa of standing(a)) {
      world.tell(a, sa, { kind: "close", closeCode: CloseCode.STOPPED });
    }
  });
  world.at(60_000, () => {
    for (const sa of b.endpoint.bySpi.values()) {
      world.tell(b, sa, { kind: "abandon", closeCode: CloseCode.STOPPED, why: "the end" });
    }
  });
  world.run();
  const { v4, v6 } = b.endpoint.env.pools!;
  if (v4!.assigned + v6!.assigned > 0) throw world.broken("leases of ended SAs come back");
  return world;
}

Deno.test("200 seeds: no address is leased twice, and leases of ended SAs are released", () => {
  for (let seed = 1; seed <= 200; seed++) churn(seed);
});

Deno.test("a gateway that does not release leases is found", () => {
  assert.throws(() => churn(1, ["leak_lease"]), BrokenInvariant);
});

Deno.test("ladder: with INITIAL_CONTACT a full pool releases the old address before it leases (§2.4, §2.19)", () => {
  const { world, a, b } = stage({ v4: v4Pool("10.9.0.1"), v6: undefined });
  Object.assign(a.endpoint.config, { initialContact: true });
  world.dial(a, b);
  world.at(1_000, () => {
    for (const sa of standing(a)) {
      const event = { kind: "abandon", closeCode: CloseCode.STOPPED, why: "power cut" } as const;
      world.tell(a, sa, event);
    }
    world.dial(a, b);
  });
  world.run();
  const [sa, ...more] = standing(b);
  assert.deepEqual([inner(sa!), more.length], [["10.9.0.1"], 0], world.transcript);
  assert.deepEqual([a.failures, b.failures], [[], []], world.transcript);
});

Deno.test("ladder: a CHILD_SA of a family without an assigned address is not requested, and the log names it (§2.19)", () => {
  const { world, a, b } = stage({ v4: v4Pool("10.9.0.9"), v6: undefined });
  const v4 = { ...BASE, ownTs: [ANY[0]!], peerTs: [ANY[0]!] };
  const v6 = { ...BASE, ownTs: [RANGE6], peerTs: [RANGE6] };
  for (const host of [a, b]) Object.assign(host.endpoint.config, { children: [v4, v6] });
  world.dial(a, b);
  world.run();
  assert.equal(
    world.ladder.some((line) => line.includes("CREATE_CHILD_SA")),
    false,
    world.transcript,
  );
  const [sa] = standing(a);
  assert.equal(sa!.children.length, 1);
  const words = "Cannot ask for the CHILD_SA of entry 2 of childlist: its ownts are ::-" +
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff (IPv6), and the gateway assigned 10.9.0.1 alone";
  assert.ok(world.ladder.some((line) => line.includes(words)), world.transcript);
});

Deno.test("ladder: a tunnel that authenticates again beside its IKE SA keeps its inner addresses (§3.15.1)", () => {
  const { world, a, b } = stage({ v4: v4Pool("10.9.0.9"), v6: V6 });
  world.dial(a, b);
  world.run();
  const [before] = standing(a);
  world.dial(a, b, 0, { renews: before! });
  world.run();
  for (const host of [a, b]) {
    const now = standing(host).find(({ spiI }) => spiI !== before!.spiI)!;
    assert.deepEqual(inner(now), ["10.9.0.1", "2001:db8::1"], world.transcript);
  }
  const { v4 } = b.endpoint.env.pools!;
  assert.equal(v4!.assigned, 1);
  world.tell(a, before!, { kind: "close", closeCode: CloseCode.REAUTHENTICATED });
  world.run();
  assert.equal(v4!.assigned, 1, "the lease goes on with the IKE SA that is left");
  world.tell(a, standing(a)[0]!, { kind: "close", closeCode: CloseCode.STOPPED });
  world.run();
  assert.equal(v4!.assigned, 0);
});

Deno.test("ladder: a gateway that assigns another inner address than before is named in the log", () => {
  const { world, a, b } = stage({ v4: v4Pool("10.9.0.9"), v6: undefined });
  world.dial(a, b);
  world.run();
  const [before] = standing(a);
  const pool = b.endpoint.env.pools!.v4!;
  const { lease } = pool;
  // A gateway that does not look at the address which is asked for.
  pool.lease = (identity) => lease.call(pool, identity, undefined);
  world.dial(a, b, 0, { renews: before! });
  world.run();
  const words = "The gateway assigned 10.9.0.2, and the tunnel asked for 10.9.0.1 again";
  assert.ok(world.transcript.includes(words), world.transcript);
});
