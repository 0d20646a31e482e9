/**
 * The lines of the live view: figures, the rate of the last seconds as bars, what makes tunnels fail, and the
 * last failures. A terminal of 80 × 24 has room for all of it; a smaller one gets the last lines of each.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import { printable } from "@/base/printable.ts";
import type { RunEvent } from "@/engine/show/event_hub.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import type { TrafficFigures } from "@/engine/show/flow_table.ts";
import type { PingFigures } from "@/engine/show/ping_table.ts";

/** Seconds that the bars show. */
const BARS_MAX = 40;
const BAR_MS = 1_000;
/** Failures that are kept, and of how many causes the view tells. */
const FAILURES_MAX = 8;
const CAUSES_MAX = 3;
/** How many of the failures are shown where the terminal has no room for all figures beside them. */
const FAILURES_MIN = 4;
/** The line of keys is shown from so many lines on. */
const ROWS_WITH_KEYS = 3;
/** The bars of a terminal with UTF-8, and of others. */
const BLOCKS = "▁▂▃▄▅▆▇█";
const LETTERS = ".:-=+*#@";

/** The size of a terminal. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** What is shown of one run, and what it needs to remember for that. */
export class LiveScreen {
  /** Whether the last failures are shown. */
  showsFailures = false;
  isEnding = false;
  /** Whether keys are read, and named. */
  hasKeys = false;
  readonly #rates: number[] = [];
  #sampledMs = -Infinity;
  readonly #failures: RunEvent[] = [];
  readonly #bars: string;

  /** `utf8`: whether the terminal shows it. */
  constructor(utf8: boolean = isUtf8()) {
    this.#bars = utf8 ? BLOCKS : LETTERS;
  }

  /** Remembers a failure, an event of levels 1 to 3. */
  addFailure(event: RunEvent): void {
    this.#failures.push(event);
    if (this.#failures.length > FAILURES_MAX) this.#failures.shift();
  }

  /** The lines for the present figures; each is shorter than the terminal is wide. */
  lines(f: RunFigures, configured: number, { columns, rows }: ScreenSize): string[] {
    this.#sample(f);
    const room = Math.max(1, rows - 1);
    const keys = this.hasKeys && room >= ROWS_WITH_KEYS
      ? [`  ${this.#keys(this.isEnding || f.isEnding)}`]
      : [];
    const figures = this.#figures(f, configured);
    const left = room - keys.length;
    const failures = lastOf(
      this.showsFailures ? this.#lastFailures() : [],
      Math.max(left - figures.length - 1, Math.min(FAILURES_MIN, left - 1)),
    );
    const parts = [lastOf(figures, left - failures.length), failures, keys];
    // A line that is as wide as the terminal would be broken by some.
    return spaced(parts, room).map((line) => clippedTo(line, columns - 1));
  }

  #figures(f: RunFigures, configured: number): string[] {
    const causes = [...f.failures, ...f.strangers].toSorted((a, b) => b.count - a.count);
    return [
      `  created        ${f.created} of ${configured}`,
      `  established    ${f.established} (${f.live} live)`,
      `  failed         ${f.failed}${f.lost ? ` (${f.lost} lost)` : ""}`,
      ...(causes.length > 0 ? [`  causes         ${causesText(causes)}`] : []),
      ...(f.throttled.length > 0 ? [`  throttled by   ${causesText(f.throttled)}`] : []),
      `  half-open      ${f.halfOpen}`,
      `  retransmitted  ${f.retransmissions}`,
      `  rate           ${`${f.recentRate.toFixed(0)}/s`.padEnd(8)} ${this.#sparkline()}`.trimEnd(),
      ...(f.workers ? [`  workers        ${workersText(f.workers)}`] : []),
      ...(f.setupMs ? [`  set-up         ${percentiles(f.setupMs)}`] : []),
      ...(f.ping ? [`  ping           ${pingText(f.ping)}`] : []),
      ...(f.traffic ? [`  traffic        ${trafficText(f.traffic)}`] : []),
      ...(this.isEnding || f.isEnding
        ? [`  ending         ${f.live} tunnels are left to be deleted`]
        : []),
      `  elapsed        ${sinceStart(f)}${remaining(f)}`,
    ];
  }

