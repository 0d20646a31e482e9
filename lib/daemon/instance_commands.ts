/**
 * The shell commands of one instance of another program (Type 2): those that start it, and those that remove
 * what they made.
 * @module
 */
import { status } from "@grpc/grpc-js";
import { Refusal } from "@/api/refusal.ts";
import { systemWords } from "@/base/errors.ts";
import type { DaemonContext, TellLevel } from "@/daemon/daemon_context.ts";
import { isNamespace } from "@/daemon/network.ts";
import type { InstanceRecord } from "@/daemon/record.ts";
import { runShell } from "@/daemon/shell_command.ts";
import { makeDirectory } from "@/files/directory.ts";
import { appendText } from "@/files/private_file.ts";

/** One command in the list of a definition that names it. */
interface ListedCommand {
  readonly list: "SetupCMDs" | "UpCMDs" | "DestroyCMDs";
  /** Its place in the list, from 0 on. */
  readonly index: number;
  readonly command: string;
}

/** Runs the commands of one instance in its namespace; their output is appended to its log file. */
export class InstanceCommands {
  readonly #record: InstanceRecord;
  readonly #context: DaemonContext;
  /** Aborted when the instance is to be destroyed; commands that still run are killed. */
  readonly #cancel = new AbortController();

  constructor(record: InstanceRecord, context: DaemonContext) {
    this.#record = record;
    this.#context = context;
  }

  /**
   * Runs commands one after the other until one fails. @throws {Refusal} ABORTED, naming that
   * command.
   */
  async run(list: "SetupCMDs" | "UpCMDs", commands: readonly string[]): Promise<void> {
    for (const [index, command] of commands.entries()) {
      const failure = await this.#runOne({ list, index, command }, this.#cancel.signal);
      if (failure === undefined) continue;
      const text = `${list}: command ${index + 1} (${command}) ${failure}; ` +
        `its output is in ${this.#logFile}`;
      throw new Refusal(status.ABORTED, text);
    }
  }

  /** Runs all DestroyCMDs, also those behind one that fails, as each may remove something else. */
  async runDestroyCommands(): Promise<void> {
    const { destroyCommands, namespace } = this.#record;
    if (destroyCommands.length === 0 || !await isNamespace(namespace)) return;
    for (const [index, command] of destroyCommands.entries()) {
      await this.#runOne({ list: "DestroyCMDs", index, command });
    }
  }

  /** Kills the command that runs, and refuses later ones other than DestroyCMDs. */
  cancel(): void {
    this.#cancel.abort();
  }

  get #logFile(): string {
    return `${this.#record.logDirectory}/${this.#record.name}.log`;
  }

  /** Runs a command; resolves to undefined if it succeeded, else to the reason. */
  async #runOne(listed: ListedCommand, cancel?: AbortSignal): Promise<string | undefined> {
    const { list, index, command } = listed;
    const { name, namespace, address, moved, logDirectory: directory } = this.#record;
    this.#log(listed, command);
    const failure = await runShell({
      command,
      namespace,
      directory,
      environment: {
        MYIKEV2_NAME: name,
        MYIKEV2_DATAIF: moved?.name ?? "",
        MYIKEV2_MGMTADDR: address,
      },
      logFile: this.#logFile,
      timeoutMs: this.#context.commandTimeoutMs,
      ...(cancel ? { cancel } : {}),
    });
    const end = failure ?? "ended with status 0";
    this.#log(listed, end);
    this.#tell(failure === undefined ? 5 : 3, `${list} ${index + 1} ${end}`);
    return failure;
  }

  #log({ list, index }: ListedCommand, line: string): void {
    const text = `${new Date().toISOString()} ${list} ${index + 1}: ${line}\n`;
    try {
      makeDirectory(this.#record.logDirectory, "service");
      appendText(this.#logFile, text, "service");
    } catch (e) {
      // The command runs nevertheless: DestroyCMDs must remove what earlier commands made.
      this.#tell(2, `Cannot write ${this.#logFile}: ${systemWords(e)}`);
    }
  }

  #tell(level: TellLevel, text: string): void {
    this.#context.tell(level, `${this.#record.name}: ${text}`);
  }
}
