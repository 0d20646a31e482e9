/**
 * One instance from its definition to its end. Its record is kept before anything is done in its name,
 * so that whatever happens to the daemon, the next one finds what there is to be taken away.
 * @module
 */
import { status } from "@grpc/grpc-js";
import type { Message } from "@/api/messages.ts";
import { Refusal } from "@/api/calls.ts";
import { parseAddress } from "@/base/address.ts";
import { must, SystemError, systemWords } from "@/base/errors.ts";
import type { Definition } from "@/daemon/definition.ts";
import type { HostNetwork } from "@/daemon/host_network.ts";
import { makeDirectory } from "@/files/directory.ts";
import { appendText } from "@/files/private_file.ts";
import { InstanceApi } from "@/daemon/instance_api.ts";
import { runShell } from "@/daemon/ip_command.ts";
import { isNamespace, namespaceInode, renameNamespace } from "@/daemon/network.ts";
import { endOurs, filesOf, startOurs, writeOwn } from "@/daemon/test_process.ts";
import { bootId, isAlive } from "@/daemon/process.ts";
import { type InstanceRecord, InstanceState, InstanceType } from "@/daemon/record.ts";
import { readResultFile } from "@/daemon/result_file.ts";
import type { RunEnd } from "@/daemon/state.ts";
import { type Surroundings, Turn } from "@/daemon/surroundings.ts";
import { withOptions } from "@/setup/write.ts";

/** How long an instance may take to answer. */
export const ANSWER_MS = 2_000;
/** After so long an instance is taken to run although its API does not answer us. */
const START_MS = 20_000;

/** What the numbers of `SummaryResp.Result` say of a run. */
const OUTCOMES = [undefined, "passed", "failed", "stopped"] as const;

/** One instance. */
export class Instance {
  readonly record: InstanceRecord;
  readonly #around: Surroundings;
  readonly #network: HostNetwork;
  readonly #turn = new Turn();
  /** Raised when it is to be destroyed: commands at work are ended. */
  readonly #cancel = new AbortController();
  /** Raised when its destruction is to be no longer graceful. */
  readonly #hurry = new AbortController();
  readonly #since = Date.now();
  #api: InstanceApi | undefined;
  /** The record as it was last kept. */
  #saved = "";
  /** Its death has been seen: what resists then is left to `destroy`. */
  #isBuried = false;
  /** A question that is under way; whoever asks the same waits for its answer. */
  #asking: Promise<void> | undefined;
  #destruction: Promise<void> | undefined;

  constructor(record: InstanceRecord, around: Surroundings, network: HostNetwork) {
    this.record = record;
    this.#around = around;
    this.#network = network;
  }

  /** Whether it has, or may yet get, something in the system. */
  get isPresent(): boolean {
    return this.record.hasSite;
  }

