/**
 * Changes links, namespaces and addresses of the host by the `ip` program of iproute2; a failure is
 * an error of the system.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import { runIp } from "@/native/ip_program.ts";

/**
 * Runs `ip` to its end; returns what it printed.
 * @throws {SystemError} `Cannot …`, with the error message of `ip`.
 */
export async function ip(what: string, args: readonly string[]): Promise<string> {
  const outcome = await runIp(args);
  if (!outcome) {
    const why = "the program ip (iproute2) is not installed";
    throw new SystemError(`Cannot ${what}: ${why}`, "ip", "ENOENT");
  }
  const { success, output, why } = outcome;
  if (success) return output;
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
