/**
 * The one door to standard output and standard error, which are a terminal more often than not: what comes
 * from peers, other hosts and files cannot steer it.
 * @module
 */
import { printable } from "@/base/printable.ts";

/** A line of what was asked for, on standard output. */
export function printLine(text = ""): void {
  console.log(printable(text));
}

/** A line of what is told beside that, on standard error. */
export function tellLine(text = ""): void {
  console.error(printable(text));
}
