// AUTH over both messages of IKE_SA_INIT, over real sockets.
import assert from "node:assert/strict";
import { RunResult } from "@/engine/show/view.ts";
import { clientOf, gatewayAt, stopped, until } from "./two_runs.ts";

Deno.test("both ends tell that AUTH covers both messages of IKE_SA_INIT", async () => {
  const gateway = gatewayAt("127.0.0.1", { transcriptauth: "offer" });
  const client = clientOf(gateway, "127.0.0.1", { transcriptauth: "require" });
  await until(() => client.run.figures().established === 2);
  for (const { said } of [client, gateway]) {
    assert.match(said.join("\n"), /AUTH covers both messages of IKE_SA_INIT/);
  }
  assert.equal((await stopped(client)).result, RunResult.PASSED);
  await stopped(gateway);
});

Deno.test("a client that requires it fails by name at a gateway without it", async () => {
  const gateway = gatewayAt("127.0.0.1");
  const client = clientOf(gateway, "127.0.0.1", { transcriptauth: "require" });
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.deepEqual(figures.failures.map(({ cause, count }) => [cause, count]), [
    ["NO_FULL_TRANSCRIPT_AUTH", 2],
  ]);
  await stopped(gateway);
});
