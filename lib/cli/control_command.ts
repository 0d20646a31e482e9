/**
 * Declares the command `control` with its options and examples.
 * @module
 */
import type { Command } from "commander";
import { parseSwitch } from "@/cli/options.ts";

/** Where the controller file is by default. */
export const CONFIG_FILE = "/etc/myikev2_controller.conf";
const LOG_FILE = "myikev2_controller.log";
const COMMAND_TIMEOUT = "5m";

/** Options of `control cli` and `control run` as commander gives them. */
interface ControlFlags {
  readonly configfile: string;
  readonly lf: string;
  readonly override?: boolean;
  readonly cmdtimeout: string;
  readonly timeout?: string;
  readonly json?: boolean;
  readonly junit?: string;
}

/** Adds `control cli`, `control run` and `control example` to the program. */
export function addControl(program: Command, exit: (status: number) => void): void {
  const control = program.command("control")
    .enablePositionalOptions()
    .description("run recipes over the daemons of many hosts")
    .addHelpText(
      "after",
      `
Examples:
  myikev2 control example                     write a controller file and a recipe to begin with
  myikev2 control run my.recipe --json        run a recipe to its end, the result as JSON
  myikev2 control cli -c my_controller.conf   a shell over all daemons`,
    );
  withCommonOptions(
    control.command("cli").description("open a shell for all daemons of a controller file"),
  )
    .addHelpText("after", "\nExample:\n  myikev2 control cli -c my_controller.conf")
    .action(async (flags: ControlFlags) => {
      const { runControlShell } = await import("@/cli/control_shell.ts");
      exit(await runControlShell({ ...flags, override: flags.override ?? true }));
    });
  addRun(control, exit);
  control.command("example").description("write an example of a controller file and of a recipe")
    .option("-d, --dir <directory>", "directory to write them to", ".")
    .option("--force [bool]", "replace existing files", parseSwitch)
    .addHelpText("after", "\nExample:\n  myikev2 control example --dir lab")
    .action(async ({ dir, force = false }: { dir: string; force?: boolean }) => {
      const { writeExamples } = await import("@/cli/control.ts");
      exit(writeExamples(dir, force));
    });
}

function addRun(control: Command, exit: (status: number) => void): void {
  withCommonOptions(
    control.command("run").description(
      "run a recipe until its end, clean up, and print its result",
    ),
  )
    .argument("<recipe>", "the recipe")
    .option("-j, --json [bool]", "print the result as one line of JSON", parseSwitch)
    .option("--junit <file>", "write the result as a JUnit file")
    .option(
      "--timeout <duration>",
      "stop everything after this time; tests that still run have failed",
    )
    .addHelpText(
      "after",
      `
Examples:
  myikev2 control run my.recipe
  myikev2 control run my.recipe -c my_controller.conf --json --junit result.xml --timeout 10m

Exit status: 0 all passed, 1 something failed, 2 bad recipe, controller file or usage.`,
    )
    .action(async (recipe: string, flags: ControlFlags) => {
      const { runRecipe } = await import("@/cli/control.ts");
      const { override = true, json = false, timeout = "", junit = "" } = flags;
      exit(await runRecipe(recipe, { ...flags, override, json, timeout, junit }));
    });
}

function withCommonOptions(command: Command): Command {
  return command
    .option("-c, --configfile <file>", "the controller file", CONFIG_FILE)
    .option("--lf <file>", "log file of the controller", LOG_FILE)
    .option(
      "-o, --override [bool]",
      "replace instances of the same name (default: true)",
      parseSwitch,
    )
    .option("--cmdtimeout <duration>", "longest time of the commands of one host", COMMAND_TIMEOUT);
}
