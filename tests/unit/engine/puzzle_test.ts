// Puzzles (RFC 8019) over real sockets.
import assert from "node:assert/strict";
import { RunResult } from "@/engine/show/view.ts";
import { clientOf, gatewayAt, stopped, until } from "./two_runs.ts";

const GIVES = { puzzlethreshold: 0, puzzledifficulty: 6 } as const;

Deno.test("a client solves the puzzles of a gateway, in IKE_SA_INIT and for IKE_AUTH", async () => {
  const gateway = gatewayAt("127.0.0.1", { ...GIVES, puzzleauth: true });
  const client = clientOf(gateway, "127.0.0.1");
  await until(() => client.run.figures().established === 2);
  const { result, figures } = await stopped(client);
  assert.equal(result, RunResult.PASSED);
  assert.equal(figures.puzzles.solved, 4);
  assert.ok(figures.puzzles.tries >= 16);
  const { puzzles } = (await stopped(gateway)).figures;
  assert.deepEqual(puzzles, { given: 2, solved: 2, unsolved: 0, wrong: 0, tries: 0 });
});

Deno.test("a client that solves none is taken by its cookie, and says so", async () => {
  const gateway = gatewayAt("127.0.0.1", { ...GIVES, puzzleauth: true });
  const client = clientOf(gateway, "127.0.0.1", { puzzlebitsmax: 5 });
  await until(() => client.run.figures().established === 2);
  assert.match(client.said.join("\n"), /6 zero bits, and this end computes 5 at most/);
  assert.equal((await stopped(client)).figures.puzzles.unsolved, 2);
  assert.equal((await stopped(gateway)).figures.puzzles.unsolved, 2);
});
