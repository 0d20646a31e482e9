/**
 * Writes `docs/cli.md` from the tree of commands; `--check` fails when it is not current.
 *
 * Run: deno run --allow-read --allow-write scripts/cli_docs.ts
 * @module
 */
import type { Command } from "commander";
import { build } from "@/cli/program.ts";

const PATH = "docs/cli.md";
const HEAD = `<!-- deno-fmt-ignore-file -->
# The command line

Written by \`scripts/cli_docs.ts\` from the tree of commands that also parses command lines, prints \`--help\` and completes by Tab.

Options are GNU style. A switch, shown as \`[bool]\`, takes its value with \`=\` or behind it: \`--flush=false\` and \`--flush false\`;
alone it is true. \`test\` takes the setup file before or behind its options. What is mistyped is told with the nearest that fits.
Every command has \`--help\`, with examples.
Exit status: 0 passed, 1 failed (of \`cli\`: refused by the test, or no test there), 2 bad setup or usage.

**Completion.** \`myikev2 completion bash\`, \`zsh\` or \`fish\` prints a script that asks the program itself when Tab is pressed: commands,
options, their values, names of files where a file is wanted, and behind \`cli dump\` and the like the SPIs of the running test (of \`--svr\`,
by TLS where the line says so). Nothing of the line is evaluated for it.

**The shell of a running test.** \`myikev2 cli\`, and \`test -i\` in the process of the test. Each command is one of the shell and of \`myikev2
cli\` alike. SPIs are printed as upper-case hex, those of IKE SAs with 16 digits, and typed in any case, with or without leading
zeros; Tab completes them. \`-start\`, \`-len\` and \`-kw\` may have one dash. \`log -l 4\` shows events on the screen as they happen, \`log -l no\`
ends that, \`log\` alone tells what is shown; the log file goes by the setup's loglevel, whatever the screen shows. \`myikev2 cli log\`
shows events until the test ends. Ctrl-C gives up waiting for an answer, and empties the line; at an empty prompt of \`test -i\` it ends the test,
as without the shell. The history is \`$XDG_STATE_HOME/myikev2/history\` (\`~/.local/state\` without it), for its owner alone (0600).
Lines may come from a file or a pipe; then the exit status is the worst of them.
`;

/** One command and those below it. */
function section(command: Command, names: readonly string[]): string {
  const help = command.createHelp();
  const name = [...names, command.name()].join(" ");
  const parts = [
    `## ${name}`,
    sentence(command.description()),
    `    ${help.commandUsage(command)}`,
  ];
  const rows = [
    ...help.visibleArguments(command).map((argument) =>
      [help.argumentTerm(argument), help.argumentDescription(argument)] as const
    ),
    ...help.visibleOptions(command).filter(({ long }) => long !== "--help").map((option) =>
      [help.optionTerm(option), help.optionDescription(option)] as const
    ),
  ];
  if (rows.length > 0) parts.push(table(rows));
  const below = command.commands.filter((inner) => help.visibleCommands(command).includes(inner));
  const each = below.map((inner) => section(inner, [...names, command.name()]));
  return [parts.join("\n\n"), ...each].join("\n\n");
}

function sentence(words: string): string {
  return `${words[0]!.toUpperCase()}${words.slice(1)}.`;
}

function table(rows: readonly (readonly [term: string, does: string])[]): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const lines = rows.map(([term, does]) => `| \`${cell(term)}\` | ${cell(does)} |`);
  return ["| | |", "| --- | --- |", ...lines].join("\n");
}

const commands = build(() => {}).commands.map((command) => section(command, ["myikev2"]));
const text = `${HEAD}\n${commands.join("\n\n")}\n`;
if (Deno.args.includes("--check")) {
  const current = await Deno.readTextFile(PATH).catch(() => "");
  if (current === text) Deno.exit(0);
  console.error(`${PATH} is not current: run scripts/cli_docs.ts`);
  Deno.exit(1);
}
await Deno.writeTextFile(PATH, text);
console.log(`wrote ${PATH}`);
