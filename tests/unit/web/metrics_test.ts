import assert from "node:assert/strict";
import { FIGURES as TABLE } from "@/engine/show/figures.ts";
import { Histogram } from "@/engine/show/histogram.ts";
import { RunResult, type RunSummary } from "@/engine/show/view.ts";
import { metricsText } from "@/web/metrics.ts";
import { FIGURES, SUMMARY } from "../sample_figures.ts";

const WHOLE: RunSummary = {
  ...SUMMARY,
  result: RunResult.RUNNING,
  ikeSasByState: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
};

/** Every sample by its name and labels. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

Deno.test("metrics: counters, gauges, causes and counts by name stand with their values", () => {
  const samples = samplesOf(metricsText(WHOLE, FIGURES));
  const wanted: Readonly<Record<string, number>> = {
    "myikev2_tunnels_established_total": 10,
    "myikev2_tunnels_configured": 12,
    "myikev2_tunnels_live": 9,
    "myikev2_rekeys_ike_total": 6,
    "myikev2_rekeys_refused_child_total": 2,
    'myikev2_rekeys_refused_causes_total{cause="NO_PROPOSAL_CHOSEN"}': 3,
    "myikev2_children_lost_total": 5,
    'myikev2_failures_total{cause="NO_ANSWER"}': 2,
    'myikev2_suites_total{suite="a suite"}': 10,
    'myikev2_drops_total{reason="unknown SPI"}': 8,
    'myikev2_impairment_total{rule="1",what="corrupted"}': 3,
    'myikev2_connections_total{event="accepted"}': 7,
    "myikev2_cookies_automatic_total": 5,
    "myikev2_ping_sent_total": 100,
    "myikev2_ping_loss_ratio": 0.12,
    'myikev2_packets_drops_total{reason="replayed"}': 2,
    "myikev2_cpu_seconds_total": 0.05,
    "myikev2_duration_seconds": 61.234,
    'myikev2_ike_sas{state="established"}': 3,
    'myikev2_result{result="running"}': 1,
    'myikev2_result{result="failed"}': 0,
  };
  for (const [name, value] of Object.entries(wanted)) assert.equal(samples.get(name), value, name);
});

Deno.test("metrics: every figure that is a number or a list of causes has a metric", () => {
  const names = [...samplesOf(metricsText(WHOLE, FIGURES)).keys()].join("\n");
  const kinds = ["number", "list of {cause, count, example}", "object of numbers"];
  for (const { path, type } of Object.values(TABLE)) {
    if (!kinds.includes(type) || path === "rssBytes" || path === "durationSec") continue;
    const name = path.replaceAll(".", "_").replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
    assert.match(names, new RegExp(`^myikev2_${name}_total`, "m"), path);
  }
});

Deno.test("metrics: a latency is a histogram in seconds, whose buckets add up", () => {
  const histogram = new Histogram();
  for (const ms of [1.5, 3, 30, 70_000]) histogram.add(ms);
  const samples = samplesOf(metricsText(WHOLE, { ...FIGURES, setupMs: histogram.figures() }));
  const bucket = (le: string) => samples.get(`myikev2_setup_latency_seconds_bucket{le="${le}"}`);
  assert.deepEqual(["0.001", "0.002", "0.005", "0.05", "60", "+Inf"].map(bucket), [
    0,
    1,
    2,
    3,
    3,
    4,
  ]);
  assert.equal(samples.get("myikev2_setup_latency_seconds_count"), 4);
  assert.ok(Math.abs(samples.get("myikev2_setup_latency_seconds_sum")! - 70.0345) < 0.6);
});

Deno.test("metrics: no text of a peer ends a line or a label", () => {
  const hostile = 'a"} 1\nmyikev2_fake 7\\';
  const text = metricsText(WHOLE, {
    ...FIGURES,
    failures: [{ cause: hostile, count: 2, example: "" }],
  });
  assert.doesNotMatch(text, /^myikev2_fake/m);
  assert.ok(text.includes('{cause="a\\"} 1\\nmyikev2_fake 7\\\\"} 2\n'));
});
