// CHILD_SAs with the same selectors for several resources (RFC 9611), over real sockets.
import assert from "node:assert/strict";
import { RunResult } from "@/engine/show/view.ts";
import { setup } from "./setups.ts";
import { clientOf, gatewayAt, stopped, until } from "./two_runs.ts";

const several = (resourcesas: number) => {
  const { childlist } = setup({}, {}, { resourcesas }).ikeconf;
  return { childlist };
};

Deno.test("a client has a CHILD_SA for each resource that its gateway makes one for", async () => {
  const gateway = gatewayAt("127.0.0.1", several(3));
  const client = clientOf(gateway, "127.0.0.1", several(2));
  await until(() => client.said.join("\n").match(/resource 2/g)?.length === 2);
  const { result, figures } = await stopped(client);
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.established, figures.failed, figures.lost], [2, 0, 0]);
  assert.equal((await stopped(gateway)).result, RunResult.PASSED);
});

Deno.test("a gateway that makes fewer is named, and the tunnels stay", async () => {
  const gateway = gatewayAt("127.0.0.1", several(1));
  const client = clientOf(gateway, "127.0.0.1", several(4));
  await until(() => client.said.join("\n").match(/TS_MAX_QUEUE/g)?.length === 2);
  assert.match(client.said.join("\n"), /makes no more CHILD_SAs .*; resourcesas asks for more/);
  assert.match(gateway.said.join("\n"), /TS_MAX_QUEUE.*resourcesas is 1/);
  const { figures } = await stopped(client);
  assert.deepEqual([figures.established, figures.failed, figures.lost], [2, 0, 0]);
  assert.match(JSON.stringify(figures.childrenRefused), /TS_MAX_QUEUE/);
  await stopped(gateway);
});

Deno.test("a gateway that takes no part is asked for one CHILD_SA", async () => {
  const gateway = gatewayAt("127.0.0.1");
  const client = clientOf(gateway, "127.0.0.1", several(4));
  await until(() => client.run.figures().established === 2);
  assert.doesNotMatch(client.said.join("\n"), /resource \d/);
  assert.equal((await stopped(client)).result, RunResult.PASSED);
  await stopped(gateway);
});
