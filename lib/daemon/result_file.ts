/**
 * Reads the result of a Type 1 instance: the line of JSON that `test --json` prints
 * (docs/results.md), redirected into a file of its log directory.
 * @module
 */
import { readPrivate } from "@/files/private_file.ts";
import { InstanceState, type RunOutcome } from "@/daemon/record.ts";
import type { RunEnd } from "@/daemon/state.ts";

/** A result and the instance state that follows from it. */
export interface InstanceResult extends RunEnd {
  readonly state: InstanceState;
}

const OUTCOMES: readonly RunOutcome[] = ["passed", "failed", "stopped"];

/** Largest result file that is read; a result has some kilobytes. */
const OCTETS_MAX = 16 << 20;

/** Reads the result; undefined if the file holds none, as after a kill. */
export function readResultFile(path: string): InstanceResult | undefined {
  try {
    return parseResult(JSON.parse(lastLine(path)));
  } catch {
    return undefined;
  }
}

/** The line of JSON itself; undefined if the file cannot be read. */
export function readResultText(path: string): string | undefined {
  try {
    return lastLine(path);
  } catch {
    return undefined;
  }
}

function lastLine(path: string): string {
  return readPrivate(path, OCTETS_MAX).trim().split("\n").at(-1)!;
}

// deno-lint-ignore no-explicit-any -- another process wrote this; each field is checked
function parseResult(json: any): InstanceResult | undefined {
  const outcome = OUTCOMES.find((word) => word === json.result);
  if (outcome === undefined) return undefined;
  const reason = typeof json.error === "string" ? json.error : "";
  const { established = null, configured = null } = json.tunnels ?? {};
  // A test whose setup was refused has no duration.
  if (json.durationSec === null) {
    const state = InstanceState.COULD_NOT_START;
    return { state, outcome: "could not start", reason, established: null, configured: null };
  }
  const state = outcome === "failed" ? InstanceState.FAILED : InstanceState.PASSED;
  return { state, outcome, reason, established, configured };
}
