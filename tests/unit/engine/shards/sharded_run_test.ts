/** Runs that workers share, at both ends, over real sockets on loopback. */
import assert from "node:assert/strict";
import { shardOfSpi, shardOfWord } from "@/base/shard.ts";
import { openShardSockets } from "@/engine/run/prepare.ts";
import { TunnelLog } from "@/engine/show/tunnel_log.ts";
import type { RecordedDatagram, RunHooks } from "@/engine/run/hooks.ts";
import { ShardedRun } from "@/engine/shards/sharded_run.ts";
import { ShardLink } from "@/engine/shards/shard_link.ts";
import { newSharedState } from "@/engine/shards/shared_state.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { RunResult } from "@/engine/show/view.ts";
import { loadShim } from "@/native/load.ts";
import { readSetup } from "@/setup/read.ts";

const ignore = !loadShim().symbols;
const WORKERS = 2;
const PSK = "ikeconf:\n  psk: one for both of them\n";

/** A run by two workers that has begun, its messages of levels 1 to 4, and the IKE port. */
interface Begun {
  readonly run: ShardedRun;
  readonly said: string[];
  readonly port: number;
}

async function begin(text: string, hooks: RunHooks = {}): Promise<Begun> {
  const file = "my.yaml";
  const { setup } = readSetup(text, file);
  const events = new EventHub();
  const said: string[] = [];
  events.attach({ filter: { level: 4, keyword: "" }, write: ({ msg }) => void said.push(msg) });
  const sockets = openShardSockets(setup, WORKERS);
  const run = new ShardedRun({
    setup,
    text,
    file,
    lenient: false,
    slice: undefined,
    sockets,
    events,
    hooks,
  });
  await run.make();
  run.start();
  return { run, said, port: sockets[0]!.ikePort };
}

const gatewayText = (address: string, tunnels: number, more = "") =>
  `role: gateway\nbindifname: lo\nbindifaddr: ${address}/8\nnumberoftunnels: ${tunnels}\n` +
  `ownport: 0\nownnattport: 0\nshards: ${WORKERS}\n${more}`;

const clientText = (
  { to, port, tunnels, more = "" }: {
    readonly to: string;
    readonly port: number;
    readonly tunnels: number;
    readonly more?: string;
  },
) =>
  `role: client\nbindifname: lo\nstartclntaddr: 127.5.1.1/8\npeeraddr: ${to}\npeerport: ${port}\n` +
  `numberoftunnels: ${tunnels}\nownport: 0\nownnattport: 0\nsetupinterval: 0s\n` +
  `shards: ${WORKERS}\n${more}`;

