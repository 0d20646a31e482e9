/**
 * `myikev2 demo`: a gateway and a client of ours in this process, over UDP on loopback. Every datagram
 * passes a socket; nothing needs root, the shim, or a file.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import { environment, openRecorders, openTransport, prepareRun } from "@/cli/prepare.ts";
import { showLive } from "@/cli/live_view.ts";
import { onSignals } from "@/cli/signals.ts";
import { EventHub } from "@/engine/event_hub.ts";
import { RunResult } from "@/engine/view.ts";
import { resultOf } from "@/report/result.ts";
import { summaryLines } from "@/report/summary.ts";
import { readSetup } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";

/** Its options. */
export interface DemoOptions {
  readonly tunnels: number;
  readonly json?: boolean;
  readonly pcap?: string;
  readonly keylog?: string;
  readonly cryptobackend: string;
  readonly transport: string;
  readonly suite: string;
}

const SUITES: Readonly<Record<string, string>> = {
  "x25519-gcm": "dhgrpid: 31, ikeencyptalg: aes-gcm-16:128, ikeprfalg: sha256",
  "modp2048-cbc": "dhgrpid: 14, ikeencyptalg: aes-cbc:128, ikeintegrityalg: sha256",
};
/** A demo that takes longer than this is ended, and has failed. */
const PATIENCE_MS = 120_000;

/** Runs it; returns the exit status. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const suite = SUITES[options.suite];
  if (!suite) {
    throw new SetupError(`Cannot run suite ${options.suite}: ${Object.keys(SUITES).join(", ")}`);
  }
  const gatewaySetup = demoSetup("gateway", options, suite, "bindifaddr: 127.0.0.1/8");
  const env = environment(gatewaySetup);
  const gatewayTransport = openTransport(gatewaySetup);
  const clientSetup = demoSetup(
    "client",
    options,
    suite,
    "startclntaddr: 127.0.0.1/8\npeeraddr: 127.0.0.1\n" +
      `peerport: ${gatewayTransport.ikePort}`,
  );
  const clientTransport = openTransport(clientSetup);
  const recorders = openRecorders(options);
  const common = { env, notYet: [] };
  const gateway = prepareRun(gatewaySetup, {
    ...common,
    transport: gatewayTransport,
    events: new EventHub(),
    setupFileName: "demo gateway",
    hooks: {},
  });
  const client = prepareRun(clientSetup, {
    ...common,
    transport: clientTransport,
    events: new EventHub(),
    setupFileName: "demo client",
    hooks: recorders.hooks,
  });
  const forget = onSignals((again) => client.stop(!again));
  const hide = options.json ? () => {} : showLive(client);
  gateway.start();
  client.start();
  await complete(client, options.tunnels);
  client.stop(true);
  const final = await client.finalResult;
  gateway.stop(false);
  const gatewayFinal = await gateway.finalResult;
  hide();
  forget();
  recorders.close();
  const result = resultOf(final);
  if (options.json) console.log(JSON.stringify(result));
  else for (const line of summaryLines(result)) console.log(line);
  const bothUp = gatewayFinal.figures.established >= options.tunnels;
  return final.result === RunResult.PASSED && bothUp ? 0 : 1;
}

/** Resolves when every tunnel is up, or none can come any more. */
async function complete(run: ReturnType<typeof prepareRun>, tunnels: number): Promise<void> {
  let over = false;
  run.finalResult.then(() => over = true);
  const untilMs = performance.now() + PATIENCE_MS;
  const left = () => tunnels - run.figures().established - run.figures().failed;
  while (!over && left() > 0 && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function demoSetup(
  role: string,
  { tunnels, cryptobackend, transport }: DemoOptions,
  suite: string,
  addresses: string,
): Setup {
  const text = `
role: ${role}
numberoftunnels: ${tunnels}
setupinterval: 0
bindifname: lo
${addresses}
ownport: 0
ownnattport: 0
cryptobackend: ${cryptobackend}
transport: ${transport}
ikeconf: {psk: demo, myid: "tunnel-&d.demo", ${suite}, childlist: {encalg: aes-gcm-16:128}}
`;
  return readSetup(text, `demo ${role}`).setup;
}
