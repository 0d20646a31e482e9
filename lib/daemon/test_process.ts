/**
 * The process of a Type 1 instance: `myikev2 test` in its namespace, detached from the daemon, with its
 * output redirected into files.
 * @module
 */
import { SystemError, systemWords } from "@/base/errors.ts";
import { replaceText } from "@/files/private_file.ts";
import { hostEnvironment } from "@/daemon/host_process.ts";
import { hasEnded, type ProcessId, processOf, signal } from "@/daemon/process.ts";
import { keepDescriptorsFromChildren } from "@/native/descriptors.ts";

/** Names of the files of a Type 1 instance in its log directory. */
export interface InstanceFiles {
  /** The setup file. */
  readonly setup: string;
  /** Standard output: the result as one line of JSON. */
  readonly result: string;
  /** Standard error. */
  readonly output: string;
  readonly log: string;
  readonly crash: string;
}

/** Time for an end that tells no peer, in milliseconds. */
const UNGRACEFUL_MS = 3_000;
/** Time that the kernel has to remove the process after SIGKILL, in milliseconds. */
const KILL_MS = 3_000;

/** File names of an instance; its name is in each, as instances may share a directory. */
export function instanceFiles(name: string): InstanceFiles {
  return {
    setup: `${name}.yaml`,
    result: `${name}.result.json`,
    output: `${name}.output`,
    log: `${name}.log`,
    crash: `${name}.crash`,
  };
}

/** What is needed to start the process. */
export interface StartOptions {
  readonly namespace: string;
  readonly directory: string;
  readonly files: InstanceFiles;
  readonly ownCommand: readonly string[];
  readonly lenient: boolean;
  /** Users whom its API trusts, as --allow-user names them. */
  readonly allowUsers: readonly string[];
  /** Whether its API trusts callers on other hosts without a certificate. */
  readonly insecure: boolean;
  /** Address and port of its live page; undefined: it has none. */
  readonly web: string | undefined;
  /** Whether sentences that may name an identity are left out of it. */
  readonly masks: boolean;
}

/** Redirects output into files that only the owner can read, then replaces the shell by the test. */
const INTO_FILES = 'cd "$1" || exit; umask 077; exec >"$2" 2>"$3" </dev/null; shift 3; exec "$@"';

/**
 * Starts the process in a session of its own, so that it survives the daemon.
 * @throws {SystemError}
 */
export function startInstanceProcess(options: StartOptions): ProcessId {
  const { namespace, directory, files, ownCommand } = options;
  const test = [
    ...ownCommand,
    "test",
    files.setup,
    "--hold",
    "--json",
    "--lf",
    files.log,
    "--crlf",
    files.crash,
    ...(options.lenient ? ["--lenient"] : []),
    ...(options.insecure ? ["--insecure"] : []),
    ...(options.web ? ["--web", options.web] : []),
    ...(options.masks ? ["--mask-identities"] : []),
    ...options.allowUsers.flatMap((name) => ["--allow-user", name]),
  ];
  const shell = ["/bin/sh", "-c", INTO_FILES, "sh", directory, files.result, files.output];
  let child: Deno.ChildProcess;
  keepDescriptorsFromChildren();
  try {
    child = new Deno.Command("ip", {
      args: ["netns", "exec", namespace, ...shell, ...test],
      env: { NO_COLOR: "1", ...hostEnvironment() },
      stdin: "null",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
  } catch (e) {
    throw new SystemError(`Cannot start the test: ${systemWords(e)}`, "execve", "");
  }
  // Its status is collected, so that it does not stay a zombie; nothing waits for it.
  child.status.catch(() => {});
  child.unref();
  const id = processOf(child.pid);
  if (!id) throw new SystemError("Cannot start the test: it ended at once", "execve", "");
  return id;
}

/** How a process is ended. */
export interface EndOptions {
  /** Calls Stop of its API, so that no peer is told; undefined: the end is graceful. */
  readonly stopNow: (() => Promise<unknown>) | undefined;
  /** Milliseconds that a graceful end may take. */
  readonly gracefulMs: number;
  /** Cuts a graceful end short. */
  readonly hurry: AbortSignal;
}

/** Ends the process, at the latest by SIGKILL. */
export async function endInstanceProcess(
  id: ProcessId,
  { stopNow, gracefulMs, hurry }: EndOptions,
): Promise<void> {
  if (stopNow) await stopNow().catch(() => {});
  // The first SIGTERM asks for a graceful end and ends --hold; after Stop it only ends --hold.
  signal(id, "SIGTERM");
  if (!stopNow && await hasEnded(id, gracefulMs, hurry)) return;
  if (!stopNow) signal(id, "SIGTERM");
  if (await hasEnded(id, UNGRACEFUL_MS)) return;
  signal(id, "SIGKILL");
  await hasEnded(id, KILL_MS);
}

/** Writes a file that only its owner can read, since a setup holds a PSK. @throws {SystemError} */
export function writeForOwner(path: string, text: string): void {
  try {
    replaceText(path, text, "service");
  } catch (e) {
    throw new SystemError(`Cannot write ${path}: ${systemWords(e)}`, "open", "");
  }
}
