/**
 * Changes addresses and routes by the `ip` program of iproute2; a failure is an error of the setup.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import { runIp } from "@/native/ip_program.ts";

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
  const outcome = await runIp(args, input);
  if (!outcome) {
    throw new SetupError(
      `Cannot ${call.what}: the program ip (iproute2) is not there; --flush=false does without it`,
    );
  }
  const { success, output, why } = outcome;
  if (success || call.quiet) return output;
  const hint = /not permitted|denied/i.test(why)
    ? call.hint ?? "; it needs CAP_NET_ADMIN (or root), and --flush=false does without it"
    : "";
  throw new SetupError(`Cannot ${call.what}: ${why}${hint}`);
}
