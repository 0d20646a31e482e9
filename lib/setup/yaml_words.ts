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

/** What to say, and where. */
export interface YamlWords {
  readonly what: string;
  readonly offset: number;
}

/** One explanation a line, in order; `quoteBefore` finds where a text begins that has no end. */
export function explainYaml(
  faults: readonly YamlFault[],
  text: string,
  quoteBefore: (end: number) => number | undefined,
): YamlWords[] {
  const byLine = new Map<number, YamlFault[]>();
  for (const fault of faults) {
    const others = byLine.get(fault.line);
    if (others) others.push(fault);
    else byLine.set(fault.line, [fault]);
  }
  let lines = [...byLine.values()];
  // Once lines run into each other, all further ones do.
  const runningOn = lines.findIndex((ofLine) => ofLine.some(isRunningOn));
  if (runningOn >= 0) lines = lines.filter((l, i) => i <= runningOn || !l.some(isRunningOn));
  return lines.slice(0, FAULTS_MAX).map((ofLine) => explain(ofLine, text, quoteBefore));
}

function isRunningOn({ code }: YamlFault): boolean {
  return code === "MULTILINE_IMPLICIT_KEY";
}

function explain(
  faults: readonly YamlFault[],
  text: string,
  quoteBefore: (end: number) => number | undefined,
): YamlWords {
  const [{ message, offset }] = faults as [YamlFault];
  if (/^Missing closing/.test(message)) {
    const start = quoteBefore(offset) ?? offset;
    return { what: `Expected a closing quote for the text that begins here`, offset: start };
  }
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const line = text.slice(lineStart).split(/\r?\n/, 1)[0]!;
  const [, before, name] = /^([\s-]*)(\w+)\s*:(?:\s|$)/.exec(line) ?? [];
  const what = explainLine(faults, text, name);
  // Where lines run into each other, the option's name is what stands wrong.
  const isName = name !== undefined && faults.some(isRunningOn);
  return { what, offset: isName ? lineStart + before!.length : offset };
}

function explainLine(
  faults: readonly YamlFault[],
  text: string,
  name: string | undefined,
): string {
  const codes = new Set(faults.map(({ code }) => code)), [{ message, offset }] = [faults[0]!];
  if (codes.has("TAB_AS_INDENT")) return "Expected spaces for indentation, found a tab";
  if (codes.has("MULTILINE_IMPLICIT_KEY")) {
    if (name === undefined) {
      return "Expected `name: value` in one line; is a colon or the space after it missing?";
    }
    // `disallownat: false` at the left edge, and its neighbours below still indented.
    return `${name} has a value in this line, and the lines below are indented deeper: expected ` +
      `${name} to be indented as they are, or them to begin in its column`;
  }
  if (codes.has("BLOCK_AS_IMPLICIT_KEY")) {
    return `Expected one value${of(name)}, found a colon in it: put the value in quotes`;
  }
  if (codes.has("BLOCK_IN_FLOW")) {
    return "Expected one value between the brackets, found a colon in it: put the value in quotes";
  }
  const isBlock = /^Block scalar header/.test(message); // `psk: |word`
  if (codes.has("BAD_SCALAR_START") || isBlock) {
    const sign = isBlock ? text.slice(0, offset).search(/[|>][^|>]*$/) : offset;
    const start = JSON.stringify(text[sign] ?? "");
    return `Expected a value${of(name)} that does not begin with ${start}: put it in quotes`;
  }
  if (codes.has("BAD_DQ_ESCAPE")) {
    return `Expected an escape that YAML knows${
      of(name)
    }: in double quotes write \\\\ for \\, or ` +
      "use single quotes";
  }
  if (/^Implicit map keys need/.test(message)) {
    return "Expected `name: value`; is a colon or the space after it missing?";
  }
  // What the parser quotes may be a password.
  return `Expected YAML: ${lower(message.split("\n")[0]!.replace(/:.*$/, ""))}`;
}

function of(name: string | undefined): string {
  return name === undefined ? "" : ` of ${name}`;
}

function lower(sentence: string): string {
  return sentence.slice(0, 1).toLowerCase() + sentence.slice(1, 200);
}
