import assert from "node:assert/strict";
import { InstanceState } from "@/daemon/record.ts";
import { readResultFile } from "@/daemon/result_file.ts";
import { refusedResult } from "@/report/result.ts";

/** Reads a result file that contains this text. */
function read(text: string) {
  const path = Deno.makeTempFileSync({ prefix: "result" });
  try {
    Deno.writeTextFileSync(path, text);
    return readResultFile(path);
  } finally {
    Deno.removeSync(path);
  }
}

/** The JSON line of a result, with the members in `over` changed. */
function line(result: string, over: object = {}): string {
  const base = refusedResult([], null);
  const tunnels = { configured: 9, established: 7, failed: 2, lost: 0 };
  return JSON.stringify({ ...base, result, error: "why", durationSec: 1, tunnels, ...over }) + "\n";
}

Deno.test("the result of a run decides the state of its instance", () => {
  const { PASSED, FAILED } = InstanceState;
  for (const [outcome, state] of [["passed", PASSED], ["stopped", PASSED], ["failed", FAILED]]) {
    assert.deepEqual(read(line(outcome as string)), {
      state,
      outcome,
      reason: "why",
      established: 7,
      configured: 9,
    });
  }
});

Deno.test("a run whose setup was refused is one that could not start", () => {
  const refused = JSON.stringify(refusedResult([new Error("Cannot read x.pem")], "gw.yaml"));
  assert.deepEqual(read(refused), {
    state: InstanceState.COULD_NOT_START,
    outcome: "could not start",
    reason: "Cannot read x.pem",
    established: null,
    configured: null,
  });
});

Deno.test("a result file that is empty, incomplete or missing has no result", () => {
  for (const text of ["", "\n", '{"result": "pass', "null", '{"result": "other"}']) {
    assert.equal(read(text), undefined, text);
  }
  assert.equal(readResultFile("/nonexistent"), undefined);
});
