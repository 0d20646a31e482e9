/**
 * One instance from its definition to its end. Its record is saved before anything is made for it,
 * so that a daemon that starts after a crash finds everything that has to be removed.
 * @module
 */
import { status } from "@grpc/grpc-js";
import type { SummaryRespRead } from "@/api/proto/api_read.ts";
import { Refusal } from "@/api/refusal.ts";
import { SystemError } from "@/base/errors.ts";
import type { Definition } from "@/daemon/definition.ts";
import { gracefulMs } from "@/daemon/graceful_time.ts";
import type { HostNetwork } from "@/daemon/host_network.ts";
import { InstanceCommands } from "@/daemon/instance_commands.ts";
import { InstanceQueries } from "@/daemon/instance_queries.ts";
import { isNamespace, namespaceInode, renameNamespace } from "@/daemon/network.ts";
import {
  endInstanceProcess,
  instanceFiles,
  startInstanceProcess,
  writeForOwner,
} from "@/daemon/test_process.ts";
import { bootId, isAlive, namespacesInUse } from "@/daemon/process.ts";
import { type InstanceRecord, InstanceState, InstanceType } from "@/daemon/record.ts";
import { readResultFile, readResultText } from "@/daemon/result_file.ts";
import type { RunEnd } from "@/daemon/state.ts";
import { type DaemonContext, Mutex, type TellLevel } from "@/daemon/daemon_context.ts";
import { withOptions } from "@/setup/write.ts";

/** Consecutive looks without any process after which an instance of another program has ended. */
const EMPTY_LOOKS = 2;
/**
 * An instance that lives for this long counts as running even if its API never answered, in
 * milliseconds.
 */
const START_MS = 20_000;

/** Outcomes by the number in `SummaryResp.Result`; 0 is a test that still runs. */
const OUTCOMES = [undefined, "passed", "failed", "stopped"] as const;

/** One instance: starts it, watches it, and removes everything that belongs to it. */
export class Instance {
  readonly record: InstanceRecord;
  readonly #context: DaemonContext;
  readonly #network: HostNetwork;
  readonly #mutex = new Mutex();
  readonly #commands: InstanceCommands;
  readonly #queries: InstanceQueries;
  /** Aborted when a graceful destruction is to be cut short. */
  readonly #hurry = new AbortController();
  readonly #since = Date.now();
  /** JSON of the record as it was last saved. */
  #saved = "";
  /**
   * Whether the end of its process was handled; what could not be removed then is left to
   * `destroy`.
   */
  #deathHandled = false;
  /** Of another program: consecutive looks that found no process in its namespace. */
  #emptyLooks = 0;
  #destruction: Promise<void> | undefined;
  /** Whether its process has left a result; undefined: nobody has asked since its end. */
  #hasResult: boolean | undefined;

