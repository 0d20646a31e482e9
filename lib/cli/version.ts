/**
 * `myikev2 version`: what this is, and what it can use on this machine.
 * @module
 */
import denoJson from "../../deno.json" with { type: "json" };

/** Prints it. */
export function printVersion(): void {
  console.log(`myikev2 ${denoJson.version}`);
  console.log(`crypto backends: portable`);
  console.log(`transports:      portable`);
  console.log(`runtime:         Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`);
}
