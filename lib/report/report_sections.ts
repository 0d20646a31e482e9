/**
 * The sections of a report as HTML: the same for the file that is written at the end of a run and for the
 * live page. What a peer or a setup file says is escaped.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import { escapeXml } from "@/base/xml.ts";
import type { FailureFigures, LatencyResult } from "@/engine/show/figure.ts";
import { measuredWords } from "@/engine/show/thresholds.ts";
import { type Plot, plotJson, PLOTS } from "@/report/plots.ts";
import type { RunResultJson } from "@/report/result.ts";
import { summaryLines } from "@/report/summary.ts";
import type { TimelineColumns } from "@/report/timeline.ts";

/** One section of a report. */
export interface Section {
  /** Its `id` on the page. */
  readonly id: string;
  readonly html: string;
}

/**
 * What to look at after failures of a cause, and which options to change, with names of options in backticks;
 * undefined: nothing is known of it.
 */
export type Advice = (cause: string) => string | undefined;

/** The id of the section with the plots, whose data are not in its HTML. */
export const PLOTS_SECTION = "over-time";

/** All sections in the order of the page. */
export function sectionsOf(result: RunResultJson, advice: Advice): Section[] {
  const section = (id: string, lines: readonly string[]): Section => ({
    id,
    html: lines.join("\n"),
  });
  return [
    section("verdict", verdict(result)),
    section("judged", thresholds(result)),
    section("what-was-tested", tested(result)),
    section("causes", failures(result, advice)),
    section(PLOTS_SECTION, plots(result)),
    section("warnings", events(result)),
    section("all-figures", figures(result)),
  ];
}

/** The plots that have something to show. */
export function plotsShown(steps: TimelineColumns): Plot[] {
  return PLOTS.filter((plot) => plot.isShown(steps));
}

function thresholds({ thresholds: verdicts }: RunResultJson): string[] {
  if (verdicts.length === 0) return [];
  return [
    '<table id="thresholds"><caption>Thresholds</caption>',
    '<thead><tr><th scope="col">threshold</th><th scope="col">verdict</th>' +
    '<th scope="col" class="number">measured</th></tr></thead><tbody>',
    ...verdicts.map((verdict) => {
      const { threshold, held } = verdict;
      const word = held ? "held" : "broken";
      return `<tr class="${word}"><th scope="row">${escapeXml(threshold)}</th>` +
        `<td data-column="verdict">${word}</td>` +
        `<td class="number">${escapeXml(measuredWords(verdict))}</td></tr>`;
    }),
    "</tbody></table>",
  ];
}

function verdict(result: RunResultJson): string[] {
  const { result: word, error, durationSec, program, timeline, setupErrors } = result;
  const took = durationSec === null
    ? ""
    : ` after ${showDuration(Math.round(durationSec * 1_000))}`;
  const [first, ...more] = summaryLines(result);
  const errors = setupErrors.length > 1 ? setupErrors : error ? [error] : [];
  return [
    `<h1 class="${word}">${durationSec === null ? "Refused" : capital(word)}${took}</h1>`,
    ...errors.map((text) => `<p>${escapeXml(text)}</p>`),
    ...(first && durationSec !== null ? [`<p>${escapeXml(more[0] ?? first)}</p>`] : []),
    `<p class="hint">${escapeXml(program)}${
      timeline ? `, begun ${escapeXml(timeline.startedAt)}` : ""
    }</p>`,
  ];
}

function tested(result: RunResultJson): string[] {
  const { setup, role, tunnels, transport, cryptoBackend, dataPath, suites, peers } = result;
  const { vendorIds } = result;
  const counted = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([name, n]) => `${name} (${n})`).join("; ") || "none";
  const rows = [
    ["Setup", setup ?? "none"],
    ["Role", role ?? "none"],
    ["Tunnels configured", String(tunnels.configured ?? "none")],
    ["Suites agreed (set-ups)", counted(suites)],
    ["Peers (set-ups)", counted(peers)],
    ["Vendor IDs of the peer (set-ups)", counted(vendorIds)],
    ["Transport, crypto, data path", [transport, cryptoBackend, dataPath].join(", ")],
  ] as const;
  return [
    "<h2>What was tested</h2>",
    '<table id="tested"><tbody>',
    ...rows.map(([name, value]) =>
      `<tr><th scope="row">${escapeXml(name)}</th><td>${escapeXml(value)}</td></tr>`
    ),
    "</tbody></table>",
  ];
}

