/**
 * Fails when an export of lib/ has no doc comment, a file does not say what it is, a link of the
 * documents leads nowhere, or a file names a place that only one machine has, or README.md is wrong about what is not there yet.
 *
 * Run: deno run --allow-read scripts/check_docs.ts
 * @module
 */
import { NOT_YET } from "@/setup/features.ts";

const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const enum|const|let|function\*?|class|interface|type|enum|(?=default\b)) ?(\w+)/;
const FOREIGN = /(?:^|[\s"'`(=])\/(?:work|farm|home|root|Users)\//;
/** Where a reader looks first. */
const DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const FOLDERS = ["lib", "scripts", "tests", "docs", "examples", "ffi", "proto", ".ci"];
/** Text of ours by its ending; vectors are others' words. */
const TEXT = /\.(?:ts|md|yaml|json|proto|c|h|py)$|\/run$/;
const NOT_OURS = /^(?:tests\/vectors|ffi\/build)\//;

/** What is wrong with a source file of lib/: its header and its exports. */
export function faultsOfSource(source: string): string[] {
  const faults: string[] = [];
  if (!/^\/\*\*(?:(?!\*\/)[\s\S])*?@module/.test(source)) faults.push("does not say what it is");
  const lines = source.split("\n");
  for (const [i, line] of lines.entries()) {
    const found = EXPORT.exec(line);
    if (found && !isDocumented(lines, i, found[1]!)) {
      faults.push(`${found[1]} in line ${i + 1} has no doc comment`);
    }
  }
  return faults;
}

/** A doc comment ends on the line before; overloads and directives may stand between. */
function isDocumented(lines: readonly string[], at: number, name: string): boolean {
  for (let i = at - 1; i >= 0; i--) {
    const line = lines[i]!.trim();
    if (line.endsWith("*/")) return i > 0 && !isHeader(lines, i);
    const overload = line.includes(`function ${name}(`);
    if (!line.startsWith("// deno-lint") && !overload) return false;
  }
  return false;
}

/** Whether the comment that ends in this line is that of the file. */
function isHeader(lines: readonly string[], end: number): boolean {
  return lines.slice(0, end).findIndex((line) => line.includes("*/")) === -1 &&
    lines.slice(0, end).some((line) => line.includes("@module"));
}

/** Lines that name a place of one machine. */
export function foreignLines(text: string): number[] {
  return text.split("\n").flatMap((line, i) => FOREIGN.test(line) ? [i + 1] : []);
}

/** Files a document links to, without what is elsewhere in the world. */
export function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/**
 * What the table of features in README.md says of features that setups refuse, and should not: `missing`
 * are their names.
 */
export function faultsOfFeatures(readme: string, missing: readonly string[]): string[] {
  const rows = [...readme.matchAll(/^\| (.+?) +\| not yet: .*\|$/gm)].map(([, name]) => name!);
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  return [
    ...missing.filter((name) => !rows.some((row) => same(row, name)))
      .map((name) => `its table of features does not say that ${name} is not there yet`),
    ...rows.filter((row) => !missing.some((name) => same(row, name)))
      .map((row) =>
        `its table of features says that ${row} is not there yet, and setups may use it`
      ),
  ];
}

async function checkLinks(path: string): Promise<string[]> {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
  const faults: string[] = [];
  for (const target of linksOf(await Deno.readTextFile(path))) {
    const there = await Deno.stat(folder + target).then(() => true, () => false);
    if (!there) faults.push(`links to ${target}, which is not there`);
  }
  return faults;
}

async function* walk(dir: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(dir)) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory) yield* walk(path);
    else if (TEXT.test(path) && !NOT_OURS.test(path)) yield path;
  }
}

async function checkAll(): Promise<string[]> {
  const paths = [...DOCUMENTS, "deno.json", "main.ts"];
  for (const folder of FOLDERS) for await (const path of walk(folder)) paths.push(path);
  const faults: string[] = [];
  for (const path of paths) {
    const text = await Deno.readTextFile(path);
    const found = foreignLines(text).map((line) => `line ${line} names a place of one machine`);
    if (/^lib\/.*\.ts$/.test(path)) found.push(...faultsOfSource(text));
    if (path.endsWith(".md")) found.push(...await checkLinks(path));
    faults.push(...found.map((why) => `${path}: ${why}`));
  }
  const readme = await Deno.readTextFile("README.md");
  const wrong = faultsOfFeatures(readme, Object.values(NOT_YET));
  faults.push(...wrong.map((why) => `README.md: ${why}`));
  const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
  if (!(await Deno.readTextFile("lib/base/version.ts")).includes(`"${version}"`)) {
    faults.push(`lib/base/version.ts: does not say ${version}, as deno.json does`);
  }
  return faults;
}

if (import.meta.main) {
  const faults = await checkAll();
  for (const fault of faults) console.error(fault);
  if (faults.length === 0) {
    console.log("docs: every export is documented, every link leads somewhere");
  }
  Deno.exit(faults.length > 0 ? 1 : 0);
}
