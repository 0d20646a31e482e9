/**
 * Runs `myikev2 control run` and `myikev2 control example`, and has what `control cli` shares with
 * them.
 * @module
 */
import { printLine, tellLine } from "@/files/terminal.ts";
import { parseDuration } from "@/base/duration.ts";
import { SetupError } from "@/base/errors.ts";
import { EXIT_FAILED, EXIT_PASSED } from "@/cli/exit_status.ts";
import { readText, refuseExisting, writeText } from "@/cli/setup_files.ts";
import { onSignals } from "@/cli/signals.ts";
import { type ControllerFile, readControllerFile } from "@/control/controller_file.ts";
import { Daemons } from "@/control/daemons.ts";
import { prepareInstances } from "@/control/definition.ts";
import { EXAMPLE_CONTROLLER_FILE, EXAMPLE_RECIPE } from "@/control/example.ts";
import { junitXml } from "@/control/junit.ts";
import { failureOfCommands, firstError, hasPassed, outcomeJson } from "@/control/outcome.ts";
import type { RecipeOutcome } from "@/control/outcome.ts";
import { readRecipe } from "@/control/recipe.ts";
import { RecipeRun, type RunOptions } from "@/control/recipe_run.ts";
import { outcomeTable } from "@/control/table.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { LogFile } from "@/report/log_file.ts";

/** Options of all commands that use several daemons. */
export interface ControlOptions {
  readonly configfile: string;
  readonly lf: string;
  readonly override: boolean;
  readonly cmdtimeout: string;
}

/** Options of `control run`; an empty text is an option that was not given. */
export interface RunRecipeOptions extends ControlOptions {
  readonly json: boolean;
  readonly junit: string;
  readonly timeout: string;
}

/** Octets after which the controller's log file is started anew. */
const LOG_OCTETS_MAX = 100_000_000;

/** Runs a recipe to its end and undoes it; returns the exit status. */
export async function runRecipe(path: string, options: RunRecipeOptions): Promise<number> {
  const timeoutMs = options.timeout === "" ? 0 : durationOf("--timeout", options.timeout);
  const commandTimeoutMs = durationOf("--cmdtimeout", options.cmdtimeout);
  const log = openControlLog(options.lf);
  const daemons = new Daemons(loadControllerFile(options.configfile));
  try {
    const run = loadRecipe(path, daemons, {
      override: options.override,
      commandTimeoutMs,
      timeoutMs,
      tell: log.tell,
    });
    // A JUnit file that cannot be written is an error before anything is started.
    if (options.junit !== "") writeText(options.junit, [""], "--junit", true);
    const outcome = await runToItsEnd(run);
    report(outcome, options);
    return hasPassed(outcome) ? EXIT_PASSED : EXIT_FAILED;
  } finally {
    daemons.close();
    log.close();
  }
}

async function runToItsEnd(run: RecipeRun): Promise<RecipeOutcome> {
  const forget = onSignals((again) => run.cancel(again));
  try {
    if (await run.start()) await run.wait();
    else run.giveUp();
  } finally {
    await run.undo();
    forget();
  }
  return run.outcome();
}

function report(outcome: RecipeOutcome, { json, junit }: RunRecipeOptions): void {
  if (junit !== "") writeText(junit, [junitXml(outcome)], "--junit", true);
  if (json) return printLine(JSON.stringify(outcomeJson(outcome)));
  for (const line of outcomeTable(outcome.instances)) printLine(line);
  for (const command of outcome.commands) {
    if (command.reason !== "") printLine(failureOfCommands(command));
  }
  for (const words of outcome.errors) printLine(words);
  const first = firstError(outcome);
  printLine(`${outcome.recipe}: ${first === undefined ? "passed" : "failed"}`);
}

/** Writes an example controller file and recipe; returns the exit status. */
export function writeExamples(directory: string, force: boolean): number {
  const files = [
    [`${directory}/myikev2_controller.conf`, EXAMPLE_CONTROLLER_FILE],
    [`${directory}/myikev2.recipe`, EXAMPLE_RECIPE],
  ] as const;
  if (!force) refuseExisting(files.map(([path]) => path));
  for (const [path, text] of files) writeText(path, [text], "--dir");
  return EXIT_PASSED;
}

/** Reads the controller file and prints its warnings on standard error. @throws {SetupError} */
export function loadControllerFile(path: string): ControllerFile {
  const { value, warnings } = readControllerFile(readText(path), path);
  for (const warning of warnings) tellLine(`myikev2: ${warning}`);
  const hasPassword = [...value.daemons.values()].some(({ ssh }) => ssh.password !== "");
  const mode = Deno.statSync(path).mode ?? 0;
  if (hasPassword && (mode & 0o077) !== 0) {
    tellLine(`myikev2: ${path} has passwords, but its mode lets other users read it`);
  }
  return value;
}

/** Reads a recipe and checks all its setups, so that it is ready to run. @throws {SetupError} */
export function loadRecipe(path: string, daemons: Daemons, options: RunOptions): RecipeRun {
  const { value: recipe, warnings } = readRecipe(readText(path), path, daemons.file);
  for (const warning of warnings) tellLine(`myikev2: ${warning}`);
  const prepared = prepareInstances(recipe, path);
  // TLS files that cannot be used are an error before anything is started.
  for (const { daemonName } of recipe.instances) daemons.client(daemonName);
  return new RecipeRun({ recipe, file: path, prepared }, daemons, options);
}

/** Parses the duration of an option. @throws {SetupError} naming the option. */
export function durationOf(option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new SetupError(`Cannot use ${option} ${text}: expected a duration such as 60s`);
}

/** Reports on standard error and in a log file. */
export function openControlLog(path: string): Pick<RunOptions, "tell"> & { close: () => void } {
  const events = new EventHub();
  const log = new LogFile({
    path,
    filter: { level: 4, keyword: "" },
    capOctets: LOG_OCTETS_MAX,
    inMemory: false,
  });
  events.attach(log);
  return {
    tell: (level, words) => {
      tellLine(level === 4 ? words : `myikev2: ${words}`);
      events.publish(level, words);
    },
    close: () => log.close(),
  };
}
