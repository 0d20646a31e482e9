/**
 * What an instance of ours says at its end: the one line of JSON of `test --json` (docs/results.md), in
 * its log directory.
 * @module
 */
import { readPrivate } from "@/files/private_file.ts";
import { InstanceState, type RunOutcome } from "@/daemon/record.ts";
import type { RunEnd } from "@/daemon/state.ts";

/** The result, and the state it means. */
export interface InstanceResult extends RunEnd {
  readonly state: InstanceState;
}

const OUTCOMES: readonly RunOutcome[] = ["passed", "failed", "stopped"];

/** A result has some kilobytes. */
const OCTETS_MAX = 16 << 20;

/** The result in the file; undefined where it has none, as when the process was killed. */
export function readResultFile(path: string): InstanceResult | undefined {
  try {
    return parseResult(JSON.parse(readPrivate(path, OCTETS_MAX).trim().split("\n").at(-1)!));
  } catch {
    return undefined;
  }
}

// deno-lint-ignore no-explicit-any -- our own output, but of another process: looked at field by field
function parseResult(json: any): InstanceResult | undefined {
  const outcome = OUTCOMES.find((word) => word === json.result);
  if (outcome === undefined) return undefined;
  const words = typeof json.error === "string" ? json.error : "";
  const { established = null, configured = null } = json.tunnels ?? {};
  // A run that never began has no duration.
  if (json.durationSec === null) {
    const state = InstanceState.COULD_NOT_START;
    return { state, outcome: "could not start", words, established: null, configured: null };
  }
  const state = outcome === "failed" ? InstanceState.FAILED : InstanceState.PASSED;
  return { state, outcome, words, established, configured };
}
