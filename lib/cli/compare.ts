/**
 * Runs `myikev2 compare`.
 * @module
 */
import { EXIT_FAILED, EXIT_PASSED } from "@/cli/exit_status.ts";
import { readText } from "@/cli/setup_files.ts";
import { printLine } from "@/files/terminal.ts";
import { compareResults, comparisonLines } from "@/report/compare.ts";
import { readResult } from "@/report/read_result.ts";

/** Options of `compare`. */
export interface CompareOptions {
  /** Relative change up to which a figure counts as unchanged; 0.05 means 5 %. */
  readonly tolerance: number;
  readonly json?: boolean;
}

/** Compares the results of two files; returns the exit status. @throws {SetupError} */
export async function compareFiles(
  before: string,
  after: string,
  { tolerance, json }: CompareOptions,
): Promise<number> {
  const read = async (path: string) => readResult(await textOf(path), path);
  const comparison = compareResults(await read(before), await read(after), tolerance);
  if (json) printLine(JSON.stringify(comparison));
  else for (const line of comparisonLines(comparison)) printLine(line);
  return comparison.isWorse ? EXIT_FAILED : EXIT_PASSED;
}

/** The text of a file; `-` is standard input. @throws {SetupError} */
export async function textOf(path: string): Promise<string> {
  return path === "-" ? await new Response(Deno.stdin.readable).text() : readText(path);
}
