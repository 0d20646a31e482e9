/**
 * The `ip` program of iproute2, by which addresses and routes are changed.
 * @module
 */
import { SetupError } from "@/base/errors.ts";

/** Commands of `ip`; `what` completes "Cannot …" where one fails. */
export interface IpCall {
  readonly what: string;
  /** Whether failures are ignored, as what is to be removed may be gone already. */
  readonly quiet?: boolean;
  /** The error message where the process lacks the right; absent: the one for the start of a test. */
  readonly hint?: string;
}

/** Runs one command; its output. @throws {SetupError} where it fails. */
export function ip(args: readonly string[], call: IpCall): Promise<string> {
  return run(args, "", call);
}

/** Runs many commands in one process; a quiet one goes on behind those that fail. */
export async function ipBatch(lines: readonly string[], call: IpCall): Promise<void> {
  if (lines.length === 0) return;
  const force = call.quiet ? ["-force"] : [];
  await run([...force, "-batch", "-"], lines.map((line) => `${line}\n`).join(""), call);
}

/** The JSON answer of a command; an empty list where what it asks about is not there. */
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
  // Input and output at once: a program that is not read from stops reading itself.
  const [result] = await Promise.all([process.output(), feed(process.stdin, input)]);
  return result;
}

/** Writes the input; a process that ends before it has read all of it says why by itself. */
async function feed(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
}
