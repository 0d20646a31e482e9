/**
 * Runs the shell commands of Type 2 instances inside their network namespaces.
 * @module
 */
import { killGroup } from "@/daemon/process.ts";
import { keepDescriptorsFromChildren } from "@/native/descriptors.ts";

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
 * Appends the output of the command to `$1`, if that is a regular file (writing to a pipe would
 * wait for its reader, and a link may lead to another file). Processes that the command starts in
 * the background write there too, and nothing waits for them.
 */
const LOGGED = 'cd "$3"; test -f "$1" && test ! -L "$1" && exec >>"$1" 2>&1; ' +
  'exec /bin/sh -c "$2" </dev/null';

/**
 * Runs a command by `/bin/sh -c` in a session of its own. Resolves to undefined if it succeeded,
 * else to the reason. Processes that the command left in the background go on.
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
