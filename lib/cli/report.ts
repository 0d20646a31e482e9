/**
 * Runs `myikev2 report`.
 * @module
 */
import { textOf } from "@/cli/compare.ts";
import { adviceOf } from "@/cli/explain.ts";
import { EXIT_PASSED } from "@/cli/exit_status.ts";
import { tellLine } from "@/files/terminal.ts";
import { readResult } from "@/report/read_result.ts";
import { reportPage } from "@/report/report_page.ts";
import { SecretFile } from "@/report/secret_file.ts";

/** Options of `report`. */
export interface ReportOptions {
  readonly output: string;
  readonly maskIdentities?: boolean;
}

/** Writes the report of a result; returns the exit status. @throws {SetupError} */
export async function writeReport(
  path: string,
  { output, maskIdentities = false }: ReportOptions,
): Promise<number> {
  const page = reportPage(readResult(await textOf(path), path), {
    masks: maskIdentities,
    advice: adviceOf,
  });
  const file = new SecretFile(output, "--output");
  file.write(new TextEncoder().encode(page));
  file.close();
  tellLine(`wrote ${output}`);
  return EXIT_PASSED;
}
