// Attributes of the configuration payload over real sockets: asked for, given, told in the log, and obeyed.
import assert from "node:assert/strict";
import { RunResult } from "@/engine/show/view.ts";
import { clientOf, gatewayAt, stopped, until } from "./two_runs.ts";

const has = (attribute: number, ...value: number[]) => ({
  attribute,
  value: Uint8Array.from(value),
});

Deno.test("both ends tell what was assigned, and a client checks liveness as it is told", async () => {
  const gateway = gatewayAt("127.0.0.1", {
    cfgattributes: [has(20, 10, 3, 0, 1), has(24, 0, 0, 0, 1), has(16_384, 7)],
  });
  const client = clientOf(gateway, "127.0.0.1", {
    initiatedpd: false,
    cfgattributes: [has(24), has(20)],
  });
  await until(() => client.run.figures().established === 2);
  await until(() => gateway.run.figures().established === 2);
  const assigned = /P_CSCF_IP4_ADDRESS 10\.3\.0\.1, TIMEOUT_PERIOD_FOR_LIVENESS_CHECK 1 s/;
  for (const { said } of [client, gateway]) assert.match(said.join("\n"), assigned);
  assert.doesNotMatch(gateway.said.join("\n"), /unknown\(16384\)/);
  const { spi } = client.run.sas.ikeSas(0, 1)[0]!;
  await until(() => client.run.sas.ikeSa(spi)!.lastLivenessEpochMs !== undefined);
  assert.equal((await stopped(client)).result, RunResult.PASSED);
  await stopped(gateway);
});
