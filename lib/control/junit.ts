/**
 * The outcome of a recipe as a JUnit file, which CI systems read: one suite, a test case for each
 * instance and for each host's commands.
 * @module
 */
import { escapeXml, xmlAttributes } from "@/base/xml.ts";
import {
  type CommandOutcome,
  failureOfCommands,
  type InstanceOutcome,
  isGood,
  type RecipeOutcome,
} from "@/control/outcome.ts";

/** The text of the JUnit file. */
export function junitXml(outcome: RecipeOutcome): string {
  const cases = [
    ...outcome.commands.filter((c) => c.when === "setup").map(commandCase),
    ...outcome.instances.map(instanceCase),
    ...outcome.commands.filter((c) => c.when === "clean").map(commandCase),
    ...outcome.errors.map(errorCase),
  ];
  const failures = outcome.instances.filter((i) => !isGood(i) && i.result !== "not started").length;
  const skipped = outcome.instances.filter((i) => i.result === "not started").length;
  const errors = outcome.commands.filter((c) => c.reason !== "").length + outcome.errors.length;
  const counts = xmlAttributes({
    name: outcome.recipe,
    tests: String(cases.length),
    failures: String(failures),
    errors: String(errors),
    skipped: String(skipped),
    time: outcome.durationSec.toFixed(3),
    timestamp: new Date(outcome.startEpochMs).toISOString().slice(0, 19),
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    `  <testsuite${counts}>`,
    ...cases.flat().map((line) => `    ${line}`),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function instanceCase(
  { instance, result, reason, summary, durationSec }: InstanceOutcome,
): string[] {
  const head = xmlAttributes({
    classname: instance.daemonName,
    name: instance.name,
    time: (durationSec ?? 0).toFixed(3),
  });
  const tunnels = summary && summary.Role > 0
    ? `${summary.NumOfCreatedTunnel} of ${summary.Configured_count} tunnels, `
    : "";
  const out = `<system-out>${escapeXml(`${tunnels}${result}`)}</system-out>`;
  const message = xmlAttributes({ message: reason || result });
  const body = result === "not started"
    ? [`<skipped${message}/>`]
    : isGood({ result })
    ? [out]
    : [`<failure type="${escapeXml(result)}"${message}/>`, out];
  return testCase(head, body);
}

function commandCase(outcome: CommandOutcome): string[] {
  const { when, daemonName, commands, reason, output, durationSec } = outcome;
  const head = xmlAttributes({
    classname: daemonName,
    name: `${when}cmds: ${commands}`,
    time: durationSec.toFixed(3),
  });
  const error = reason === ""
    ? []
    : [`<error type="command"${xmlAttributes({ message: failureOfCommands(outcome) })}/>`];
  return testCase(head, [...error, `<system-out>${escapeXml(output)}</system-out>`]);
}

function errorCase(text: string): string[] {
  const head = xmlAttributes({ classname: "controller", name: text });
  return testCase(head, [`<error type="controller"${xmlAttributes({ message: text })}/>`]);
}

function testCase(head: string, body: readonly string[]): string[] {
  return [`<testcase${head}>`, ...body.map((line) => `  ${line}`), "</testcase>"];
}