  constructor(record: InstanceRecord, context: DaemonContext, network: HostNetwork) {
    this.record = record;
    this.#context = context;
    this.#network = network;
    this.#commands = new InstanceCommands(record, context);
    this.#queries = new InstanceQueries(record, {
      answered: (summary) => this.#answered(summary),
      refused: ({ details }) => {
        this.#tell(5, `its API does not answer: ${details}`);
        this.#guess();
      },
    });
  }

  /** Whether it has a network on this host, or is about to get one. */
  get isPresent(): boolean {
    return this.record.hasNetwork;
  }

  /**
   * Makes the network and starts the instance. If that fails everything is removed again, and the
   * instance stays listed as one that could not start.
   * @throws {Refusal}
   */
  begin(definition: Definition): Promise<void> {
    return this.#mutex.run(async () => {
      try {
        await this.#network.make(this.record, definition.dataAddress);
        this.record.namespaceInode = namespaceInode(this.record.namespace);
        this.#save();
        await this.#start(definition);
      } catch (e) {
        const reason = e instanceof Error ? e.message : String(e);
        try {
          await this.#commands.runDestroyCommands();
          await this.#clean();
        } finally {
          this.#become(InstanceState.COULD_NOT_START, reason);
          this.#endRun({ outcome: "could not start", reason, ...NO_TUNNELS });
        }
        throw e instanceof SystemError ? new Refusal(status.FAILED_PRECONDITION, reason) : e;
      }
    });
  }

  async #start({ what }: Definition): Promise<void> {
    if (what.type === InstanceType.OURS) {
      this.#startInstanceProcess(what.text);
      return;
    }
    await this.#commands.run("SetupCMDs", what.setupCommands);
    await this.#commands.run("UpCMDs", what.upCommands);
    this.record.leftProcess = namespacesInUse().has(this.record.namespaceInode);
    this.#become(InstanceState.RUNNING);
  }

  #startInstanceProcess(text: string): void {
    const { record } = this;
    const { ownCommand, lenient, allowUsers, insecure, masks } = this.#context;
    const files = instanceFiles(record.name);
    const directory = record.logDirectory;
    const options = { apilistenaddr: record.address, apilistenport: String(record.apiPort) };
    writeForOwner(`${directory}/${files.setup}`, withOptions(text, options));
    // The result of an earlier test of the same name must not be taken for that of this one.
    for (const file of [files.result, files.output]) writeForOwner(`${directory}/${file}`, "");
    const { namespace, address, webPort } = record;
    record.process = startInstanceProcess({
      namespace,
      directory,
      files,
      ownCommand,
      lenient,
      allowUsers,
      insecure,
      web: webPort === undefined ? undefined : webAddress(address, webPort),
      masks,
    });
    this.#save();
    this.#tell(4, `started as process ${record.process.pid}`);
  }

  get #setupFile(): string {
    return `${this.record.logDirectory}/${instanceFiles(this.record.name).setup}`;
  }

  /** Ends the instance and removes what was made for it; concurrent calls share one destruction. */
  destroy(gracefully: boolean): Promise<void> {
    if (!gracefully) this.#hurry.abort();
    this.#destruction ??= this.#destroy(gracefully).catch((e) => {
      // A later call may try again to remove what could not be removed now.
      this.#destruction = undefined;
      throw e;
    });
    return this.#destruction;
  }

  async #destroy(gracefully: boolean): Promise<void> {
    this.record.state = InstanceState.DESTROYING;
    this.#save();
    this.#commands.cancel();
    await this.#mutex.run(async () => {
      const { process, name, run } = this.record;
      if (process && isAlive(process)) {
        await endInstanceProcess(process, {
          stopNow: gracefully ? undefined : () => this.#queries.stopNow(),
          gracefulMs: gracefulMs(this.#setupFile, this.#tunnels().established ?? 0),
          hurry: this.#hurry.signal,
        });
      }
      if (this.isPresent) await this.#commands.runDestroyCommands();
      await this.#clean();
      this.#endRun(this.#outcomeOfDestroyed());
      this.#context.state.forget(name);
      this.#tell(4, `destroyed (run ${run})`);
    });
  }

  #outcomeOfDestroyed(): RunEnd {
    if (this.record.type === InstanceType.OTHER) {
      return { outcome: "ended", reason: "", ...NO_TUNNELS };
    }
    const reason = "it was ended without a result";
    return this.#readResult() ?? { outcome: "died", reason, ...this.#tunnels() };
  }

  /**
   * Takes over an instance of an earlier daemon: watches it if it still runs, else removes what is
   * left.
   */
  async adopt(): Promise<void> {
    const { record } = this;
    const { state, namespace } = record;
    if (record.hasNetwork && record.bootId === bootId()) {
      await renameNamespace(namespace, record.namespaceInode);
    }
    if (state === InstanceState.DESTROYING) return await this.destroy(false);
    await this.#mutex.run(async () => {
      if (record.type === InstanceType.OTHER) return await this.#adoptOther();
      if (record.process && isAlive(record.process)) {
        return this.#tell(4, `adopted process ${record.process.pid}`);
      }
      if (record.process) return await this.#died();
      if (state === InstanceState.STARTING) return await this.#interrupted();
      if (record.hasNetwork) await this.#clean();
    });
  }

  async #adoptOther(): Promise<void> {
    const { record } = this;
    if (record.state === InstanceState.STARTING) return await this.#interrupted();
    if (record.state !== InstanceState.RUNNING) {
      if (record.hasNetwork) await this.#clean();
      return;
    }
    const isThere = record.bootId === bootId() && await isNamespace(record.namespace);
    if (isThere) return this.#tell(4, "adopted");
    await this.#clean();
    const reason = "its namespace is gone: nothing of it runs any more";
    this.#become(InstanceState.COULD_NOT_START, reason);
    this.#endRun({ outcome: "died", reason, ...NO_TUNNELS });
  }

  async #interrupted(): Promise<void> {
    await this.#commands.runDestroyCommands();
    await this.#clean();
    const reason = "the daemon ended while it was being started";
    this.#become(InstanceState.COULD_NOT_START, reason);
    this.#endRun({ outcome: "could not start", reason, ...NO_TUNNELS });
  }

  /**
   * Updates the state from the process and its API; after the process has ended, removes what is
   * left.
   */
  async look(): Promise<void> {
    const { process, hasNetwork } = this.record;
    if (!process || !hasNetwork || this.#deathHandled) return;
    if (this.#destruction || this.#mutex.isLocked) return;
    if (!isAlive(process)) return await this.#mutex.run(() => this.#died());
    await this.#queries.askSummary();
  }

  /** Notices the end of another program, whose processes are all that run in its namespace. */
  async lookAtOther(namespacesInUse: ReadonlySet<number>): Promise<void> {
    const { type, state, namespaceInode, leftProcess } = this.record;
    // If the commands left no process running, the instance counts as running until it is
    // destroyed.
    if (type !== InstanceType.OTHER || state !== InstanceState.RUNNING || !leftProcess) return;
    if (this.#destruction || this.#mutex.isLocked) return;
    this.#emptyLooks = namespacesInUse.has(namespaceInode) ? 0 : this.#emptyLooks + 1;
    if (this.#emptyLooks < EMPTY_LOOKS) return;
    await this.#mutex.run(async () => {
      if (this.record.state !== InstanceState.RUNNING || this.#destruction) return;
      const reason = "its last process has ended";
      this.#tell(3, `${reason}; its network is removed`);
      this.#become(InstanceState.COULD_NOT_START, reason);
      try {
        await this.#commands.runDestroyCommands();
        await this.#clean();
      } finally {
        this.#endRun({ outcome: "ended", reason, ...NO_TUNNELS });
      }
    });
  }

  /** Handles the end of a process that was not ended by this daemon. */
  async #died(): Promise<void> {
    const { record } = this;
    if (!record.hasNetwork || this.#destruction || this.#deathHandled) return;
    this.#deathHandled = true;
    this.#tell(3, `process ${record.process!.pid} has ended; its network is removed`);
    try {
      await this.#clean();
    } finally {
      const result = this.#readResult();
      const told = record.state === InstanceState.PASSED || record.state === InstanceState.FAILED;
      if (result) this.#become(result.state, result.reason);
      else if (!told) this.#become(InstanceState.DIED, "its process ended without a result");
      this.#endRun(result ?? { outcome: "died", reason: record.reason, ...this.#tunnels() });
    }
  }

  #answered(summary: SummaryRespRead): void {
    if (this.#destruction) return;
    this.record.summary = summary;
    const outcome = OUTCOMES[summary.Result];
    const reason = summary.LastErrMsg;
    if (outcome === undefined) return this.#become(InstanceState.RUNNING);
    this.#become(outcome === "failed" ? InstanceState.FAILED : InstanceState.PASSED, reason);
    this.#endRun({ outcome, reason, ...this.#tunnels() });
  }

  /**
   * Derives the state when the API does not answer: from the result file, which is written before
   * `--hold`.
   */
  #guess(): void {
    const result = this.#readResult();
    if (result) {
      this.#become(result.state, result.reason);
      return this.#endRun(result);
    }
    const { state } = this.record;
    if (state === InstanceState.STARTING && Date.now() - this.#since > START_MS) {
      this.#become(InstanceState.RUNNING);
    }
  }

  /**
   * Refreshes summary and ping results, with at most `pingRows` ping tasks; keeps the last ones
   * without an answer.
   */
  async report(pingRows: number): Promise<void> {
    if (this.isAnswering) await this.#queries.refresh(pingRows);
  }

  /** Says why the last summary is not of this moment; undefined where it is. */
  get whyOutdated(): string | undefined {
    return this.#queries.whyOutdated;
  }

  /**
   * Whether a new definition of its name replaces it without `Override`, as nothing of it is left.
   */
  get isReplaceable(): boolean {
    return this.record.state === InstanceState.COULD_NOT_START && !this.record.hasNetwork;
  }

  /** The web server of its process; undefined: it has none, or its process has ended. */
  get webServer():
    | { readonly host: string; readonly port: number; readonly tls: boolean }
    | undefined {
    const { address, webPort, apiTls } = this.record;
    if (webPort === undefined || !this.isAnswering) return undefined;
    return { host: address, port: webPort, tls: apiTls };
  }

  /** Whether its process has ended with a result. */
  get hasResult(): boolean {
    if (this.record.process === null || this.isAnswering) return false;
    return this.#hasResult ??= this.#readResult() !== undefined;
  }

  /** The line of JSON that its process wrote, which has ended since; undefined: none. */
  resultText(): string | undefined {
    if (!this.hasResult) return undefined;
    const { logDirectory, name } = this.record;
    return readResultText(`${logDirectory}/${instanceFiles(name).result}`);
  }

  /** Whether its process runs, so that its API can be asked. */
  get isAnswering(): boolean {
    return this.#queries.isAnswering;
  }

  /**
   * Resets its ping counters. @throws {Refusal} with the status of its API, or FAILED_PRECONDITION.
   */
  clearPing(): Promise<void> {
    return this.#queries.clearPing();
  }

  /**
   * Removes its network from the system. @throws {Refusal} INTERNAL where something cannot be
   * removed.
   */
  async #clean(): Promise<void> {
    this.#queries.close();
    if (!this.record.hasNetwork) return;
    try {
      await this.#network.remove(this.record);
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      this.#tell(2, e.message);
      throw new Refusal(status.INTERNAL, e.message);
    }
    this.record.hasNetwork = false;
    this.#save();
  }

  #readResult() {
    const { logDirectory, name } = this.record;
    return readResultFile(`${logDirectory}/${instanceFiles(name).result}`);
  }

  #tunnels(): Pick<RunEnd, "established" | "configured"> {
    const { summary } = this.record;
    if (!summary) return NO_TUNNELS;
    const { NumOfCreatedTunnel, Configured_count } = summary;
    return { established: Number(NumOfCreatedTunnel), configured: Number(Configured_count) };
  }

  #endRun(end: RunEnd): void {
    this.#context.state.endRun(this.record.run, end);
  }

  #become(state: InstanceState, reason = ""): void {
    if (this.#destruction) return;
    if (state !== this.record.state) this.#tell(4, `state ${state} ${reason}`.trim());
    this.record.state = state;
    this.record.reason = reason;
    this.#save();
  }

  #save(): void {
    const text = JSON.stringify(this.record);
    // Most updates change nothing, and the state file is written only for changes.
    if (text === this.#saved) return;
    this.#saved = text;
    this.#context.state.save(this.record);
  }

  #tell(level: TellLevel, text: string): void {
    this.#context.tell(level, `${this.record.name}: ${text}`);
  }
}

function webAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

const NO_TUNNELS = { established: null, configured: null };
