/**
 * What is wrong with a file that is no YAML, in words that say what to change.
 * @module
 */

/** A fault as the YAML parser tells it. */
export interface YamlFault {
  readonly code: string;
  readonly message: string;
  /** Characters from the start of the file. */
  readonly offset: number;
  readonly line: number;
}

/** Faults that are told at most: what follows the first ones is mostly their echo. */
const FAULTS_MAX = 10;

/** One explanation a line, in order. */
export function explainYaml(
  faults: readonly YamlFault[],
  text: string,
): { readonly what: string; readonly offset: number }[] {
  const byLine = new Map<number, YamlFault[]>();
  for (const fault of faults) {
    const others = byLine.get(fault.line);
    if (others) others.push(fault);
    else byLine.set(fault.line, [fault]);
  }
  const lines = [...byLine.values()].slice(0, FAULTS_MAX);
  return lines.map((ofLine) => ({ what: explain(ofLine, text), offset: ofLine[0]!.offset }));
}

function explain(faults: readonly YamlFault[], text: string): string {
  const codes = new Set(faults.map(({ code }) => code)), [{ message, offset }] = [faults[0]!];
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const line = text.slice(lineStart).split(/\r?\n/, 1)[0]!;
  const name = /^[\s-]*([\w]+)\s*:/.exec(line)?.[1];
  if (codes.has("TAB_AS_INDENT")) return "Expected spaces for indentation, found a tab";
  if (codes.has("MULTILINE_IMPLICIT_KEY")) {
    // `disallownat: false` at the left edge, and its neighbours below still indented.
    return name === undefined
      ? "Expected `name: value` in one line; is a colon or the space after it missing?"
      : `${name} has a value in this line, and the lines below are indented deeper: expected them ` +
        `to begin in the same column as ${name}, or ${name} to be indented as they are`;
  }
  if (codes.has("BLOCK_AS_IMPLICIT_KEY")) {
    return `Expected one value${of(name)}, found a colon in it: put the value in quotes`;
  }
  if (codes.has("BAD_SCALAR_START")) {
    const start = JSON.stringify(text[offset] ?? "");
    return `Expected a value${of(name)} that does not begin with ${start}: put it in quotes`;
  }
  if (codes.has("BAD_DQ_ESCAPE")) {
    return `Expected an escape that YAML knows${
      of(name)
    }: in double quotes write \\\\ for \\, or ` +
      "use single quotes";
  }
  if (codes.has("BAD_ALIAS") || codes.has("MULTIPLE_ANCHORS")) {
    const what = "Expected a plain value, found a YAML anchor or alias";
    return `${what}; put the value in quotes if it is meant as text`;
  }
  if (/^Implicit map keys need/.test(message)) {
    return "Expected `name: value`; is a colon or the space after it missing?";
  }
  if (/^Missing closing/.test(message)) return `Expected the value${of(name)} to end in a quote`;
  return `Expected YAML: ${lower(message.split("\n")[0]!)}`;
}

function of(name: string | undefined): string {
  return name === undefined ? "" : ` of ${name}`;
}

function lower(sentence: string): string {
  return sentence.slice(0, 1).toLowerCase() + sentence.slice(1, 200);
}
