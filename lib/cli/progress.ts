/**
 * Shows how far a long step is, on one line of a terminal that is redrawn. Where standard error is no
 * terminal, nothing is shown.
 * @module
 */
import { redrawLine } from "@/files/terminal.ts";

/** A step that is shorter shows nothing, and a longer one is drawn so often. */
const REDRAW_MS = 250;
/** Columns of a terminal that does not tell its own. */
const COLUMNS = 80;

/** The progress of one step. */
export class Progress {
  readonly #words: string;
  readonly #isShown = Deno.stderr.isTerminal();
  #drawnMs = performance.now();
  #isDrawn = false;

  /** `words` stand before the numbers: `createpki: 3 of 10 end entities`. */
  constructor(words: string) {
    this.#words = words;
  }

  /** So many things are done; may be called as often as one is. */
  told(done: number, of: number, things: string): void {
    if (!this.#isShown) return;
    const nowMs = performance.now();
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#isDrawn = true;
    // A line that is as wide as the terminal could not be drawn over.
    redrawLine(`${this.#words}: ${done} of ${of} ${things}`.slice(0, columns() - 1));
  }

  /** The step is over: its line is removed. */
  end(): void {
    if (this.#isDrawn) redrawLine("");
    this.#isDrawn = false;
  }
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || COLUMNS;
  } catch {
    return COLUMNS;
  }
}
