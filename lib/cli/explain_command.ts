/**
 * The command `explain`, as the command line declares it.
 * @module
 */
import type { Command } from "commander";

/** Adds the command; `exit` receives its exit status. */
export function addExplain(program: Command, exit: (status: number) => void): void {
  program.command("explain")
    .description("explain a cause of failure, a notify or an option, and say what to look at")
    .argument("<topic>", "its name in upper or lower case, or the number of a notify")
    .addHelpText(
      "after",
      `
Examples:
  myikev2 explain NO_ANSWER
  myikev2 explain TS_UNACCEPTABLE
  myikev2 explain "EAP: wrong credentials"
  myikev2 explain maxretran`,
    )
    .action(async (name: string) => {
      const { explain } = await import("@/cli/explain.ts");
      exit(explain(name));
    });
}
