// Ladders that the RFC tells of in words, each in both roles: what becomes of a rekey that comes too late
// (RFC 7296 §2.25), and what an IKE SA's rekey is not (§2.8.3).
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { simulate } from "@/sim/simulate.ts";
import { CROSSINGS, play, RECEIVERS } from "./crossing.ts";
import { established } from "../two_hosts.ts";

const DELETED = CROSSINGS.find(({ busy, asked }) =>
  busy === "delete_child" && asked === "rekey_child"
)!;
const REKEYED = CROSSINGS.find(({ busy, asked }) => busy === "rekey_ike" && asked === "rekey_ike")!;
/** Of the datagrams since both began: the busy end's request, then the asking end's. */
const ASKED = 1;

for (const receiver of RECEIVERS) {
  Deno.test(`ladder: a rekey reaches the ${receiver} when the CHILD_SA is gone: CHILD_SA_NOT_FOUND (§2.25)`, () => {
    const tamper = (number: number) => number === ASKED ? "lost" as const : undefined;
    const { world, busyHost, asking, from } = play(DELETED, receiver, tamper);
    const lines = world.ladder.slice(from);
    const answer = lines.find((line) =>
      line.includes(`${busyHost.name} -> ${asking.name}`) &&
      /CREATE_CHILD_SA resp \d+ \{N\(CHILD_SA_NOT_FOUND/.test(line)
    );
    assert.ok(answer, lines.join("\n"));
    for (const host of world.hosts) {
      const [sa, ...more] = established(host);
      assert.deepEqual([sa!.children.length, more.length, host.installed.size], [0, 0, 0]);
    }
  });

  Deno.test(`ladder: rekeys of the IKE SA that cross, seen by the ${receiver}, authenticate nobody anew (§2.8.3)`, () => {
    const { world, from } = play(REKEYED, receiver);
    const lines = world.ladder.slice(from);
    assert.ok(lines.some((line) => line.includes("CREATE_CHILD_SA")), lines.join("\n"));
    assert.deepEqual(lines.filter((line) => /IKE_SA_INIT|IKE_AUTH/.test(line)), []);
    for (const host of world.hosts) assert.equal(established(host)[0]!.children.length, 1);
  });
}

// The response to its rekey reached the peer late: until then the peer knew nothing of the SA that had lost.
Deno.test("seed 5008906: an SA that lost, and that its maker has still to delete, is not rekeyed (§2.8.1)", () => {
  const crypto = portableBackend();
  const task = "rekey_mixed";
  const { broken } = simulate({ seed: 5_008_906, count: 1, crypto, task });
  assert.equal(broken, undefined, JSON.stringify(broken));
});
