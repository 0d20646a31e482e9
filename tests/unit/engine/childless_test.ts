// IKE SAs without a CHILD_SA in IKE_AUTH, over real sockets: a tunnel is established when it has its first
// one.
import assert from "node:assert/strict";
import { RunResult } from "@/engine/show/view.ts";
import { clientOf, gatewayAt, stopped, until } from "./two_runs.ts";

Deno.test("tunnels that are set up childless have a CHILD_SA of an exchange of its own", async () => {
  const gateway = gatewayAt("127.0.0.1", { childless: "allow" });
  const client = clientOf(gateway, "127.0.0.1", { childless: "force" });
  await until(() => client.run.figures().established === 2);
  assert.equal(client.run.summary().hasChild, 2);
  await until(() => gateway.run.figures().established === 2);
  assert.match(client.said.join("\n"), /Authenticated without a CHILD_SA \(childless\)/);
  assert.match(gateway.said.join("\n"), /asked for no CHILD_SA yet \(childless\)/);
  const { result, figures } = await stopped(client);
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.established, figures.failed, figures.lost], [2, 0, 0]);
  assert.equal((await stopped(gateway)).result, RunResult.PASSED);
});

Deno.test("a gateway without childless is no gateway for a client that insists on it", async () => {
  const gateway = gatewayAt("127.0.0.1");
  const client = clientOf(gateway, "127.0.0.1", { childless: "force" });
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.deepEqual([figures.established, figures.failed], [0, 2]);
  assert.match(client.said.join("\n"), /did not say CHILDLESS_IKEV2_SUPPORTED/);
  await stopped(gateway);
});
