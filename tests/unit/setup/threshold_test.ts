import assert from "node:assert/strict";
import { parseThreshold } from "@/setup/threshold.ts";

Deno.test("a threshold is a figure, a comparison and a limit in the figure's unit", () => {
  const read = (text: string) => {
    const found = parseThreshold(text);
    return found && [found.text, found.comparison, found.limit, found.isPercent];
  };
  assert.deepEqual(read("p99(setup) < 200ms"), ["p99(setup) < 200ms", "<", 200, false]);
  assert.deepEqual(read(" max( auth )<=1.5s"), ["max(auth) <= 1.5s", "<=", 1_500, false]);
  assert.deepEqual(read("failed < 0.1%"), ["failed < 0.1%", "<", 0.1, true]);
  assert.deepEqual(read("lost<=3"), ["lost <= 3", "<=", 3, false]);
  assert.deepEqual(read("rate > 500/s"), ["rate > 500/s", ">", 500, false]);
  assert.deepEqual(read("rss < 1GiB"), ["rss < 1GiB", "<", 2 ** 30, false]);
  assert.deepEqual(read("rss < 1.5 GB"), undefined);
  assert.deepEqual(read("cpu < 1ms"), ["cpu < 1ms", "<", 1, false]);
  assert.deepEqual(read("pingloss <= 2%"), ["pingloss <= 2%", "<=", 2, true]);
});

for (
  const wrong of [
    "p95(setup) < 1s",
    "p99(rekey) < 1s",
    "p99(setup) < 200",
    "rate > 500",
    "rss < 100",
    "failed < 1s",
    "pingloss < 3",
    "established > 5",
    "toString < 1",
    "p99(setup) == 1s",
    "rate > -1/s",
    "",
  ]
) {
  Deno.test(`"${wrong}" is not a valid threshold`, () =>
    assert.equal(parseThreshold(wrong), undefined));
}
