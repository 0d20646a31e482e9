/**
 * The figures of a run in the text format of Prometheus, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/), for whoever scrapes it while it goes on.
 *
 * Names are those of the JSON result, in the style of Prometheus: `rekeys.ike` is
 * `myikev2_rekeys_ike_total`. All figures of the table are there by themselves; what is no counter is listed
 * in this file.
 * @module
 */
import { VERSION } from "@/base/version.ts";
import type { Documented, FigureTable } from "@/engine/show/figure.ts";
import { FIGURES, type RunFigures } from "@/engine/show/figures.ts";
import { type HistogramData, middleOf } from "@/engine/show/histogram.ts";
import { INCOMING_TABLE, TRAFFIC_TABLE } from "@/engine/show/flow_table.ts";
import { PING_TABLE } from "@/engine/show/ping_table.ts";
import {
  IKE_STATE_NAMES,
  RUN_RESULT_NAMES,
  type RunResult,
  type RunSummary,
} from "@/engine/show/view.ts";

/** The type of the text, for the Content-Type field. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Upper bounds of the buckets of a latency, in seconds. */
const BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

type MetricType = "counter" | "gauge" | "histogram";
type Labels = Readonly<Record<string, string>>;

/** Figures that may fall, by their path in the JSON result; the name and factor of each as a metric. */
const GAUGES: Readonly<Record<string, readonly [name: string, factor: number]>> = {
  "setupRate": ["setup_rate", 1],
  "durationSec": ["duration_seconds", 1],
  "cpuMsPerTunnel": ["tunnel_cpu_seconds", 1e-3],
  "rssBytes": ["resident_memory_bytes", 1],
  "deletesUnanswered": ["deletes_unanswered", 1],
  "ping.tasks": ["ping_tasks", 1],
  "ping.tasksAbove": ["ping_tasks_above_loss_rate", 1],
  "ping.lossPercent": ["ping_loss_ratio", 1e-2],
  "ping.burstMax": ["ping_lost_in_a_row", 1],
  "traffic.flows": ["traffic_flows", 1],
  "traffic.lossPercent": ["traffic_loss_ratio", 1e-2],
  "traffic.sentPerSecond": ["traffic_sent_rate", 1],
  "traffic.bitsPerSecond": ["traffic_sent_bits_rate", 1],
  "trafficIn.flows": ["traffic_in_flows", 1],
  "trafficIn.expected": ["traffic_in_expected", 1],
  "trafficIn.lost": ["traffic_in_lost", 1],
  "trafficIn.lossPercent": ["traffic_in_loss_ratio", 1e-2],
};

/** Figures that are tables themselves, by their path. */
const TABLES: Readonly<Record<string, FigureTable>> = {
  "ping": PING_TABLE,
  "traffic": TRAFFIC_TABLE,
  "trafficIn": INCOMING_TABLE,
};

/** The label under which counts by name stand, by path; `name` for others. */
const LABELS: Readonly<Record<string, string>> = {
  "suites": "suite",
  "peers": "peer",
  "vendorIds": "vendor_id",
  "drops": "reason",
  "packets.drops": "reason",
  "keyExchanges.ike": "methods",
  "keyExchanges.child": "methods",
  "connections": "event",
  "datagrams.neighbourOverflow": "figure",
};

/** The whole text. */
export function metricsText(
  summary: RunSummary,
  figures: RunFigures,
  result: RunResult = summary.result,
): string {
  const text = new MetricsText();
  text.labelled("info", "What runs; always 1", [[{
    version: VERSION,
    role: summary.role,
    transport: figures.transport,
    crypto: figures.crypto,
    data_path: figures.dataPath,
  }, 1]]);
  text.labelled(
    "result",
    "1 for how the run stands, 0 for the others",
    RUN_RESULT_NAMES.map((name, i) => [{ result: name }, Number(i === result)]),
  );
  text.labelled(
    "ike_sas",
    "IKE SAs by state at present",
    IKE_STATE_NAMES.flatMap((state, i) =>
      state === "" ? [] : [[{ state }, summary.ikeSasByState[i] ?? 0] as const]
    ),
  );
  text.gauge("tunnels_configured", "numberoftunnels", summary.configured);
  text.gauge("tunnels_live", "Tunnels that are live at present", figures.live);
  text.gauge("tunnels_begun", "Tunnels that were begun", figures.created);
  text.gauge("half_open", "IKE SAs that are being set up at present", figures.halfOpen);
  text.gauge("recent_setup_rate", "Tunnels established in the last second", figures.recentRate);
  text.counter("cpu_seconds_total", "Processor time of the process", figures.cpuMs / 1_000);
  addTable(text, FIGURES, { ...figures }, "");
  return text.toString();
}

/** Adds every figure of a table; `prefix`: the path of the table itself, with its dot. */
function addTable(
  text: MetricsText,
  table: FigureTable,
  values: Readonly<Record<string, unknown>>,
  prefix: string,
): void {
  for (const [name, figure] of Object.entries(table)) {
    const path = prefix + figure.path;
    const value = values[name];
    if (value === null || value === undefined) continue;
    const inner = TABLES[path];
    if (inner) addTable(text, inner, value as typeof values, `${path}.`);
    else if (figure.type === "{p50, p90, p99, max, buckets}") {
      addLatency(text, { ...figure, path }, value);
    } else addJson(text, { path, doc: figure.doc, parts: figure.parts }, figure.json(value));
  }
}

