/**
 * Runs `myikev2 default` and `myikev2 compact`, which write setup files without running them;
 * `default` also writes the users of a FreeRADIUS server at which such setups log in.
 * @module
 */
import { tellLine } from "@/files/terminal.ts";
import { SetupError, systemWords } from "@/base/errors.ts";
import { writeAll, writePublic } from "@/files/private_file.ts";
import { exampleInventory } from "@/control/export_ansible.ts";
import { readSetup } from "@/setup/read.ts";
import { compactSetup, defaultSetup } from "@/setup/write.ts";

/** Options of `default`. */
export interface DefaultOptions {
  readonly exportfile?: string;
  readonly exportcount: number;
  /** An entry of FreeRADIUS's users file, in which `&d` is replaced by the index of the user. */
  readonly temp: string;
}

/** Number of characters to which entries are joined before they are written. */
const CHUNK = 64 * 1024;

/** What `default` can write. */
export type DefaultFile = "setup" | "freeradius" | "inventory";

/** Writes the commented setup file, the users file or the inventory; returns the exit status. */
export function writeDefault(what: DefaultFile, options: DefaultOptions): number {
  if (what === "inventory") {
    writeText(options.exportfile ?? "inventory.yaml", [exampleInventory()], "--exportfile");
  } else if (what === "setup") {
    writeText(options.exportfile ?? "default_myikev2.setup", [defaultSetup()], "--exportfile");
  } else {
    const { exportfile = "users", exportcount, temp } = options;
    if (exportcount > 1 && !temp.includes("&d")) {
      throw new SetupError(
        `Cannot make ${exportcount} different users by --temp ${temp}: it has no &d`,
      );
    }
    writeText(exportfile, users(temp, exportcount), "--exportfile");
  }
  return 0;
}

/** The template with the index of each user, from 0 on. */
function* users(template: string, count: number): Generator<string> {
  let chunk = "";
  for (let i = 0; i < count; i++) {
    chunk += `${template.replaceAll("&d", String(i))}\n`;
    if (chunk.length < CHUNK) continue;
    yield chunk;
    chunk = "";
  }
  yield chunk;
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
  writeText(output, [compact], "--output");
  if (!check) return 0;
  const options = { lenient: lenient ?? false, unchecked: true };
  const before = readSetup(content, input, options).setup;
  const after = readSetup(compact, output, options).setup;
  const same = JSON.stringify(before) === JSON.stringify(after);
  tellLine(same ? "both files give the same setup" : "the compact file gives another setup");
  return same ? 0 : 1;
}

/** Reads the text of a file. @throws {SetupError} naming the file. */
export function readText(path: string): string {
  try {
    return new TextDecoder().decode(Deno.readFileSync(path));
  } catch (e) {
    throw new SetupError(`Cannot read ${path}: ${systemWords(e)}`);
  }
}

/**
 * Writes a file and reports it unless `quiet`; `-` is standard output. @throws {SetupError} naming
 * the option.
 */
export function writeText(
  path: string,
  chunks: Iterable<string>,
  option: string,
  quiet = false,
): void {
  if (path === "-") {
    for (const chunk of chunks) writeAll(Deno.stdout, new TextEncoder().encode(chunk));
    return;
  }
  try {
    writePublic(path, chunks);
  } catch (e) {
    throw new SetupError(`Cannot write ${path} (${option}): ${systemWords(e)}`);
  }
  if (!quiet) tellLine(`wrote ${path}`);
}

/** Refuses to replace files, of which the user has not said that it is meant (`--force`). @throws {SetupError} */
export function refuseExisting(paths: readonly string[]): void {
  for (const path of paths) {
    if (isThere(path)) throw new SetupError(`${path} exists already; --force replaces it`);
  }
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
