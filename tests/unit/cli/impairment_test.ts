/**
 * A hundred tunnels through a bad network of both ends' making, from setup files over sockets of the
 * loopback interface to the results.
 */
import assert from "node:assert/strict";
import { environment, openTransport, prepareRun } from "@/engine/run/prepare.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import type { TestRun } from "@/engine/run/test_run.ts";
import { resultOf, type RunResultJson } from "@/report/result.ts";
import { readSetup } from "@/setup/read.ts";
import { VARIANTS } from "../transport/_variants.ts";

const TUNNELS = 100;
const LOOKUP_MS_MAX = 60_000;

/** The first rule is about what goes, the second about what comes. */
function setupOf(role: string, transport: string, addresses: string) {
  const chances = "loss: 0.2, duplication: 0.2, reorder: 0.2, corruption: 0.05";
  const later = "replay: 0.1, replayafter: 300ms, delay: 0.1, delaymax: 50ms";
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
    - {direction: out, ${chances}}
    - {direction: in, ${chances}, ${later}}
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

async function open(
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

/** Asserts that every rule has had an effect, as the test would otherwise prove nothing. */
function didAll({ impairment }: RunResultJson): void {
  assert.equal(impairment.length, 2);
  for (const [i, { matched, lost, duplicated, reordered, corrupted }] of impairment.entries()) {
    const share = lost / matched;
    assert.ok(share > 0.12 && share < 0.28, `Rule ${i + 1} lost ${lost} of ${matched}`);
    assert.ok(duplicated > 0 && reordered > 0 && corrupted > 0, `Rule ${i + 1} left one kind out`);
  }
  const { delayed, replayed } = impairment[1]!;
  assert.ok(delayed > 0 && replayed > 0, "Rule 2 left one kind out");
  assert.deepEqual([impairment[0]!.delayed, impairment[0]!.replayed], [0, 0]);
}

for (const { name } of VARIANTS) {
  Deno.test(`${TUNNELS} tunnels through a bad network, ${name} transport`, async () => {
    const gateway = await open("gateway", name, "bindifaddr: 127.0.0.1/8");
    const addresses = "startclntaddr: 127.0.7.1/8\npeeraddr: 127.0.0.1";
    const client = await open("client", name, `${addresses}\npeerport: ${gateway.port}`);
    const endMs = performance.now() + LOOKUP_MS_MAX;
    while (client.run.figures().established < TUNNELS && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    client.run.stop(true);
    const ours = resultOf(await client.run.finalResult);
    gateway.run.stop(false);
    const theirs = resultOf(await gateway.run.finalResult);
    assert.equal(ours.tunnels.established, TUNNELS, JSON.stringify(ours.failures));
    assert.ok(ours.retransmissions > 0);
    for (const result of [ours, theirs]) didAll(result);
  });
}
