/**
 * Runs `myikev2 merge`.
 * @module
 */
import { textOf } from "@/cli/compare.ts";
import { EXIT_FAILED, EXIT_PASSED } from "@/cli/exit_status.ts";
import { printLine, tellLine } from "@/files/terminal.ts";
import { mergeResults, type NamedResult } from "@/report/merge_results.ts";
import { readResult } from "@/report/read_result.ts";
import { summaryLines } from "@/report/summary.ts";

/** Options of `merge`. */
export interface MergeOptions {
  /** Whether the merged result is printed as JSON, and not as a summary. */
  readonly json?: boolean;
}

/**
 * Merges the results in files, and prints the merged one. Returns the exit status that one run with this result
 * would have. @throws {SetupError} if a file is not a result, or the results cannot be merged.
 */
export async function mergeFiles(
  paths: readonly string[],
  { json }: MergeOptions,
): Promise<number> {
  const parts: NamedResult[] = [];
  for (const path of paths) {
    parts.push({ name: path, result: readResult(await textOf(path), path) });
  }
  const { result, notes } = mergeResults(parts);
  if (json) printLine(JSON.stringify(result));
  else for (const line of summaryLines(result)) printLine(line);
  for (const note of notes) tellLine(note);
  return result.result === "failed" ? EXIT_FAILED : EXIT_PASSED;
}
