/**
 * Writes `docs/results.md` from the table of the JSON result: the meaning of every field stands once.
 *
 * Run: deno run --allow-read --allow-write scripts/results_docs.ts
 * With `--check` it writes nothing and fails where the document is not current.
 * @module
 */
import { documentedOf } from "@/engine/show/figure.ts";
import { RESULT_TABLE } from "@/report/result.ts";

/** Columns of a terminal that the document is read in. */
const COLUMNS = 100;

const HEAD = `<!-- deno-fmt-ignore-file -->

# The JSON result

<!-- Written by scripts/results_docs.ts from lib/engine/show/figures.ts: change that. -->

\`myikev2 test --json\` and \`myikev2 demo --json\` print one object on one line, the only line on
standard output. It is there also when the test failed, was stopped, or its setup was refused.
Figures without samples are \`null\`, never 0.

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

if (import.meta.main) {
  const url = new URL("../docs/results.md", import.meta.url), text = resultsDocument();
  if (!Deno.args.includes("--check")) {
    await Deno.writeTextFile(url, text);
    console.log("wrote docs/results.md");
  } else if (await Deno.readTextFile(url) !== text) {
    console.error("docs/results.md is not current: deno run -A scripts/results_docs.ts");
    Deno.exit(1);
  }
}
