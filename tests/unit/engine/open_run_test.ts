import assert from "node:assert/strict";
import { parsePrefix } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { EventHub } from "@/engine/event_hub.ts";
import { openRun } from "@/engine/open_run.ts";
import { RunResult } from "@/engine/view.ts";
import type { Setup } from "@/setup/setup.ts";
import { setup } from "./setups.ts";

const LOOPBACK = parsePrefix("127.0.0.1/8")!;

function open(setup: Setup, events = new EventHub()) {
  return openRun(setup, { setupFileName: "my.yaml", events, notYet: ["liveness checks (DPD)"] });
}

function gatewaySetup(part: Partial<Setup> = {}): Setup {
  const ports = { ownport: 0, ownnattport: 0 };
  return setup({ role: "gateway", bindifaddr: LOOPBACK, numberoftunnels: 5, ...ports, ...part });
}

Deno.test("a gateway and a client from setups build their tunnels over loopback", async () => {
  const psk = { psk: "one for both", dhgrpid: [31] };
  const gateway = open({ ...gatewaySetup(), ikeconf: { ...gatewaySetup().ikeconf, ...psk } });
  gateway.start();
  const peerport = gateway.ownPort;
  const top = {
    startclntaddr: parsePrefix("127.0.2.1/8")!,
    peeraddr: LOOPBACK.address,
    numberoftunnels: 5,
    setupinterval: 0,
    runningtime: 1_000,
    ownport: 0,
    peerport,
  };
  const client = open(setup(top, psk));
  client.start();
  const { result, figures, summary } = await client.finalResult;
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.established, figures.retransmissions], [5, 0]);
  assert.deepEqual([figures.transport, figures.crypto], ["portable", "portable"]);
  assert.deepEqual(figures.notYet, ["liveness checks (DPD)"]);
  assert.equal(summary.setupFileName, "my.yaml");
  gateway.stop(true);
  assert.equal((await gateway.finalResult).result, RunResult.PASSED);
});

Deno.test("what this program cannot give is refused by the option's name", () => {
  assert.throws(() => open(gatewaySetup({ transport: "native" })), /native transport/);
  assert.throws(() => open(gatewaySetup({ cryptobackend: "native" })), /native crypto backend/);
  const far = setup({ startclntaddr: parsePrefix("192.0.2.1/24")! });
  assert.throws(() => open({ ...far, ownport: 0 }), SetupError);
});

Deno.test("a gateway goes on without its NAT-T port when another has it, and says so", async () => {
  const taken = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const events = new EventHub(), said: string[] = [];
  events.attach({ filter: { level: 3, keyword: "" }, write: (e) => void said.push(e.msg) });
  const gateway = open(gatewaySetup({ ownnattport: port }), events);
  gateway.start();
  gateway.stop(false);
  await gateway.finalResult;
  taken.close();
  assert.match(said[0]!, new RegExp(`${port}.*ownnattport.*without the NAT-T port`));
});

Deno.test("the gateway without bindifaddr answers at its interface", async () => {
  const gateway = open(gatewaySetup({ bindifaddr: null, bindifname: "lo" }));
  gateway.start();
  gateway.stop(false);
  assert.equal((await gateway.finalResult).result, RunResult.STOPPED);
  const nowhere = gatewaySetup({ bindifaddr: null, bindifname: "none7" });
  assert.throws(() => open(nowhere), /none7/);
});
