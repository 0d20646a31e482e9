/**
 * Writes `docs/checks.md` from the tests of `tests/checks/`; `--check` fails when it is not current,
 * or names a test that is not there.
 *
 * Run: deno run --allow-read --allow-write scripts/checks_docs.ts
 * @module
 */
import { entries, type Entry } from "../tests/checks/entries.ts";

const PATH = "docs/checks.md";
const FOLDER = "tests/checks";

/** `§2.10` behind `§2.9`; other RFCs, and drafts without a section, behind all of RFC 7296. */
export function sectionOrder(section: string): string {
  const [rfc, number = "§0"] = section.startsWith("§") ? ["", section] : section.split(/(?=§)/);
  const parts = number.slice(1).split(".").map((part) => part.padStart(3, "0"));
  return [rfc, ...parts].join(".");
}

/** The document. */
export function markdownOf(all: readonly Entry[]): string {
  const sorted = all.map((entry, i) => ({ entry, i }))
    .sort((a, b) =>
      sectionOrder(a.entry.section) < sectionOrder(b.entry.section)
        ? -1
        : sectionOrder(a.entry.section) > sectionOrder(b.entry.section)
        ? 1
        : a.i - b.i
    )
    .map(({ entry }) => entry);
  const tested = all.filter((e) => e.tests.length > 0);
  const tests = tested.reduce((sum, e) => sum + e.tests.length, 0);
  const lines = sorted.map(({ section, rule, file, tests, reason }) => {
    const proof = reason === undefined ? link(file, tests.length) : `absent: ${reason}`;
    return `| ${section} | ${rule} | ${proof} |`;
  });
  return `<!-- deno-fmt-ignore-file -->
# Rules on received data, and their tests

Written by \`scripts/checks_docs.ts\` from the tests of \`${FOLDER}/\`, whose names begin with the section. Each entry is a MUST
or MUST NOT of RFC 7296 (other RFCs are named) that says what is done with received data, in our own words. A scripted peer that
has the right keys says the thing; our core must ignore it and count it, refuse it with the notify it is owed, or go on unharmed.
"×2" is a test for our core as initiator and one as responder. \`deno test -A ${FOLDER}\` runs them all.

${all.length} rules: ${tested.length} with a test (${tests} tests), ${
    all.length - tested.length
  } deliberately absent.

| section | rule | test |
| --- | --- | --- |
${lines.join("\n")}
`;
}

function link(file: string, tests: number): string {
  return `[${file.replace("tests/", "")}](../${file})${tests > 1 ? ` ×${tests}` : ""}`;
}

/** Rules whose test elsewhere is not there under its name. */
async function missing(all: readonly Entry[]): Promise<string[]> {
  const lost: string[] = [];
  for (const { section, rule, file, tests } of all) {
    if (file.startsWith(`${FOLDER}/`)) continue;
    const source = await Deno.readTextFile(file).catch(() => "");
    const [name] = tests;
    if (!source.includes(name!)) lost.push(`${section} ${rule}: no test "${name}" in ${file}`);
  }
  return lost;
}

async function readAll(): Promise<readonly Entry[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(FOLDER)) {
    if (name.endsWith("_test.ts")) names.push(name);
  }
  for (const name of names.sort()) await import(`../${FOLDER}/${name}`);
  return entries();
}

if (import.meta.main) {
  const all = await readAll();
  const text = markdownOf(all);
  const faults = await missing(all);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) Deno.exit(1);
  if (Deno.args.includes("--check")) {
    const current = await Deno.readTextFile(PATH).catch(() => "");
    if (current === text) Deno.exit(0);
    console.error(`${PATH} is not current: run scripts/checks_docs.ts`);
    Deno.exit(1);
  }
  await Deno.writeTextFile(PATH, text);
  console.log(text.split("\n").find((line) => line.includes(" rules: ")));
}
