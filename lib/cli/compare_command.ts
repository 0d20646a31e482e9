/**
 * The command `compare`, as the command line declares it.
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import { parseSwitch } from "@/cli/options.ts";

const DEFAULT_TOLERANCE = 0.05;

/** Adds the command; `exit` receives its exit status. */
export function addCompare(program: Command, exit: (status: number) => void): void {
  program.command("compare")
    .description("compare two JSON results: which figures became better, and which worse")
    .argument("<before>", "a result of --json; - is standard input")
    .argument("<after>", "another one")
    .option(
      "--tolerance <percent>",
      "relative change up to which a rate or latency counts as the same",
      parsePercent,
      DEFAULT_TOLERANCE,
    )
    .option("-j, --json [bool]", "print the comparison as one line of JSON", parseSwitch)
    .addHelpText(
      "after",
      `
Examples:
  myikev2 compare monday.json tuesday.json
  myikev2 compare main.json branch.json --tolerance 10%

Exit status: 0 nothing is worse, 1 something is, 2 a file cannot be read or is of another schema.
Results with a timeline (test --timeline 1s) tell noise from change better than those without.`,
    )
    .action(async (before: string, after: string, options) => {
      const { compareFiles } = await import("@/cli/compare.ts");
      exit(await compareFiles(before, after, options));
    });
}

function parsePercent(text: string): number {
  const percent = Number(/^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1] ?? NaN);
  if (percent >= 0 && percent <= 1000) return percent / 100;
  throw new InvalidArgumentError("Expected a percentage from 0 to 1000, such as 5%.");
}
