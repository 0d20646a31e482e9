import assert from "node:assert/strict";
import { LEFT_OUT, withoutSentences } from "@/report/masking.ts";
import { resultOf } from "@/report/result.ts";
import { Timeline } from "@/report/timeline.ts";
import { FINAL } from "../sample_figures.ts";

/** Every text under a field that holds a sentence, wherever it stands. */
function sentencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) =>
    ["example", "text"].includes(name) ? [String(one)] : sentencesIn(one)
  );
}

Deno.test("no sentence is left in a masked result, and all that is no sentence stays", () => {
  const timeline = new Timeline(1_000, 0);
  timeline.addEvent({ level: 2, msg: "bob is gone", epochMs: 5 });
  const whole = resultOf(FINAL, timeline);
  const masked = withoutSentences(whole);
  const told = sentencesIn(whole);
  assert.ok(told.length >= 8 && !told.includes(LEFT_OUT));
  assert.deepEqual(sentencesIn(masked), told.map(() => LEFT_OUT));
  assert.equal(masked.error, LEFT_OUT);
  const causes = whole.moves.failed.causes.map((one) => ({ ...one, example: LEFT_OUT }));
  assert.deepEqual(masked.moves, { ...whole.moves, failed: { ...whole.moves.failed, causes } });
  assert.deepEqual(masked.tunnels, whole.tunnels);
  assert.deepEqual(masked.suites, whole.suites);
});
