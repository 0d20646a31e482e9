/**
 * The shell of a running test: it reads lines from a terminal, with history and completion, or from
 * a file or a pipe.
 * @module
 */
import { printableEntry } from "@/base/printable.ts";
import { tellLine } from "@/files/terminal.ts";
import process from "node:process";
import readline from "node:readline";
import { Command, CommanderError } from "commander";
import {
  type EventFeed,
  type ShownEvent,
  type TestConnection,
  type WantedEvents,
} from "@/api/connection.ts";
import { Refusal } from "@/api/refusal.ts";
import { SetupError, systemWords } from "@/base/errors.ts";
import { EXIT_FAILED, EXIT_PASSED, EXIT_USAGE } from "@/cli/exit_status.ts";
import { History, historyPath } from "@/cli/history.ts";
import { parseSwitch, settleSwitches } from "@/cli/options.ts";
import { answer, isAnswered } from "@/cli/shell_answers.ts";
import { addShellCommands, type RunCommand, type ShellArguments } from "@/cli/shell_commands.ts";
import { completeLine } from "@/cli/shell_completion.ts";
import { showMessage } from "@/cli/shell_fields.ts";
import { splitLine, withTwoDashes } from "@/cli/shell_words.ts";

/** Options of a shell. */
export interface ShellOptions {
  readonly test: TestConnection;
  /** Whether answers are JSON unless a command asks otherwise. */
  readonly json: boolean;
  /** Where typed text is echoed: standard error if standard output is used for something else. */
  readonly echo: "stdout" | "stderr";
  /**
   * Whether the test is another process. Then the shell reports its end, and Ctrl-C does not stop
   * the test.
   */
  readonly remote: boolean;
  /** Prints a line of an answer. */
  print(line: string): void;
  /** Is called on Ctrl-C at an empty prompt. If absent, the shell says how to leave. */
  interrupted?(): void;
}

const PROMPT = "myikev2> ";
const LEVEL_WORDS = ["no", "1 critical", "2 error", "3 warning", "4 info", "5 debug"];

