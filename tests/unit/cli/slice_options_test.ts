import assert from "node:assert/strict";
import { parseSlice, parseStart } from "@/cli/slice_options.ts";

/** Reads environment variables from a table. */
const env = (values: Record<string, string>) => (name: string) => values[name];

Deno.test("a slice is given by two numbers, or by the environment variables that Slurm and Kubernetes set", () => {
  assert.deepEqual(parseSlice("2/4", env({})), { number: 2, of: 4 });
  const slurm = env({ SLURM_PROCID: "0", SLURM_NTASKS: "4" });
  assert.deepEqual(parseSlice("auto", slurm), { number: 1, of: 4 });
  const job = env({ JOB_COMPLETION_INDEX: "3" });
  assert.deepEqual(parseSlice("auto/4", job), { number: 4, of: 4 });
});

for (
  const [text, values, words] of [
    ["0/4", {}, /Slice 0 of 4 is none/],
    ["5/4", {}, /Slice 5 of 4 is none/],
    ["1/0", {}, /Slice 1 of 0 is none/],
    ["1/20000", {}, /10000 at most/],
    ["2", {}, /Expected i\/n/],
    ["-1/4", {}, /Expected i\/n/],
    ["auto", { SLURM_PROCID: "1" }, /SLURM_NTASKS/],
    ["auto", { SLURM_PROCID: "x", SLURM_NTASKS: "4" }, /is none/],
    ["auto/4", {}, /JOB_COMPLETION_INDEX/],
    ["auto/4", { JOB_COMPLETION_INDEX: "4" }, /Slice 5 of 4 is none/],
  ] as const
) {
  Deno.test(`--slice ${text} with ${JSON.stringify(values)} is refused`, () => {
    assert.throws(() => parseSlice(text, env(values)), words);
  });
}

Deno.test("a start is a time with its time zone, seconds since 1970, or a duration from now", () => {
  const nowMs = Date.parse("2026-01-31T12:00:00Z");
  assert.equal(parseStart("2026-01-31T12:00:05Z", nowMs), nowMs + 5_000);
  assert.equal(parseStart("2026-01-31T13:00:05.5+01:00", nowMs), nowMs + 5_500);
  assert.equal(parseStart(String(nowMs / 1_000 + 7), nowMs), nowMs + 7_000);
  assert.equal(parseStart("30s", nowMs), nowMs + 30_000);
  for (const text of ["2026-01-31T12:00:05", "noon", "2026-13-31T12:00:05Z", ""]) {
    assert.throws(() => parseStart(text, nowMs), /Expected a time with its zone/, text);
  }
  assert.throws(() => parseStart("2027-01-31T12:00:00Z", nowMs), /more than a day away/);
});
