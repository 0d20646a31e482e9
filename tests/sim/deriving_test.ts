// Requests of the peer that arrive while keys are computed: before our request is sent, after it
// was answered, and while our response is computed. In each case both ends must end with the same
// SAs.
import assert from "node:assert/strict";
import type { IkeSa } from "@/ike/records/sa.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeEvent } from "@/ike/records/event.ts";
import { CHILD } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";
import { losslessNetwork, twoHosts } from "../two_hosts.ts";

/** The exchange that the observed end begins. */
type Begun = "rekey_child" | "create_child" | "rekey_ike";
/** The state of that exchange when the request of the other end arrives. */
type Stage = "generating" | "response lost" | "deriving" | "answering";
/**
 * The request of the other end; `new` is the SA that the exchange makes, `old` the SA that existed
 * before.
 */
type Asked =
  | "delete_new"
  | "delete_old"
  | "rekey_new"
  | "rekey_old"
  | "rekey_ike"
  | "close_old"
  | "close_new"
  | "liveness_check";

/** The time at which the exchange begins, in milliseconds. */
const START_MS = 8_000;
/** The duration of the computation under test, in milliseconds; all others take 1 ms. */
const SLOW_MS = 1_000;

function established(host: Host): IkeSa[] {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
}

/** The pairs of SPIs of all CHILD_SAs of a host; with `mirrored` as its peer sees them. */
function pairs(host: Host, mirrored: boolean): string[] {
  return established(host).flatMap((sa) => sa.children).map(({ spiIn, spiOut }) =>
    mirrored ? `${spiOut} ${spiIn}` : `${spiIn} ${spiOut}`
  ).sort();
}

/** Lets `host` send its request if it can already; otherwise the request is sent later. */
function ask(world: World, host: Host, asked: Asked, old: { sa: IkeSa; spi: number }): boolean {
  const sas = established(host);
  const sa = sas.at(-1);
  if (!sa) return false;
  const child = sa.children.find((c) => asked.endsWith("_old") === (c.spiIn === old.spi));
  const tell = (to: IkeSa, event: IkeEvent): true => {
    world.tell(host, to, event);
    return true;
  };
  switch (asked) {
    case "delete_new":
    case "delete_old":
      return child !== undefined && tell(sa, { kind: "delete_child", child });
    case "rekey_new":
    case "rekey_old":
      return child !== undefined && tell(sa, { kind: "rekey_child", child });
    case "close_old":
      return tell(old.sa, { kind: "close", closeCode: CloseCode.STOPPED });
    case "close_new":
      return sa !== old.sa && tell(sa, { kind: "close", closeCode: CloseCode.STOPPED });
    default:
      return tell(sa, { kind: asked });
  }
}

/**
 * Runs one case with the observed end as initiator or responder of the IKE SA; returns the world
 * when it has come to rest.
 */
function runWith(begun: Begun, stage: Stage, asked: Asked, watchedIsA: boolean): World {
  const config = { children: [{ ...CHILD, pfsGroups: [KeGroup.CURVE25519] }] };
  const { world, a, b } = twoHosts({
    seed: 3,
    conditions: losslessNetwork(20),
    a: config,
    b: config,
  });
  const [watched, other] = watchedIsA ? [a, b] : [b, a];
  world.dial(a, b);
  const slowOp = { generating: "ke_generate", deriving: "ke_derive", answering: "ke_respond" };
  world.at(START_MS, () => {
    const [sa] = established(watched);
    const [theirs] = established(other);
    const old = { sa: theirs!, spi: theirs!.children[0]!.spiIn };
    // The observed end begins the exchange, except if it is the one that answers.
    const [by, its] = stage === "answering" ? [other, theirs!] : [watched, sa!];
    const asking = stage === "answering" ? watched : other;
    if (stage === "answering") Object.assign(old, { sa: sa!, spi: sa!.children[0]!.spiIn });
    let slow = 0;
    world.computationMs = (host, { op }) =>
      stage !== "response lost" && host === watched && op === slowOp[stage] && slow++ === 0
        ? SLOW_MS
        : undefined;
    let sent = 0;
    if (stage === "response lost") world.datagramFate = () => sent++ === 1 ? "lost" : undefined;
    const child = its.children[0]!;
    const event: IkeEvent = begun === "rekey_child"
      ? { kind: begun, child }
      : begun === "create_child"
      ? { kind: begun, configIndex: 0 }
      : { kind: begun };
    world.tell(by, its, event);
    let done = false;
    for (let ms = 30; ms < SLOW_MS; ms += 20) {
      world.at(START_MS + ms, () => done ||= ask(world, asking, asked, old));
    }
  });
  world.run();
  return world;
}

function checkLiveness(world: World): void {
  for (const host of world.hosts) {
    for (const sa of established(host)) world.tell(host, sa, { kind: "liveness_check" });
  }
  world.run();
}