function failures(result: RunResultJson, advice: Advice): string[] {
  const kinds: readonly CauseKind[] = [
    ["failures", "Tunnels that failed", result.failures],
    ["children-lost", "CHILD_SAs that were lost", result.children.lost.causes],
    ["children-refused", "CHILD_SAs that were refused", result.children.refused.causes],
    ["rekeys-refused", "Rekeys that were refused", result.rekeys.refused.causes],
    ["refusals", "Requests that this end refused", result.refusals],
    ["strangers", "Peers that did not authenticate", result.strangers],
    ["send-errors", "Datagrams sent in vain", result.datagrams.sendErrors],
  ];
  const told = kinds.filter(([, , causes]) => causes.length > 0);
  const hint = told.length === 0
    ? "<p>None.</p>"
    : "<p>What a cause means, and what to look at: <code>myikev2 explain CAUSE</code></p>";
  return ["<h2>Failures by cause</h2>", hint, ...told.flatMap((kind) => causeTable(kind, advice))];
}

type CauseKind = readonly [id: string, caption: string, causes: readonly FailureFigures[]];

function causeTable([id, caption, causes]: CauseKind, advice: Advice): string[] {
  return [
    `<div class="scroll"><table id="${id}"><caption>${escapeXml(caption)}</caption>`,
    '<thead><tr><th scope="col">cause</th><th scope="col" class="number">count</th>' +
    '<th scope="col">the first of them</th><th scope="col">what to look at</th></tr></thead><tbody>',
    ...causes.map(({ cause, count, example }) =>
      `<tr><th scope="row">${escapeXml(cause)}</th><td class="number">${count}</td>` +
      `<td>${escapeXml(example)}</td><td>${adviceHtml(advice(cause))}</td></tr>`
    ),
    "</tbody></table></div>",
  ];
}

