// Redirection over real sockets: clients follow it from gateway to gateway, and no tunnel is lost.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { RunResult } from "@/engine/show/view.ts";
import { clientOf, gatewayAt, stopped, until } from "./two_runs.ts";

/** Where the type of the exchange is in a message. */
const EXCHANGE_AT = 18;

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

for (const redirectat of ["init", "auth", "established"] as const) {
  const name = `tunnels that authenticate again before they leave are redirected (${redirectat})`;
  Deno.test(`${name}, and none is down`, async () => {
    const reauth = { reauth: true, reauthlifetime: 1_000, margintime: 500 };
    const there = gatewayAt("127.0.0.7", reauth);
    const ownport = there.transport.ikePort;
    const sends = { redirectto: ["127.0.0.7"], redirectat, redirectafter: 0 };
    const here = gatewayAt("127.0.0.6", sends, { ownport });
    const client = clientOf(here, "127.0.0.6", {
      followredirect: true,
      reauth: true,
      reauthmode: "make",
      margintime: 500,
    });
    await until(() => there.run.figures().established === 2);
    await until(() => {
      const { reauthentications, redirections } = client.run.figures();
      return reauthentications >= 4 && redirections >= 6;
    });
    assert.match(client.said.join("\n"), /Tunnel 0 authenticated again: /);
    assert.doesNotMatch(client.said.join("\n"), /could not authenticate again/);
    const { result, figures } = await stopped(client);
    assert.equal(result, RunResult.PASSED);
    assert.deepEqual([figures.established, figures.lost, figures.failed], [2, 0, 0]);
    await stopped(here);
    await stopped(there);
  });
}

Deno.test("a tunnel that is redirected while it authenticates again goes, and its next IKE SA too", async () => {
  const there = gatewayAt("127.0.0.7");
  const ownport = there.transport.ikePort;
  const here = gatewayAt("127.0.0.6", {
    redirectto: ["127.0.0.7"],
    redirectat: "established",
    redirectafter: 2_000,
    reauth: true,
    reauthlifetime: 1_000,
  }, { ownport });
  const client = clientOf(here, "127.0.0.6", {
    followredirect: true,
    reauth: true,
    reauthmode: "make",
    margintime: 500,
  });
  // The next IKE SAs are not complete when REDIRECT comes, as their requests of IKE_AUTH are lost.
  const sends = client.transport.send.bind(client.transport);
  let requests = 0;
  client.transport.send = (octets, path) => {
    const isAuth = octets[EXCHANGE_AT] === ExchangeType.IKE_AUTH &&
      path.peerAddress.join(".") === "127.0.0.6";
    if (!isAuth || ++requests <= 2) sends(octets, path);
  };
  await until(() => there.run.figures().established === 2);
  const { result, figures } = await stopped(client);
  assert.equal(result, RunResult.PASSED);
  assert.ok(requests > 2, "they authenticated again");
  assert.deepEqual([figures.redirections, figures.established, figures.lost], [2, 2, 0]);
  await stopped(here);
  await stopped(there);
});

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

for (const redirectat of ["init", "auth"] as const) {
  const name =
    `puzzles are solved at a gateway that redirects (${redirectat}), and at the next one`;
  Deno.test(name, async () => {
    const gives = { puzzlethreshold: 0, puzzledifficulty: 4, puzzleauth: true };
    const there = gatewayAt("127.0.0.7", gives);
    const ownport = there.transport.ikePort;
    const sends = { redirectto: ["127.0.0.7"], redirectat, ...gives };
    const here = gatewayAt("127.0.0.6", sends, { ownport });
    const client = clientOf(here, "127.0.0.6", { followredirect: true, puzzlebitsmax: 8 });
    await until(() => client.run.summary().hasChild === 2);
    const { result, figures } = await stopped(client);
    assert.equal(result, RunResult.PASSED);
    assert.deepEqual([figures.redirections, figures.established, figures.lost], [2, 2, 0]);
    // Each gateway gives a puzzle before it answers IKE_SA_INIT, also by a REDIRECT, and another for IKE_AUTH.
    assert.equal(figures.puzzles.solved, redirectat === "init" ? 6 : 8);
    for (const gateway of [here, there]) {
      assert.equal((await stopped(gateway)).figures.puzzles.solved, 2);
    }
  });
}
