/**
 * The command `merge`, as the command line declares it.
 * @module
 */
import type { Command } from "commander";
import { parseSwitch } from "@/cli/options.ts";

/** Adds the command; `exit` receives its exit status. */
export function addMerge(program: Command, exit: (status: number) => void): void {
  program.command("merge")
    .description("make one result of those of several hosts, such as the slices of a test")
    .argument("<files...>", "results of --json; - is standard input")
    .option("-j, --json [bool]", "print the result as one line of JSON", parseSwitch)
    .addHelpText(
      "after",
      `
Examples:
  myikev2 test client.yaml --slice 1/2 --json > r1.json      (on one host)
  myikev2 test client.yaml --slice 2/2 --json > r2.json      (on another)
  myikev2 merge r1.json r2.json

Exit status: 0 passed, 1 failed (a part failed, a slice is missing, or a threshold of the setup does
not hold for all together), 2 a file cannot be read, or is no part of the same load.`,
    )
    .action(async (files: string[], options) => {
      const { mergeFiles } = await import("@/cli/merge.ts");
      exit(await mergeFiles(files, options));
    });
}
