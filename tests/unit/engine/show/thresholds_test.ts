import assert from "node:assert/strict";
import { Histogram } from "@/engine/show/histogram.ts";
import {
  brokenMeanwhile,
  judge,
  type JudgedFigures,
  verdictWords,
} from "@/engine/show/thresholds.ts";
import { parseThreshold } from "@/setup/threshold.ts";

function latency(samples: number, ms: number) {
  const histogram = new Histogram();
  for (let i = 0; i < samples; i++) histogram.add(ms);
  return histogram.figures();
}

const FIGURES: JudgedFigures = {
  setupMs: latency(200, 100),
  setupFromDueMs: latency(99, 900),
  ikeSaInitMs: undefined,
  ikeAuthMs: latency(1, 30),
  ikeSessionResumeMs: latency(3, 12),
  ping: { latencyMs: latency(5, 7), lossPercent: 1.5 },
  createChildMs: latency(21, 22),
  setupAgainMs: latency(23, 24),
  traffic: { latencyMs: latency(12, 14), jitterMs: latency(0.5, 0.75), lossPercent: 0.2 },
  failed: 2,
  lost: 1,
  retries: 3,
  retransmissions: 40,
  setupRate: 450,
  rssBytes: 2 ** 30,
  cpuMsPerTunnel: 0.4,
};
const rules = (...texts: string[]) => texts.map((text) => parseThreshold(text)!);
const judged = { figures: FIGURES, tunnels: 1_000 };

Deno.test("each threshold has its figure and its verdict", () => {
  const texts = [
    ["p99(setup) < 200ms", 100, true],
    ["p50(due) < 0.8s", 900, false],
    ["max(auth) <= 30ms", 30, true],
    ["p50(resume) < 20ms", 12, true],
    ["p90(ping) > 8ms", 7, false],
    ["p99(init) < 1h", undefined, false],
    ["failed < 0.2%", 0.2, false],
    ["failed <= 0.2%", 0.2, true],
    ["lost < 1", 1, false],
    ["retries < 4", 3, true],
    ["retransmissions < 5%", 4, true],
    ["rate > 450/s", 450, false],
    ["rate >= 450/s", 450, true],
    ["rss < 1GiB", 2 ** 30, false],
    ["cpu < 1ms", 0.4, true],
    ["pingloss < 2%", 1.5, true],
    ["loss(traffic) < 0.1%", 0.2, false],
    ["max(traffic) < 14.5ms", 14, true],
    ["max(jitter) < 1ms", 0.75, true],
    ["max(createChild) < 20ms", 22, false],
    ["max(setupAgain) <= 24ms", 24, true],
  ] as const;
  const verdicts = judge(rules(...texts.map(([text]) => text)), judged);
  for (const [i, [threshold, value, held]] of texts.entries()) {
    const found = verdicts[i]!;
    const near = value === undefined
      ? found.value === undefined
      : Math.abs(found.value! / value - 1) < 0.02;
    assert.ok(near && found.held === held && found.threshold === threshold, JSON.stringify(found));
  }
  assert.equal(verdictWords(verdicts[5]!), "p99(init) < 1h: broken, nothing was measured");
  assert.equal(verdictWords(verdicts[8]!), "lost < 1: broken, 1");
});

Deno.test("while a test runs upper bounds alone are judged, and percentiles of enough samples", () => {
  const broken = (...texts: string[]) => brokenMeanwhile(rules(...texts), judged)?.threshold;
  assert.equal(
    broken("rate > 500/s", "p99(init) < 1ms", "p99(auth) < 1ms", "cpu < 0.1ms"),
    undefined,
  );
  assert.equal(broken("p50(due) < 1ms"), undefined);
  assert.equal(broken("failed < 3", "p50(setup) < 1ms"), "p50(setup) < 1ms");
  assert.equal(broken("max(auth) < 1ms"), "max(auth) < 1ms");
  assert.equal(broken("failed < 0.2%"), "failed < 0.2%");
});
