/**
 * The command line: every command with its options and examples. The code of a command is loaded
 * only when it runs, so that help appears at once.
 *
 * The exit status is 0 if the command passed, 1 if it failed, and 2 for a bad setup or usage.
 * @module
 */
import { printLine, tellLine } from "@/files/terminal.ts";
import { Argument, Command, CommanderError, Option } from "commander";
import { SetupError, SystemError } from "@/base/errors.ts";
import { VERSION } from "@/base/version.ts";
import { addCli } from "@/cli/cli_command.ts";
import { addCompletion, answerTab } from "@/cli/completion_command.ts";
import { ASK } from "@/cli/completion_scripts.ts";
import { addControl } from "@/cli/control_command.ts";
import { addCreatePki } from "@/cli/createpki_command.ts";
import { addExport } from "@/cli/export_command.ts";
import { addMerge } from "@/cli/merge_command.ts";
import { type SliceFlags, withSliceOptions } from "@/cli/slice_options.ts";
import { addReport } from "@/cli/report_command.ts";
import { addBenchmark } from "@/cli/benchmark_command.ts";
import { addCompare } from "@/cli/compare_command.ts";
import { addDaemon } from "@/cli/daemon_command.ts";
import { addEchosvr } from "@/cli/echosvr_command.ts";
import { addExplain } from "@/cli/explain_command.ts";
import { EXIT_FAILED, EXIT_PASSED, EXIT_USAGE } from "@/cli/exit_status.ts";
import {
  fraction,
  parseFlush,
  parseSwitch,
  refuseUnknownCommand,
  settleCommandLine,
  wholeNumber,
} from "@/cli/options.ts";
import { type OutputFlags, withOutputOptions } from "@/cli/output_options.ts";
import type { DefaultFile, DefaultOptions } from "@/cli/setup_files.ts";
import { withTwoDashes } from "@/cli/shell_words.ts";

/** Commands that print their result as JSON if asked to, also when they are refused. */
const WITH_RESULT = ["test", "exec", "demo"];

/** Runs one command line; returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  let status = EXIT_PASSED;
  const program = build((code) => status = code);
  if (args[0] === ASK) return await answerTab(program, args.slice(1)).then(() => EXIT_PASSED);
  const words = args[0] === "cli" ? withTwoDashes(args) : args;
  const settledArgs = settleCommandLine(program, words);
  try {
    await program.parseAsync(settledArgs, { from: "user" });
    return status;
  } catch (e) {
    if (e instanceof CommanderError && e.exitCode === 0) return EXIT_PASSED;
    return await reportError(e, settledArgs);
  }
}

/** Prints an error, as JSON too if that is asked for; returns the exit status. */
async function reportError(e: unknown, args: readonly string[]): Promise<number> {
  const usage = e instanceof CommanderError;
  const refused = usage || e instanceof SetupError || e instanceof SystemError;
  const words = e instanceof Error ? e.message : String(e);
  // Commander has printed its own errors already; an error of this program is printed with its
  // stack.
  if (!refused) tellLine(e instanceof Error ? e.stack : String(e));
  else if (!usage) tellLine(`myikev2: ${words}`);
  if (wantsJson(args)) {
    const { refusedResult } = await import("@/report/result.ts");
    const what = refused ? words.replace(/^error: /, "") : `Internal error: ${words}`;
    printLine(JSON.stringify(refusedResult([new SetupError(what)], null)));
  }
  return refused ? EXIT_USAGE : EXIT_FAILED;
}

function wantsJson([command, ...args]: readonly string[]): boolean {
  return WITH_RESULT.includes(command ?? "") &&
    args.some((arg) => /^--(json|usejsonresult)=(true|yes|on|1)$/i.test(arg));
}

