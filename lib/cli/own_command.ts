/**
 * How this program is started again.
 * @module
 */

/** The executable itself, or from source the runtime with our main file. */
export function ownCommand(): string[] {
  const runtime = Deno.execPath();
  if (Deno.build.standalone) return [runtime];
  const root = `${import.meta.dirname}/../..`;
  return [runtime, "run", "--allow-all", "--config", `${root}/deno.json`, `${root}/main.ts`];
}
