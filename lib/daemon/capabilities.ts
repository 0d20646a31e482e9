/**
 * What the daemon must be allowed to do, looked up before anything is done.
 * @module
 */
import { SetupError } from "@/base/errors.ts";

/** Bits of a capability set (capabilities(7)), and what needs them. */
const NEEDED = [
  ["CAP_NET_ADMIN", 12n, "to make links, addresses and routes"],
  ["CAP_SYS_ADMIN", 21n, "to make network namespaces"],
] as const;

/** Of the capabilities the daemon needs, those that a `/proc/PID/status` lacks in its effective set. */
export function missingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return NEEDED.filter(([, bit]) => (effective >> bit & 1n) === 0n)
    .map(([name, , why]) => `${name} (${why})`);
}

/** @throws {SetupError} naming what this process lacks. */
export function needCapabilities(): void {
  const missing = missingCapabilities(Deno.readTextFileSync("/proc/self/status"));
  if (missing.length === 0) return;
  throw new SetupError(
    `Cannot start the daemon: it lacks ${missing.join(" and ")}; run it as root`,
  );
}
