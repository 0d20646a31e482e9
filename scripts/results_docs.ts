/**
 * Writes `docs/results.md` and `docs/result.schema.json` from the table of the JSON result: the meaning
 * of every field stands once.
 *
 * Run: deno run --allow-read --allow-write scripts/results_docs.ts
 * With `--check` it writes nothing and fails where the document is not current.
 * @module
 */
import { documentedOf } from "@/engine/show/figure.ts";
import { RESULT_TABLE } from "@/report/result.ts";
import { resultSchema } from "@/report/result_schema.ts";

/** Columns of a terminal that the document is read in. */
const COLUMNS = 100;

const HEAD = `<!-- deno-fmt-ignore-file -->

# The JSON result

<!-- Written by scripts/results_docs.ts from lib/engine/show/figures.ts: change that. -->

\`myikev2 test --json\` and \`myikev2 demo --json\` print one object on one line, the only line on
standard output. It is there also when the test failed, was stopped, or its setup was refused.
Figures without samples are \`null\`, never 0. Programs check \`schema\` first;
[result.schema.json](result.schema.json) is the JSON Schema (draft 2020-12) of the object.

`;

const TAIL = `
A run that is stopped (by a signal or the API) before its \`runningtime\` is over is \`stopped\` when
nothing failed, however many tunnels were up, also a gateway that nobody called yet. With
\`runningtime: 0\` the request is the end that was meant: when the tunnels are complete by then, the
run has passed.

\`myikev2 test --verify --json\` prints
\`{"result": "verified", "setup": …, "notYet": […]}\` for a good setup.

Exit status: 0 passed (or stopped with nothing failed), 1 failed, 2 bad setup or usage.
`;

/** The document. */
export function resultsDocument(): string {
  const fields = documentedOf(RESULT_TABLE).map(({ path, type, doc }) =>
    wrapped(`- \`${path}\` (${type}): ${doc}.`)
  );
  return `${HEAD}${fields.join("\n")}\n${TAIL}`;
}

/** A list item whose further lines stand below its text. */
function wrapped(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

/** The files that are written, by their name in `docs/`. */
const FILES: Readonly<Record<string, () => string>> = {
  "results.md": resultsDocument,
  "result.schema.json": () => `${JSON.stringify(resultSchema(), null, 2)}\n`,
};

if (import.meta.main) {
  for (const [name, textOf] of Object.entries(FILES)) {
    const url = new URL(`../docs/${name}`, import.meta.url);
    const text = textOf();
    if (!Deno.args.includes("--check")) {
      await Deno.writeTextFile(url, text);
      console.log(`wrote docs/${name}`);
    } else if (await Deno.readTextFile(url).catch(() => "") !== text) {
      console.error(`docs/${name} is not current: deno run -A scripts/results_docs.ts`);
      Deno.exit(1);
    }
  }
}
