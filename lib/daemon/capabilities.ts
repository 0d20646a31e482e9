/**
 * The capabilities that the daemon needs. They are checked at its start, before it changes anything on the host.
 * @module
 */
import { SetupError } from "@/base/errors.ts";

/** The capabilities that are needed: name, bit number in a capability set (capabilities(7)), and purpose. */
const NEEDED = [
  ["CAP_NET_ADMIN", 12n, "to make links, addresses and routes"],
  ["CAP_SYS_ADMIN", 21n, "to make network namespaces"],
] as const;

/** Names the needed capabilities that are missing from the effective set (`CapEff`) of a `/proc/PID/status` text. */
export function missingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return NEEDED.filter(([, bit]) => (effective >> bit & 1n) === 0n)
    .map(([name, , why]) => `${name} (${why})`);
}

/** Checks that this process has all needed capabilities. @throws {SetupError} naming the missing ones. */
export function needCapabilities(): void {
  const missing = missingCapabilities(Deno.readTextFileSync("/proc/self/status"));
  if (missing.length === 0) return;
  throw new SetupError(
    `Cannot start the daemon: it lacks ${missing.join(" and ")}; run it as root`,
  );
}
