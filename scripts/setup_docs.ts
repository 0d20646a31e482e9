/**
 * Writes `docs/setup.md` from the table of options; `--check` fails when it is not current.
 *
 * Run: deno run --allow-read --allow-write scripts/setup_docs.ts
 * @module
 */
import { optionsMarkdown } from "@/setup/write.ts";

const PATH = "docs/setup.md";
const text = `<!-- deno-fmt-ignore-file -->
# Setup files: every option

Written by \`scripts/setup_docs.ts\` from the one table of options that also reads and checks setup files and makes
\`myikev2 default setup\`. Durations are written \`1h2m3.5s\`, \`500ms\` or \`0\`; booleans also yes, no, on, off; a single value
may stand where a list is expected; text stays as it was typed. Options of the other role load without effect.

${optionsMarkdown()}`;

if (Deno.args.includes("--check")) {
  const current = await Deno.readTextFile(PATH).catch(() => "");
  if (current === text) Deno.exit(0);
  console.error(`${PATH} is not current: run scripts/setup_docs.ts`);
  Deno.exit(1);
}
await Deno.writeTextFile(PATH, text);
console.log(`wrote ${PATH}`);
