/**
 * Runs the `ip` program of iproute2, which changes addresses and routes.
 * @module
 */
import { SetupError } from "@/base/errors.ts";

/** Options of a call of `ip`. `what` completes "Cannot …" in the error message. */
export interface IpCall {
  readonly what: string;
  /** Whether failures are ignored, as what is to be removed may be gone already. */
  readonly quiet?: boolean;
  /** The error message where the process lacks the right; absent: the one for the start of a test. */
  readonly hint?: string;
}

/** Runs one command; returns its output. @throws {SetupError} if it fails. */
export function ip(args: readonly string[], call: IpCall): Promise<string> {
  return run(args, "", call);
}

/** Runs many commands in one process. A quiet call continues after a command that fails. */
export async function ipBatch(lines: readonly string[], call: IpCall): Promise<void> {
  if (lines.length === 0) return;
  const force = call.quiet ? ["-force"] : [];
  await run([...force, "-batch", "-"], lines.map((line) => `${line}\n`).join(""), call);
}

/** The JSON output of a command; an empty list if what it asks about does not exist. */
export async function ipShow<T>(args: readonly string[]): Promise<T[]> {
  const what = `ask for ip ${args.join(" ")}`;
  const text = await run(["-j", ...args], "", { what, quiet: true });
  return text.trim() ? JSON.parse(text) : [];
}

async function run(args: readonly string[], input: string, call: IpCall): Promise<string> {
  const { success, stdout, stderr } = await output(args, input, call.what);
  const decoder = new TextDecoder();
  if (success || call.quiet) return decoder.decode(stdout);
  const why = decoder.decode(stderr).trim().split("\n")[0]!;
  const hint = /not permitted|denied/i.test(why)
    ? call.hint ?? "; it needs CAP_NET_ADMIN (or root), and --flush=false does without it"
    : "";
  throw new SetupError(`Cannot ${call.what}: ${why}${hint}`);
}

async function output(
  args: readonly string[],
  input: string,
  what: string,
): Promise<Deno.CommandOutput> {
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command("ip", {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch {
    throw new SetupError(
      `Cannot ${what}: the program ip (iproute2) is not there; --flush=false does without it`,
    );
  }
  // Input is written while output is read, as a program whose output is not read stops reading its input.
  const [result] = await Promise.all([process.output(), feed(process.stdin, input)]);
  return result;
}

/** Writes the input. A process that ends before it has read all of it reports the reason itself. */
async function feed(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
}
