/**
 * Runs `myikev2 test`: one setup file, from its text to its result.
 * @module
 */
import { printLine, tellLine } from "@/files/terminal.ts";
import { showDuration } from "@/base/duration.ts";
import { indexInSlice, showSlice, sizeOfSlice, WHOLE } from "@/base/slice.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import type { TrustRules } from "@/api/caller.ts";
import { readTlsFiles } from "@/api/credentials.ts";
import { testApiOptions } from "@/api/settings.ts";
import { startTestApi, type TestApi } from "@/api/test_api.ts";
import { EXIT_FAILED, EXIT_PASSED, EXIT_USAGE } from "@/cli/exit_status.ts";
import { type LiveView, showLive } from "@/cli/live_view.ts";
import { readText } from "@/cli/setup_files.ts";
import type { RunSetupOptions } from "@/cli/run_setup_options.ts";
import { makeRun, prepareBasis, type PreparedRun, type RunParts } from "@/cli/prepared_run.ts";
import { RunOutputs } from "@/cli/run_outputs.ts";
import { onSignals, watchForCrash } from "@/cli/signals.ts";
import { userNumber } from "@/cli/user_number.ts";
import { hostProcessFinder } from "@/daemon/host_process.ts";
import { prepareAddresses } from "@/datapath/addresses.ts";
import { limitsOf, showLimit, tuneHost } from "@/datapath/host_limits.ts";
import { readHostState } from "@/datapath/host_state.ts";
import { readSetting, writeSetting } from "@/files/kernel_setting.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { environment, type PositionOf } from "@/engine/run/prepare.ts";
import { type FinalResult, RunResult, type RunView } from "@/engine/show/view.ts";
import { LogFile } from "@/report/log_file.ts";
import { refusedResult, type RunResultJson } from "@/report/result.ts";
import { SecretFile } from "@/report/secret_file.ts";
import { summaryLines } from "@/report/summary.ts";
import { shardsOf } from "@/setup/check_shards.ts";
import { readSetup, SetupErrors, type SetupReading } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";

const OCTETS_PER_MB = 1_000_000;

/** Runs or checks one setup file; returns the exit status. */
export async function runSetup(path: string, options: RunSetupOptions): Promise<number> {
  let outputs: RunOutputs | undefined;
  try {
    outputs = new RunOutputs(options.verify ? {} : options.outputs);
    const text = readText(path);
    const reading = readSetup(text, path, { lenient: options.lenient });
    for (const warning of reading.warnings) tellLine(`myikev2: ${warning}`);
    checkCapturedTunnel(options, reading.setup);
    if (options.verify) return await verified(path, reading, options);
    return await new SetupRun({ path, text }, reading, { options, outputs }).run();
  } catch (e) {
    if (!(e instanceof SetupError || e instanceof SystemError)) throw e;
    const errors = e instanceof SetupErrors ? e.errors : [e];
    for (const error of errors) tellLine(`myikev2: ${error.message}`);
    const refused = refusedResult(errors, path);
    outputs?.write(refused);
    if (options.json) print(refused);
    return EXIT_USAGE;
  } finally {
    outputs?.close();
  }
}

/**
 * Refuses `--pcap-tunnel` with a number that no tunnel of this client has. More peers than expected may come
 * to a gateway, so that any number may be one of theirs. @throws {SetupError}
 */
function checkCapturedTunnel(
  { pcapTunnel, slice: asked }: RunSetupOptions,
  { role, numberoftunnels }: Setup,
): void {
  const slice = asked ?? WHOLE;
  if (pcapTunnel === undefined || role !== "client") return;
  const size = sizeOfSlice(slice, numberoftunnels);
  const last = indexInSlice(slice, size - 1);
  const isOurs = pcapTunnel <= last && pcapTunnel % slice.of === slice.number - 1;
  if (size > 0 && isOurs) return;
  const numbers = slice.of === 1
    ? `0 to ${last}`
    : `${slice.number - 1}, one in ${slice.of}, to ${last}, as this is slice ${showSlice(slice)}`;
  throw new SetupError(
    size === 0
      ? `--pcap-tunnel ${pcapTunnel}: slice ${showSlice(slice)} has no tunnel`
      : `--pcap-tunnel ${pcapTunnel}: the tunnels of this test are ${numbers}`,
  );
}

async function verified(
  path: string,
  { setup, notYet, positionOf }: SetupReading,
  { json }: RunSetupOptions,
): Promise<number> {
  await environment(setup, positionOf); // refuses what the crypto backend lacks
  if (json) printLine(JSON.stringify({ result: "verified", setup: path, notYet }));
  else printLine(`${path} is a valid ${setup.role} setup`);
  for (const feature of notYet) tellLine(`not implemented yet: ${feature}`);
  return EXIT_PASSED;
}

/** Writes the stack trace of an internal error to a file, for its developers. */
function recordCrash(path: string, error: unknown): void {
  const story = error instanceof Error ? error.stack ?? error.message : String(error);
  try {
    const file = new SecretFile(path, "--crlf");
    file.write(new TextEncoder().encode(`${story}\n`));
    file.close();
    tellLine(`myikev2: internal error, the report is in ${path}`);
  } catch {
    tellLine(`myikev2: internal error\n${story}`);
  }
}

