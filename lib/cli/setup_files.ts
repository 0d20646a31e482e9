/**
 * `myikev2 default` and `myikev2 compact`: setup files that are written, not run.
 * @module
 */
import { SetupError, systemWords } from "@/base/errors.ts";
import { readSetup } from "@/setup/read.ts";
import { compactSetup, defaultSetup } from "@/setup/write.ts";

/** Writes the commented default file; returns the exit status. */
export function writeDefault(what: string, file = "default_myikev2.setup"): number {
  if (what === "freeradius") throw new SetupError("default freeradius is not there yet");
  if (what !== "setup") throw new SetupError(`Cannot write a default ${what}: expected setup`);
  writeText(file, defaultSetup(), "--exportfile");
  return 0;
}

/** Options of `compact`. */
export interface CompactOptions {
  readonly input: string;
  readonly output: string;
  readonly check?: boolean;
  readonly lenient?: boolean;
}

/** Writes the compact form of a file; returns the exit status. */
export function writeCompact({ input, output, check, lenient }: CompactOptions): number {
  const content = readText(input);
  const compact = compactSetup(content, input, lenient);
  writeText(output, compact, "--output");
  if (!check) return 0;
  const options = { lenient: lenient ?? false, unchecked: true };
  const before = readSetup(content, input, options).setup;
  const after = readSetup(compact, output, options).setup;
  const same = JSON.stringify(before) === JSON.stringify(after);
  console.error(same ? "both load to the same setup" : "the compact file loads to another setup");
  return same ? 0 : 1;
}

/** The text of a file. @throws {SetupError} naming it. */
export function readText(path: string): string {
  try {
    return new TextDecoder().decode(Deno.readFileSync(path));
  } catch (e) {
    throw new SetupError(`Cannot read ${path}: ${systemWords(e)}`);
  }
}

function writeText(path: string, text: string, option: string): void {
  if (path === "-") return void Deno.stdout.writeSync(new TextEncoder().encode(text));
  try {
    Deno.writeTextFileSync(path, text);
  } catch (e) {
    throw new SetupError(`Cannot write ${path} (${option}): ${systemWords(e)}`);
  }
  console.error(`wrote ${path}`);
}