/** One shell. */
export class Shell {
  readonly #test: TestConnection;
  readonly #options: ShellOptions;
  readonly #history = new History(historyPath((name) => Deno.env.get(name)));
  readonly #onTerminal: boolean;
  #lines: readline.Interface | undefined;
  /** Which events are shown on the screen. */
  #wanted: WantedEvents = { level: 0, keyword: "" };
  #feed: EventFeed | undefined;
  #status: number = EXIT_PASSED;
  #left = false;
  /**
   * Ends when all earlier lines have been carried out, as lines are carried out one after the
   * other.
   */
  #turn: Promise<void> = Promise.resolve();
  #isBusy = false;
  #abandon: () => void = () => {};
  readonly #over = Promise.withResolvers<void>();

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#test = options.test;
    this.#onTerminal = Deno.stdin.isTerminal() && Deno[options.echo].isTerminal();
  }

  /**
   * Reads lines until `quit`, the end of the input, or {@linkcode close}. Returns the exit status:
   * 0 on a terminal, and for a script the worst status of its lines.
   */
  async run(): Promise<number> {
    if (this.#options.remote) this.#tellEnd();
    if (this.#onTerminal) this.#options.print("help lists the commands, quit leaves the shell");
    this.#open();
    await this.#over.promise;
    this.close();
    return this.#onTerminal ? EXIT_PASSED : this.#status;
  }

  /** Ends the shell from outside. */
  close(): void {
    if (!this.#left && !this.#isBusy) this.#wipe();
    this.#left = true;
    this.#feed?.close();
    this.#lines?.close();
    this.#over.resolve();
  }

  #open(): void {
    const lines = readline.createInterface({
      input: process.stdin,
      output: process[this.#options.echo],
      terminal: this.#onTerminal,
      prompt: PROMPT,
      history: this.#history.lines,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (e: null, offers: [string[], string]) => void) => {
        completeLine(line, this.#tree(() => Promise.resolve()), this.#test)
          .catch((): [string[], string] => [[], line]).then((offers) => done(null, offers));
      },
    });
    this.#lines = lines;
    lines.on("line", (line) => this.#turn = this.#turn.then(() => this.#take(line)));
    lines.on("SIGINT", () => this.#interrupt());
    lines.on("close", () => {
      if (this.#lines !== lines) return; // put aside for a system shell
      this.#turn.then(() => this.#over.resolve());
    });
    this.#prompt();
  }

  #prompt(): void {
    if (this.#onTerminal && !this.#left) this.#lines?.prompt(true);
  }

  #interrupt(): void {
    if (this.#isBusy) return this.#abandon();
    const typed = this.#lines?.line ?? "";
    if (typed !== "") {
      this.#lines?.write(null, { ctrl: true, name: "e" });
      this.#lines?.write(null, { ctrl: true, name: "u" });
    } else if (this.#options.interrupted) {
      this.#options.interrupted();
    } else {
      this.#say("quit leaves the shell, stop ends the test");
    }
  }

  async #take(line: string): Promise<void> {
    if (this.#left) return;
    this.#history.add(line);
    this.#isBusy = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#abandon = resolve;
    try {
      await Promise.race([
        this.#execute(line),
        promise.then(() => this.#reportError("cancelled", EXIT_FAILED)),
      ]);
    } finally {
      this.#isBusy = false;
    }
    this.#prompt();
  }

  async #execute(line: string): Promise<void> {
    const words = splitLine(line);
    if (words === undefined) return this.#reportError("A quote is not closed", EXIT_USAGE);
    if (words.length === 0) return;
    const tree = this.#tree((name, args) => {
      const { json = this.#options.json } = tree.opts<{ json?: boolean }>();
      return this.#carryOut(name, args, json);
    });
    try {
      await tree.parseAsync(settleSwitches(tree, withTwoDashes(words)), { from: "user" });
    } catch (e) {
      if (e instanceof Refusal || e instanceof SetupError) {
        return this.#reportError(e.message, EXIT_FAILED);
      }
      // Commander has printed its own errors already.
      if (!(e instanceof CommanderError)) throw e;
      if (e.exitCode !== 0) this.#status = Math.max(this.#status, EXIT_USAGE);
    }
  }

  #tree(run: RunCommand): Command {
    const say = (text: string) => this.#options.print(text.trimEnd());
    const tree = new Command("myikev2>").usage("COMMAND").helpOption(false)
      .configureHelp({ showGlobalOptions: true })
      .option("-j, --json [bool]", "the answer as one line of JSON", parseSwitch)
      .showSuggestionAfterError()
      .exitOverride()
      .configureOutput({
        writeOut: say,
        writeErr: (text) => tellLine(text.trimEnd().replace(/^error: /, "")),
      });
    addShellCommands(tree, "", run);
    for (const command of tree.commands) command.helpOption("-h, --help");
    return tree;
  }

  async #carryOut(name: string, args: ShellArguments, json: boolean): Promise<void> {
    const { print } = this.#options;
    if (isAnswered(name)) await answer(name, args, { test: this.#test, json, print });
    else if (name === "log") await this.#log(args);
    else if (name === "shell") await this.#systemShell();
    else if (name === "quit") this.close();
  }

  /** Changes which events the screen shows; without arguments, prints that. */
  async #log({ level, keyword }: ShellArguments): Promise<void> {
    if (level !== undefined || keyword !== undefined) {
      const before = this.#wanted.level;
      // A keyword without a level filters the level that is shown, or all events up to info.
      const wanted = { level: level ?? (before || 4), keyword: keyword ?? "" };
      await this.#listen(wanted);
    }
    const { level: shown, keyword: word } = this.#wanted;
    const only = shown > 0 && word !== "" ? `, only with "${word}"` : "";
    this.#options.print(`events on the screen: ${LEVEL_WORDS[shown]}${only}`);
  }

  async #listen(wanted: WantedEvents): Promise<void> {
    if (wanted.level === 0) {
      this.#feed?.close();
      this.#feed = undefined;
    } else if (this.#feed) {
      await this.#feed.change(wanted);
    } else {
      const feed = this.#test.events(wanted, (event) => this.#say(showEvent(event, false)));
      this.#feed = feed;
      const over = () => {
        if (this.#feed !== feed) return;
        this.#feed = undefined;
        this.#wanted = { level: 0, keyword: "" };
      };
      feed.ended.then(over, (e: Error) => {
        over();
        this.#say(`no more events: ${e.message}`);
      });
    }
    this.#wanted = wanted;
  }

  /** Hands the terminal to a shell of the system until that ends. */
  async #systemShell(): Promise<void> {
    const lines = this.#lines;
    if (this.#onTerminal) {
      this.#lines = undefined;
      lines?.close();
    }
    try {
      const code = await runSystemShell();
      if (code !== 0) this.#options.print(`the shell ended with status ${code}`);
    } finally {
      if (this.#onTerminal && !this.#left) this.#open();
    }
  }

  /** Says what happens to the test when the shell ends. */
  async #tellEnd(): Promise<void> {
    const summary = await this.#test.finalSummary();
    if (this.#left) return;
    if (!summary) return this.#say(`the connection to ${this.#test.place} is lost`);
    const { Result, LastErrMsg } = showMessage("summary", summary);
    this.#say(`the test has ended: ${Result}${LastErrMsg ? ` (${LastErrMsg})` : ""}`);
  }

  #reportError(words: string, status: number): void {
    this.#status = Math.max(this.#status, status);
    tellLine(words);
  }

  /** Prints a line above the prompt, without disturbing the line that is being typed. */
  #say(line: string): void {
    this.#wipe();
    this.#options.print(line);
    if (!this.#isBusy) this.#prompt();
  }

  /** Removes the prompt from the screen; it returns with the typed text when it is drawn next. */
  #wipe(): void {
    if (this.#onTerminal) process[this.#options.echo].write("\r\x1b[K");
  }
}

/** An event as a line: `06:08:24.123 INFO  text`, or JSON. */
export function showEvent({ level, msg, epochMs }: ShownEvent, json: boolean): string {
  const time = new Date(epochMs).toISOString();
  const word = (LEVEL_WORDS[level] ?? "").slice(2);
  if (json) return JSON.stringify({ EventTime: time, Level: word, Msg: msg });
  return `${time.slice(11, 23)} ${word.toUpperCase().padEnd(8)} ${printableEntry(msg)}`;
}

/** Runs `$SHELL` on the terminal of this process until it ends; returns its status. */
export async function runSystemShell(): Promise<number> {
  const path = Deno.env.get("SHELL") || "/bin/sh";
  // Ctrl-C is meant for the other shell.
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  try {
    const child = new Deno.Command(path, {
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    });
    return (await child.spawn().status).code;
  } catch (e) {
    throw new SetupError(`Cannot run ${path}: ${systemWords(e)}`);
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}