  #keys(isEnding: boolean): string {
    const end = isEnding ? "q: end at once" : "q: end the test gracefully";
    return `${end}   d: ${this.showsFailures ? "hide" : "show"} the last failures`;
  }

  #lastFailures(): string[] {
    if (this.#failures.length === 0) return ["  nothing has failed"];
    return this.#failures.map(({ epochMs, msg }) =>
      `  ${new Date(epochMs).toISOString().slice(11, 19)} ${printable(msg)}`
    );
  }

  #sample({ elapsedMs, recentRate }: RunFigures): void {
    if (elapsedMs - this.#sampledMs < BAR_MS) return;
    this.#sampledMs = elapsedMs;
    this.#rates.push(recentRate);
    if (this.#rates.length > BARS_MAX) this.#rates.shift();
  }

  /** The rates of the last seconds, the highest as the highest bar. */
  #sparkline(): string {
    const most = Math.max(...this.#rates);
    if (!(most > 0)) return "";
    const steps = this.#bars.length - 1;
    return this.#rates.map((rate) => this.#bars[Math.round(rate / most * steps)]).join("");
  }
}

/** The time since the start, in whole seconds. */
export function sinceStart(f: RunFigures): string {
  return showDuration(Math.floor(f.elapsedMs / 1000) * 1000);
}

/** The time that is left, if the test has an end. */
export function remaining({ timeLeftMs }: RunFigures): string {
  if (timeLeftMs === undefined) return "";
  return `, ${showDuration(Math.ceil(timeLeftMs / 1000) * 1000)} left`;
}

/** The figures of the ping test. */
export function pingText({ tasks, sent, received, lossPercent, latencyMs }: PingFigures): string {
  if (sent === 0) return "not begun";
  return `${tasks} tasks, ${received}/${sent} answered` +
    (lossPercent === undefined ? "" : `, ${lossPercent.toFixed(2)} % lost`) +
    (latencyMs ? `, p50 ${latencyMs.p50.toFixed(2)} ms` : "");
}

/** The figures of test traffic. */
export function trafficText(traffic: TrafficFigures): string {
  const { flows, sent, received, lossPercent, latencyMs, sentPerSecond } = traffic;
  if (sent === 0) return "not begun";
  return `${flows} tunnels, ${sent} sent` +
    (sentPerSecond === undefined ? "" : ` at ${sentPerSecond.toFixed(0)}/s`) +
    (lossPercent === undefined ? "" : `, ${received} back, ${lossPercent.toFixed(2)} % lost`) +
    (latencyMs ? `, p50 ${latencyMs.p50.toFixed(2)} ms` : "");
}

function percentiles(ms: NonNullable<RunFigures["setupMs"]>): string {
  const shown = (["p50", "p90", "p99"] as const).map((name) => `${name} ${ms[name].toFixed(1)} ms`);
  return shown.join(", ");
}

/** The tunnels that each worker has, and set up in the last second. */
function workersText(workers: NonNullable<RunFigures["workers"]>): string {
  return workers.map(({ live, recentRate }) => `${live} live ${recentRate.toFixed(0)}/s`).join(
    ", ",
  );
}

function causesText(causes: readonly FailureFigures[]): string {
  const shown = causes.slice(0, CAUSES_MAX).map(({ count, cause }) =>
    `${count} × ${printable(cause)}`
  );
  return causes.length > CAUSES_MAX ? `${shown.join(", ")}, …` : shown.join(", ");
}

function lastOf(lines: readonly string[], count: number): readonly string[] {
  return lines.slice(Math.max(0, lines.length - Math.max(0, count)));
}

/** The parts one below the other, with empty lines between them as far as there is room. */
function spaced(parts: readonly (readonly string[])[], room: number): string[] {
  let spare = room - parts.flat().length;
  const lines: string[] = [];
  for (const part of parts.filter(({ length }) => length > 0)) {
    if (lines.length > 0 && spare-- > 0) lines.push("");
    lines.push(...part);
  }
  return lines;
}

function clippedTo(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}

function isUtf8(): boolean {
  const locale = Deno.env.get("LC_ALL") || Deno.env.get("LC_CTYPE") || Deno.env.get("LANG") || "";
  return /utf-?8/i.test(locale);
}