function print(result: RunResultJson): void {
  printLine(JSON.stringify(result));
}

/** One run with everything around it: addresses, log, recorders, API, signals and live view. */
class SetupRun {
  readonly #path: string;
  readonly #text: string;
  readonly #setup: Setup;
  readonly #notYet: readonly string[];
  readonly #positionOf: PositionOf;
  readonly #options: RunSetupOptions;
  readonly #outputs: RunOutputs;
  readonly #events = new EventHub();
  /** The actions that undo what was done, to be performed in reverse order. */
  readonly #undo: (() => void | Promise<void>)[] = [];
  #run: PreparedRun | undefined;
  /** Whether a signal came before the run existed, or after it. */
  #isStopped = false;
  /** The view on the screen; undefined while there is none, or the shell is open. */
  #live: LiveView | undefined;
  #endHold: () => void = () => {};
  #endWait: () => void = () => {};

  constructor(
    { path, text }: { readonly path: string; readonly text: string },
    reading: SetupReading,
    { options, outputs }: { readonly options: RunSetupOptions; readonly outputs: RunOutputs },
  ) {
    const { setup, notYet, positionOf } = reading;
    this.#path = path;
    this.#text = text;
    this.#setup = setup;
    this.#notYet = notYet;
    this.#positionOf = positionOf;
    this.#options = options;
    this.#outputs = outputs;
  }

