/**
 * The command `export`, as the command line declares it.
 * @module
 */
import { Argument, type Command } from "commander";
import { CONFIG_FILE } from "@/cli/control_command.ts";
import { parseSwitch } from "@/cli/options.ts";
import type { Engine } from "@/cli/export.ts";

/** Adds the command; `exit` receives its exit status. */
export function addExport(program: Command, exit: (status: number) => void): void {
  program.command("export")
    .description("write a recipe for another engine that runs tests on many hosts")
    .addArgument(
      new Argument("<engine>", "what will run it").choices(["ansible", "slurm", "kubernetes"]),
    )
    .argument("<recipe>", "the recipe, as control run takes it")
    .option("-c, --configfile <file>", "the controller file", CONFIG_FILE)
    .option("-d, --dir <directory>", "directory to write to", ".")
    .option("--force [bool]", "replace existing files", parseSwitch)
    .addHelpText(
      "after",
      `
Clients with the same setup file become slices of it, whose results are merged.

Examples:
  myikev2 export ansible my.recipe -d lab    then: cd lab; ansible-playbook -i inventory.yaml playbook.yaml
  myikev2 export slurm my.recipe -d lab      then: cd lab; sbatch job.sh
  myikev2 export kubernetes my.recipe        then: ./start.sh; ./gather.sh

Exit status: 0 written, 2 a bad recipe, or one that needs daemons.`,
    )
    .action(async (engine: Engine, recipe: string, options) => {
      const { exportRecipe } = await import("@/cli/export.ts");
      exit(exportRecipe(engine, recipe, { force: false, ...options }));
    });
}
