/**
 * Sentences about a test as a whole, whether one thread runs it or several.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import { RUN_RESULT_NAMES, RunResult } from "@/engine/show/view.ts";

/** The end of a test: its result, how long it took, and the first reason of a failure; empty: there is none. */
export interface TestEnd {
  readonly result: RunResult;
  readonly elapsedMs: number;
  readonly error: string;
}

/** The last event of a test. */
export function endOfTest(
  { result, elapsedMs, error }: TestEnd,
): { readonly level: EventLevel; readonly words: string } {
  const words = `Test ${RUN_RESULT_NAMES[result]} after ${showDuration(Math.round(elapsedMs))}`;
  return {
    level: result === RunResult.FAILED ? 2 : 4,
    words: words + (error ? `: ${error}` : ""),
  };
}

/** Says that all tunnels are established or given up. */
export function setUpIsOver(
  { established, failed }: { readonly established: number; readonly failed: number },
): string {
  const others = failed > 0 ? `, ${failed} given up` : "";
  return `The set-up is over: ${established} tunnels established${others}`;
}

/** What a gateway lacks of the tunnels that it expects, and the most frequent cause among strangers. */
export function expectedTunnels(
  established: number,
  expected: number,
  strangers: readonly FailureFigures[],
): string {
  return `${established} of ${expected} expected tunnels established${commonest(strangers)}`;
}

/** A clause about the most frequent cause of peers that did not authenticate; empty without them. */
function commonest(strangers: readonly FailureFigures[]): string {
  const [first] = strangers;
  if (!first) return "";
  const total = strangers.reduce((sum, { count }) => sum + count, 0);
  const some = total === 1 ? "1 peer" : `${total} peers`;
  const most = first.count === total ? "" : `, ${first.count} of them`;
  return `; ${some} did not authenticate${most} by ${first.cause}, for example: ${first.example}`;
}