  /**
   * Makes what was defined. Where that fails, all of it is undone; the instance stays, as one that
   * could not start.
   * @throws {Refusal}
   */
  begin(definition: Definition): Promise<void> {
    return this.#turn.take(async () => {
      try {
        await this.#network.make(this.record, definition.dataAddress);
        this.record.namespaceInode = namespaceInode(this.record.namespace);
        this.#save();
        await this.#start(definition);
      } catch (e) {
        const words = e instanceof Error ? e.message : String(e);
        try {
          await this.#runDestroyCommands();
          await this.#clean();
        } finally {
          this.#become(InstanceState.COULD_NOT_START, words);
          this.#endRun({ outcome: "could not start", words, ...NO_TUNNELS });
        }
        throw e instanceof SystemError ? new Refusal(status.FAILED_PRECONDITION, words) : e;
      }
    });
  }

  async #start({ what }: Definition): Promise<void> {
    if (what.type === InstanceType.OURS) {
      this.#startOurs(what.text);
      return;
    }
    await this.#runCommands("SetupCMDs", what.setupCommands);
    await this.#runCommands("UpCMDs", what.upCommands);
    this.#become(InstanceState.RUNNING);
  }

  #startOurs(text: string): void {
    const { record } = this, { ownCommand, lenient, allowUsers, insecure } = this.#around;
    const files = filesOf(record.name), directory = record.logDirectory;
    const options = { apilistenaddr: record.address, apilistenport: String(record.apiPort) };
    writeOwn(`${directory}/${files.setup}`, withOptions(text, options));
    // What an earlier test of this name said is not this one's result.
    for (const file of [files.result, files.output]) writeOwn(`${directory}/${file}`, "");
    const { namespace } = record;
    record.process = startOurs({
      ...{ namespace, directory, files, ownCommand },
      ...{ lenient, allowUsers, insecure },
    });
    this.#save();
    this.#tell(4, `started as process ${record.process.pid}`);
  }

  /** One after the other. @throws {Refusal} naming the one that failed. */
  async #runCommands(list: string, commands: readonly string[]): Promise<void> {
    for (const [i, command] of commands.entries()) {
      const why = await this.#runCommand(list, i, command, this.#cancel.signal);
      if (why === undefined) continue;
      const words = `${list}: command ${
        i + 1
      } (${command}) ${why}; its output is in ${this.#logFile}`;
      throw new Refusal(status.ABORTED, words);
    }
  }

  /** All of them: one that fails does not keep the others from tidying up. */
  async #runDestroyCommands(): Promise<void> {
    const { destroyCommands, namespace } = this.record;
    if (destroyCommands.length === 0 || !await isNamespace(namespace)) return;
    for (const [i, command] of destroyCommands.entries()) {
      await this.#runCommand("DestroyCMDs", i, command);
    }
  }

  get #logFile(): string {
    return `${this.record.logDirectory}/${this.record.name}.log`;
  }

  async #runCommand(
    list: string,
    index: number,
    command: string,
    cancel?: AbortSignal,
  ): Promise<string | undefined> {
    const { name, namespace, address, lent, logDirectory: directory } = this.record;
    const log = (line: string) => {
      const text = `${new Date().toISOString()} ${list} ${index + 1}: ${line}\n`;
      try {
        makeDirectory(directory, "service");
        appendText(this.#logFile, text, "service");
      } catch (e) {
        // Commands are run all the same: those at the end take away what the others made.
        this.#tell(2, `Cannot write ${this.#logFile}: ${systemWords(e)}`);
      }
    };
    log(command);
    const why = await runShell({
      command,
      namespace,
      directory,
      environment: {
        MYIKEV2_NAME: name,
        MYIKEV2_DATAIF: lent?.name ?? "",
        MYIKEV2_MGMTADDR: address,
      },
      logFile: this.#logFile,
      timeoutMs: this.#around.commandTimeoutMs,
      ...(cancel ? { cancel } : {}),
    });
    log(why ?? "ended with status 0");
    this.#tell(why === undefined ? 5 : 3, `${list} ${index + 1} ${why ?? "ended with status 0"}`);
    return why;
  }

  /** Ends it and takes away what was made for it; more calls wait for the same end. */
  destroy(gracefully: boolean): Promise<void> {
    if (!gracefully) this.#hurry.abort();
    this.#destruction ??= this.#destroy(gracefully).catch((e) => {
      // What could not be taken away may be tried again.
      this.#destruction = undefined;
      throw e;
    });
    return this.#destruction;
  }

  async #destroy(gracefully: boolean): Promise<void> {
    this.record.state = InstanceState.DESTROYING;
    this.#save();
    this.#cancel.abort();
    await this.#turn.take(async () => {
      const { process, name, run } = this.record;
      if (process && isAlive(process)) {
        const stopNow = () => this.#connect().call("Stop", { Gracefully: false }, ANSWER_MS);
        await endOurs(process, gracefully ? undefined : stopNow, this.#hurry.signal);
      }
      if (this.isPresent) await this.#runDestroyCommands();
      await this.#clean();
      this.#endRun(this.#outcomeOfDestroyed());
      this.#around.state.forget(name);
      this.#tell(4, `destroyed (run ${run})`);
    });
  }

  #outcomeOfDestroyed(): RunEnd {
    if (this.record.type === InstanceType.OTHER) {
      return { outcome: "ended", words: "", ...NO_TUNNELS };
    }
    const words = "it was ended without a result";
    return this.#readResult() ?? { outcome: "died", words, ...this.#tunnels() };
  }

  /** An earlier daemon's: goes on with it, or ends what has died. */
  async adopt(): Promise<void> {
    const { record } = this, { state, namespace } = record;
    if (record.hasSite && record.bootId === bootId()) {
      await renameNamespace(namespace, record.namespaceInode);
    }
    if (state === InstanceState.DESTROYING) return await this.destroy(false);
    await this.#turn.take(async () => {
      if (record.type === InstanceType.OTHER) return await this.#adoptOther();
      if (record.process && isAlive(record.process)) {
        return this.#tell(4, `adopted process ${record.process.pid}`);
      }
      if (record.process) return await this.#died();
      if (state === InstanceState.STARTING) return await this.#interrupted();
      if (record.hasSite) await this.#clean();
    });
  }

  async #adoptOther(): Promise<void> {
    const { record } = this;
    if (record.state === InstanceState.STARTING) return await this.#interrupted();
    if (record.state !== InstanceState.RUNNING) {
      if (record.hasSite) await this.#clean();
      return;
    }
    const isThere = record.bootId === bootId() && await isNamespace(record.namespace);
    if (isThere) return this.#tell(4, "adopted");
    await this.#clean();
    const words = "its namespace is gone: nothing of it runs any more";
    this.#become(InstanceState.COULD_NOT_START, words);
    this.#endRun({ outcome: "died", words, ...NO_TUNNELS });
  }

  async #interrupted(): Promise<void> {
    await this.#runDestroyCommands();
    await this.#clean();
    const words = "the daemon ended while it was being started";
    this.#become(InstanceState.COULD_NOT_START, words);
    this.#endRun({ outcome: "could not start", words, ...NO_TUNNELS });
  }

  /** Sees how it stands; of an instance that has died it takes away what is left. */
  async look(): Promise<void> {
    const { process, hasSite } = this.record;
    if (!process || !hasSite || this.#isBuried) return;
    if (this.#destruction || this.#turn.isTaken) return;
    if (!isAlive(process)) return await this.#turn.take(() => this.#died());
    await this.#ask();
  }

  /** Its process is there no more, and nobody here ended it. */
  async #died(): Promise<void> {
    const { record } = this;
    if (!record.hasSite || this.#destruction || this.#isBuried) return;
    this.#isBuried = true;
    this.#tell(3, `process ${record.process!.pid} has ended; what it had is taken away`);
    try {
      await this.#clean();
    } finally {
      const result = this.#readResult();
      const told = record.state === InstanceState.PASSED || record.state === InstanceState.FAILED;
      if (result) this.#become(result.state, result.words);
      else if (!told) this.#become(InstanceState.DIED, "its process ended without a result");
      this.#endRun(result ?? { outcome: "died", words: record.words, ...this.#tunnels() });
    }
  }

  /** Asks its API; what does not answer keeps what it last said. */
  #ask(): Promise<void> {
    return this.#asking ??= this.#askNow().finally(() => this.#asking = undefined);
  }

  async #askNow(): Promise<void> {
    let summary: Message;
    try {
      summary = await this.#connect().call("GetSummary", {}, ANSWER_MS);
    } catch (e) {
      if (!(e instanceof Refusal)) throw e;
      this.#tell(5, `its API does not answer: ${e.details}`);
      return this.#guess();
    }
    if (this.#destruction) return;
    this.record.summary = summary;
    const outcome = OUTCOMES[Number(summary.Result)];
    const words = String(summary.LastErrMsg ?? "");
    if (outcome === undefined) return this.#become(InstanceState.RUNNING);
    this.#become(outcome === "failed" ? InstanceState.FAILED : InstanceState.PASSED, words);
    this.#endRun({ outcome, words, ...this.#tunnels() });
  }

  /** How it stands where its API says nothing: by its result, which is written before it is held. */
  #guess(): void {
    const result = this.#readResult();
    if (result) {
      this.#become(result.state, result.words);
      return this.#endRun(result);
    }
    const { state } = this.record;
    if (state === InstanceState.STARTING && Date.now() - this.#since > START_MS) {
      this.#become(InstanceState.RUNNING);
    }
  }

  /** The summary as it is now, else the last one known; `pingRows` of its ping tasks at most. */
  async report(pingRows: number): Promise<void> {
    if (!this.isAnswering) return;
    const ping = this.#connect().call("GetPingSummary", { Start: 0, Len: pingRows }, ANSWER_MS)
      .then((answer) => this.record.ping = answer, () => {});
    await Promise.all([this.#ask(), ping]);
  }

  /** Whether its API may be asked. */
  get isAnswering(): boolean {
    const { process, hasSite } = this.record;
    return hasSite && process !== null && isAlive(process);
  }

  /** @throws {Refusal} with the instance's own status, or FAILED_PRECONDITION. */
  async clearPing(): Promise<void> {
    if (!this.isAnswering) {
      throw new Refusal(status.FAILED_PRECONDITION, `${this.record.name} has no ping tasks`);
    }
    await this.#connect().call("ClearPingStats", {}, ANSWER_MS);
  }

  #connect(): InstanceApi {
    const { address, apiPort, apiTls } = this.record;
    const octets = parseAddress(address);
    must(octets !== undefined, "a record holds an address");
    return this.#api ??= new InstanceApi(octets, apiPort, apiTls);
  }

  /** Nothing is left of it in the system. @throws {Refusal} where something resists. */
  async #clean(): Promise<void> {
    this.#api?.close();
    this.#api = undefined;
    if (!this.record.hasSite) return;
    try {
      await this.#network.remove(this.record);
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      this.#tell(2, e.message);
      throw new Refusal(status.INTERNAL, e.message);
    }
    this.record.hasSite = false;
    this.#save();
  }

  #readResult() {
    const { logDirectory, name } = this.record;
    return readResultFile(`${logDirectory}/${filesOf(name).result}`);
  }

  #tunnels(): Pick<RunEnd, "established" | "configured"> {
    const { summary } = this.record;
    if (!summary) return NO_TUNNELS;
    const { NumOfCreatedTunnel, Configured_count } = summary;
    return { established: Number(NumOfCreatedTunnel), configured: Number(Configured_count) };
  }

  #endRun(end: RunEnd): void {
    this.#around.state.endRun(this.record.run, end);
  }

  #become(state: InstanceState, words = ""): void {
    if (this.#destruction) return;
    if (state !== this.record.state) this.#tell(4, `state ${state} ${words}`.trim());
    this.record.state = state;
    this.record.words = words;
    this.#save();
  }

  #save(): void {
    const text = JSON.stringify(this.record);
    // Most looks find nothing new.
    if (text === this.#saved) return;
    this.#saved = text;
    this.#around.state.save(this.record);
  }

  #tell(level: 2 | 3 | 4 | 5, words: string): void {
    this.#around.tell(level, `${this.record.name}: ${words}`);
  }
}

const NO_TUNNELS = { established: null, configured: null };
