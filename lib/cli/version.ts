/**
 * Runs `myikev2 version`: prints the version, and what the program can use on this machine.
 * @module
 */
import { printLine } from "@/files/terminal.ts";
import { VERSION } from "@/base/version.ts";
import { loadShim } from "@/native/load.ts";

/** Prints the version. */
export function printVersion(): void {
  printLine(`myikev2 ${VERSION}`);
  const shim = loadShim();
  const both = shim.symbols ? "native, portable" : "portable";
  printLine(`crypto backends: ${both}`);
  printLine(`transports:      ${both}`);
  if (!shim.symbols) printLine(`no native ones:  ${shim.reason}`);
  printLine(`runtime:         Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`);
}
