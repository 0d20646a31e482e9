/**
 * Declares the command `cli`: the shell of a running test, and each of its commands alone.
 * @module
 */
import type { CliFlags } from "@/cli/cli_flags.ts";
import type { Command } from "commander";
import { parseSwitch, refuseUnknownCommand } from "@/cli/options.ts";
import { addShellCommands } from "@/cli/shell_commands.ts";

/** Adds `cli` and its commands to the program. */
export function addCli(program: Command, exit: (status: number) => void): void {
  const cli = program.command("cli")
    .description("open the shell of a running test, or run one of the shell's commands")
    // The options of `cli` may stand after the names of its commands too.
    .enablePositionalOptions(false)
    .configureHelp({ showGlobalOptions: true })
    .option("--svr <address:port>", "address and port of the test's API", "127.0.0.1:12330")
    .option("--tls-ca <file>", "CA that signed the test's certificate (PEM); enables TLS")
    .option("--tls-cert <file>", "client certificate (PEM); enables TLS")
    .option("--tls-key <file>", "private key of --tls-cert (PEM)")
    .option("-j, --json [bool]", "print the answer as one line of JSON", parseSwitch)
    .addHelpText(
      "after",
      `
Examples:
  myikev2 cli                                   the shell; Tab completes commands and SPIs
  myikev2 cli summary --json
  myikev2 cli list --start 100 --len 20
  myikev2 cli dump 3F0A91B2C4D5E6F7 --svr 192.0.2.9:12330 --tls-ca ca.pem

Exit status: 0 answered, 1 refused by the test or no test there, 2 usage.`,
    )
    .allowExcessArguments()
    .action(async (flags: CliFlags) => {
      refuseUnknownCommand(cli);
      const { openShell } = await import("@/cli/cli.ts");
      exit(await openShell(flags));
    });
  addShellCommands(cli, "myikev2 cli ", async (name, args) => {
    const { runOneCommand } = await import("@/cli/cli.ts");
    exit(await runOneCommand(cli.opts<CliFlags>(), name, args));
  });
}
