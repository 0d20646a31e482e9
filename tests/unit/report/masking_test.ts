import assert from "node:assert/strict";
import { LEFT_OUT, withoutSentences } from "@/report/masking.ts";
import { resultOf } from "@/report/result.ts";
import { Timeline } from "@/report/timeline.ts";
import { FINAL } from "../sample_figures.ts";

/** The text of every field `example` or `text`, at any depth: these fields have sentences. */
function sentencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    ["example", "text"].includes(name) ? [String(inner)] : sentencesIn(inner)
  );
}

Deno.test("a masked result has no sentence, and all other fields are unchanged", () => {
  const timeline = new Timeline(1_000, 0);
  timeline.addEvent({ level: 2, msg: "bob is gone", epochMs: 5 });
  const whole = resultOf(FINAL, timeline);
  const masked = withoutSentences(whole);
  const sentences = sentencesIn(whole);
  assert.ok(sentences.length >= 8 && !sentences.includes(LEFT_OUT));
  assert.deepEqual(sentencesIn(masked), sentences.map(() => LEFT_OUT));
  assert.equal(masked.error, LEFT_OUT);
  const causes = whole.moves.failed.causes.map((one) => ({ ...one, example: LEFT_OUT }));
  assert.deepEqual(masked.moves, { ...whole.moves, failed: { ...whole.moves.failed, causes } });
  assert.deepEqual(masked.tunnels, whole.tunnels);
  assert.deepEqual(masked.suites, whole.suites);
});