/** Waits until something holds, at most 20 s. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !await holds();) {
    assert.ok(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `workers: ${name}`, ignore, fn });
}

test("tunnels are shared, and questions are answered as by one run", async () => {
  const tunnels = 41;
  const gateway = await begin(gatewayText("127.0.5.1", tunnels, PSK));
  const client = await begin(
    clientText({ to: "127.0.5.1", port: gateway.port, tunnels, more: PSK }),
  );
  try {
    for (const { run } of [client, gateway]) {
      await until("all tunnels", async () => (await run.summary()).createdTunnels === tunnels);
      const summary = await run.summary();
      assert.equal(summary.configured, tunnels);
      assert.equal(summary.live, tunnels);
      const all = await run.listIkeSas(0, 0);
      assert.equal(all.length, tunnels);
      const share = all.filter(({ spi }) => shardOfSpi(spi, WORKERS) === 0).length;
      assert.ok(share > 5 && share < tunnels - 5, `the first worker has ${share}`);
      const pages = [
        await run.listIkeSas(0, 15),
        await run.listIkeSas(15, 15),
        await run.listIkeSas(30, 15),
      ];
      assert.deepEqual(pages.flat().map(({ spi }) => spi), all.map(({ spi }) => spi));
      const { workers } = await run.figures();
      assert.equal(workers!.reduce((sum, { live }) => sum + live, 0), tunnels);
    }
    for (const { spi } of await client.run.listIkeSas(18, 4)) {
      const ike = await client.run.ikeSa(spi);
      const peers = await gateway.run.ikeSa(ike!.peerSpi);
      assert.equal(peers!.peerSpi, spi);
      assert.deepEqual(peers!.keys, ike!.keys);
      const [child] = (await client.run.childSas(spi))!;
      assert.equal(shardOfWord(child!, WORKERS), shardOfSpi(spi, WORKERS));
      assert.equal((await client.run.childSa(child!))!.parentSpi, spi);
      assert.deepEqual(await client.run.rekeyChild(child!), { kind: "done" });
      const rekeyed = await client.run.rekeyIke(spi);
      assert.ok(rekeyed.kind === "done");
      assert.equal(shardOfSpi(rekeyed.spi, WORKERS), shardOfSpi(spi, WORKERS));
      // The gateway begins this one, so that its SPI is that of the initiator.
      const theirs = (await client.run.ikeSa(rekeyed.spi))!.peerSpi;
      const again = await gateway.run.rekeyIke(theirs);
      assert.ok(again.kind === "done");
      assert.equal(shardOfSpi(again.spi, WORKERS), shardOfSpi(theirs, WORKERS));
    }
    assert.equal(await client.run.ikeSa(1n), undefined);
    assert.deepEqual(await client.run.rekeyIke(1n), { kind: "unknown" });
    client.run.stop(true);
    const final = await client.run.finalResult;
    assert.equal(final.result, RunResult.PASSED);
    assert.equal(final.figures.established, tunnels);
    assert.equal(final.figures.retransmissions, 0);
    assert.equal(final.figures.deletesUnanswered, 0);
    gateway.run.stop(true);
    const gatewayFinal = await gateway.run.finalResult;
    assert.equal(gatewayFinal.result, RunResult.PASSED);
    assert.deepEqual(gatewayFinal.figures.drops, new Map());
    assert.equal(gateway.said.filter((words) => /^Gateway ready/.test(words)).length, 1);
  } finally {
    await Promise.all([client.run.close(), gateway.run.close()]);
  }
});

test("peers keep addresses and count once, whichever worker answers them again", async () => {
  const tunnels = 16;
  const pool = "poolconf:\n  v4startaddr: 10.66.0.1/24\n";
  const storm = "loadconf:\n  storms:\n  - {kind: reconnect, after: 0s}\n";
  const gateway = await begin(gatewayText("127.0.5.2", tunnels, pool + PSK));
  const client = await begin(clientText({
    to: "127.0.5.2",
    port: gateway.port,
    tunnels,
    more: `${storm}${PSK}  ratunnel: true\n`,
  }));
  try {
    await until(
      "all come again",
      async () => (await client.run.figures()).storms.some(({ done }) => done === tunnels),
    );
    await until("all are live", async () => (await gateway.run.summary()).live === tunnels);
    const summary = await gateway.run.summary();
    assert.equal(summary.createdTunnels, tunnels, "a tunnel that comes again counts once");
    assert.equal((await gateway.run.poolUsage()).v4!.assigned, tunnels);
    const inner = () =>
      client.said.map((words) => /^Tunnel (\d+) established.*?(10\.66\.0\.\d+)/.exec(words))
        .filter((found) => found !== null).map(([, tunnel, address]) => `${tunnel} ${address}`);
    await until(
      "both set-ups of each are said",
      () => Promise.resolve(inner().length >= 2 * tunnels),
    );
    assert.equal(new Set(inner()).size, tunnels, "each tunnel has one address, before and after");
  } finally {
    await Promise.all([client.run.close(), gateway.run.close()]);
  }
});

test("INITIAL_CONTACT ends the IKE SAs that its identity has at other workers", async () => {
  const identity = `${PSK}  myid: "fqdn:one.example"\n`;
  const gateway = await begin(gatewayText("127.0.5.3", 1, PSK));
  try {
    // SPIs are drawn, so that in a few tries each worker is the one that has to hear of it.
    for (let tries = 0; tries < 3; tries++) {
      const more = `${identity}`;
      const client = await begin(
        clientText({ to: "127.0.5.3", port: gateway.port, tunnels: 2, more }),
      );
      await until("established", async () => (await client.run.summary()).live === 2);
      // It ends without a Delete, as after a crash.
      client.run.stop(false);
      await client.run.finalResult;
      await client.run.close();
      await until("the earlier ones end", async () => (await gateway.run.summary()).live === 2);
    }
    assert.equal((await gateway.run.summary()).createdTunnels, 2);
  } finally {
    await gateway.run.close();
  }
});

test("captures, keys and records of tunnels have what all of them did", async () => {
  const tunnels = 6;
  const gateway = await begin(gatewayText("127.0.5.6", tunnels, PSK));
  const datagrams: RecordedDatagram[] = [];
  const keyed = new Set<bigint>();
  const children = new Set<number>();
  const log = new TunnelLog();
  const client = await begin(
    clientText({ to: "127.0.5.6", port: gateway.port, tunnels, more: PSK }),
    {
      datagram: (datagram) => void datagrams.push(datagram),
      ikeKeyed: ({ spi }) => void keyed.add(spi),
      childKeyed: ({ spi }) => void children.add(spi),
      tunnels: log,
    },
  );
  try {
    await until("all tunnels", async () => (await client.run.summary()).createdLive === tunnels);
    const spis = (await client.run.listIkeSas(0, 0)).map(({ spi }) => spi);
    client.run.stop(true);
    const { figures } = await client.run.finalResult;
    assert.equal(datagrams.filter(({ sent }) => sent).length, figures.datagramsSent);
    assert.equal(datagrams.filter(({ sent }) => !sent).length, figures.datagramsReceived);
    assert.deepEqual(new Set(datagrams.map(({ tunnel }) => tunnel)), new Set([0, 1, 2, 3, 4, 5]));
    assert.deepEqual(keyed, new Set(spis));
    assert.equal(children.size, tunnels);
    const records = [...log.records()];
    assert.deepEqual(records.map(({ tunnel }) => tunnel), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(new Set(records.map(({ spiI }) => spiI)), keyed);
  } finally {
    await Promise.all([client.run.close(), gateway.run.close()]);
  }
});

test("one that ends by an error ends the test, with a sentence", async () => {
  const gateway = await begin(gatewayText("127.0.5.4", 2, PSK));
  try {
    gateway.run.breakWorker(1);
    const { result, summary } = await gateway.run.finalResult;
    assert.equal(result, RunResult.FAILED);
    assert.match(summary.lastErrMsg, /^Worker 2 of 2 has ended: /);
    assert.ok(gateway.said.some((words) => /^The test cannot go on: Worker 2 of 2/.test(words)));
    assert.equal((await gateway.run.listIkeSas(0, 0)).length, 0, "the other one still answers");
  } finally {
    await gateway.run.close();
  }
});

test("a threshold is judged on the tunnels of all", async () => {
  const gateway = await begin(gatewayText("127.0.5.5", 8, PSK));
  const client = await begin(clientText({
    to: "127.0.5.5",
    port: gateway.port,
    tunnels: 8,
    more: `thresholds: ["failed < 1", "rate > 1000000/s"]\nloadconf:\n  soak: 100ms\n${PSK}`,
  }));
  try {
    const { result, summary, figures } = await client.run.finalResult;
    assert.equal(result, RunResult.FAILED);
    assert.match(summary.lastErrMsg, /^Threshold rate > 1000000\/s: broken/);
    assert.deepEqual(figures.thresholds.verdicts.map(({ held }) => held), [true, false]);
    assert.equal(figures.thresholds.tunnels, 8);
  } finally {
    await Promise.all([client.run.close(), gateway.run.close()]);
  }
});

test("a gateway's thresholds are judged on the tunnels of all, of which one worker may have none", async () => {
  const more = `thresholds: ["p99(setup) < 1h"]\n${PSK}`;
  const gateway = await begin(gatewayText("127.0.5.7", 1, more));
  const client = await begin(
    clientText({ to: "127.0.5.7", port: gateway.port, tunnels: 2, more: PSK }),
  );
  try {
    await until("established", async () => (await client.run.summary()).createdLive === 2);
    client.run.stop(true);
    await client.run.finalResult;
    gateway.run.stop(true);
    const { result, figures } = await gateway.run.finalResult;
    assert.equal(result, RunResult.PASSED);
    assert.deepEqual(figures.thresholds.verdicts.map(({ held }) => held), [true]);
    assert.equal(figures.thresholds.tunnels, 1, "each worker expects the same tunnel");
  } finally {
    await Promise.all([client.run.close(), gateway.run.close()]);
  }
});

test("the summary after the end, and the last event, say what the result is", async () => {
  const gateway = await begin(gatewayText("127.0.5.8", 50, PSK));
  try {
    gateway.run.stop(true);
    const { result, summary } = await gateway.run.finalResult;
    assert.equal(result, RunResult.FAILED);
    assert.deepEqual(await gateway.run.summary(), summary);
    assert.match(summary.lastErrMsg, /^0 of 50 expected tunnels established/);
    const ends = gateway.said.filter((words) => /^Test (passed|failed|stopped)/.test(words));
    assert.deepEqual(ends.length, 1, gateway.said.join("\n"));
    assert.match(ends[0]!, /^Test failed after .*0 of 50/);
  } finally {
    await gateway.run.close();
  }
});

test("storms and soak wait for the tunnels of all", async () => {
  const gateway = await begin(gatewayText("127.0.5.9", 9, PSK));
  const milestones: string[] = [];
  const client = await begin(clientText({
    to: "127.0.5.9",
    port: gateway.port,
    tunnels: 9,
    // The last tunnel, which the first worker has, begins long after all of the other one.
    more: `loadconf:\n  soak: 500ms\n  storms: [{kind: rekey-child, after: 0s}]\n  stages:\n` +
      `  - {rate: 100, hold: 80ms}\n  - {rate: 1}\n${PSK}`,
  }));
  client.run.events.attach({
    filter: { level: 0, keyword: "" },
    milestones: true,
    write: ({ msg }) => void milestones.push(msg),
  });
  try {
    const { result, figures } = await client.run.finalResult;
    assert.equal(result, RunResult.PASSED);
    assert.equal(figures.storms[0]!.tunnels, 9);
    const over = milestones.findIndex((words) =>
      words === "The set-up is over: 9 tunnels established"
    );
    assert.ok(over >= 0, milestones.join("\n"));
    assert.ok(
      milestones.slice(0, over).every((words) => !/storm/.test(words)),
      milestones.join("\n"),
    );
  } finally {
    await Promise.all([client.run.close(), gateway.run.close()]);
  }
});

test("one that cannot make its part ends at once, and messages that come meanwhile are not lost", async () => {
  const died: string[] = [];
  const events: string[] = [];
  const nothing = () => {};
  const link = new ShardLink({
    events: (batch) => batch.forEach(({ msg }) => events.push(msg)),
    contact: nothing,
    first: nothing,
    created: nothing,
    aborting: nothing,
    over: nothing,
    records: nothing,
    final: nothing,
    died: (words) => void died.push(words),
  });
  const text = gatewayText("127.0.5.10", 1, PSK);
  const { setup } = readSetup(text, "my.yaml");
  const sockets = openShardSockets(setup, 1)[0]!;
  const made = link.make({
    shard: { number: 0, of: 1 },
    slice: undefined,
    text,
    file: "my.yaml",
    lenient: false,
    shared: newSharedState(setup),
    wanted: { datagrams: false, keys: false, tunnels: false },
    sockets,
  }, 0);
  // No level is wanted when the run is made; this one comes while it is.
  link.tell({ kind: "level", level: 4 });
  await made;
  link.tell({ kind: "start" });
  await until("an event", () => Promise.resolve(events.some((msg) => /^Gateway ready/.test(msg))));
  await link.close();
  assert.deepEqual(died, []);
});
