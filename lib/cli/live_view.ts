/**
 * Shows a running test to a person: on a terminal figures that are redrawn in place, elsewhere a plain line
 * at intervals. On a terminal whose keys are read, `q` ends the test and `d` shows the last failures.
 * @module
 */
import { tellLine } from "@/files/terminal.ts";
import process from "node:process";
import { Keys } from "@/cli/keys.ts";
import { LiveScreen, pingText, remaining, sinceStart, trafficText } from "@/cli/live_screen.ts";
import type { RunView } from "@/engine/show/view.ts";

const REDRAW_MS = 250;
const PLAIN_LINE_MS = 5_000;
/** Failures are events of levels 1 to 3: strangers that a gateway refuses are of level 3. */
const FAILURE_LEVEL = 3;
/** Size of a terminal that does not tell its own. */
const COLUMNS = 80;
const ROWS = 24;

/** A view that is shown. */
export interface LiveView {
  /** The test is ending: what is left of it is shown. */
  ending(): void;
  /** Ends the view. */
  hide(): void;
}

/** What the keys of a view do. */
export interface LiveKeys {
  /** `q`; `again` says whether it was pressed before. */
  stop(again: boolean): void;
}

/** Begins to show a run on standard error. Without `keys` no keys are read. */
export function showLive(run: RunView, keys?: LiveKeys): LiveView {
  return Deno.stderr.isTerminal() ? onTerminal(run, keys) : inLines(run);
}

function inLines(run: RunView): LiveView {
  const hide = every(PLAIN_LINE_MS, async (isWanted) => {
    const line = await plainLine(run);
    if (isWanted()) tellLine(line);
  });
  return { hide, ending: () => {} };
}

function onTerminal(run: RunView, keys: LiveKeys | undefined): LiveView {
  // Where nobody looks it is not loaded: that takes a tenth of the time in which the program starts.
  const loaded = import("log-update");
  const output = sized(process.stderr);
  // The cursor stays visible, so that nothing has to be restored however this process ends.
  let draw: ReturnType<Awaited<typeof loaded>["createLogUpdate"]> | undefined;
  const screen = new LiveScreen();
  const failures = {
    filter: { level: FAILURE_LEVEL, keyword: "" },
    write: screen.addFailure.bind(screen),
  };
  const detach = run.events.attach(failures);
  let asked = 0;
  const typed = keys && Keys.read((key) => {
    if (key === "d") screen.showsFailures = !screen.showsFailures;
    if (key === "q") keys.stop(asked++ > 0);
  });
  screen.hasKeys = typed !== undefined;
  const stop = every(REDRAW_MS, async (isWanted) => {
    const { createLogUpdate } = await loaded;
    if (!isWanted()) return;
    draw ??= createLogUpdate(output, { showCursor: true });
    const [figures, { configured }] = await Promise.all([run.figures(), run.summary()]);
    if (!isWanted()) return;
    const size = { columns: output.columns, rows: output.rows };
    draw(screen.lines(figures, configured, size).join("\n"));
  });
  return {
    ending: () => screen.isEnding = true,
    hide() {
      stop();
      typed?.close();
      detach();
      draw?.clear();
    },
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
  return `${sinceStart(f)} tunnels: ${f.established}/${configured} established, ` +
    `${f.live} live, ${f.halfOpen} half-open, ${f.failed} failed, ` +
    `${f.retransmissions} retransmissions, ${f.recentRate.toFixed(0)}/s` +
    `${f.ping ? `, ping: ${pingText(f.ping)}` : ""}` +
    `${f.traffic ? `, traffic: ${trafficText(f.traffic)}` : ""}` +
    `${f.isEnding ? ", ending: live tunnels are being deleted" : remaining(f)}`;
}
