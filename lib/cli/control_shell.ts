/**
 * Runs `myikev2 control cli`: a shell over all daemons of a controller file. Each line is parsed by
 * a tree of commands of its own, with help and suggestions.
 * @module
 */
import { printLine, tellLine } from "@/files/terminal.ts";
import { Command, CommanderError } from "commander";
import process from "node:process";
import { createInterface } from "node:readline";
import { Refusal } from "@/api/refusal.ts";
import { showEndpoint } from "@/base/address.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import { type ControlOptions, durationOf, loadControllerFile, loadRecipe } from "@/cli/control.ts";
import { openControlLog } from "@/cli/control.ts";
import { EXIT_FAILED, EXIT_PASSED } from "@/cli/exit_status.ts";
import { parseSwitch, settleCommandLine } from "@/cli/options.ts";
import { ownCommand } from "@/cli/own_command.ts";
import { splitLine } from "@/cli/shell_words.ts";
import { describeError } from "@/control/daemon_client.ts";
import { Daemons } from "@/control/daemons.ts";
import type { RecipeRun } from "@/control/recipe_run.ts";
import { listTable } from "@/control/table.ts";
import { InstanceType } from "@/daemon/record.ts";

const PROMPT = "control> ";

/**
 * Runs commands until `quit` or the end of the input; returns 1 if the input was no terminal and a
 * command failed.
 */
export async function runControlShell(options: ControlOptions): Promise<number> {
  const commandTimeoutMs = durationOf("--cmdtimeout", options.cmdtimeout);
  const daemons = new Daemons(loadControllerFile(options.configfile));
  const log = openControlLog(options.lf);
  const shell = new ControlShell(daemons, (path) =>
    loadRecipe(path, daemons, {
      override: options.override,
      commandTimeoutMs,
      timeoutMs: 0,
      tell: log.tell,
    }));
  try {
    return await shell.run();
  } finally {
    daemons.close();
    log.close();
  }
}

/** One session of the shell. */
class ControlShell {
  readonly #daemons: Daemons;
  readonly #load: (path: string) => RecipeRun;
  /** Recipes of this session whose clean-up commands have not run yet. */
  readonly #runs = new Set<RecipeRun>();
  #isOver = false;

  constructor(daemons: Daemons, load: (path: string) => RecipeRun) {
    this.#daemons = daemons;
    this.#load = load;
  }

  async run(): Promise<number> {
    const isTerminal = Deno.stdin.isTerminal();
    const lines: string[] = [];
    let hasFailed = false;
    while (!this.#isOver) {
      const read = isTerminal ? await ask(lines) : await this.#nextLine();
      if (read === undefined) break;
      if (!await this.#execute(read)) hasFailed = true;
    }
    return hasFailed && !isTerminal ? EXIT_FAILED : EXIT_PASSED;
  }

  readonly #piped = pipedLines();

  async #nextLine(): Promise<string | undefined> {
    const { value, done } = await this.#piped.next();
    return done ? undefined : value;
  }

