/**
 * A hundred tunnels are set up while both ends impair their own datagrams. The tests begin with setup
 * files, use sockets on the loopback interface, and read the results.
 */
import assert from "node:assert/strict";
import { environment, openTransport, prepareRun } from "@/engine/run/prepare.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import type { TestRun } from "@/engine/run/test_run.ts";
import { resultOf, type RunResultJson } from "@/report/result.ts";
import { readSetup } from "@/setup/read.ts";
import { VARIANTS } from "../transport/_variants.ts";

const TUNNELS = 100;
/** Milliseconds within which all tunnels must be established. */
const SETUP_MS_MAX = 60_000;

/** The first rule impairs the datagrams that this end sends, the second those that it receives. */
function setupOf(role: string, transport: string, addresses: string) {
  const bothWays = "loss: 0.2, duplication: 0.2, reorder: 0.2, corruption: 0.05";
  const onReceipt = "replay: 0.1, replayafter: 300ms, delay: 0.1, delaymax: 50ms";
  const text = `
role: ${role}
numberoftunnels: ${TUNNELS}
tunnelmaxretry: 10
tunnelretryinterval: 500ms
setupinterval: 10ms
bindifname: lo
${addresses}
ownport: 0
ownnattport: 0
transport: ${transport}
impairment:
  seed: 7
  rules:
    - {direction: out, ${bothWays}}
    - {direction: in, ${bothWays}, ${onReceipt}}
ikeconf:
  psk: demo
  dhgrpid: 31
  ikeencyptalg: aes-gcm-16:128
  ikeprfalg: sha256
  retraninterval: 300ms
  maxretran: 12
  childlist: {encalg: aes-gcm-16:128}
`;
  return readSetup(text, `${role}.yaml`).setup;
}

/** Starts one end; returns its run and its UDP port. */
async function startEnd(
  role: string,
  name: string,
  addresses: string,
): Promise<{ run: TestRun; port: number }> {
  const setup = setupOf(role, name, addresses);
  const transport = openTransport(setup);
  const run = prepareRun(setup, {
    env: await environment(setup),
    transport,
    events: new EventHub(),
    setupFileName: `${role}.yaml`,
    hooks: {},
    notYet: [],
  });
  run.start();
  return { run, port: transport.ikePort };
}

/** Asserts that each kind of impairment has happened; the test would otherwise prove nothing. */
function assertAllKinds({ impairment }: RunResultJson): void {
  assert.equal(impairment.length, 2);
  for (const [i, { matched, lost, duplicated, reordered, corrupted }] of impairment.entries()) {
    const share = lost / matched;
    assert.ok(share > 0.12 && share < 0.28, `Rule ${i + 1} lost ${lost} of ${matched}`);
    assert.ok(
      duplicated > 0 && reordered > 0 && corrupted > 0,
      `Rule ${i + 1} lacks one kind of impairment`,
    );
  }
  const { delayed, replayed } = impairment[1]!;
  assert.ok(delayed > 0 && replayed > 0, "Rule 2 lacks one kind of impairment");
  assert.deepEqual([impairment[0]!.delayed, impairment[0]!.replayed], [0, 0]);
}

for (const { name } of VARIANTS) {
  Deno.test(`${TUNNELS} tunnels are established through loss, reordering and corruption by the ${name} transport`, async () => {
    const gateway = await startEnd("gateway", name, "bindifaddr: 127.0.0.1/8");
    const addresses = "startclntaddr: 127.0.7.1/8\npeeraddr: 127.0.0.1";
    const client = await startEnd("client", name, `${addresses}\npeerport: ${gateway.port}`);
    const endMs = performance.now() + SETUP_MS_MAX;
    while (client.run.figures().established < TUNNELS && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    client.run.stop(true);
    const clientResult = resultOf(await client.run.finalResult);
    gateway.run.stop(false);
    const gatewayResult = resultOf(await gateway.run.finalResult);
    const { tunnels, failures, retransmissions } = clientResult;
    assert.equal(tunnels.established, TUNNELS, JSON.stringify(failures));
    assert.ok(retransmissions > 0);
    for (const result of [clientResult, gatewayResult]) assertAllKinds(result);
  });
}