  async run(): Promise<number> {
    const forget = onSignals((again) => this.#stop(again));
    const watch = watchForCrash();
    try {
      const api = await Promise.race([this.#prepare(), watch.crashed]);
      const final = await Promise.race([this.#drive(), watch.crashed]);
      this.#report(this.#outputs.resultOf(final), false);
      await Promise.race([this.#keepApi(api), watch.crashed]);
      return final.result === RunResult.FAILED ? EXIT_FAILED : EXIT_PASSED;
    } catch (e) {
      if (e instanceof SetupError || e instanceof SystemError) throw e;
      recordCrash(this.#options.crashFile, e);
      this.#report(await this.#crashResult(e), true);
      return EXIT_FAILED;
    } finally {
      await this.#undoAll();
      watch.forget();
      forget();
    }
  }

  /** Performs all undo actions; an action that fails does not prevent the others. */
  async #undoAll(): Promise<void> {
    for (const undo of this.#undo.reverse()) {
      try {
        await undo();
      } catch (e) {
        tellLine(`myikev2: ${e instanceof Error ? e.message : e}`);
      }
    }
  }

  #stop(again: boolean): void {
    this.#isStopped = true;
    this.#live?.ending();
    this.#run?.view.stop(!again);
    this.#endHold();
    this.#endWait();
  }

  /** Keeps the API until every subscriber has the result; with `--hold` until a signal. */
  async #keepApi(api: TestApi): Promise<void> {
    api.endEvents();
    if (this.#options.hold && !this.#isStopped) {
      tellLine("the API answers until this process is stopped (--hold)");
      await new Promise<void>((resolve) => this.#endHold = resolve);
    }
    await api.finished();
  }

  /** The result of a run that ended by an internal error, with the figures up to then. */
  async #crashResult(e: unknown): Promise<RunResultJson> {
    const error = `Internal error: ${e instanceof Error ? e.message : e}`;
    if (!this.#run) return refusedResult([new Error(error)], this.#path);
    const { view } = this.#run;
    const [summary, figures] = await Promise.all([view.summary(), view.figures()]);
    const final = { result: RunResult.FAILED, summary: { ...summary, lastErrMsg: error }, figures };
    return this.#outputs.resultOf(final);
  }

  async #prepare(): Promise<TestApi> {
    const setup = this.#setup;
    const { flush, slice } = this.#options;
    if (setup.desc) tellLine(setup.desc);
    const log = this.#openLog();
    this.#undo.push(() => log.close());
    this.#events.attach(log);
    if (this.#options.profile) await this.#profile();
    for (const feature of this.#notYet) this.#warn(`Not implemented yet: ${feature}`);
    const parts = this.#parts();
    const basis = await prepareBasis(parts);
    const addresses = await prepareAddresses({ ...setup, slice }, flush, (line) => {
      tellLine(line);
      this.#events.publish(4, line);
    });
    this.#undo.push(() => addresses.undo());
    this.#checkHost();
    const run = await makeRun(parts, basis);
    const apiOptions = testApiOptions(setup, this.#trust());
    const api = await startTestApi(run.view, apiOptions);
    this.#undo.push(() => api.close());
    const tls = this.#options.outputs.web && readTlsFiles(apiOptions.tls);
    await this.#outputs.serve(run.view, { tls, trust: apiOptions.trust });
    this.#undo.push(() => this.#outputs.closeSite());
    tellLine(
      `${setup.role} on ${run.ports}, ` +
        `API on ${api.address.includes(":") ? `[${api.address}]` : api.address}:${api.port}, ` +
        run.means,
    );
    if (slice && setup.thresholds.length > 0) {
      this.#warn("thresholds are judged by myikev2 merge, on all slices together");
    }
    this.#run = run;
    return api;
  }

  #parts(): RunParts {
    const { slice } = this.#options;
    const { hooks } = this.#outputs;
    const tunnels = sizeOfSlice(slice ?? WHOLE, this.#setup.numberoftunnels);
    const shards = shardsOf(this.#setup, navigator.hardwareConcurrency);
    return {
      setup: this.#setup,
      text: this.#text,
      file: this.#path,
      positionOf: this.#positionOf,
      notYet: this.#notYet,
      options: this.#options,
      events: this.#events,
      hooks,
      shards: this.#setup.role === "client" ? Math.min(shards, Math.max(1, tunnels)) : shards,
      warn: (words) => this.#warn(words),
      atEnd: (undo) => this.#undo.push(undo),
    };
  }

  /** Names the limits of this host that do not suffice, and with --tune raises those that it can. */
  #checkHost(): void {
    const { role, bindifname, numberoftunnels, staticroute, ikeconf } = this.#setup;
    const tunnels = sizeOfSlice(this.#options.slice ?? WHOLE, numberoftunnels);
    const address = this.#setup.startclntaddr ?? this.#setup.bindifaddr;
    const needs = {
      role,
      tunnels,
      bindifname,
      tcp: ikeconf.tcpencap,
      addressOctets: address?.address.length ?? 4,
      hasRoute: staticroute !== "",
    };
    let limits = limitsOf(needs, readHostState());
    if (this.#options.tune) {
      const tuning = tuneHost(limits, { read: readSetting, write: writeSetting });
      this.#undo.push(() => tuning.undo());
      for (const words of tuning.raised) this.#warn(words);
      limits = [...tuning.left];
    }
    for (const limit of limits) this.#warn(showLimit(limit, tunnels));
  }

  /** Whom the API trusts. Callers over the management link of an instance are users of the host. */
  #trust(): TrustRules {
    const { allowUser, insecure } = this.#options;
    const hostProcess = hostProcessFinder();
    const rules = { users: allowUser.map(userNumber), trustsOtherHosts: insecure };
    return hostProcess ? { ...rules, hostProcess } : rules;
  }

  async #profile(): Promise<void> {
    const { CpuProfile } = await import("@/cli/profile.ts");
    const profile = await CpuProfile.start(
      `${this.#options.logFile}.cpuprofile`,
      "--enableprofile",
    );
    this.#undo.push(() => profile.stop());
  }

  /** Prints a warning on the screen and writes it into the log. */
  #warn(words: string): void {
    tellLine(`myikev2: ${words}`);
    this.#events.publish(3, words);
  }

  /** Waits for the time of --start-at, or until the run is stopped. */
  async #waitForStart(): Promise<void> {
    const { startAtMs } = this.#options;
    if (startAtMs === undefined || this.#isStopped) return;
    const waitMs = startAtMs - Date.now();
    if (waitMs <= 0) {
      return this.#warn(`The test begins ${showDuration(-waitMs)} late: --start-at is past`);
    }
    tellLine(`the test begins at ${new Date(startAtMs).toISOString()}`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #drive(): Promise<FinalResult> {
    const run = this.#run!;
    await this.#waitForStart();
    const { view } = run;
    const hide = this.#options.shell ? await this.#openShell(view) : this.#show(view, true);
    try {
      this.#outputs.begin(view);
      run.start();
      if (this.#isStopped) view.stop(true);
      return await view.finalResult;
    } finally {
      hide();
    }
  }

  /** Shows the run until the returned function is called; `hasKeys`: its keys are read. */
  #show(view: RunView, hasKeys: boolean): () => void {
    const keys = { stop: (again: boolean) => this.#stop(again) };
    this.#live = showLive(view, hasKeys ? keys : undefined);
    return () => this.#live?.hide();
  }

  /**
   * Opens the shell and, after it, the live view; returns a function that ends whichever is open.
   */
  async #openShell(view: RunView): Promise<() => void> {
    const { LocalTest } = await import("@/api/local.ts");
    const { Shell } = await import("@/cli/shell.ts");
    const shell = new Shell({
      test: new LocalTest(view, this.#setup.apisecrets),
      json: false,
      echo: this.#options.json ? "stderr" : "stdout",
      remote: false,
      // With --json, standard output is for the result alone.
      print: this.#options.json ? tellLine : printLine,
      interrupted: () => Deno.kill(Deno.pid, "SIGINT"),
    });
    let hide = () => shell.close();
    let over = false;
    shell.run().then(() => {
      // The shell has read the keys, and keeps them.
      if (!over) hide = this.#show(view, false);
    });
    return () => {
      over = true;
      hide();
    };
  }

  /**
   * Reports the result. `saysEnd`: whether its first line, how the test ended, also becomes an
   * event; otherwise the run has sent that event.
   */
  #report(result: RunResultJson, saysEnd: boolean): void {
    const lines = summaryLines(result);
    this.#outputs.write(result);
    for (const line of lines.slice(saysEnd ? 0 : 1)) this.#events.publish(4, line);
    if (this.#options.json) print(result);
    else for (const line of lines) printLine(line);
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
