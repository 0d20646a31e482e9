/**
 * Shows a running test to a person: on a terminal figures that are redrawn in place, elsewhere a plain line
 * at intervals.
 * @module
 */
import { tellLine } from "@/files/terminal.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import type { PingFigures } from "@/engine/show/ping_table.ts";
import process from "node:process";
import { showDuration } from "@/base/duration.ts";
import type { RunView } from "@/engine/show/view.ts";

const REDRAW_MS = 250;
const PLAIN_LINE_MS = 5_000;
/** Size of a terminal that does not tell its own. */
const COLUMNS = 80;
const ROWS = 24;

/** Begins to show a run on standard error; returns a function that ends it. */
export function showLive(run: RunView): () => void {
  if (!Deno.stderr.isTerminal()) {
    return every(PLAIN_LINE_MS, async (isWanted) => {
      const line = await plainLine(run);
      if (isWanted()) tellLine(line);
    });
  }
  // Where nobody looks it is not loaded: that takes a tenth of the time in which the program starts.
  const loaded = import("log-update");
  // The cursor stays visible, so that nothing has to be restored however this process ends.
  let draw: ReturnType<Awaited<typeof loaded>["createLogUpdate"]> | undefined;
  const stop = every(REDRAW_MS, async (isWanted) => {
    const { createLogUpdate } = await loaded;
    if (!isWanted()) return;
    draw ??= createLogUpdate(sized(process.stderr), { showCursor: true });
    const [figures, { configured }] = await Promise.all([run.figures(), run.summary()]);
    if (isWanted()) draw(box(figures, configured));
  });
  return () => {
    stop();
    draw?.clear();
  };
}

/** Gives the usual size to a terminal that reports 0 by 0, such as one under `script`. */
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

/** `show` may ask whether it is still wanted when its answers have come. */
function every(
  intervalMs: number,
  show: (isWanted: () => boolean) => Promise<void>,
): () => void {
  let isWanted = true;
  const timer = setInterval(() => show(() => isWanted), intervalMs);
  return () => {
    isWanted = false;
    clearInterval(timer);
  };
}

/** The figures as one line for a file or a pipe. */
export async function plainLine(run: RunView): Promise<string> {
  const [f, { configured }] = await Promise.all([run.figures(), run.summary()]);
  return `${elapsed(f)} tunnels: ${f.established}/${configured} established, ` +
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
    (lossPercent === undefined ? "" : `, ${lossPercent.toFixed(2)} % lost`) +
    (latencyMs ? `, p50 ${latencyMs.p50.toFixed(2)} ms` : "");
}

function elapsed(f: RunFigures): string {
  return showDuration(Math.floor(f.elapsedMs / 1000) * 1000);
}

function timeLeft({ timeLeftMs }: RunFigures): string {
  if (timeLeftMs === undefined) return "";
  return `, ${showDuration(Math.ceil(timeLeftMs / 1000) * 1000)} left`;
}
