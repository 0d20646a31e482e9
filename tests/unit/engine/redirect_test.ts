// Redirection over real sockets: clients follow it from gateway to gateway, and no tunnel is lost.
import assert from "node:assert/strict";
import { RunResult } from "@/engine/show/view.ts";
import { clientOf, gatewayAt, stopped, until } from "./two_runs.ts";

for (const redirectat of ["init", "auth", "established"] as const) {
  Deno.test(`tunnels go where a gateway redirects them (${redirectat})`, async () => {
    const there = gatewayAt("127.0.0.7");
    const ownport = there.transport.ikePort;
    const sends = { redirectto: ["127.0.0.7"], redirectat, redirectafter: 200 };
    const here = gatewayAt("127.0.0.6", sends, { ownport });
    const client = clientOf(here, "127.0.0.6", { followredirect: true });
    await until(() => there.run.figures().established === 2);
    await until(() => client.run.summary().hasChild === 2);
    const addresses = client.run.sas.ikeSas(0, 0)
      .map(({ peerAddress }) => peerAddress.join("."));
    assert.ok(addresses.includes("127.0.0.7"), addresses.join(", "));
    assert.match(client.said.join("\n"), /Tunnel 0 is redirected from 127.0.0.6 to 127.0.0.7/);
    assert.match(there.said.join("\n"), /The peer was redirected here by 127.0.0.6/);
    const { result, figures } = await stopped(client);
    assert.equal(result, RunResult.PASSED);
    assert.deepEqual([figures.redirections, figures.established, figures.lost], [2, 2, 0]);
    assert.equal((await stopped(here)).figures.lost, 0);
    await stopped(there);
  });
}

Deno.test("gateways that redirect in a circle fail a tunnel, by name", async () => {
  const one = gatewayAt("127.0.0.6", { redirectto: ["127.0.0.7"] });
  const ownport = one.transport.ikePort;
  const other = gatewayAt("127.0.0.7", { redirectto: ["127.0.0.6"] }, { ownport });
  const client = clientOf(one, "127.0.0.6", { followredirect: true });
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.deepEqual(figures.failures.map(({ cause, count }) => [cause, count]), [[
    "REDIRECT_LOOP",
    2,
  ]]);
  assert.equal(figures.redirections, 10);
  await stopped(one);
  await stopped(other);
});

Deno.test("a gateway of another family, or a name without an address, fails a tunnel by name", async () => {
  const redirectto = ["2001:db8::1", "no-such-name.invalid"];
  const gateway = gatewayAt("127.0.0.6", { redirectto });
  const client = clientOf(gateway, "127.0.0.6", { followredirect: true });
  const { figures } = await client.run.finalResult;
  assert.deepEqual(figures.failures.map(({ cause, count }) => [cause, count]), [[
    "REDIRECT_UNUSABLE",
    2,
  ]]);
  assert.match(client.said.join("\n"), /2001:db8::1 has no address of the family of 127/);
  assert.match(client.said.join("\n"), /the name no-such-name.invalid has no address/);
  await stopped(gateway);
});
