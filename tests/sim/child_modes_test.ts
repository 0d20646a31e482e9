// Named ladders of what a CHILD_SA negotiates beside ciphers and selectors: sequence numbers, AH,
// mode (RFC 7296 §1.3.1, §3.3.2).
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { Integ } from "@/iana/integ.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { ChildSa } from "@/ike/child_sa.ts";
import type { ChildConfig, IkeConfig } from "@/ike/config.ts";
import { CloseCode } from "@/ike/failure.ts";
import type { IkeSa } from "@/ike/ike_sa.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import { type Host, World } from "@/sim/world.ts";

const crypto = portableBackend(), keys = new WorldKeys(crypto);
const [CHILD] = worldConfig().children;
const AH: Partial<ChildConfig> = {
  protocol: ProtocolId.AH,
  encryption: [],
  integrity: [Integ.AUTH_HMAC_SHA2_256_128],
};

interface Stage {
  readonly world: World;
  readonly a: Host;
  readonly b: Host;
  /** The ladder from `from` on, without times and without the words of failures. */
  lines(from?: number): string[];
}

/** Host a dials, host b answers, in fair weather; each with its own child list. */
function stage(
  a: readonly Partial<ChildConfig>[],
  b: readonly Partial<ChildConfig>[] = a,
  change: Partial<IkeConfig> = {},
): Stage {
  const weather = { loss: 0, duplication: 0, delayMs: [10, 10] } as const;
  const world = new World({ seed: 7, crypto, keys, weather, computeMs: [1, 1], broken: new Set() });
  const config = (list: readonly Partial<ChildConfig>[]) =>
    worldConfig({ ...change, children: list.map((child) => ({ ...CHILD!, ...child })) });
  const hostA = world.join("a", Uint8Array.of(10, 0, 0, 1), config(a), false);
  const hostB = world.join("b", Uint8Array.of(10, 0, 0, 2), config(b), true);
  const lines = (from = 0) =>
    world.ladder.slice(from).map((line) =>
      line.slice(11).replace(/(failed|no CHILD_SA): .*/, "$1")
    );
  world.dial(hostA, hostB);
  world.run();
  return { world, a: hostA, b: hostB, lines };
}

function tunnel(host: Host): IkeSa {
  const [sa] = [...host.endpoint.bySpi.values()].filter((s) => s.phase === "established");
  return sa!;
}

function childrenOf(host: Host): ChildSa[] {
  return tunnel(host).children.filter((child) => child.state === "established");
}

/** The one CHILD_SA of each end, which must be the two ends of one. */
function both({ a, b }: Stage): readonly [ChildSa, ChildSa] {
  const [ofA, ...moreA] = childrenOf(a), [ofB, ...moreB] = childrenOf(b);
  assert.equal(moreA.length + moreB.length, 0);
  assert.equal(ofA!.spiIn, ofB!.spiOut);
  assert.deepEqual(ofA!.keys, ofB!.keys);
  return [ofA!, ofB!];
}

/** Rekeys the CHILD_SA by each end in turn. */
function rekeyed(play: Stage, look: (children: readonly ChildSa[]) => void): void {
  for (const host of [play.a, play.b]) {
    const sa = tunnel(host), child = sa.children[0]!;
    play.world.tell(host, sa, { kind: "rekey_child", child });
    play.world.run();
    const now = both(play);
    assert.ok(!now.includes(child), "it is another one now");
    look(now);
  }
}

Deno.test("ladder: esn at both ends, from the first CHILD_SA on and through rekeys (§3.3.2)", () => {
  const play = stage([{ esn: true }]);
  assert.deepEqual(both(play).map((c) => c.suite!.esn), [true, true]);
  rekeyed(play, (now) => assert.deepEqual(now.map((c) => c.suite!.esn), [true, true]));
});

for (const ends of [[true, false], [false, true]]) {
  Deno.test(`ladder: esn ${ends[0]} against esn ${ends[1]} is NO_PROPOSAL_CHOSEN, in words`, () => {
    const play = stage([{ esn: ends[0]! }], [{ esn: ends[1]! }]);
    assert.deepEqual(play.lines().slice(3), [
      "b: no CHILD_SA",
      "b -> a  IKE_AUTH resp 1 {IDr, AUTH, N(NO_PROPOSAL_CHOSEN)}",
      "a -> b  INFORMATIONAL req 2 {D(IKE)}",
      "b -> a  INFORMATIONAL resp 2 {}",
      "b: closed",
      "a: failed",
      "a: closed",
    ]);
    const [offered, configured] = ends.map((esn) => esn ? "ESN" : "NO_ESN");
    const words = `offered {ENCR_AES_GCM_16-128, ${offered}}, configured here ` +
      `{ENCR_AES_GCM_16-128, ${configured}}`;
    assert.ok(play.world.ladder.some((line) => line.includes(words)), play.world.story);
  });
}

Deno.test("ladder: AH is made, rekeyed and deleted under its own protocol (§3.3.1, §3.11)", () => {
  const play = stage([AH]);
  const look = (children: readonly ChildSa[]) => {
    for (const { suite, keys } of children) {
      assert.deepEqual([suite!.protocol, suite!.encryption, suite!.integrity], [2, 0, 12]);
      assert.equal(keys!.length, 2 * 32, "two integrity keys and nothing else (§2.17)");
    }
  };
  look(both(play));
  rekeyed(play, look);
  assert.ok(play.lines().some((line) => /INFORMATIONAL req \d+ \{D\(AH 1\)\}/.test(line)));
  assert.ok(play.lines().some((line) => /INFORMATIONAL resp \d+ \{D\(AH 1\)\}/.test(line)));
  const sa = tunnel(play.a);
  play.world.tell(play.a, sa, { kind: "close", closeCode: CloseCode.STOPPED });
  play.world.run();
  assert.equal(play.a.installed.size + play.b.installed.size, 0);
});

Deno.test("ladder: ESP and AH side by side, their SPIs all different", () => {
  const play = stage([{}, AH]);
  const [esp, ah] = childrenOf(play.b);
  assert.deepEqual([esp!.suite!.protocol, ah!.suite!.protocol], [3, 2]);
  assert.notEqual(esp!.spiIn, ah!.spiIn);
  assert.equal(play.b.endpoint.env.childrenBySpi.size, 2);
});

Deno.test("ladder: a Delete under another protocol than the CHILD_SA's names nothing (§1.4.1)", () => {
  const play = stage([AH]);
  const child = childrenOf(play.a)[0]!;
  child.suite = { ...child.suite!, protocol: ProtocolId.ESP };
  const from = play.world.ladder.length;
  play.world.tell(play.a, tunnel(play.a), { kind: "delete_child", child });
  play.world.run();
  assert.deepEqual(play.lines(from), [
    "a -> b  INFORMATIONAL req 2 {D(ESP 1)}",
    "b -> a  INFORMATIONAL resp 2 {}",
  ]);
  assert.equal(childrenOf(play.b).length, 1);
});

Deno.test("ladder: AH against ESP is NO_PROPOSAL_CHOSEN", () => {
  const { lines, world } = stage([AH], [{}]);
  assert.ok(lines().includes("b -> a  IKE_AUTH resp 1 {IDr, AUTH, N(NO_PROPOSAL_CHOSEN)}"));
  assert.match(
    world.ladder.join("\n"),
    /offered AH \{AUTH_HMAC_SHA2_256_128, NO_ESN\}, configured/,
  );
});
