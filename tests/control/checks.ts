/**
 * Counts checks and prints one line each.
 * @module
 */
import { isDeepStrictEqual } from "node:util";

/** The checks so far. */
export class Checks {
  #passed = 0;
  #failed = 0;

  that(name: string, holds: boolean, seen?: unknown): void {
    if (holds) this.#passed++;
    else this.#failed++;
    console.log(`${holds ? "ok    " : "FAILED"} ${name}`);
    if (!holds && seen !== undefined) {
      console.log(`       seen: ${typeof seen === "string" ? seen : JSON.stringify(seen)}`);
    }
  }

  equal(name: string, seen: unknown, wanted: unknown): void {
    const holds = isDeepStrictEqual(seen, wanted);
    this.that(name, holds, holds ? undefined : `${show(seen)}\n       wanted: ${show(wanted)}`);
  }

  match(name: string, seen: string, wanted: RegExp): void {
    this.that(name, wanted.test(seen), `${seen}\n       wanted: ${wanted}`);
  }

  /** Makes the checks of a section, of which an error that is thrown is a failure of its own. */
  async section(name: string, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (e) {
      this.that(`${name}: goes to its end`, false, e instanceof Error ? e.stack : e);
    }
  }

  /** Prints the counts; returns the exit status. */
  report(): number {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed > 0 ? 1 : 0;
  }
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
