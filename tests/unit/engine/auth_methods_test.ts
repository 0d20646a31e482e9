// Methods of authentication that are announced (RFC 9593), over real sockets.
import assert from "node:assert/strict";
import { AuthMethod } from "@/iana/auth_method.ts";
import { RunResult } from "@/engine/show/view.ts";
import { clientOf, gatewayAt, stopped, until } from "./two_runs.ts";

const HAS_BOTH = { authownmethod: "null-auth", authownothers: ["psk"] } as const;

Deno.test("both ends take the method that the other one announces, and the API shows it", async () => {
  const ike = { ...HAS_BOTH, announceauth: true };
  const gateway = gatewayAt("127.0.0.1", ike);
  const client = clientOf(gateway, "127.0.0.1", ike);
  await until(() => client.run.figures().established === 2);
  await until(() => gateway.run.figures().established === 2);
  for (const { run, said } of [client, gateway]) {
    const { ownAuth, peerAuth } = run.sas.ikeSa(run.sas.ikeSas(0, 1)[0]!.spi)!;
    assert.deepEqual([ownAuth, peerAuth], [AuthMethod.SHARED_KEY_MIC, AuthMethod.SHARED_KEY_MIC]);
    assert.match(said.join("\n"), /The peer takes Shared Key .* \(SUPPORTED_AUTH_METHODS\)/);
  }
  assert.equal((await stopped(client)).result, RunResult.PASSED);
  await stopped(gateway);
});

Deno.test("a client without a method that the gateway announces fails by name", async () => {
  const gateway = gatewayAt("127.0.0.1", { announceauth: true });
  const client = clientOf(gateway, "127.0.0.1", { authownmethod: "null-auth" });
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.deepEqual(figures.failures.map(({ cause, count }) => [cause, count]), [
    ["NO_COMMON_AUTH_METHOD", 2],
  ]);
  await stopped(gateway);
});
