import assert from "node:assert/strict";
import type { Summary } from "@/control/daemon_client.ts";
import { junitXml } from "@/control/junit.ts";
import {
  firstError,
  hasPassed,
  type InstanceOutcome,
  type InstanceResult,
  outcomeJson,
  type RecipeOutcome,
} from "@/control/outcome.ts";
import { listTable, outcomeTable } from "@/control/table.ts";

const SUMMARY: Summary = {
  Role: 1,
  NumOfCreatedTunnel: 9,
  SetupRate: 12.34,
  Live_count: "8",
  Configured_count: "10",
  Result: 2,
  LastErrMsg: "no answer",
};

/** The outcome of an instance, which runs another program if there is no summary. */
function outcomeOf(
  id: number,
  name: string,
  result: InstanceResult,
  reason = "",
  summary?: Summary,
): InstanceOutcome {
  const setup = summary && { text: "", role: "client" as const, ends: true, apiTls: false };
  const what = summary
    ? {
      kind: "myikev2" as const,
      setupPath: "x",
      setupPosition: { file: "r", line: 1, column: 1 },
      logDirectory: "",
    }
    : {
      kind: "other" as const,
      setupCommands: "",
      upCommands: "",
      destroyCommands: "",
      dataInterface: "",
      dataAddress: "",
    };
  const durationSec = result === "not started" ? undefined : 1.25;
  const instance = { id, name, daemonName: "svr1", waitMs: 0, what, setup };
  return { instance, result, reason, summary, ping: undefined, durationSec };
}

/** The outcome of a recipe. */
function recipeOutcome(
  instances: readonly InstanceOutcome[],
  more: Partial<RecipeOutcome> = {},
): RecipeOutcome {
  return {
    recipe: `a "b" <c> & d`,
    file: "r",
    commands: [],
    instances,
    errors: [],
    startEpochMs: 0,
    durationSec: 2,
    ...more,
  };
}

/** A command of `cleancmds` that has failed. */
const failedClean = {
  when: "clean" as const,
  daemonName: "svr1",
  commands: "false",
  reason: "ended with status 1",
  output: "oh\x1b]>",
  durationSec: 0.5,
};

Deno.test("a recipe passes only if no instance, no command and nothing else has failed", () => {
  const good = [
    outcomeOf(1, "a", "passed"),
    outcomeOf(2, "b", "running"),
    outcomeOf(3, "c", "stopped"),
  ];
  assert.equal(hasPassed(recipeOutcome(good)), true);
  assert.equal(firstError(recipeOutcome(good)), undefined);
  const bad: InstanceResult[] = [
    "failed",
    "could not start",
    "died",
    "refused",
    "timed out",
    "unknown",
    "not started",
  ];
  for (const result of bad) {
    assert.equal(hasPassed(recipeOutcome([...good, outcomeOf(4, "d", result)])), false, result);
  }
  assert.equal(hasPassed(recipeOutcome(good, { commands: [failedClean] })), false);
  assert.equal(hasPassed(recipeOutcome(good, { errors: ["cannot destroy"] })), false);
});

Deno.test("the error that is reported first is the one that caused the others", () => {
  const skipped = outcomeOf(1, "a", "not started");
  const refused = outcomeOf(2, "b", "refused", "no");
  assert.equal(
    firstError(recipeOutcome([skipped, refused], { commands: [failedClean] })),
    "b: refused: no",
  );
  assert.equal(
    firstError(recipeOutcome([], { commands: [failedClean] })),
    "cleancmds on svr1: ended with status 1",
  );
  const failedSetup = { ...failedClean, when: "setup" as const };
  assert.equal(
    firstError(recipeOutcome([skipped], { commands: [failedClean, failedSetup] })),
    "setupcmds on svr1: ended with status 1",
  );
});

Deno.test("the table of outcomes has a line for each instance, and no control characters", () => {
  const lines = outcomeTable([
    outcomeOf(1, "client-1", "failed", "no\n\x1b[31manswer", SUMMARY),
    outcomeOf(20, "other", "running"),
    outcomeOf(3, "x", "not started"),
  ]);
  assert.deepEqual(lines, [
    "id  instance  daemon  role    result       tunnels  rate    time   why",
    "1   client-1  svr1    client  failed       9 of 10  12.3/s  1.3 s  no \\u001b[31manswer",
    "20  other     svr1    other   running      -        -       1.3 s",
    "3   x         svr1    other   not started  -        -       -",
  ]);
});

Deno.test("the list has a line for each instance, and one for a daemon that does not answer", () => {
  const api = { address: Uint8Array.of(169, 254, 240, 2), port: 12330 };
  const ping = { sent: 5, received: 4 };
  const lines = listTable([
    {
      daemonName: "a",
      instances: [{ name: "c", type: 1, api, summary: SUMMARY, ping }],
      error: "",
    },
    { daemonName: "b", instances: [], error: "no answer" },
  ]);
  assert.deepEqual(lines, [
    "daemon  instance  role    result  live  tunnels  ping    API                  why",
    "a       c         client  failed  8     9 of 10  4 of 5  169.254.240.2:12330  no answer",
    "b       -         -       -       -     -        -       -                    no answer",
  ]);
  assert.deepEqual(listTable([{ daemonName: "a", instances: [], error: "" }]), ["no instances"]);
});

Deno.test("the JUnit file counts failures, errors and skipped cases, and escapes all text", () => {
  const xml = junitXml(
    recipeOutcome([
      outcomeOf(1, "a", "passed", "", SUMMARY),
      outcomeOf(2, "b", "failed", `say "no" & <more>\n`),
      outcomeOf(3, "c", "not started"),
    ], { commands: [failedClean], errors: ["left"] }),
  );
  assert.match(
    xml,
    /<testsuite name="a &quot;b&quot; &lt;c&gt; &amp; d" tests="5" failures="1" errors="2" skipped="1" time="2.000" timestamp="1970-01-01T00:00:00">/,
  );
  assert.match(
    xml,
    /<failure type="failed" message="say &quot;no&quot; &amp; &lt;more&gt;&#10;"\/>/,
  );
  assert.match(xml, /<system-out>9 of 10 tunnels, passed<\/system-out>/);
  assert.match(xml, /<skipped message="not started"\/>/);
  assert.match(xml, /<system-out>oh\ufffd\]&gt;<\/system-out>/);
  assert.match(xml, /<error type="controller" message="left"\/>/);
});

Deno.test("the JSON result of a recipe has null for what is not known", () => {
  const json = outcomeJson(
    recipeOutcome([outcomeOf(1, "a", "failed", "why", SUMMARY), outcomeOf(2, "b", "not started")]),
  );
  assert.equal(json.result, "failed");
  assert.equal(json.error, "a: failed: why");
  assert.deepEqual(json.instances, [
    {
      id: 1,
      name: "a",
      daemon: "svr1",
      type: "myikev2",
      role: "client",
      result: "failed",
      error: "why",
      tunnels: { configured: 10, established: 9, live: 8 },
      setupRate: 12.34,
      ping: null,
      durationSec: 1.25,
    },
    {
      id: 2,
      name: "b",
      daemon: "svr1",
      type: "other",
      role: null,
      result: "not started",
      error: null,
      tunnels: null,
      setupRate: null,
      ping: null,
      durationSec: null,
    },
  ]);
});
