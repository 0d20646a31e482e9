/**
 * An instance of ours as a process: `myikev2 test` in its namespace, detached from the daemon, its
 * output in files.
 * @module
 */
import { SystemError, systemWords } from "@/base/errors.ts";
import { replaceText } from "@/files/private_file.ts";
import { hostEnvironment } from "@/daemon/host_process.ts";
import { hasEnded, type ProcessId, processOf, signal } from "@/daemon/process.ts";

/** Files of an instance of ours in its log directory. */
export interface OurFiles {
  /** The setup that it runs. */
  readonly setup: string;
  /** Its result: one line of JSON. */
  readonly result: string;
  /** What it says beside that. */
  readonly output: string;
  readonly log: string;
  readonly crash: string;
}

/** How long it may take to tell its peers and to end by itself: 10 s, and some more to tidy up. */
const GRACEFUL_MS = 14_000;
/** How long it may take where nobody is told. */
const UNGRACEFUL_MS = 3_000;
/** How long the kernel may take to remove it. */
const KILL_MS = 3_000;

/** Their names; two instances may share a directory. */
export function filesOf(name: string): OurFiles {
  return {
    setup: `${name}.yaml`,
    result: `${name}.result.json`,
    output: `${name}.output`,
    log: `${name}.log`,
    crash: `${name}.crash`,
  };
}

/** What is needed to start it. */
export interface StartOptions {
  readonly namespace: string;
  readonly directory: string;
  readonly files: OurFiles;
  readonly ownCommand: readonly string[];
  readonly lenient: boolean;
  /** Users whom its API trusts, as --allow-user names them. */
  readonly allowUsers: readonly string[];
  /** Whether its API trusts callers on other hosts without a certificate. */
  readonly insecure: boolean;
}

/** Result and output belong to the owner alone; then the shell becomes the test. */
const INTO_FILES = 'cd "$1" || exit; umask 077; exec >"$2" 2>"$3" </dev/null; shift 3; exec "$@"';

/**
 * Starts it; resolves to the process, which has a session of its own and asks nothing of us any more.
 * @throws {SystemError}
 */
export function startOurs(options: StartOptions): ProcessId {
  const { namespace, directory, files, ownCommand } = options;
  const test = [
    ...ownCommand,
    ...["test", files.setup, "--hold", "--json", "--lf", files.log, "--crlf", files.crash],
    ...(options.lenient ? ["--lenient"] : []),
    ...(options.insecure ? ["--insecure"] : []),
    ...options.allowUsers.flatMap((name) => ["--allow-user", name]),
  ];
  const shell = ["/bin/sh", "-c", INTO_FILES, "sh", directory, files.result, files.output];
  let child: Deno.ChildProcess;
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
  // Its status is fetched, so that it does not stay as a zombie; nobody waits for it.
  child.status.catch(() => {});
  child.unref();
  const id = processOf(child.pid);
  if (!id) throw new SystemError("Cannot start the test: it ended at once", "execve", "");
  return id;
}

/** Ends it; `stopNow` asks its API for an end without a word to its peers, and `hurry` may come later. */
export async function endOurs(
  id: ProcessId,
  stopNow: (() => Promise<unknown>) | undefined,
  hurry: AbortSignal,
): Promise<void> {
  if (stopNow) await stopNow().catch(() => {});
  // The first signal asks for a graceful end, unless it is over already; it also ends --hold.
  signal(id, "SIGTERM");
  if (!stopNow && await hasEnded(id, GRACEFUL_MS, hurry)) return;
  if (!stopNow) signal(id, "SIGTERM");
  if (await hasEnded(id, UNGRACEFUL_MS)) return;
  signal(id, "SIGKILL");
  await hasEnded(id, KILL_MS);
}

/** A file only its owner may read: a setup holds a PSK. @throws {SystemError} */
export function writeOwn(path: string, text: string): void {
  try {
    replaceText(path, text, "service");
  } catch (e) {
    throw new SystemError(`Cannot write ${path}: ${systemWords(e)}`, "open", "");
  }
}
