/**
 * Runs `myikev2 daemon`, which serves the Daemon API until a signal ends it, and `myikev2 daemon
 * history`, which lists finished runs.
 * @module
 */
import { printLine, tellLine } from "@/files/terminal.ts";
import { isLoopback } from "@/api/caller.ts";
import { parseAddress } from "@/base/address.ts";
import { printableLine } from "@/base/printable.ts";
import { parseDuration } from "@/base/duration.ts";
import { SetupError } from "@/base/errors.ts";
import { environment } from "@/engine/run/prepare.ts";
import { EXIT_PASSED } from "@/cli/exit_status.ts";
import { ownCommand } from "@/cli/own_command.ts";
import { CpuProfile } from "@/cli/profile.ts";
import { userNumber } from "@/cli/user_number.ts";
import { readTlsFiles, type TlsFiles } from "@/api/credentials.ts";
import { daemonView } from "@/cli/daemon_view.ts";
import { adviceOf as advice } from "@/cli/explain.ts";
import type { WebAddress } from "@/cli/output_options.ts";
import type { DaemonSite } from "@/web/daemon_site.ts";
import { onSignals } from "@/cli/signals.ts";
import { DAEMON_SOCKET } from "@/cli/daemon_socket.ts";
import { needCapabilities } from "@/daemon/capabilities.ts";
import { Instances } from "@/daemon/instances.ts";
import { parseManagementPrefix } from "@/daemon/management_address.ts";
import type { FinishedRun } from "@/daemon/record.ts";
import { DAEMON_PORT, DAEMON_TLS_NAMES, startDaemonApi } from "@/daemon/service.ts";
import { finishedRuns, StateFile } from "@/daemon/state.ts";
import type { DaemonContext } from "@/daemon/daemon_context.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { LogFile } from "@/report/log_file.ts";
import { readSetup } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";

/** Options of `daemon`. */
export interface DaemonOptions {
  readonly listen: string;
  readonly lf: string;
  readonly loglvl: number;
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly tlsClientCa: string;
  readonly insecure: boolean;
  /** Where the page of the instances is served; undefined: nowhere. */
  readonly web?: WebAddress;
  readonly maskIdentities: boolean;
  /** Path of the Unix socket; empty: there is none. */
  readonly socket: string;
  /** Names or numbers of users who may define and destroy instances, beside root. */
  readonly allowUser: readonly string[];
  readonly cmdtimeout: string;
  readonly mgmtprefix: string;
  readonly statedir: string;
  readonly lenient: boolean;
  readonly profiling: boolean;
}

/** Octets after which the daemon's log file is started anew. */
const LOG_OCTETS_MAX = 100_000_000;

/** Runs the daemon until SIGINT or SIGTERM; instances keep running. Returns the exit status. */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const { address, port } = parseListen(options.listen);
  refuseUnprotectedApi(address, options);
  const prefix = parseManagementPrefix(options.mgmtprefix);
  const commandTimeoutMs = timeoutOf(options.cmdtimeout);
  const users = options.allowUser.map(userNumber);
  needCapabilities();
  const state = new StateFile(options.statedir);
  const { tell, close } = openLog(options);
  const profile = options.profiling
    ? await CpuProfile.start(`${options.lf}.cpuprofile`, "--profiling")
    : undefined;
  const context: DaemonContext = {
    state,
    prefix,
    commandTimeoutMs,
    tell,
    ownCommand: ownCommand(),
    lenient: options.lenient,
    allowUsers: options.allowUser,
    insecure: options.insecure,
    showsInstances: options.web !== undefined,
    masks: options.maskIdentities,
    verify: (text, file) => verify(text, file, options.lenient),
  };
  const instances = new Instances(context);
  try {
    await instances.open();
    const tls = tlsFilesOf(options);
    const { socket } = options;
    const api = await startDaemonApi(instances, context, {
      address,
      port,
      tls,
      socket,
      // A daemon in another network namespace of this host may have the usual socket.
      socketIsOptional: socket === DAEMON_SOCKET,
      trust: { users, trustsOtherHosts: options.insecure },
    });
    const where = address.includes(":") ? `[${address}]` : address;
    tellLine(`daemon on ${where}:${api.port}`);
    const beside = socket === "" ? "" : ` and ${socket}`;
    tell(4, `Listening on ${where}:${api.port}${beside}`);
    try {
      const site = await serveSite(instances, options, users);
      if (site) tell(4, `Serving a page of the instances at ${site.url}`);
      await ended();
      await site?.close();
    } finally {
      await api.close();
    }
    tell(4, "Ended; the instances keep running");
  } finally {
    instances.close();
    await profile?.stop();
    close();
    state.close();
  }
  return EXIT_PASSED;
}

