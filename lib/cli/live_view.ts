/**
 * What a person sees while a test runs: figures that are redrawn in place on a terminal, a plain line
 * now and then elsewhere.
 * @module
 */
import { tellLine } from "@/files/terminal.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import type { PingFigures } from "@/engine/show/ping_table.ts";
import process from "node:process";
import { createLogUpdate } from "log-update";
import { showDuration } from "@/base/duration.ts";
import type { RunView } from "@/engine/show/view.ts";

const REDRAW_MS = 250;
const PLAIN_LINE_MS = 5_000;
/** Of a terminal that does not say. */
const COLUMNS = 80, ROWS = 24;

/** Begins to show a run on standard error; the function returned ends it. */
export function showLive(run: RunView): () => void {
  if (!Deno.stderr.isTerminal()) return every(PLAIN_LINE_MS, () => tellLine(plainLine(run)));
  // The cursor stays where it is seen: whatever ends this process need not bring it back.
  const draw = createLogUpdate(sized(process.stderr), { showCursor: true });
  const stop = every(REDRAW_MS, () => draw(box(run.figures(), run.summary().configured)));
  return () => {
    stop();
    draw.clear();
  };
}

/** A terminal that does not know its size (0 by 0, as under `script` without one) has the usual one. */
function sized(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return new Proxy(stream, {
    get(target, name) {
      if (name === "columns") return target.columns || COLUMNS;
      if (name === "rows") return target.rows || ROWS;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function every(intervalMs: number, show: () => void): () => void {
  const timer = setInterval(show, intervalMs);
  return () => clearInterval(timer);
}

/** One line for a file or a pipe. */
export function plainLine(run: RunView): string {
  const f = run.figures();
  return `${elapsed(f)} tunnels: ${f.established}/${run.summary().configured} established, ` +
    `${f.live} live, ${f.halfOpen} half-open, ${f.failed} failed, ` +
    `${f.retransmissions} retransmissions, ${f.recentRate.toFixed(0)}/s` +
    `${f.ping ? `, ping: ${pingText(f.ping)}` : ""}${timeLeft(f)}`;
}

function box(f: RunFigures, configured: number): string {
  return [
    `  created        ${f.created} of ${configured}`,
    `  established    ${f.established} (${f.live} live)`,
    `  failed         ${f.failed}${f.lost ? ` (${f.lost} lost)` : ""}`,
    `  half-open      ${f.halfOpen}`,
    `  retransmitted  ${f.retransmissions}`,
    `  rate           ${f.recentRate.toFixed(0)}/s`,
    ...(f.ping ? [`  ping           ${pingText(f.ping)}`] : []),
    `  elapsed        ${elapsed(f)}${timeLeft(f)}`,
  ].join("\n");
}

function pingText({ tasks, sent, received, lossPercent, latencyMs }: PingFigures): string {
  if (sent === 0) return "not begun";
  return `${tasks} tasks, ${received}/${sent} answered` +
    (lossPercent === null ? "" : `, ${lossPercent.toFixed(2)} % lost`) +
    (latencyMs ? `, p50 ${latencyMs.p50.toFixed(2)} ms` : "");
}

function elapsed(f: RunFigures): string {
  return showDuration(Math.floor(f.elapsedMs / 1000) * 1000);
}

function timeLeft({ timeLeftMs }: RunFigures): string {
  if (timeLeftMs === undefined) return "";
  return `, ${showDuration(Math.ceil(timeLeftMs / 1000) * 1000)} left`;
}
