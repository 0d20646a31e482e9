/**
 * Writes the result of a run as a JUnit file, which CI systems read: a test case for the run,
 * one for each cause by which tunnels failed, and one for each threshold.
 * @module
 */
import { escapeXml, xmlAttributes } from "@/base/xml.ts";
import { verdictWords } from "@/engine/show/thresholds.ts";
import type { RunResultJson } from "@/report/result.ts";
import { summaryLines } from "@/report/summary.ts";
import { withoutSentences } from "@/report/masking.ts";

/** A test case, as lines of XML. */
interface Case {
  readonly name: string;
  /** The type of the failure and a sentence about it; undefined if the case passed. */
  readonly failure?: { readonly type: string; readonly message: string } | undefined;
  /** Whether the test could not be run at all. */
  readonly isError?: boolean;
  readonly seconds: number;
  readonly output: string;
}

/** The text of the file. With `masks`, sentences that may contain an identity are left out. */
export function junitOf(whole: RunResultJson, masks: boolean): string {
  const result = masks ? withoutSentences(whole) : whole;
  const cases = [
    runCase(result),
    ...result.failures.map((f) => causeCase(result, f)),
    ...result.thresholds.map(thresholdCase),
  ];
  const failures = cases.filter(({ failure, isError }) => failure && !isError).length;
  const suite = xmlAttributes({
    name: result.setup ?? "myikev2",
    tests: String(cases.length),
    failures: String(failures),
    errors: String(cases.filter(({ isError }) => isError).length),
    skipped: "0",
    time: (result.durationSec ?? 0).toFixed(3),
    ...(result.timeline ? { timestamp: result.timeline.startedAt.slice(0, 19) } : {}),
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    `  <testsuite${suite}>`,
    ...cases.flatMap((one) => caseLines(one, result.role ?? "setup")),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function runCase(result: RunResultJson): Case {
  const { error, setupErrors, durationSec } = result;
  const isRefused = durationSec === null;
  const message = setupErrors.length > 1 ? setupErrors.join("\n") : error ?? "Test failed";
  return {
    name: "run",
    failure: result.result === "failed"
      ? { type: isRefused ? "refused" : "failed", message }
      : undefined,
    isError: isRefused,
    seconds: durationSec ?? 0,
    output: isRefused ? "" : summaryLines(result).join("\n"),
  };
}

/**
 * The case of one cause of failure. A run may pass although tunnels failed: a gateway passes if
 * enough others came up.
 */
function causeCase(
  { result }: RunResultJson,
  { cause, count, example }: RunResultJson["failures"][number],
): Case {
  const words = `${count} tunnels failed by ${cause}, for example: ${example}`;
  return {
    name: `failures: ${cause}`,
    failure: result === "failed" ? { type: cause, message: words } : undefined,
    seconds: 0,
    output: words,
  };
}

function thresholdCase(verdict: RunResultJson["thresholds"][number]): Case {
  const words = verdictWords(verdict);
  return {
    name: `threshold: ${verdict.threshold}`,
    failure: verdict.held ? undefined : { type: "threshold", message: words },
    seconds: 0,
    output: words,
  };
}

function caseLines({ name, failure, isError, seconds, output }: Case, classname: string): string[] {
  const head = xmlAttributes({ classname: `myikev2.${classname}`, name, time: seconds.toFixed(3) });
  const element = isError ? "error" : "failure";
  const body = [
    ...(failure ? [`<${element}${xmlAttributes({ ...failure })}/>`] : []),
    ...(output ? [`<system-out>${escapeXml(output)}</system-out>`] : []),
  ];
  return [`    <testcase${head}>`, ...body.map((line) => `      ${line}`), "    </testcase>"];
}
