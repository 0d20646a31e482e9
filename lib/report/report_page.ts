/**
 * A result as one HTML page that needs nothing else: verdict first, then what was tested, failures by
 * cause, plots over time and all figures. A live page is the same with a script that hears of changes.
 *
 * Texts of a result are a peer's words: they go through {@linkcode escapeXml}, or stand in the JSON that the
 * page holds, where no `<` is left. A content security policy lets the page's own scripts and styles run,
 * by their hashes, and nothing else. A file can reach no network, a live page its own server alone.
 * @module
 */
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import liveScript from "@/report/page/live.js" with { type: "text" };
import pageScript from "@/report/page/report.js" with { type: "text" };
import { htmlPage, inScript } from "@/report/html_page.ts";
import { withoutSentences } from "@/report/masking.ts";
import { type Advice, sectionsOf } from "@/report/report_sections.ts";
import type { RunResultJson } from "@/report/result.ts";
import { isLatency } from "@/report/timeline.ts";

/** How a report is written. */
export interface ReportStyle {
  /** Whether sentences that may contain an identity are left out. */
  readonly masks: boolean;
  readonly advice: Advice;
}

/** The text of the file. */
export function reportPage(whole: RunResultJson, { masks, advice }: ReportStyle): string {
  const result = masks ? withoutSentences(whole) : whole;
  return page(result, { scripts: [uplotScript, pageScript], live: false, advice });
}

/** The page of a run that goes on: its script opens the event stream of its own server. */
export function livePage(result: RunResultJson, advice: Advice): string {
  return page(result, { scripts: [uplotScript, pageScript, liveScript], live: true, advice });
}

interface PageKind {
  readonly scripts: readonly string[];
  readonly live: boolean;
  readonly advice: Advice;
}

/** Significant digits of latencies in a file. */
const DIGITS = 4;

function page(result: RunResultJson, { scripts, live, advice }: PageKind): string {
  return htmlPage({
    title: `${result.setup ?? "myikev2"}: ${result.result}`,
    styles: [uplotCss],
    scripts,
    data: `<script type="application/json" id="result">${
      inScript(live ? result : compacted(result))
    }</script>`,
    body: [
      ...(live ? ['<p id="connection" class="hint" role="status">Connecting …</p>'] : []),
      ...sectionsOf(result, advice).map(({ id, html }) =>
        `<section id="${id}">\n${html}\n</section>`
      ),
    ],
    live,
  });
}

/**
 * The result as a file has it: without the columns of the timeline that no plot shows, as they have no value, and
 * with as many digits as mean something, as percentiles of a histogram are 1.6 % off.
 */
function compacted(result: RunResultJson): Record<string, unknown> {
  const { timeline } = result;
  if (!timeline) return { ...result };
  const columns = Object.entries(timeline.steps)
    .filter(([, values]) => values.some((value) => value !== null))
    .map(([name, values]) => [name, values.map((value) => value && shortened(name, value))]);
  return { ...result, timeline: { ...timeline, steps: Object.fromEntries(columns) } };
}

/** A value of a column: whole counts, octets and milliseconds of processor time, few digits of a latency. */
function shortened(column: string, value: number): number {
  if (column === "atSec") return value;
  return isLatency(column) ? Number(value.toPrecision(DIGITS)) : Math.round(value);
}
