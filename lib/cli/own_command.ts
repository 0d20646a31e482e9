/**
 * The command line that starts this program again.
 * @module
 */

/** The path of the executable; when run from source, the runtime and the main file. */
export function ownCommand(): string[] {
  const runtime = Deno.execPath();
  if (Deno.build.standalone) return [runtime];
  const root = `${import.meta.dirname}/../..`;
  return [runtime, "run", "--allow-all", "--config", `${root}/deno.json`, `${root}/main.ts`];
}