/** Builds the tree of commands; `exit` receives the exit status of the command that runs. */
export function build(exit: (status: number) => void): Command {
  const program = new Command("myikev2")
    .description("Creates, answers, stresses and judges IKEv2/IPsec tunnels.")
    .version(`myikev2 ${VERSION}`)
    .enablePositionalOptions()
    .showHelpAfterError("(--help lists all commands and options)")
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  myikev2 demo                          a thousand tunnels on loopback, no root, no setup file
  myikev2 default setup -f my.yaml      a commented setup file with every option
  myikev2 test my.yaml --verify         check a setup file, run nothing
  myikev2 test my.yaml --flush=false    run it, leave all addresses as they are
  myikev2 test my.yaml --json           the result as one line of JSON

Exit status: 0 passed, 1 failed, 2 bad setup or usage.`,
    );
  addTest(program, exit);
  addExec(program, exit);
  addDemo(program, exit);
  addBenchmark(program, exit);
  addSimulate(program, exit);
  addCli(program, exit);
  addDaemon(program, exit);
  addControl(program, exit);
  addEchosvr(program, exit);
  addCreatePki(program, exit);
  addReport(program, exit);
  addMerge(program, exit);
  addExport(program, exit);
  addCompare(program, exit);
  addExplain(program, exit);
  addDefault(program, exit);
  addCompact(program, exit);
  addCompletion(program);
  program.command("version").description(
    "print the version and the backends that work on this machine",
  )
    .addHelpText("after", "\nExample:\n  myikev2 version")
    .action(async () => {
      const { printVersion } = await import("@/cli/version.ts");
      printVersion();
    });
  addHelp(program);
  return program;
}

/**
 * Makes `help control run` work like `help control`, and suggests the nearest command for an
 * unknown one.
 */
function addHelp(program: Command): void {
  program.helpCommand(false).command("help").description("print the help of a command")
    .argument("[command...]", "its name, followed by that of a subcommand")
    .addHelpText("after", "\nExample:\n  myikev2 help control run")
    .action((names: string[]) => {
      let command = program;
      for (const [i, name] of names.entries()) {
        const below = command.commands.find((c) => c.name() === name);
        if (!below) return refuseUnknownCommand(command, names.slice(i));
        command = below;
      }
      command.help();
    });
}

/** Adds the options of `test` and `exec`. */
function withRunOptions(command: Command): Command {
  return withOutputOptions(withSliceOptions(command))
    .option(
      "-j, --json [bool]",
      "print only the result on standard output, as one line of JSON",
      parseSwitch,
    )
    .option("--usejsonresult [bool]", "the same as --json", parseSwitch)
    .option(
      "-i, --invokeshell [bool]",
      "open the shell of the running test, as myikev2 cli does",
      parseSwitch,
    )
    .option("--lf <file>", "log file", "myikev2.log")
    .option("--crlf <file>", "file for the report of an internal error", "myikev2_crash.log")
    .addOption(
      new Option(
        "--flush [bool]",
        "flush and re-add the addresses of bindifname and lo, and flush XFRM and table 330, before the " +
          "test; force: even if it is the interface of the default route or of this SSH session, or lo",
      ).choices(["true", "false", "force"]).argParser(parseFlush).default(true),
    )
    .option(
      "--tune [bool]",
      "raise limits of the kernel that do not suffice for the tunnels, and put them back at the end",
      parseSwitch,
    )
    .option("--verify [bool]", "only check the setup", parseSwitch)
    .option("--lenient [bool]", "only warn of unknown and misplaced options", parseSwitch)
    .option("--pcap <file>", "write a capture of the datagrams of this test (pcapng)")
    .option(
      "--pcap-tunnel <n>",
      "capture one tunnel only: of a client that of this number from 0, of a gateway the one that came so " +
        "many after the first",
      wholeNumber(0, 1_000_000),
    )
    .option(
      "--pcap-size <mb>",
      "size in MB at which the capture is renamed to .prev and begun anew; 0: no limit",
      wholeNumber(0, 1_000_000),
      0,
    )
    .option("--keylog <dir>", "write Wireshark's key tables ikev2_decryption_table and esp_sa")
    .option(
      "--allow-user <name>",
      "a user of this host who may control the test by the API and see secrets; may be repeated",
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option(
      "--insecure [bool]",
      "callers on other hosts may control the test by the API without a certificate",
      parseSwitch,
    )
    .option(
      "--hold [bool]",
      "answer the API after the end of the test, until a signal ends the process",
      parseSwitch,
    )
    .option(
      "-p, --enableprofile [bool]",
      "write a CPU profile beside the log file (.cpuprofile), of half an hour at most",
      parseSwitch,
    )
    .option("-l, --licfile <file>", "accepted for old scripts, and ignored");
}

const RUN_EXAMPLES = `
Examples:
  myikev2 test gateway.yaml --flush=false
  myikev2 test client.yaml --json --pcap run.pcap --keylog keys
  myikev2 test client.yaml --verify`;

function addTest(program: Command, exit: (status: number) => void): void {
  withRunOptions(
    program.command("test").description("run the test of a setup file")
      .argument("<setup>", "the setup file (YAML)"),
  ).addHelpText("after", RUN_EXAMPLES).action(async (setup: string, options: RunFlags) => {
    const { runSetup } = await import("@/cli/run_setup.ts");
    exit(await runSetup(setup, settled(options)));
  });
}

function addExec(program: Command, exit: (status: number) => void): void {
  withRunOptions(
    program.command("exec").description("the same as test, with the setup file as an option")
      .requiredOption("-f, --setupfile <file>", "the setup file (YAML)"),
  ).addHelpText("after", "\nExample:\n  myikev2 exec -f client.yaml --json")
    .action(async (options: RunFlags & { setupfile: string }) => {
      const { runSetup } = await import("@/cli/run_setup.ts");
      exit(await runSetup(options.setupfile, settled(options)));
    });
}

/** Options of `test` and `exec` as commander gives them. */
interface RunFlags extends OutputFlags, SliceFlags {
  readonly json?: boolean;
  readonly usejsonresult?: boolean;
  readonly invokeshell?: boolean;
  readonly lf: string;
  readonly crlf: string;
  readonly flush: boolean | "force";
  readonly tune?: boolean;
  readonly verify?: boolean;
  readonly lenient?: boolean;
  readonly pcap?: string;
  readonly pcapTunnel?: number;
  readonly pcapSize?: number;
  readonly keylog?: string;
  readonly allowUser: readonly string[];
  readonly insecure?: boolean;
  readonly hold?: boolean;
  readonly enableprofile?: boolean;
  readonly licfile?: string;
}

/** The options of a run, with a value for every switch. */
function settled(flags: RunFlags): import("@/cli/run_setup_options.ts").RunSetupOptions {
  if (flags.licfile !== undefined) tellLine("myikev2: --licfile is not needed, and ignored");
  return {
    json: flags.json ?? flags.usejsonresult ?? false,
    logFile: flags.lf,
    crashFile: flags.crlf,
    flush: flags.flush,
    tune: flags.tune ?? false,
    verify: flags.verify ?? false,
    lenient: flags.lenient ?? false,
    allowUser: flags.allowUser,
    insecure: flags.insecure ?? false,
    hold: flags.hold ?? false,
    shell: flags.invokeshell ?? false,
    profile: flags.enableprofile ?? false,
    pcap: flags.pcap,
    pcapTunnel: flags.pcapTunnel,
    pcapSize: flags.pcapSize,
    keylog: flags.keylog,
    slice: flags.slice,
    startAtMs: flags.startAt,
    outputs: flags,
  };
}

/** The choices for the crypto and the transport of the demo. */
const BACKENDS = ["auto", "portable", "native"];

/** An option with these choices, of which the first is the default. */
function oneOf(flags: string, does: string, values: readonly string[]): Option {
  return new Option(flags, does).choices(values).default(values[0]);
}

function addDemo(program: Command, exit: (status: number) => void): void {
  withOutputOptions(program.command("demo"))
    .description("run a gateway and a client in this process, over UDP on loopback, without root")
    .option("--tunnels <n>", "number of tunnels", wholeNumber(1, 100_000), 1000)
    .option("-j, --json [bool]", "print the result as one line of JSON", parseSwitch)
    .option("--pcap <file>", "write a capture of the client's datagrams")
    .option("--keylog <dir>", "write Wireshark's key tables")
    .addOption(oneOf("--cryptobackend <name>", "crypto backend", BACKENDS))
    .addOption(oneOf("--transport <name>", "transport backend", BACKENDS))
    .option("--suite <suite>", "x25519-gcm, x25519-mlkem768-gcm or modp2048-cbc", "x25519-gcm")
    .addHelpText("after", "\nExamples:\n  myikev2 demo\n  myikev2 demo --tunnels 5000 --json")
    .action(async (options) => {
      const { runDemo } = await import("@/cli/demo.ts");
      exit(await runDemo(options));
    });
}

function addSimulate(program: Command, exit: (status: number) => void): void {
  program.command("simulate")
    .description(
      "simulate both ends in seeded worlds with a bad network, and check invariants after each event",
    )
    .option("--seed <n>", "the first seed", wholeNumber(0, 2 ** 32 - 1), 1)
    .option(
      "--count <n>",
      "number of worlds, each with the next seed",
      wholeNumber(1, 100_000_000),
      1000,
    )
    .option("--task <task>", "run only this scenario")
    .option(
      "--loss <p>",
      "probability of loss, 0 to 1; by default each world draws its own",
      fraction,
    )
    .option("--duplication <p>", "probability of duplication, 0 to 1", fraction)
    .option("--break <rule>", "break one rule of the core, which the simulation should find")
    .option("-j, --json [bool]", "print the counts as one line of JSON", parseSwitch)
    .addHelpText(
      "after",
      `
Examples:
  myikev2 simulate --count 20000 --loss 0.3 --duplication 0.3
  myikev2 simulate --seed 4711 --count 1      one world again, with its ladder if it breaks
  myikev2 simulate --break swap_nonces        is the fault found?
  myikev2 simulate --break list               the rules that can be broken`,
    )
    .action(async (options) => {
      const { runSimulation } = await import("@/cli/simulate.ts");
      exit(runSimulation(options));
    });
}

function addDefault(program: Command, exit: (status: number) => void): void {
  program.command("default")
    .description(
      "write a commented setup file with every option at its default, RADIUS users, or an inventory",
    )
    .addArgument(
      new Argument(
        "[what]",
        "the setup file, the users file of a FreeRADIUS server, or an inventory of Ansible",
      )
        .choices(["setup", "freeradius", "inventory"]).default("setup"),
    )
    .option(
      "-f, --exportfile <file>",
      "file to write (default: default_myikev2.setup, users, or inventory.yaml); - is standard output",
    )
    .option(
      "-c, --exportcount <n>",
      "number of users in the freeradius file",
      wholeNumber(1, 1_000_000),
      10,
    )
    .option(
      "--temp <template>",
      "entry of each user; &d is replaced by its index, from 0 on",
      'bob&d    Cleartext-Password := "bob"',
    )
    .addHelpText(
      "after",
      `
Examples:
  myikev2 default setup
  myikev2 default -f -
  myikev2 default inventory
  myikev2 default freeradius -c 1000
  myikev2 default freeradius --temp 'user&d@example.org  Cleartext-Password := "secret&d"'`,
    )
    .action(async (what: DefaultFile, options: DefaultOptions) => {
      const { writeDefault } = await import("@/cli/setup_files.ts");
      exit(writeDefault(what, options));
    });
}

function addCompact(program: Command, exit: (status: number) => void): void {
  program.command("compact").description(
    "drop the options of a setup file that equal their default",
  )
    .requiredOption("-i, --input <file>", "the setup file")
    .option("-o, --output <file>", "file to write; - is standard output", "myikev2_compact.setup")
    .option("-c, --check [bool]", "check that both files give the same setup", parseSwitch)
    .option("--lenient [bool]", "only warn of unknown and misplaced options", parseSwitch)
    .addHelpText("after", "\nExample:\n  myikev2 compact -i full.yaml -o short.yaml --check")
    .action(async (options) => {
      const { writeCompact } = await import("@/cli/setup_files.ts");
      exit(writeCompact(options));
    });
}
