/**
 * Writes to standard output and standard error, which are often a terminal: characters that could steer it
 * are escaped, as text may come from peers, other hosts and files.
 * @module
 */
import { printable } from "@/base/printable.ts";

/** Prints a line of the command's output on standard output. */
export function printLine(text = ""): void {
  console.log(printable(text));
}

/** Prints a line of other information on standard error. */
export function tellLine(text = ""): void {
  console.error(printable(text));
}

/** Writes a line on standard error in the place of the one that the cursor is on; empty: that is removed. */
export function redrawLine(text: string): void {
  const octets = new TextEncoder().encode(`\r${printable(text)}\u001b[K`);
  Deno.stderr.writeSync(octets);
}
