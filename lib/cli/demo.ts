/**
 * Runs `myikev2 demo`: a gateway and a client in this process, over UDP on loopback. All datagrams pass
 * through sockets. Neither root nor the shim nor any file is needed.
 * @module
 */
import { printLine } from "@/files/terminal.ts";
import { SetupError } from "@/base/errors.ts";
import { EXIT_FAILED, EXIT_PASSED } from "@/cli/exit_status.ts";
import { type LiveView, showLive } from "@/cli/live_view.ts";
import type { OutputFlags } from "@/cli/output_options.ts";
import { RunOutputs } from "@/cli/run_outputs.ts";
import { onSignals, watchForCrash } from "@/cli/signals.ts";
import type { RunHooks } from "@/engine/run/hooks.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { RunAnswers } from "@/engine/run/run_answers.ts";
import { environment, openTransport, prepareRun } from "@/engine/run/prepare.ts";
import type { TestRun } from "@/engine/run/test_run.ts";
import { wantsWarmUp, warmUp } from "@/engine/run/warm_up.ts";
import type { RunResultJson } from "@/report/result.ts";
import { openRunFiles } from "@/report/run_files.ts";
import { summaryLines } from "@/report/summary.ts";
import { readSetup } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";

/** Options of `demo`. */
export interface DemoOptions extends OutputFlags {
  readonly tunnels: number;
  readonly json?: boolean;
  readonly pcap?: string;
  readonly keylog?: string;
  readonly cryptobackend: string;
  readonly transport: string;
  readonly suite: string;
}

/** The suites of the demo: for each name the algorithms, as the setups of both ends name them. */
export const SUITES: Readonly<Record<string, string>> = {
  "x25519-gcm": "dhgrpid: 31, ikeencyptalg: aes-gcm-16:128, ikeprfalg: sha256",
  "x25519-mlkem768-gcm":
    "dhgrpid: 31, addke1: 36, enablefragment: true, ikeencyptalg: aes-gcm-16:128, ikeprfalg: sha256",
  "modp2048-cbc": "dhgrpid: 14, ikeencyptalg: aes-cbc:128, ikeintegrityalg: sha256",
};
/** Milliseconds without progress after which a demo is ended as failed. */
const STALL_MS = 60_000;
const LOOK_MS = 5;

/** Runs the demo; returns the exit status. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const outputs = new RunOutputs(options);
  const recorders = openRunFiles(options);
  const watch = watchForCrash();
  try {
    const pair = await openPair(options, { ...recorders.hooks, ...outputs.hooks });
    const result = await Promise.race([drive(pair, options, outputs), watch.crashed]);
    outputs.write(result);
    if (options.json) printLine(JSON.stringify(result));
    else for (const line of summaryLines(result)) printLine(line);
    return result.result === "failed" ? EXIT_FAILED : EXIT_PASSED;
  } finally {
    await outputs.closeSite();
    recorders.close();
    outputs.close();
    watch.forget();
  }
}

/** Both ends of the demo, before they are started. */
interface Pair {
  readonly gateway: TestRun;
  readonly client: TestRun;
}

async function openPair(options: DemoOptions, hooks: RunHooks): Promise<Pair> {
  const suite = SUITES[options.suite];
  if (!suite) {
    throw new SetupError(`Cannot run suite ${options.suite}: ${Object.keys(SUITES).join(", ")}`);
  }
  const gatewaySetup = demoSetup("gateway", options, suite, "bindifaddr: 127.0.0.1/8");
  const env = await environment(gatewaySetup);
  if (wantsWarmUp(gatewaySetup, env.crypto)) await warmUp(gatewaySetup, env.crypto);
  const transport = openTransport(gatewaySetup);
  const clientSetup = demoSetup(
    "client",
    options,
    suite,
    `startclntaddr: 127.0.0.1/8\npeeraddr: 127.0.0.1\npeerport: ${transport.ikePort}`,
  );
  const common = { env, notYet: [] };
  const gateway = prepareRun(gatewaySetup, {
    ...common,
    transport,
    events: new EventHub(),
    setupFileName: "demo gateway",
    hooks: {},
  });
  const client = prepareRun(clientSetup, {
    ...common,
    transport: openTransport(clientSetup),
    events: new EventHub(),
    setupFileName: "demo client",
    hooks,
  });
  return { gateway, client };
}

/** Runs both ends to their end. The result is that of the client, and failed if either end failed. */
async function drive(
  { gateway, client }: Pair,
  options: DemoOptions,
  outputs: RunOutputs,
): Promise<RunResultJson> {
  let isStopped = false;
  let live = undefined as LiveView | undefined;
  const stop = (again: boolean) => {
    isStopped = true;
    live?.ending();
    client.stop(!again);
  };
  const forget = onSignals(stop);
  const view = new RunAnswers(client);
  await outputs.serve(view, { tls: undefined, trust: {} });
  live = showLive(view, { stop });
  outputs.begin(view);
  gateway.start();
  client.start();
  const stalled = await complete(client, options.tunnels);
  live.ending();
  client.stop(true);
  const final = await client.finalResult;
  gateway.stop(false);
  const { established } = (await gateway.finalResult).figures;
  live.hide();
  forget();
  const result = outputs.resultOf(final);
  const error = stalled
    ? `Nothing happened for ${STALL_MS / 1000} s`
    : `The gateway has only ${established} of ${options.tunnels} tunnels`;
  const short = !isStopped && established < options.tunnels;
  return stalled || short ? { ...result, result: "failed", error: result.error ?? error } : result;
}

/** Waits until every tunnel is established, or none can be any more; returns whether it gave up waiting. */
async function complete(run: TestRun, tunnels: number): Promise<boolean> {
  let isOver = false;
  let settled = 0;
  let sinceMs = performance.now();
  run.finalResult.then(() => isOver = true);
  while (!isOver && settled < tunnels) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const { established, failed } = run.tally;
    if (established + failed > settled) sinceMs = performance.now();
    if (performance.now() - sinceMs > STALL_MS) return true;
    settled = established + failed;
  }
  return false;
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
