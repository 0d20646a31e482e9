/**
 * The command `report`, as the command line declares it.
 * @module
 */
import type { Command } from "commander";
import { parseSwitch } from "@/cli/options.ts";

/** Adds the command; `exit` receives its exit status. */
export function addReport(program: Command, exit: (status: number) => void): void {
  program.command("report")
    .description("write a JSON result as one HTML file, with plots over time")
    .argument("<file>", "a result of --json, with --timeline for the plots; - is standard input")
    .option("-o, --output <file>", "file to write", "myikev2_report.html")
    .option(
      "--mask-identities [bool]",
      "leave out sentences that may contain an identity",
      parseSwitch,
    )
    .addHelpText(
      "after",
      `
Examples:
  myikev2 test client.yaml --json --timeline 1s > result.json
  myikev2 report result.json -o report.html`,
    )
    .action(async (path: string, options) => {
      const { writeReport } = await import("@/cli/report.ts");
      exit(await writeReport(path, options));
    });
}
