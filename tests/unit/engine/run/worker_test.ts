/** Runs that share a load, each in a thread of its own, whose figures and summaries are merged into one. */
import assert from "node:assert/strict";
import { mergeRunFigures } from "@/engine/show/figures.ts";
import { mergeRunSummaries } from "@/engine/show/merge_summaries.ts";
import { type FinalResult, RunResult } from "@/engine/show/view.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { environment, openTransport, prepareRun } from "@/engine/run/prepare.ts";
import { readSetup } from "@/setup/read.ts";

const TUNNELS = 5;
const WORKERS = 2;

const COMMON = `
setupinterval: 0
bindifname: lo
ownport: 0
ownnattport: 0
transport: portable
cryptobackend: portable
`;
const IKE = "dhgrpid: 31, ikeencyptalg: aes-gcm-16:128, ikeprfalg: sha256";
const CHILD = "childlist: {encalg: aes-gcm-16:128}";

function clientText(worker: number, port: number): string {
  return `role: client
numberoftunnels: ${TUNNELS}
startclntaddr: 127.0.${1 + worker}.1/8
peeraddr: 127.0.0.1
peerport: ${port}
${COMMON}
ikeconf: {psk: threads, myid: "tunnel-${worker}-&d.threads", ${IKE}, ${CHILD}}
`;
}

/** What a worker sends at the end of its run. */
type Ended = Pick<FinalResult, "figures" | "summary">;

/** Runs a client in a thread of its own, to its end. */
async function runInWorker(text: string): Promise<Ended> {
  const url = new URL("./_client_in_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  try {
    return await new Promise<Ended>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(text);
    });
  } finally {
    worker.terminate();
  }
}

Deno.test("the figures and summaries of runs in several threads are merged into those of one", async () => {
  const { setup } = readSetup(
    `role: gateway
numberoftunnels: ${WORKERS * TUNNELS}
bindifaddr: 127.0.0.1/8
${COMMON}
ikeconf: {psk: threads, ${IKE}, ${CHILD}}
`,
    "gateway.yaml",
  );
  const transport = openTransport(setup);
  const gateway = prepareRun(setup, {
    env: await environment(setup),
    transport,
    events: new EventHub(),
    setupFileName: "gateway.yaml",
    hooks: {},
    notYet: [],
  });
  gateway.start();
  const texts = Array.from({ length: WORKERS }, (_, i) => clientText(i, transport.ikePort));
  const parts = await Promise.all(texts.map(runInWorker));
  gateway.stop(false);
  const { figures } = await gateway.finalResult;
  const whole = mergeRunFigures(parts.map((part) => part.figures));
  assert.equal(whole.established, WORKERS * TUNNELS);
  assert.equal(figures.established, WORKERS * TUNNELS);
  assert.equal(whole.created, WORKERS * TUNNELS);
  assert.equal(whole.failed, 0);
  assert.equal(whole.setupMs!.samples, WORKERS * TUNNELS);
  assert.equal(whole.setupMs!.max, Math.max(...parts.map(({ figures }) => figures.setupMs!.max)));
  const summary = mergeRunSummaries(parts.map((part) => part.summary));
  assert.equal(summary.createdTunnels, WORKERS * TUNNELS);
  assert.equal(summary.configured, WORKERS * TUNNELS);
  assert.equal(summary.result, RunResult.PASSED);
  assert.ok(summary.setupRate! > 0);
});
