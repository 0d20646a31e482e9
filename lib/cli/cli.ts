/**
 * Runs `myikev2 cli`: connects to a running test, and opens its shell or runs one of the shell's commands.
 * @module
 */
import { printLine, tellLine } from "@/files/terminal.ts";
import { TestClient } from "@/api/client.ts";
import type { TestConnection } from "@/api/connection.ts";
import { Refusal } from "@/api/refusal.ts";
import { SetupError } from "@/base/errors.ts";
import type { CliFlags } from "@/cli/cli_flags.ts";
import { EXIT_FAILED, EXIT_PASSED } from "@/cli/exit_status.ts";
import { runSystemShell, Shell, showEvent } from "@/cli/shell.ts";
import { answer, isAnswered } from "@/cli/shell_answers.ts";
import type { ShellArguments } from "@/cli/shell_commands.ts";
import type { Offer } from "@/cli/completion.ts";
import { spisFor } from "@/cli/shell_completion.ts";

function connect({ svr, tlsCa, tlsCert, tlsKey }: CliFlags): TestClient {
  const files = { ca: tlsCa, certificate: tlsCert, key: tlsKey };
  return new TestClient(svr, files, {
    ca: "--tls-ca",
    certificate: "--tls-cert",
    key: "--tls-key",
  });
}

/** Opens the shell until the user leaves it; returns the exit status. */
export async function openShell(flags: CliFlags): Promise<number> {
  return await connected(flags, async (test) => {
    await test.call("GetSummary"); // Is there a test at all?
    const json = flags.json ?? false;
    const shell = new Shell({ test, json, echo: "stdout", remote: true, print });
    return await shell.run();
  });
}

/** Runs one command; returns the exit status. */
export async function runOneCommand(
  flags: CliFlags,
  name: string,
  args: ShellArguments,
): Promise<number> {
  const json = flags.json ?? false;
  return await connected(flags, async (test) => {
    if (isAnswered(name)) await answer(name, args, { test, json, print });
    else if (name === "log") await follow(test, args, json);
    else if (name === "shell") return await runSystemShell();
    return EXIT_PASSED;
  });
}

/** The completions for the SPI that a command takes. @throws {Refusal} if no test answers. */
export async function spisOfTest(flags: CliFlags, name: string, word: string): Promise<Offer[]> {
  const test = connect(flags);
  try {
    return await spisFor(name, word, test);
  } finally {
    test.close();
  }
}

async function connected(
  flags: CliFlags,
  use: (test: TestConnection) => Promise<number>,
): Promise<number> {
  const test = connect(flags);
  try {
    return await use(test);
  } catch (e) {
    if (!(e instanceof Refusal || e instanceof SetupError)) throw e;
    tellLine(`myikev2: ${e.message}`);
    return EXIT_FAILED;
  } finally {
    test.close();
  }
}

/** Prints events until the test ends; without a level, those of the setup's log level. */
async function follow(test: TestConnection, args: ShellArguments, json: boolean): Promise<void> {
  const { level, keyword = "" } = args;
  if (level === 0) return;
  const feed = test.events(
    { level: level ?? 0, keyword },
    (event) => print(showEvent(event, json)),
  );
  await feed.ended;
}

/**
 * Writes a line at once, also among thousands; ends the process orElse if the reader has closed the pipe.
 */
function print(line: string): void {
  printLine(line);
}
