/**
 * Tests the calls that a data path gets for a run's CHILD_SAs: when it receives and sends by which, in which
 * order with the datagrams, and what its reports lead to.
 */
import assert from "node:assert/strict";
import type { DataPath, DataPathListener, SaPair } from "@/datapath/data_path.ts";
import type { OpenDataPath } from "@/engine/run/child_paths.ts";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, rig } from "../rig.ts";

const SECOND = 1_000;

/** A data path that records its calls. */
class Recorder implements DataPath {
  readonly kind = "kernel";
  readonly lines: string[] = [];
  readonly pairs = new Map<number, SaPair>();
  closed = false;
  /** Number of calls that wait for {@linkcode flush}. */
  waiting = 0;

  constructor(readonly listener: DataPathListener) {}

  installIn(pair: SaPair): void {
    this.pairs.set(pair.spiIn, pair);
    this.#write(`in ${this.#name(pair.spiIn)}`);
  }
  installOut(pair: SaPair): void {
    this.#write(`out ${this.#name(pair.spiIn)}`);
  }
  uninstall(spiIn: number): void {
    this.#write(`gone ${this.#name(spiIn)}`);
  }
  move(): void {}
  addInnerAddress(): void {}
  removeInnerAddress(): void {}
  flush(): void {
    this.waiting = 0;
  }
  counters() {
    return undefined;
  }
  silenceMs(): undefined {}
  totals(): undefined {}
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** The name of a CHILD_SA of this end: first, second, … */
  #name(spiIn: number): number {
    return [...this.pairs.keys()].indexOf(spiIn) + 1;
  }
  #write(line: string): void {
    this.waiting++;
    this.lines.push(line);
  }
}

/** Both ends of a tunnel whose CHILD_SA the client rekeys every 4 s. */
function stage(childLifetimeMs = 0) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const [child] = CONFIG.children;
  const calm = { ...CONFIG, ikeLifetimeMs: 0, marginMs: SECOND, jitter: false };
  const config = (lifetimeMs: number) => ({
    ...calm,
    children: [{ ...child!, peerTsStep: 0, lifetimeMs }],
  });
  const paths: Recorder[] = [];
  const openDataPath: OpenDataPath = (listener) => {
    const path = new Recorder(listener);
    paths.push(path);
    return path;
  };
  const gateway = rig(network, clock, {
    plan: gatewayPlan({ tunnels: 1 }),
    config: config(0),
    openDataPath,
  });
  const client = rig(network, clock, {
    plan: clientPlan({ tunnels: 1 }),
    config: config(childLifetimeMs),
    openDataPath,
  });
  gateway.run.start();
  client.run.start();
  const [atGateway, atClient] = paths;
  return { clock, network, client, gateway, atGateway: atGateway!, atClient: atClient! };
}

Deno.test("a tunnel is installed at both ends, with keys, SPIs and selectors that mirror each other", () => {
  const { clock, atClient, atGateway } = stage();
  clock.pass(SECOND);
  assert.deepEqual([atClient.lines, atGateway.lines], [["in 1", "out 1"], ["in 1", "out 1"]]);
  const [ours] = atClient.pairs.values();
  const [theirs] = atGateway.pairs.values();
  assert.deepEqual([ours!.spiIn, ours!.spiOut], [theirs!.spiOut, theirs!.spiIn]);
  assert.deepEqual([ours!.keysIn, ours!.keysOut], [theirs!.keysOut, theirs!.keysIn]);
  assert.deepEqual(ours!.ownSelectors, theirs!.peerSelectors);
  assert.deepEqual(ours!.peerSelectors, theirs!.ownSelectors);
  assert.ok(ours!.keysIn.encryption.length > 0);
});

Deno.test("a rekey stays in its chain; who answers it sends by the new one before the old is gone", () => {
  const { clock, atClient, atGateway } = stage(5 * SECOND);
  clock.pass(6 * SECOND);
  assert.deepEqual(atClient.lines, ["in 1", "out 1", "in 2", "out 2", "gone 1"]);
  assert.deepEqual(atGateway.lines, ["in 1", "out 1", "in 2", "out 2", "gone 1"]);
  for (const { pairs } of [atClient, atGateway]) {
    const [first, second] = pairs.values();
    assert.equal(first!.rekeyChain, second!.rekeyChain);
    assert.notEqual(first!.spiIn, second!.spiIn);
  }
});

Deno.test("no message is sent before the CHILD_SA that it depends on is installed", () => {
  const { clock, network, atClient, atGateway } = stage(5 * SECOND);
  const late: string[] = [];
  network.loses = () => {
    for (const { waiting, lines } of [atClient, atGateway]) {
      if (waiting > 0) late.push(lines.at(-1)!);
    }
    return false;
  };
  clock.pass(6 * SECOND);
  assert.deepEqual(late, []);
  assert.ok(atGateway.lines.length > 4);
});

Deno.test("a CHILD_SA that cannot be installed ends its tunnel with the error of the data path", () => {
  const { clock, client, atClient } = stage();
  clock.pass(SECOND);
  const [pair] = atClient.pairs.keys();
  atClient.listener.refused(pair!, "The kernel refuses the inbound state: ENOSYS");
  clock.pass(SECOND);
  assert.equal(client.run.summary().live, 0);
  assert.match(client.said(2).join("\n"), /The kernel refuses the inbound state: ENOSYS/);
});

Deno.test("a CHILD_SA that the data path has lost, or that is soon exhausted, is rekeyed once", () => {
  const { clock, client, atClient } = stage();
  clock.pass(SECOND);
  const [first] = atClient.pairs.values();
  for (let i = 0; i < 3; i++) atClient.listener.acquired(first!.rekeyChain);
  clock.pass(SECOND);
  assert.deepEqual(atClient.lines.splice(0), ["in 1", "out 1", "in 2", "out 2", "gone 1"]);
  atClient.listener.expired(first!.spiIn, false); // The CHILD_SA is removed by now.
  clock.pass(SECOND);
  assert.deepEqual(atClient.lines, []);
  const second = [...atClient.pairs.values()].at(-1)!;
  for (let i = 0; i < 2; i++) atClient.listener.expired(second.spiIn, false);
  clock.pass(SECOND);
  assert.deepEqual(atClient.lines, ["in 3", "out 3", "gone 2"]);
  assert.match(client.said(3).join("\n"), /traffic wants it: it is rekeyed\n.*end of its packets/);
});

Deno.test("a CHILD_SA that is exhausted before its rekey ends its tunnel, and everything is removed", () => {
  const { clock, client, atClient } = stage();
  clock.pass(SECOND);
  const [pair] = atClient.pairs.keys();
  atClient.listener.expired(pair!, true);
  clock.pass(SECOND);
  assert.equal(client.run.summary().live, 0);
  assert.match(client.said(2).join("\n"), /HARD_EXPIRY|lifetime of the CHILD_SA ended/);
  assert.equal(atClient.lines[2], "gone 1");
});

Deno.test("notes of the data path are logged, and its failure ends the run", async () => {
  const { clock, client, atClient } = stage();
  clock.pass(SECOND);
  atClient.listener.note(3, "a word of the kernel");
  assert.ok(client.said(3).includes("a word of the kernel"));
  client.run.stop(true);
  clock.pass(SECOND);
  await client.run.finalResult;
  assert.deepEqual(atClient.lines.at(-1), "gone 1");
  assert.equal(atClient.closed, true);
});
