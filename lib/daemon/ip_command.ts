/**
 * The system's `ip` (iproute2), and shell commands inside a network namespace.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import { killGroup } from "@/daemon/process.ts";
import { keepDescriptorsFromChildren } from "@/native/descriptors.ts";

/**
 * Runs `ip` to its end; returns what it printed.
 * @throws {SystemError} with its words, after `Cannot …`.
 */
export async function ip(what: string, args: readonly string[]): Promise<string> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("ip", {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
  } catch {
    const why = "the program ip (iproute2) is not there";
    throw new SystemError(`Cannot ${what}: ${why}`, "ip", "ENOENT");
  }
  const decoder = new TextDecoder();
  if (output.success) return decoder.decode(output.stdout);
  const why = decoder.decode(output.stderr).trim().split("\n")[0]!;
  throw new SystemError(`Cannot ${what}: ${why.replace(/^RTNETLINK answers: /, "")}`, "ip", why);
}

/** Runs `ip -json` and parses what it prints. @throws {SystemError} */
export async function ipJson<T>(what: string, args: readonly string[]): Promise<T[]> {
  const text = (await ip(what, ["-json", ...args])).trim();
  // iproute2 prints an empty text instead of an empty list.
  return text === ""
    ? []
    : JSON.parse(text).filter((entry: object) => Object.keys(entry).length > 0);
}

/** Runs `ip` and returns whether it succeeded; its output is discarded. */
export async function ipTry(args: readonly string[]): Promise<boolean> {
  return await ip("try", args).then(() => true, () => false);
}

/** One shell command of a Type 2 instance. */
export interface ShellCommand {
  readonly command: string;
  readonly namespace: string;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** File to which its output is appended. */
  readonly logFile: string;
  readonly timeoutMs: number;
  /** Kills the command when it is aborted. */
  readonly cancel?: AbortSignal;
}

/**
 * Appends its output to `$1`, where that is a file (a pipe would wait for its reader, a link lead elsewhere);
 * what the command starts in the background writes there too, and keeps nobody waiting.
 */
const LOGGED = 'cd "$3"; test -f "$1" && test ! -L "$1" && exec >>"$1" 2>&1; ' +
  'exec /bin/sh -c "$2" </dev/null';

/**
 * Runs a command by `/bin/sh -c` in a session of its own. Resolves to undefined if it succeeded, else to
 * the reason. Processes that the command left in the background go on.
 */
export async function runShell(shell: ShellCommand): Promise<string | undefined> {
  const { command, namespace, timeoutMs, cancel } = shell;
  if (cancel?.aborted) return "was cancelled";
  const positional = [shell.logFile, command, shell.directory];
  keepDescriptorsFromChildren();
  const child = new Deno.Command("ip", {
    args: ["netns", "exec", namespace, "/bin/sh", "-c", LOGGED, "sh", ...positional],
    env: shell.environment,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  let why: string | undefined;
  const end = (words: string) => () => {
    why = words;
    killGroup(child.pid);
  };
  const timer = setTimeout(end(`took longer than ${timeoutMs / 1000} s`), timeoutMs);
  const cancelled = end("was cancelled");
  cancel?.addEventListener("abort", cancelled);
  try {
    const { code, signal } = await child.status;
    if (why !== undefined || code === 0 && signal === null) return why;
    return signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
  } finally {
    clearTimeout(timer);
    cancel?.removeEventListener("abort", cancelled);
  }
}
