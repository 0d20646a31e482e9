import assert from "node:assert/strict";
import { parsePrefix, showAddress } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { ikeConfigOf, ownAddressesOf, planOf } from "@/engine/run/config_of.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import { ChildStateNumber, RunResult } from "@/engine/show/view.ts";
import type { ChildConf, IkeConf, Setup } from "@/setup/setup.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";
import { setup, ts } from "./setups.ts";
import { until } from "./two_runs.ts";

const LOOPBACK = parsePrefix("127.0.0.1/8")!;
const crypto = portableBackend();

function open(role: "client" | "gateway", top: Partial<Setup>, ike: Partial<IkeConf> = {}) {
  const whole = setup({ role, ownport: 0, setupinterval: 0, numberoftunnels: 5, ...top }, {
    psk: "one for both",
    dhgrpid: [31],
    ...ike,
  });
  const transport = openPortableUdp({
    ownAddresses: ownAddressesOf(whole, () => []),
    ikePort: whole.ownport,
  });
  const run = new TestRun({
    setup: whole,
    setupFileName: "my.yaml",
    config: ikeConfigOf(whole),
    plan: planOf(whole, transport),
    env: { crypto, random: crypto.randomOctets, childrenBySpi: new Map(), broken: new Set() },
    transport,
    events: new EventHub(),
    notYet: ["liveness checks (DPD)"],
  });
  run.start();
  return { run, port: transport.ikePort };
}

function client(peerport: number, top: Partial<Setup> = {}, ike: Partial<IkeConf> = {}) {
  const startclntaddr = parsePrefix("127.0.2.1/8")!;
  const addresses = { startclntaddr, peeraddr: LOOPBACK.address, peerport };
  return open("client", { ...addresses, runningtime: 1_000, ...top }, ike);
}

Deno.test("a gateway and a client of setups establish their tunnels over loopback", async () => {
  const gateway = open("gateway", { bindifaddr: LOOPBACK });
  // Without a running time the stop, once all are up, is the end that was meant: however long it took.
  const { run } = client(gateway.port, { runningtime: 0 });
  while (run.figures().established < 5) await new Promise((resolve) => setTimeout(resolve, 10));
  run.stop(true);
  const { result, figures, summary } = await run.finalResult;
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.established, figures.retransmissions], [5, 0]);
  assert.deepEqual([figures.transport, figures.crypto], ["portable", "portable"]);
  assert.deepEqual(figures.notYet, ["liveness checks (DPD)"]);
  assert.equal(summary.setupFileName, "my.yaml");
  gateway.run.stop(true);
  assert.equal((await gateway.run.finalResult).result, RunResult.PASSED);
});

Deno.test("with mtu 100 both ends send fragments on real sockets, and log their number", async () => {
  const small = { enablefragment: true, mtu: 100 };
  const said: string[] = [];
  const write = ({ msg }: { readonly msg: string }) => void said.push(msg);
  const gateway = open("gateway", { bindifaddr: LOOPBACK }, small);
  const ours = client(gateway.port, { runningtime: 0 }, small);
  ours.run.events.attach({ filter: { level: 5, keyword: "" }, write });
  await until(() => ours.run.figures().established === 5);
  ours.run.stop(true);
  const { result, figures } = await ours.run.finalResult;
  gateway.run.stop(true);
  const theirs = await gateway.run.finalResult;
  assert.deepEqual([result, theirs.result], [RunResult.PASSED, RunResult.PASSED]);
  assert.deepEqual([figures.established, figures.retransmissions], [5, 0]);
  const auth = said.filter((line) => line.includes("IKE_AUTH "));
  assert.equal(auth.length, 10);
  for (const line of auth) assert.match(line, /^(Sent|Received) in [2-4] fragments .*\n/);
  // Nothing else is so long: IKE_SA_INIT may not be cut, a Delete need not be.
  assert.equal(said.filter((line) => /^\w+ in \d+ fragments/.test(line)).length, auth.length);
});

Deno.test("transport mode, ESN, AH and IPComp between a gateway and a client on real sockets", async () => {
  const host = (address: string) => [ts(address, address)];
  const kinds: Partial<ChildConf>[] = [
    { tunnelmode: false, esn: true, encalg: [{ id: 20, keyBits: 128 }], ipcomp: true },
    { protocol: "ah", integrityalg: [12], tfc: false },
  ];
  const list = (own: string, peer: string) => {
    const { childlist: [base] } = setup().ikeconf;
    const entry = (more: Partial<ChildConf>) => ({ ...base!, lifetime: 4_000, ...more });
    return [
      entry(kinds[0]!),
      entry({ ...kinds[1]!, ownts: host(own), peerts: host(peer) }),
    ];
  };
  const kept = { keepchildhistory: true, keepikehistory: true, margintime: 2_000, jitter: false };
  const gateway = open("gateway", { bindifaddr: LOOPBACK }, {
    ...kept,
    childlist: list("10.0.0.9", "10.0.0.1"),
  });
  const { run } = client(gateway.port, { runningtime: 0, numberoftunnels: 1 }, {
    ...kept,
    childlist: list("10.0.0.1", "10.0.0.9"),
  });
  await until(() => run.figures().childRekeys >= 4);
  for (const { run: end } of [gateway, { run }]) {
    const [sa] = end.sas.ikeSas(0, 1);
    // Of one that is being created nothing is agreed yet: a rekey may be under way.
    const children = end.sas.childSas(sa!.spi)!.map((spi) => end.sas.childSa(spi)!)
      .filter(({ state }) => state !== ChildStateNumber.CREATING);
    const seen = children.map(({ protocol, tunnelMode, esn }) =>
      `${protocol} ${tunnelMode} ${esn}`
    );
    const esp = seen.filter((kind) => kind === "3 false true").length;
    const ah = seen.filter((kind) => kind === "2 true false").length;
    assert.ok(esp >= 2 && ah >= 2, `live and kept ones: ${seen}`);
    assert.equal(esp + ah, children.length, `live and kept ones: ${seen}`);
    const { ownTs, peerTs } = children.find(({ protocol }) => protocol === 3)!;
    const hosts = ownTs.concat(peerTs);
    assert.ok(hosts.every((one) => showAddress(one.startAddress).startsWith("127.0.")));
  }
  run.stop(true);
  gateway.run.stop(true);
  assert.equal((await run.finalResult).result, RunResult.PASSED);
  await gateway.run.finalResult;
});

Deno.test("without a common proposal every tunnel of the client fails, with an example that has the transforms of both ends", async () => {
  const gateway = open("gateway", { bindifaddr: LOOPBACK }, { dhgrpid: [19] });
  const one = { numberoftunnels: 2, tunnelmaxretry: 1 };
  const { result, figures } = await client(gateway.port, one).run.finalResult;
  gateway.run.stop(true);
  const theirs = await gateway.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.equal(figures.failures[0]?.cause, "NO_PROPOSAL_CHOSEN");
  assert.equal(figures.failures[0]?.count, 2);
  // To the gateway they were strangers, which do not affect the test.
  assert.deepEqual([theirs.result, theirs.figures.failed], [RunResult.STOPPED, 0]);
  const words = theirs.figures.strangers[0]!.example;
  assert.match(words, /Curve25519/);
  assert.match(words, /256-bit random ECP/);
});
