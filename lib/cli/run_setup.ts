/**
 * `myikev2 test`: one setup file from its text to its result.
 * @module
 */
import { showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { startTestApi, type TestApi } from "@/api/test_api.ts";
import { showLive } from "@/cli/live_view.ts";
import {
  environment,
  openRecorders,
  openTransport,
  prepareRun,
  type Recorders,
} from "@/cli/prepare.ts";
import { readText } from "@/cli/setup_files.ts";
import { onSignals } from "@/cli/signals.ts";
import { prepareAddresses } from "@/datapath/addresses.ts";
import { EventHub } from "@/engine/event_hub.ts";
import type { TestRun } from "@/engine/test_run.ts";
import { type FinalResult, RunResult } from "@/engine/view.ts";
import { LogFile } from "@/report/log_file.ts";
import { refusedResult, resultOf, type RunResultJson } from "@/report/result.ts";
import { summaryLines } from "@/report/summary.ts";
import { readSetup, SetupErrors, type SetupReading } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";

/** What the command line says beside the setup. */
export interface RunSetupOptions {
  readonly json: boolean;
  readonly logFile: string;
  readonly crashFile: string;
  readonly flush: boolean | "force";
  readonly verify: boolean;
  readonly lenient: boolean;
  readonly hold: boolean;
  readonly pcap: string | undefined;
  readonly keylog: string | undefined;
}

const OCTETS_PER_MB = 1_000_000;

/** Runs, or checks, one setup file; returns the exit status. */
export async function runSetup(path: string, options: RunSetupOptions): Promise<number> {
  try {
    const reading = readSetup(readText(path), path, { lenient: options.lenient });
    for (const warning of reading.warnings) console.error(`myikev2: ${warning}`);
    if (options.verify) return verified(path, reading, options);
    return await new SetupRun(path, reading, options).run();
  } catch (e) {
    if (!(e instanceof Error)) throw e;
    const refusal = e instanceof SetupError || e.name === "SystemError";
    if (!refusal) recordCrash(options.crashFile, e);
    const errors = e instanceof SetupErrors ? e.errors : [e];
    for (const error of errors) console.error(`myikev2: ${error.message}`);
    if (options.json) print(refusedResult(errors, path));
    return refusal ? 2 : 1;
  }
}

function verified(
  path: string,
  { setup, notYet }: SetupReading,
  { json }: RunSetupOptions,
): number {
  environment(setup); // refuses what the crypto backend lacks
  if (json) console.log(JSON.stringify({ result: "verified", setup: path, notYet }));
  else console.log(`${path} is a good ${setup.role} setup`);
  for (const feature of notYet) console.error(`not there yet: ${feature}`);
  return 0;
}

/** The story of an error of ours, for whoever mends it. */
function recordCrash(path: string, error: Error): void {
  try {
    Deno.writeTextFileSync(path, `${error.stack ?? error.message}\n`, { mode: 0o600 });
    console.error(`myikev2: internal error, its story is in ${path}`);
  } catch {
    console.error(error.stack);
  }
}

function print(result: RunResultJson): void {
  console.log(JSON.stringify(result));
}

/** One run with everything around it: addresses, log, recorders, API, signals, live view. */
class SetupRun {
  readonly #path: string;
  readonly #setup: Setup;
  readonly #notYet: readonly string[];
  readonly #options: RunSetupOptions;
  readonly #events = new EventHub();
  /** What has to be undone, last first. */
  readonly #undo: (() => void | Promise<void>)[] = [];

  constructor(path: string, { setup, notYet }: SetupReading, options: RunSetupOptions) {
    this.#path = path;
    this.#setup = setup;
    this.#notYet = notYet;
    this.#options = options;
  }

  async run(): Promise<number> {
    try {
      const { run, api, recorders } = await this.#prepare();
      const final = await this.#drive(run, api);
      recorders.close();
      this.#report(final);
      if (api && this.#options.hold) await new Promise(() => {});
      await api?.finished();
      return final.result === RunResult.FAILED ? 1 : 0;
    } finally {
      for (const undo of this.#undo.reverse()) await undo();
    }
  }

  async #prepare(): Promise<{ run: TestRun; api: TestApi; recorders: Recorders }> {
    const setup = this.#setup, { flush } = this.#options;
    if (setup.desc) console.error(setup.desc);
    const log = this.#openLog();
    this.#undo.push(() => log.close());
    this.#events.attach(log);
    for (const feature of this.#notYet) {
      console.error(`not there yet: ${feature}`);
      this.#events.publish(3, `Not there yet: ${feature}`);
    }
    const env = environment(setup);
    const addresses = await prepareAddresses(setup, flush, (line) => {
      console.error(line);
      this.#events.publish(4, line);
    });
    this.#undo.push(() => addresses.undo());
    const transport = openTransport(setup);
    const recorders = openRecorders(this.#options);
    const run = prepareRun(setup, {
      env,
      transport,
      events: this.#events,
      setupFileName: this.#path,
      hooks: recorders.hooks,
      notYet: this.#notYet,
    });
    const api = await startApi(run, setup).catch(async (e) => {
      await transport.close();
      throw e;
    });
    this.#undo.push(() => api.close());
    const ports = transport.nattPort === undefined ? "" : ` and ${transport.nattPort}`;
    console.error(
      `${setup.role} on UDP port ${transport.ikePort}${ports}, ` +
        `API on ${api.address.includes(":") ? `[${api.address}]` : api.address}:${api.port}, ` +
        `${transport.name} transport, ${env.crypto.name} crypto`,
    );
    return { run, api, recorders };
  }

  async #drive(run: TestRun, _api: TestApi): Promise<FinalResult> {
    const forget = onSignals((again) => run.stop(!again));
    const hide = this.#options.json ? () => {} : showLive(run);
    run.start();
    const final = await run.finalResult;
    hide();
    forget();
    return final;
  }

  #report(final: FinalResult): void {
    const result = resultOf(final);
    const lines = summaryLines(result);
    for (const line of lines) this.#events.publish(4, line);
    if (this.#options.json) print(result);
    else for (const line of lines) console.log(line);
  }

  #openLog(): LogFile {
    const { loglevel, logkeyword, logfilesizecap, loginmem } = this.#setup;
    return new LogFile({
      path: this.#options.logFile,
      filter: { level: loglevel, keyword: logkeyword },
      capOctets: logfilesizecap * OCTETS_PER_MB,
      inMemory: loginmem,
    });
  }
}

function startApi(run: TestRun, setup: Setup): Promise<TestApi> {
  return startTestApi(run, {
    address: showAddress(setup.apilistenaddr!),
    port: setup.apilistenport,
    tls: {
      certificate: setup.apitlscert,
      key: setup.apitlskey,
      clientCa: setup.apitlsclientca,
    },
    secrets: setup.apisecrets,
  });
}