interface Told {
  readonly path: string;
  readonly doc: string;
  readonly parts: readonly Documented[];
}

/** Adds a value of the JSON result by its kind; texts and lists of texts are no metrics. */
function addJson(text: MetricsText, told: Told, value: unknown): void {
  const { path, doc, parts } = told;
  if (typeof value === "number") return addNumber(text, told, value);
  if (Array.isArray(value)) return addList(text, told, value);
  if (typeof value !== "object" || value === null) return;
  if (parts.length === 0) {
    const label = LABELS[path] ?? "name";
    const samples = Object.entries(value).map(([name, n]) =>
      [{ [label]: name }, Number(n)] as const
    );
    return text.labelled(`${snake(path)}_total`, doc, samples, "counter");
  }
  for (const [name, part] of Object.entries(value)) {
    const known = parts.find((one) => one.path === name || one.path.endsWith(`.${name}`));
    const words = known ? `${doc}: ${known.doc}` : doc;
    const partPath = name === "count" ? path : `${path}.${name}`;
    addJson(text, { path: partPath, doc: words, parts: [] }, part);
  }
}

function addNumber(text: MetricsText, { path, doc }: Told, value: number): void {
  const gauge = GAUGES[path];
  if (gauge) text.gauge(gauge[0], doc, value * gauge[1]);
  else text.counter(`${snake(path)}_total`, doc, value);
}

/** Causes with their counts, or what each rule of an impairment did. */
function addList(text: MetricsText, { path, doc }: Told, list: readonly unknown[]): void {
  const samples: (readonly [Labels, number])[] = [];
  for (const [i, one] of list.entries()) {
    if (typeof one !== "object" || one === null) return;
    if ("cause" in one && "count" in one) {
      samples.push([{ cause: String(one.cause) }, Number(one.count)]);
    } else if (path === "impairment") {
      for (const [what, n] of Object.entries(one)) {
        samples.push([{ rule: String(i + 1), what }, Number(n)]);
      }
    } else return;
  }
  text.labelled(`${snake(path)}_total`, doc, samples, "counter");
}

function addLatency(text: MetricsText, { path, doc }: Told, value: unknown): void {
  const { histogram } = value as { readonly histogram?: HistogramData };
  const name = snake(path).replace(/^latency_ms_(.+)$/, "$1_latency").replace(/_ms$/, "");
  if (histogram) {
    text.histogram(`${name}_seconds`, doc.replace(/^milliseconds/, "Seconds"), histogram);
  }
}

/** `rekeysIke.a` as `rekeys_ike_a`. */
function snake(path: string): string {
  return path.replaceAll(".", "_").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

class MetricsText {
  readonly #lines: string[] = [];

  gauge(name: string, help: string, value: number): void {
    this.labelled(name, help, [[{}, value]]);
  }

  counter(name: string, help: string, value: number): void {
    this.labelled(name, help, [[{}, value]], "counter");
  }

  labelled(
    name: string,
    help: string,
    samples: readonly (readonly [Labels, number])[],
    type: MetricType = "gauge",
  ): void {
    if (samples.length === 0) return;
    this.#head(name, help, type);
    for (const [labels, value] of samples) this.#sample(name, labels, value);
  }

  /** A sample is counted by the middle of its bucket, which is at most 0.8 % off. */
  histogram(name: string, help: string, { buckets }: HistogramData): void {
    this.#head(name, help, "histogram");
    const samples = buckets.map(([bucket, n]) => [middleOf(bucket) / 1e6, n] as const);
    for (const bound of BOUNDS) {
      const below = samples.reduce((sum, [seconds, n]) => seconds <= bound ? sum + n : sum, 0);
      this.#sample(`${name}_bucket`, { le: String(bound) }, below);
    }
    const all = samples.reduce((sum, [, n]) => sum + n, 0);
    this.#sample(`${name}_bucket`, { le: "+Inf" }, all);
    this.#sample(`${name}_sum`, {}, samples.reduce((sum, [seconds, n]) => sum + seconds * n, 0));
    this.#sample(`${name}_count`, {}, all);
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  #head(name: string, help: string, type: MetricType): void {
    const words = help.replaceAll("`", "").replaceAll("\\", "\\\\").replaceAll("\n", " ");
    this.#lines.push(`# HELP myikev2_${name} ${words}`, `# TYPE myikev2_${name} ${type}`);
  }

  #sample(name: string, labels: Labels, value: number): void {
    const told = Object.entries(labels).map(([label, text]) => `${label}="${escapedLabel(text)}"`);
    const inBraces = told.length > 0 ? `{${told.join(",")}}` : "";
    this.#lines.push(`myikev2_${name}${inBraces} ${value}`);
  }
}

/** A value of a label (§ "Comments, help text, and type information" of the format). */
export function escapedLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
