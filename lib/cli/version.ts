/**
 * `myikev2 version`: what this is, and what it can use on this machine.
 * @module
 */
import { VERSION } from "@/base/version.ts";
import { loadShim } from "@/native/load.ts";

/** Prints it. */
export function printVersion(): void {
  console.log(`myikev2 ${VERSION}`);
  const shim = loadShim();
  const both = shim.symbols ? "native, portable" : "portable";
  console.log(`crypto backends: ${both}`);
  console.log(`transports:      ${both}`);
  if (!shim.symbols) console.log(`no native ones:  ${shim.reason}`);
  console.log(`runtime:         Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`);
}