/** Names between backticks are shown as code. */
function adviceHtml(words = "–"): string {
  return escapeXml(words).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function plots(result: RunResultJson): string[] {
  const { timeline } = result;
  if (!timeline) {
    return ["<h2>Over time</h2>", "<p>No timeline was taken: <code>--timeline 1s</code>.</p>"];
  }
  return [
    "<h2>Over time</h2>",
    '<p class="hint">Drag over a plot to zoom, double-click to see all. With the keyboard: Tab to a ' +
    "plot, arrows move the cursor, + and - zoom, Escape shows all. Dashed vertical lines are the events " +
    "below: dotted ones what the test itself began or ended.</p>",
    '<div class="plots">',
    ...plotsShown(timeline.steps).flatMap((plot) => plotFigure(plot, result)),
    "</div>",
  ];
}

/** A plot, and a table of its least, greatest and last values for readers who cannot see it. */
function plotFigure(plot: Plot, { timeline }: RunResultJson): string[] {
  const { steps } = timeline!;
  const rows = plot.columns.map(({ label, name }) => {
    const values = steps[name].filter((value) => value !== null);
    const cells = values.length === 0 ? ["none", "none", "none"] : [
      values.reduce((a, b) => Math.min(a, b)),
      values.reduce((a, b) => Math.max(a, b)),
      values.at(-1)!,
    ].map((value) => String(Math.round(value * 1_000) / 1_000));
    return `<tr><th scope="row">${label}</th>` +
      cells.map((cell) => `<td class="number">${cell}</td>`).join("") + "</tr>";
  });
  return [
    `<figure class="plot" id="plot-${plot.id}"><figcaption>${plot.title}</figcaption>`,
    `<div class="canvas" tabindex="0" role="application" aria-label="${plot.title}, a plot" ` +
    `data-plot="${escapeXml(plotJson(plot))}"></div>`,
    "<details><summary>Least, greatest and last value of a step</summary><table>",
    '<thead><tr><th scope="col"></th><th scope="col" class="number">least</th>' +
    '<th scope="col" class="number">most</th><th scope="col" class="number">last</th></tr></thead>',
    `<tbody>${rows.join("")}</tbody></table></details></figure>`,
  ];
}

function events({ timeline }: RunResultJson): string[] {
  if (!timeline || timeline.events.length === 0) return [];
  const LEVELS = ["", "critical", "error", "warning", "the test"];
  const left = timeline.eventsLeftOut;
  return [
    "<h2>Events</h2>",
    '<div class="scroll"><table id="events"><thead><tr><th scope="col" class="number">seconds</th>' +
    '<th scope="col">level</th><th scope="col">what happened</th></tr></thead><tbody>',
    ...timeline.events.map(({ atSec, level, text }) =>
      `<tr><td class="number">${atSec}</td><td>${LEVELS[level] ?? level}</td>` +
      `<td>${escapeXml(text)}</td></tr>`
    ),
    "</tbody></table></div>",
    ...(left > 0 ? [`<p>${left} more are in the log.</p>`] : []),
  ];
}

type NamedLatency = readonly [name: string, latency: LatencyResult];

/** Those of which there is a sample. */
function measured(latencies: readonly NamedLatency[]): NamedLatency[] {
  return latencies.filter(([, { p50 }]) => p50 !== null);
}

function figures(result: RunResultJson): string[] {
  const {
    latencyMs,
    tunnels,
    retries,
    retransmissions,
    rekeys,
    setupRate,
    rssBytes,
    ping,
    traffic,
  } = result;
  const latencies: readonly NamedLatency[] = [
    ["IKE_SA_INIT", latencyMs.ikeSaInit],
    ["IKE_AUTH", latencyMs.ikeAuth],
    ...measured([
      ["IKE_SESSION_RESUME", latencyMs.ikeSessionResume],
      ["IKE_INTERMEDIATE", latencyMs.ikeIntermediate],
    ]),
    ["Set-up", latencyMs.setup],
    ...measured([
      ["Set-up, from due", latencyMs.setupFromDue],
      ["Set-up again", latencyMs.setupAgain],
      ["CREATE_CHILD_SA", latencyMs.createChild],
      ["IKE_FOLLOWUP_KE", latencyMs.ikeFollowupKe],
      ["INFORMATIONAL", latencyMs.informational],
    ]),
    ...(ping.sent > 0 ? [["Ping", ping.latencyMs] as const] : []),
    ...(traffic?.received
      ? [["Traffic", traffic.latencyMs] as const, ["Its jitter", traffic.jitterMs] as const]
      : []),
  ];
  const counts: readonly (readonly [id: string, name: string, value: number | null])[] = [
    ["established", "Tunnels established", tunnels.established],
    ["failed", "Tunnels failed", tunnels.failed],
    ["lost", "Tunnels lost", tunnels.lost],
    ["setupRate", "Set-up rate, tunnels per second", setupRate],
    ["retries", "Tries that failed and were repeated", retries],
    ["retransmissions", "Requests sent again", retransmissions],
    ["rekeys-ike", "IKE SAs rekeyed", rekeys.ike],
    ["rekeys-child", "CHILD_SAs rekeyed", rekeys.child],
    ["ping-sent", "Pings sent", ping.sent],
    ["ping-lost", "Pings lost", ping.lost],
    ...(traffic
      ? [
        ["traffic-sent", "Packets of traffic sent", traffic.sent] as const,
        ["traffic-lost", "Packets of traffic lost", traffic.lost] as const,
      ]
      : []),
    ["cpu", "Processor time per tunnel, ms", result.cpuMsPerTunnel],
    ["rss", "Resident memory, octets", rssBytes],
  ];
  const cell = (value: number | null) => `<td class="number">${value ?? "none"}</td>`;
  return [
    "<h2>Figures</h2>",
    '<div class="scroll"><table id="latencies"><caption>Latencies in milliseconds</caption>',
    '<thead><tr><th scope="col"></th>' +
    ["p50", "p90", "p99", "max"].map((p) => `<th scope="col" class="number">${p}</th>`).join("") +
    "</tr></thead><tbody>",
    ...latencies.map(([name, { p50, p90, p99, max }]) =>
      `<tr><th scope="row">${name}</th>${[p50, p90, p99, max].map(cell).join("")}</tr>`
    ),
    "</tbody></table></div>",
    '<table id="figures"><caption>Counts</caption><tbody>',
    ...counts.map(([id, name, value]) =>
      `<tr id="figure-${id}"><th scope="row">${name}</th>${cell(value)}</tr>`
    ),
    "</tbody></table>",
    ...impairmentTable(result),
    "<details><summary>The closing report</summary><ul>",
    ...summaryLines(result).map((line) => `<li>${escapeXml(line)}</li>`),
    "</ul></details>",
  ];
}

function impairmentTable({ impairment }: RunResultJson): string[] {
  if (impairment.length === 0) return [];
  const names = Object.keys(impairment[0]!);
  return [
    '<div class="scroll"><table id="impairment"><caption>Messages that impairment touched</caption>',
    `<thead><tr><th scope="col">rule</th>${
      names.map((name) => `<th scope="col" class="number">${escapeXml(name)}</th>`).join("")
    }</tr></thead><tbody>`,
    ...impairment.map((counts, i) =>
      `<tr><th scope="row">${i + 1}</th>${
        Object.values(counts).map((n) => `<td class="number">${Number(n)}</td>`).join("")
      }</tr>`
    ),
    "</tbody></table></div>",
  ];
}

function capital(word: string): string {
  return word[0]!.toUpperCase() + word.slice(1);
}