/** Asserts that both ends have the same SAs and nothing else when the world has come to rest. */
function atRest(world: World): void {
  const [a, b] = world.hosts as [Host, Host];
  const { transcript } = world;
  const spis = (host: Host) => established(host).map(({ spiI, spiR }) => `${spiI} ${spiR}`).sort();
  assert.deepEqual(spis(a), spis(b), `the same IKE SAs at both ends\n${transcript}`);
  assert.deepEqual(
    pairs(a, false),
    pairs(b, true),
    `the same CHILD_SAs at both ends\n${transcript}`,
  );
  for (const { endpoint, installed } of [a, b]) {
    const sas = [...endpoint.bySpi.values()];
    const children = sas.flatMap((sa) => sa.children);
    assert.equal(sas.length, spis(a).length, `no IKE SA leaks\n${transcript}`);
    assert.equal(endpoint.env.childrenBySpi.size, children.length, `no SPI leaks\n${transcript}`);
    assert.equal(installed.size, children.length, `no CHILD_SA leaks\n${transcript}`);
    for (const { queue, active, window: { request }, answering } of sas) {
      assert.deepEqual([queue.length, active, request, answering], [
        0,
        undefined,
        undefined,
        undefined,
      ], `nothing waits\n${transcript}`);
    }
  }
}

const ALL: readonly Asked[] = [
  "delete_new",
  "delete_old",
  "rekey_new",
  "rekey_old",
  "rekey_ike",
  "close_old",
  "close_new",
  "liveness_check",
];

for (const begun of ["rekey_child", "create_child", "rekey_ike"] as const) {
  for (const stage of ["generating", "response lost", "deriving", "answering"] as const) {
    Deno.test(`ladder: both ends agree after any request during a ${begun}, ${stage}`, () => {
      for (const asked of ALL) {
        for (const watchedIsA of [true, false]) {
          const world = runWith(begun, stage, asked, watchedIsA);
          // §2.25.2: an end that is asked to close the IKE SA that it rekeys drops its own request, although
          // the peer may have answered it; the peer finds out by a liveness check.
          if (begun === "rekey_ike" && stage === "response lost") checkLiveness(world);
          atRest(world);
        }
      }
    });
  }
}

/** How many IKE SAs and CHILD_SAs each end has at the end. */
function left(world: World): [ikeSas: number, children: number] {
  const sas = established(world.hosts[0]!);
  return [sas.length, sas.flatMap((sa) => sa.children).length];
}

/** The requests since the start of the exchange, and their responses. */
function lines({ ladder }: World): string {
  return ladder.filter((line) => Number(line.slice(0, 9)) >= START_MS).join("\n");
}

const NAMES: readonly [watchedIsA: boolean, string][] = [[true, "initiator"], [false, "responder"]];
for (const [watchedIsA, role] of NAMES) {
  const way = watchedIsA ? "a -> b" : "b -> a";

  Deno.test(`ladder: a Delete of a CHILD_SA whose keys the ${role} computes is answered with the SPI of its other direction (§1.4.1)`, () => {
    const world = runWith("rekey_child", "deriving", "delete_new", watchedIsA);
    const told = lines(world);
    assert.match(told, new RegExp(`${way}  INFORMATIONAL resp \\d+ \\{D`));
    assert.deepEqual(left(world), [1, 0], told);
    const more = runWith("create_child", "deriving", "delete_new", watchedIsA);
    assert.match(lines(more), new RegExp(`${way}  INFORMATIONAL resp \\d+ \\{D`));
    assert.deepEqual(left(more), [1, 1], lines(more));
  });

  Deno.test(`ladder: a Delete that overtakes the response with its CHILD_SA leaves none at the ${role}`, () => {
    const world = runWith("create_child", "response lost", "delete_new", watchedIsA);
    assert.deepEqual(left(world), [1, 1], lines(world));
    const rekey = runWith("rekey_child", "response lost", "delete_new", watchedIsA);
    assert.deepEqual(left(rekey), [1, 0], lines(rekey));
  });

  Deno.test(`ladder: the rekey of a CHILD_SA that is not complete at the ${role} is postponed (§2.25)`, () => {
    for (const stage of ["deriving", "response lost"] as const) {
      const world = runWith("rekey_child", stage, "rekey_new", watchedIsA);
      const told = lines(world);
      assert.match(told, new RegExp(`${way}  CREATE_CHILD_SA resp \\d+ \\{N\\(TEMPORARY_FAILURE`));
      assert.deepEqual(left(world), [1, 1], told);
    }
  });

  Deno.test(`ladder: the old IKE SA is deleted while the ${role} computes the new one, which remains (§2.8)`, () => {
    const world = runWith("rekey_ike", "deriving", "close_old", watchedIsA);
    assert.deepEqual(left(world), [1, 1], lines(world));
    const old = world.hosts.map(({ failures }) => failures);
    assert.deepEqual(old, [[], []], lines(world));
  });

  Deno.test(`ladder: the ${role} does not rekey an SA again that the peer rekeyed before its request was sent`, () => {
    for (const begun of ["rekey_child", "rekey_ike"] as const) {
      const asked = begun === "rekey_ike" ? begun : "rekey_old";
      const world = runWith(begun, "generating", asked, watchedIsA);
      const told = lines(world);
      const requests = told.match(/CREATE_CHILD_SA req/g)?.length;
      assert.equal(requests, 1, told);
      assert.deepEqual(left(world), [1, 1], told);
    }
  });
}
