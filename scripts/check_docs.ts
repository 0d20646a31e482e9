/**
 * Fails when an export of lib/ has no doc comment, a file does not say what it is, a link of the
 * documents leads nowhere, or a document names a place that only one machine has.
 *
 * Run: deno run --allow-read scripts/check_docs.ts
 * @module
 */
const EXPORT =
  /^export (?:abstract )?(?:async )?(?:const|function\*?|class|interface|type|enum) (\w+)/;
const FOREIGN = /(^|[\s"'`(])\/(work|farm|home|root)\//;

let faults = 0;
for await (const path of walk("lib", ".ts")) await checkSource(path);
for (const path of ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"]) await checkDocument(path);
for await (const path of walk("docs", ".md")) await checkDocument(path);
const declared = JSON.parse(await Deno.readTextFile("deno.json")).version;
if (!(await Deno.readTextFile("lib/base/version.ts")).includes(`"${declared}"`)) {
  fault("lib/base/version.ts", `does not say ${declared}, as deno.json does`);
}
if (faults === 0) console.log("docs: every export is documented, every link leads somewhere");
Deno.exit(faults > 0 ? 1 : 0);

async function checkSource(path: string): Promise<void> {
  const source = await Deno.readTextFile(path);
  if (!/^\/\*\*[\s\S]*?@module/.test(source)) fault(path, "does not say what it is (@module)");
  const lines = source.split("\n");
  for (const [i, line] of lines.entries()) {
    const name = EXPORT.exec(line)?.[1];
    if (name && !isDocumented(lines, i)) fault(`${path}:${i + 1}`, `${name} has no doc comment`);
  }
}

/** A doc comment ends on the line before; overloads and directives may stand between. */
function isDocumented(lines: readonly string[], at: number): boolean {
  for (let i = at - 1; i >= 0; i--) {
    const line = lines[i]!.trim();
    if (line.endsWith("*/")) return true;
    const name = EXPORT.exec(lines[at]!)?.[1];
    const overload = name !== undefined && lines[i]!.includes(`function ${name}(`);
    if (!line.startsWith("// deno-lint") && !overload) return false;
  }
  return false;
}

async function checkDocument(path: string): Promise<void> {
  const text = await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined) return fault(path, "is missing");
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
  for (const [, target] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
    if (/^[a-z]+:/.test(target!)) continue;
    const there = await Deno.stat(folder + target!).then(() => true, () => false);
    if (!there) fault(path, `links to ${target}, which is not there`);
  }
  for (const [i, line] of text.split("\n").entries()) {
    if (FOREIGN.test(line)) fault(`${path}:${i + 1}`, "names a place of one machine");
  }
}

function fault(path: string, why: string): void {
  console.error(`${path}: ${why}`);
  faults++;
}

async function* walk(dir: string, ending: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(dir)) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory) yield* walk(path, ending);
    else if (path.endsWith(ending)) yield path;
  }
}
