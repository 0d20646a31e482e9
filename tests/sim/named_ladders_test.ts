// Ladders of cases that the RFC describes, each in both roles: a rekey that arrives too late
// (RFC 7296 §2.25), and a rekey of the IKE SA, which is no reauthentication (§2.8.3).
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { simulate } from "@/sim/simulate.ts";
import { CROSSINGS, RECEIVERS, runCrossing } from "./crossing.ts";
import { established } from "../two_hosts.ts";

const DELETED = CROSSINGS.find(({ busy, asked }) =>
  busy === "delete_child" && asked === "rekey_child"
)!;
const REKEYED = CROSSINGS.find(({ busy, asked }) => busy === "rekey_ike" && asked === "rekey_ike")!;
/** The number of the second request among the datagrams since both exchanges began. */
const ASKED = 1;

for (const receiver of RECEIVERS) {
  Deno.test(`ladder: a rekey that reaches the ${receiver} after the CHILD_SA was deleted is CHILD_SA_NOT_FOUND (§2.25)`, () => {
    const datagramFate = (number: number) => number === ASKED ? "lost" as const : undefined;
    const { world, busyHost, asking, from } = runCrossing(DELETED, receiver, datagramFate);
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

  Deno.test(`ladder: rekeys of the IKE SA that cross at the ${receiver} do not authenticate again (§2.8.3)`, () => {
    const { world, from } = runCrossing(REKEYED, receiver);
    const lines = world.ladder.slice(from);
    assert.ok(lines.some((line) => line.includes("CREATE_CHILD_SA")), lines.join("\n"));
    assert.deepEqual(lines.filter((line) => /IKE_SA_INIT|IKE_AUTH/.test(line)), []);
    for (const host of world.hosts) assert.equal(established(host)[0]!.children.length, 1);
  });
}

// The peer got the response to its rekey late, and until then did not know the SA that had lost.
Deno.test("seed 5008906: an SA that lost, and that the end which made it has not deleted yet, is not rekeyed (§2.8.1)", () => {
  const crypto = portableBackend();
  const task = "rekey_mixed";
  const { broken } = simulate({ seed: 5_008_906, count: 1, crypto, task });
  assert.equal(broken, undefined, JSON.stringify(broken));
});