  /** Runs the command of a line; returns whether it succeeded. Errors are printed. */
  async #execute(line: string): Promise<boolean> {
    try {
      const words = splitLine(line);
      if (!words) throw new SetupError("Cannot read the line: a quote is not closed");
      if (words.length === 0 || words[0]!.startsWith("#")) return true;
      const commands = this.#commands();
      await commands.parseAsync(settleCommandLine(commands, words), { from: "user" });
      return true;
    } catch (e) {
      if (e instanceof CommanderError) return e.exitCode === 0;
      if (!(e instanceof SetupError || e instanceof SystemError || e instanceof Refusal)) throw e;
      tellLine(`myikev2: ${describeError(e)}`);
      return false;
    }
  }

  #commands(): Command {
    const root = new Command("").exitOverride().showSuggestionAfterError()
      .usage("COMMAND [options]").enablePositionalOptions();
    root.command("def").description("start a recipe").requiredOption("-f <recipe>", "the recipe")
      .action(({ f }: { f: string }) => this.#define(f));
    root.command("list").description("list the instances of all daemons, or of one")
      .option("-d <daemon>", "the daemon")
      .action(({ d }: { d?: string }) => this.#list(d));
    root.command("cli").description("open the shell of a test").requiredOption(...TARGET)
      .action(({ t }: { t: string }) => this.#openCli(t));
    root.command("clearping").description("set the ping counters of all tests, or of one, to zero")
      .option(...TARGET)
      .action(({ t }: { t?: string }) => this.#clearPing(t));
    root.command("stop").description("destroy an instance").requiredOption(...TARGET)
      .option("-g, --graceful [bool]", "send Deletes to its peers (default: true)", parseSwitch)
      .action(({ t, graceful = true }: { t: string; graceful?: boolean }) =>
        this.#stop(t, graceful)
      );
    root.command("shell").description("open a shell of this system, and come back when it ends")
      .action(() => spawnHere([Deno.env.get("SHELL") || "/bin/sh"]));
    root.command("quit").alias("exit").description("leave; the instances keep running").action(
      () => {
        this.#isOver = true;
      },
    );
    for (const command of root.commands) command.exitOverride().showSuggestionAfterError();
    return root;
  }

  async #define(path: string): Promise<void> {
    const run = this.#load(path);
    if (await run.start()) {
      this.#runs.add(run);
      return;
    }
    run.giveUp();
    await run.undo();
    throw new SetupError(`${run.recipe.name} was not started`);
  }

  async #list(daemon: string | undefined): Promise<void> {
    const lists = await this.#daemons.list(daemon === undefined ? undefined : [daemon]);
    for (const line of listTable(lists)) printLine(line);
    const silent = lists.filter(({ error }) => error !== "").map(({ daemonName }) => daemonName);
    if (silent.length > 0) throw new SetupError(`No answer from ${silent.join(", ")}`);
  }

  async #openCli(target: string): Promise<void> {
    const { instance } = await this.#daemons.find(target);
    const { api, type } = instance;
    if (type === InstanceType.OTHER) throw new SetupError(`${target} is not a myikev2 test`);
    if (!api) throw new SetupError(`${target} no longer runs, so it has no API`);
    await spawnHere([...ownCommand(), "cli", "--svr", showEndpoint(api.address, api.port)]);
  }

  async #clearPing(target: string | undefined): Promise<void> {
    if (target !== undefined) {
      const { daemonName, instance } = await this.#daemons.find(target);
      return await this.#daemons.client(daemonName).clearPing(instance.name);
    }
    const failed: string[] = [];
    for (const { daemonName, instances, error } of await this.#daemons.list()) {
      if (error !== "") failed.push(`${daemonName}: ${error}`);
      for (const { name, api } of instances) {
        if (!api) continue;
        await this.#daemons.client(daemonName).clearPing(name)
          .catch((e) => failed.push(`${name}: ${describeError(e)}`));
      }
    }
    if (failed.length > 0) throw new SetupError(failed.join("\n"));
  }

  async #stop(target: string, gracefully: boolean): Promise<void> {
    const { daemonName, instance } = await this.#daemons.find(target);
    await this.#daemons.client(daemonName).destroy(instance.name, gracefully);
    tellLine(`${instance.name} is destroyed on ${daemonName}`);
    await this.#cleanAfter();
  }

  /** Runs the clean-up commands of each recipe whose last instance has gone. */
  async #cleanAfter(): Promise<void> {
    const lists = await this.#daemons.list();
    const isComplete = lists.every(({ error }) => error === "");
    const there = new Set(
      lists.flatMap((l) => l.instances.map(({ name }) => `${l.daemonName}/${name}`)),
    );
    for (const run of isComplete ? [...this.#runs] : []) {
      const isThere = run.instances.some(({ instance: { daemonName, name } }) =>
        there.has(`${daemonName}/${name}`)
      );
      if (isThere) continue;
      this.#runs.delete(run);
      await run.clean();
    }
  }
}

const TARGET = ["-t <instance>", "the instance: NAME, or DAEMON/NAME"] as const;

const NAMES = ["def", "list", "cli", "clearping", "stop", "shell", "quit", "help"];

/**
 * Reads one line of the terminal, with `history` to go back to; undefined at the end of the input.
 */
function ask(history: string[]): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const reader = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    history: [...history].reverse(),
    completer: (line: string) => [NAMES.filter((name) => name.startsWith(line)), line],
  });
  reader.question(PROMPT, (line) => {
    if (line.trim() !== "" && line !== history.at(-1)) history.push(line);
    resolve(line);
    reader.close();
  });
  reader.on("SIGINT", () => {
    printLine();
    resolve("");
    reader.close();
  });
  reader.on("close", () => resolve(undefined));
  return promise;
}

/** The lines of an input that is no terminal. */
async function* pipedLines(): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** Runs another program on this terminal; resolves when it ends. @throws {SystemError} */
async function spawnHere([program, ...args]: readonly string[]): Promise<void> {
  // Ctrl-C is meant for the program on the terminal.
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  try {
    const { success, code } = await new Deno.Command(program!, { args }).spawn().status;
    if (!success) throw new SetupError(`${program} ended with status ${code}`);
  } catch (e) {
    if (e instanceof SetupError) throw e;
    throw new SystemError(`Cannot run ${program}: ${describeError(e)}`, "execve", "");
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}
