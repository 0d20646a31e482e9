/**
 * Runs `myikev2 benchmark`: measures a gateway by runs of a client in this process, one after the other.
 * @module
 */
import { SetupError, SystemError } from "@/base/errors.ts";
import { showDuration } from "@/base/duration.ts";
import {
  type Bench,
  BENCHMARK_METRICS,
  measure,
  type Metric,
  type MetricName,
} from "@/cli/benchmark_metrics.ts";
import { EXIT_FAILED, EXIT_PASSED, EXIT_USAGE } from "@/cli/exit_status.ts";
import { readText } from "@/cli/setup_files.ts";
import { onSignals } from "@/cli/signals.ts";
import { prepareAddresses } from "@/datapath/addresses.ts";
import { environment, openAuth, openTransport, prepareRun } from "@/engine/run/prepare.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import { printLine, tellLine } from "@/files/terminal.ts";
import { readSetup, SetupErrors, type SetupReading } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";

/** The options of the command. */
export interface BenchmarkOptions {
  readonly only?: readonly string[];
  readonly tunnels?: number;
  readonly maxRate: number;
  /** Milliseconds. */
  readonly trial: number;
  readonly time: number;
  readonly restart?: string;
  readonly flush: boolean | "force";
  readonly json?: boolean;
}

/** How often a run is looked at, in milliseconds. */
/** The longest time of the command of --restart. */
const RESTART_MAX_MS = 60_000;
const LOOK_MS = 50;

/** Measures; returns the exit status. */
export async function runBenchmark(path: string, options: BenchmarkOptions): Promise<number> {
  try {
    const reading = readSetup(readText(path), path);
    for (const warning of reading.warnings) tellLine(`myikev2: ${warning}`);
    if (reading.setup.role !== "client") {
      throw new SetupError(
        "Cannot measure by a gateway's setup: expected role: client",
        reading.positionOf("role"),
      );
    }
    return await new Benchmark(path, reading, options).run();
  } catch (e) {
    if (!(e instanceof SetupError || e instanceof SystemError)) throw e;
    for (const error of e instanceof SetupErrors ? e.errors : [e]) {
      tellLine(`myikev2: ${error.message}`);
    }
    return EXIT_USAGE;
  }
}

/** One benchmark. */
class Benchmark {
  readonly #path: string;
  readonly #reading: SetupReading;
  readonly #options: BenchmarkOptions;
  readonly #beganMs = performance.now();
  /** Stops the present run; undefined between runs. */
  #stop: (() => void) | undefined;
  #isStopped = false;

  constructor(path: string, reading: SetupReading, options: BenchmarkOptions) {
    this.#path = path;
    this.#reading = reading;
    this.#options = options;
  }

  async run(): Promise<number> {
    const { setup } = this.#reading;
    const { flush, tunnels = setup.numberoftunnels, only = BENCHMARK_METRICS } = this.#options;
    const addresses = await prepareAddresses(
      { ...setup, numberoftunnels: tunnels },
      flush,
      tellLine,
    );
    const forget = onSignals(() => {
      this.#isStopped = true;
      this.#stop?.();
    });
    const metrics: Metric[] = [];
    try {
      for (const name of BENCHMARK_METRICS) {
        if (!only.includes(name)) continue;
        metrics.push(await this.#measure(name, tunnels));
        this.#tell(metrics.at(-1)!);
      }
    } finally {
      forget();
      await addresses.undo();
    }
    if (this.#options.json) printLine(JSON.stringify(this.#result(metrics)));
    return metrics.some(({ failed }) => failed) ? EXIT_FAILED : EXIT_PASSED;
  }

  async #measure(name: MetricName, tunnels: number): Promise<Metric> {
    const { maxRate, trial, restart } = this.#options;
    if (this.#isOver()) {
      const words = "not measured: the time of --time is over";
      return { name, value: undefined, unit: "", words, failed: false, more: {} };
    }
    tellLine(`measuring ${name} …`);
    const bench: Bench = {
      setup: this.#reading.setup,
      tunnels,
      trialMs: trial,
      pauseMs: 10_000,
      livenessMs: 1_000,
      rateMax: maxRate,
      isOver: () => this.#isOver(),
      leftMs: () => this.#options.time - (performance.now() - this.#beganMs),
      restart: restart === undefined ? undefined : () => shell(restart),
      run: (setup, watch) => this.#run(setup, watch),
    };
    return await measure(name, bench);
  }

  #isOver(): boolean {
    return this.#isStopped || performance.now() - this.#beganMs >= this.#options.time;
  }

  /** Runs a setup to its end; see {@linkcode Bench}. */
  async #run(setup: Setup, watch?: Parameters<Bench["run"]>[1]): Promise<RunFigures> {
    const { positionOf } = this.#reading;
    const env = await environment(setup, positionOf);
    const auth = await openAuth(setup, env, { positionOf, note: () => {} });
    let timer: ReturnType<typeof setInterval> | undefined;
    try {
      const transport = openTransport(setup);
      const common = { env, auth, transport, setupFileName: this.#path, hooks: {}, notYet: [] };
      const run = prepareRun(setup, { ...common, events: new EventHub() });
      const view = {
        summary: () => run.summary(),
        figures: () => run.figures(),
        stop: () => run.stop(true),
      };
      this.#stop = view.stop;
      timer = watch && setInterval(() => watch(view), LOOK_MS);
      run.start();
      // A signal may have come before there was a run to stop.
      if (this.#isStopped) view.stop();
      return (await run.finalResult).figures;
    } finally {
      clearInterval(timer);
      this.#stop = undefined;
      auth.close();
    }
  }

  #tell({ name, words, trace = [] }: Metric): void {
    if (this.#options.json) return;
    printLine(`${name}: ${words}`);
    for (const { ratePerSec, step, held, words } of trace) {
      printLine(`  ${step} ${ratePerSec}/s: ${held ? "held" : "broken"}, ${words}`);
    }
  }

  #result(metrics: readonly Metric[]) {
    const { peeraddr, ikeconf } = this.#reading.setup;
    return {
      benchmark: 1,
      setup: this.#path,
      gateway: peeraddr ? [...peeraddr].join(peeraddr.length === 4 ? "." : ",") : null,
      groups: ikeconf.dhgrpid,
      startedAt: new Date(Date.now() - (performance.now() - this.#beganMs)).toISOString(),
      tookSec: Math.round((performance.now() - this.#beganMs) / 100) / 10,
      trial: showDuration(this.#options.trial),
      metrics: metrics.map((metric) => ({ ...metric, value: metric.value ?? null })),
    };
  }
}

/**
 * Runs a shell command, for some time at most. @throws {SetupError} if it fails, with the end of what it said.
 */
async function shell(command: string): Promise<void> {
  const signal = AbortSignal.timeout(RESTART_MAX_MS);
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", command],
    stdin: "null",
    signal,
  }).output();
  if (code === 0) return;
  if (signal.aborted) {
    throw new SetupError(`--restart did not end within ${showDuration(RESTART_MAX_MS)}`);
  }
  const said = new TextDecoder().decode(stderr).trim().slice(-400);
  throw new SetupError(`--restart failed with status ${code}: ${said}`);
}
