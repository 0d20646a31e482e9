/**
 * Declares the command `completion`, and answers the scripts that it prints when Tab is pressed.
 * @module
 */
import { printLine } from "@/files/terminal.ts";
import { Argument, type Command } from "commander";
import type { CliFlags } from "@/cli/cli_flags.ts";
import { type Lookup, type Offer, offersAt } from "@/cli/completion.ts";
import {
  answerLines,
  BARE,
  completionScript,
  SHELLS,
  type SystemShell,
} from "@/cli/completion_scripts.ts";
import { withTwoDashes } from "@/cli/shell_words.ts";

/** Longest wait for the SPIs of a running test, in milliseconds, as a user is waiting. */
const LOOKUP_MS_MAX = 5_000;

/** Values that are only known at run time, by the name that help shows for them. */
const LOOKUPS: Readonly<Record<string, Lookup>> = {
  spi: async (_, { command, flags }, word) => {
    const { spisOfTest } = await import("@/cli/cli.ts");
    return await spisOfTest(flags as unknown as CliFlags, command.name(), word);
  },
  rule: async (_name, _place, word) => {
    const { FAULTS } = await import("@/ike/records/fault.ts");
    return starting(word, [...Object.entries(FAULTS), ["list", "print them all"]]);
  },
  suite: async (_name, _place, word) => {
    const { SUITES } = await import("@/cli/demo.ts");
    return starting(word, Object.entries(SUITES));
  },
  task: async (_name, _place, word) => {
    const { ALL_SCENARIOS } = await import("@/sim/all_scenarios.ts");
    return starting(word, ALL_SCENARIOS.map(({ name }) => [name, ""]));
  },
  topic: async (_name, _place, word) => {
    const { explainedNames } = await import("@/cli/explain.ts");
    // Shells would take a name with a space or a colon for several words.
    const names = explainedNames().filter((name) => /^[\w.[\]]+$/.test(name));
    return starting(word, names.map((name) => [name, ""]));
  },
};

function starting(word: string, values: readonly (readonly [string, string])[]): Offer[] {
  return values.filter(([value]) => value.startsWith(word))
    .map(([value, does]) => ({ value, does, kind: "value" }));
}

/** Adds `completion` to the program. */
export function addCompletion(program: Command): void {
  program.command("completion")
    .description("print the completion script of a shell, for commands, options and their values")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .option("--no-descriptions", "do not show the meaning of each word")
    .addHelpText(
      "after",
      `
Examples:
  myikev2 completion bash > /usr/share/bash-completion/completions/myikev2
  myikev2 completion zsh > /usr/local/share/zsh/site-functions/_myikev2
  myikev2 completion fish > /usr/share/fish/vendor_completions.d/myikev2.fish

For the shell one sits at: source <(myikev2 completion bash), the same for zsh,
myikev2 completion fish | source.`,
    )
    .action((shell: SystemShell, { descriptions }: { descriptions: boolean }) => {
      Deno.stdout.writeSync(new TextEncoder().encode(completionScript(shell, descriptions)));
    });
}

/** Answers a completion script; `args` are the arguments after `__complete`. */
export async function answerTab(program: Command, args: readonly string[]): Promise<void> {
  const describe = args[0] !== BARE;
  const typed = args.slice(args.indexOf("--") + 1);
  const words = typed[0] === "cli" ? withTwoDashes(typed) : typed;
  const offers = await offersAt(program, words, async (name, place, word) => {
    const look = LOOKUPS[name]?.(name, place, word) ?? [];
    // If no test answers, nothing is offered. The error is shown when the command itself is run.
    return await Promise.race([look, late()]).catch(() => []);
  });
  for (const line of answerLines(offers, describe)) printLine(line);
}

function late(): Promise<never[]> {
  return new Promise((resolve) => {
    Deno.unrefTimer(setTimeout(() => resolve([]), LOOKUP_MS_MAX));
  });
}
