/**
 * Declares the command `daemon` with its options and examples.
 * @module
 */
import { DAEMON_SOCKET } from "@/cli/daemon_socket.ts";
import { type Command, Option } from "commander";
import { parseWeb, type WebAddress } from "@/cli/output_options.ts";
import { parseSwitch, refuseUnknownCommand, wholeNumber } from "@/cli/options.ts";

const STATE_DIRECTORY = "/var/lib/myikev2";

/** Options of `daemon` as commander gives them. */
interface DaemonFlags {
  readonly listen: string;
  readonly lf: string;
  readonly loglvl: number;
  readonly profiling?: boolean;
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly tlsClientCa: string;
  readonly insecure?: boolean;
  readonly web?: WebAddress;
  readonly maskIdentities?: boolean;
  readonly socket: string;
  readonly allowUser: readonly string[];
  readonly cmdtimeout: string;
  readonly mgmtprefix: string;
  readonly statedir: string;
  readonly lenient?: boolean;
}

/** Adds `daemon` and `daemon history` to the program. */
export function addDaemon(program: Command, exit: (status: number) => void): void {
  const daemon = program.command("daemon")
    // Both commands have --statedir, and one that stands after `history` belongs to `history`.
    .enablePositionalOptions()
    .description("serve the Daemon API: run tests in network namespaces of this host (as root)")
    .option("--listen <address:port>", "address and port of the Daemon API", "127.0.0.1:12240")
    .option("--lf <file>", "log file of the daemon", "myikev2_daemon.log")
    .addOption(
      new Option("--loglvl <n>", "1 critical to 5 debug")
        .choices(["1", "2", "3", "4", "5"]).argParser(wholeNumber(1, 5)).default(2),
    )
    .option(
      "-p, --profiling [bool]",
      "write a CPU profile of the daemon beside its log file (.cpuprofile), of half an hour at most",
      parseSwitch,
    )
    .option("--tls-cert <file>", "certificate of the API (PEM); enables TLS", "")
    .option("--tls-key <file>", "private key of --tls-cert (PEM)", "")
    .option(
      "--tls-client-ca <file>",
      "CA of client certificates (PEM), which are then required",
      "",
    )
    .option(
      "--insecure [bool]",
      "accept other hosts without client certificates: they can run commands as root here",
      parseSwitch,
    )
    .option(
      "--allow-user <name>",
      "a user of this host who may define and destroy instances, and so run commands as root; may be repeated",
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option(
      "--web <address:port>",
      "show the instances, the live page of each and /metrics of all, to everybody who reaches this " +
        "address; a port alone is one of 127.0.0.1. TLS is that of the API (--tls-cert, …)",
      parseWeb,
    )
    .option(
      "--mask-identities [bool]",
      "leave sentences that may contain an identity out of the pages of --web",
      parseSwitch,
    )
    .option("--socket <path>", "Unix socket of the API; empty: none", DAEMON_SOCKET)
    .option(
      "--cmdtimeout <duration>",
      "longest time of each of SetupCMDs, UpCMDs, DestroyCMDs",
      "60s",
    )
    .option(
      "--mgmtprefix <prefix>",
      "prefix of the management addresses of the bridge and the instances",
      "169.254.240.0/20",
    )
    .option("--statedir <directory>", "directory of the daemon's state", STATE_DIRECTORY)
    .option("--lenient [bool]", "only warn of unknown and misplaced options of setups", parseSwitch)
    .addHelpText(
      "after",
      `
Examples:
  myikev2 daemon
  myikev2 daemon --listen 192.0.2.1 --tls-cert d.pem --tls-key d.key --tls-client-ca ca.pem
  myikev2 daemon --web 8080
  myikev2 daemon history --json`,
    )
    .allowExcessArguments()
    .action(async (flags: DaemonFlags) => {
      refuseUnknownCommand(daemon);
      const { runDaemon } = await import("@/cli/daemon.ts");
      const { insecure = false, lenient = false, profiling = false, maskIdentities = false } =
        flags;
      exit(await runDaemon({ ...flags, insecure, lenient, profiling, maskIdentities }));
    });
  daemon.command("history").description("list the finished runs, oldest first")
    .option("--statedir <directory>", "directory of the daemon's state", STATE_DIRECTORY)
    .option("-j, --json [bool]", "print them as one line of JSON", parseSwitch)
    .addHelpText("after", "\nExample:\n  myikev2 daemon history --json")
    .action(async (flags: { statedir: string; json?: boolean }) => {
      const { printHistory } = await import("@/cli/daemon.ts");
      exit(printHistory(flags.statedir, flags.json ?? false));
    });
}