/** Serves the page of the instances, where `--web` asks for it. @throws {SetupError} */
async function serveSite(
  instances: Instances,
  options: DaemonOptions,
  users: readonly number[],
): Promise<DaemonSite | undefined> {
  const { web, maskIdentities: masks, insecure: trustsOtherHosts } = options;
  if (!web) return undefined;
  const tls = readTlsFiles(tlsFilesOf(options), DAEMON_TLS_NAMES);
  // Loaded where it is asked for alone: a web server takes 5 MB.
  const { serveDaemon } = await import("@/web/daemon_site.ts");
  const trust = { users, trustsOtherHosts };
  const site = await serveDaemon(daemonView(instances, masks), {
    ...web,
    tls,
    trust,
    reports: { masks, advice },
  });
  tellLine(`page of the instances at ${site.url}, metrics at ${site.url}metrics`);
  return site;
}

function tlsFilesOf({ tlsCert, tlsKey, tlsClientCa }: DaemonOptions): TlsFiles {
  return { certificate: tlsCert, key: tlsKey, clientCa: tlsClientCa };
}

/** Prints the finished runs, oldest first; returns the exit status. */
export function printHistory(statedir: string, json: boolean): number {
  const runs = finishedRuns(statedir);
  if (json) printLine(JSON.stringify(runs));
  else for (const line of historyLines(runs)) printLine(line);
  return EXIT_PASSED;
}

/** The finished runs as the lines of a table. */
export function historyLines(runs: readonly FinishedRun[]): string[] {
  const rows = runs.map((run) => [
    String(run.run),
    new Date(run.defined).toISOString().slice(0, 19) + "Z",
    `${Math.round((run.ended - run.defined) / 1000)} s`,
    run.type === 1 ? "myikev2" : "other",
    run.name,
    run.outcome,
    run.established === null ? "-" : `${run.established} of ${run.configured}`,
    printableLine(run.reason),
  ]);
  const table = [["run", "defined", "length", "type", "name", "result", "tunnels", "why"], ...rows];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
}

/** Parses `ADDR:PORT`, `[ADDR]:PORT` or `ADDR`. @throws {SetupError} */
export function parseListen(text: string): { readonly address: string; readonly port: number } {
  const [, v6, v4, portText] = /^(?:\[(.+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = v6 ?? v4 ?? text;
  const port = Number(portText ?? DAEMON_PORT);
  if (!parseAddress(address) || port > 65_535) {
    throw new SetupError(
      `Cannot listen on ${text}: expected an address and port as 127.0.0.1:12240`,
    );
  }
  return { address, port };
}

/**
 * Refuses an address that other hosts can reach without TLS client certificates, as the API runs
 * shell commands as root.
 */
function refuseUnprotectedApi(address: string, options: DaemonOptions): void {
  if (isLoopback(`${address}:0`) || options.tlsClientCa !== "" || options.insecure) return;
  throw new SetupError(
    `Cannot listen on ${address} for everybody: whoever reaches the daemon can run shell commands ` +
      `as root (SetupCMDs). Require client certificates by ${DAEMON_TLS_NAMES.clientCa}, or allow it ` +
      "with --insecure",
  );
}

/** Parses the duration of `--cmdtimeout`. @throws {SetupError} */
function timeoutOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new SetupError(`Cannot use --cmdtimeout ${text}: expected a duration such as 60s`);
}

/** Checks a setup as `test --verify` does. @throws {SetupError} */
async function verify(text: string, file: string, lenient: boolean): Promise<Setup> {
  const { setup, positionOf } = readSetup(text, file, { lenient });
  await environment(setup, positionOf);
  return setup;
}

function openLog(options: DaemonOptions): Pick<DaemonContext, "tell"> & { close: () => void } {
  const events = new EventHub();
  const log = new LogFile({
    path: options.lf,
    filter: { level: options.loglvl, keyword: "" },
    capOctets: LOG_OCTETS_MAX,
    inMemory: false,
  });
  events.attach(log);
  return {
    tell: (level, words) => {
      if (level === 2) tellLine(`myikev2: ${words}`);
      events.publish(level, words);
    },
    close: () => log.close(),
  };
}

/** Resolves at the first signal that asks the daemon to end. */
function ended(): Promise<void> {
  return new Promise((resolve) => onSignals(() => resolve()));
}
