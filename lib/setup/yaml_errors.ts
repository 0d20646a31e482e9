/**
 * Explains errors of the YAML parser, and tells the user what to change.
 * @module
 */

/** An error of the YAML parser. */
export interface YamlFault {
  readonly code: string;
  readonly message: string;
  /** The position in characters from the start of the file. */
  readonly offset: number;
  readonly line: number;
}

/** The most errors that are reported, as later errors mostly follow from the first ones. */
const FAULTS_MAX = 10;

/** An explanation and its position. */
export interface YamlExplanation {
  readonly what: string;
  readonly offset: number;
}

/**
 * Finds the cause of an error if the parser reports another position, in characters from the start
 * of the file.
 */
export interface YamlFinder {
  /** The start of the unclosed quoted text that ends at `end`. */
  quoteBefore(end: number): number | undefined;
  /** The first unclosed bracket. */
  openBracket(): number | undefined;
}

/** The explanations of all errors, one for each line of the file, in order. */
export function explainYaml(
  faults: readonly YamlFault[],
  text: string,
  finder: YamlFinder,
): YamlExplanation[] {
  const byLine = new Map<number, YamlFault[]>();
  for (const fault of faults) {
    const others = byLine.get(fault.line);
    if (others) others.push(fault);
    else byLine.set(fault.line, [fault]);
  }
  let lines = [...byLine.values()];
  // After the first error of this kind, all further lines have it.
  const runningOn = lines.findIndex((ofLine) => ofLine.some(isRunningOn));
  if (runningOn >= 0) lines = lines.filter((l, i) => i <= runningOn || !l.some(isRunningOn));
  return lines.slice(0, FAULTS_MAX).map((ofLine) => explain(ofLine, text, finder));
}

function isRunningOn({ code, message }: YamlFault): boolean {
  return code === "MULTILINE_IMPLICIT_KEY" || / in YAML stream/.test(message);
}

function explain(faults: readonly YamlFault[], text: string, finder: YamlFinder): YamlExplanation {
  const [{ message, offset }] = faults as [YamlFault];
  if (/^Missing closing/.test(message)) {
    const start = finder.quoteBefore(offset) ?? offset;
    return { what: `Expected a closing quote for the text that begins here`, offset: start };
  }
  const bracket = /^Flow .* end with a/.test(message) ? finder.openBracket() : undefined;
  if (bracket !== undefined) {
    const [open, close] = text[bracket] === "{" ? "{}" : "[]";
    const what = `Expected a closing ${close} for this ${open}; put the value in quotes if it is ` +
      "meant as text";
    return { what, offset: bracket };
  }
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const line = text.slice(lineStart).split(/\r?\n/, 1)[0]!;
  const [, before, name] = /^([\s-]*)(\w+)\s*:(?:\s|$)/.exec(line) ?? [];
  const space = foreignSpace(line);
  if (space) return { what: space.what, offset: lineStart + space.column };
  const what = explainLine(faults, text, name);
  // If one line continues another one, the name of the option is in the wrong column.
  const isName = name !== undefined && faults.some((f) => f.code === "MULTILINE_IMPLICIT_KEY");
  return { what, offset: isName ? lineStart + before!.length : offset };
}

/** A space that is not the plain one, after the colon of an option. */
function foreignSpace(line: string): { what: string; column: number } | undefined {
  const [all, sign] = /^[\s-]*\w+:(?![ \t\r])(\s|\ufeff)/.exec(line) ?? [];
  if (all === undefined) return undefined;
  const what = `Expected a space after the colon, found ${codePoint(sign!)}`;
  return { what, column: all.length - 1 };
}

/** `U+00A0`. */
export function codePoint(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}

function explainLine(
  faults: readonly YamlFault[],
  text: string,
  name: string | undefined,
): string {
  const codes = new Set(faults.map(({ code }) => code));
  const [{ message, offset }] = [faults[0]!];
  if (codes.has("TAB_AS_INDENT")) return "Expected spaces for indentation, found a tab";
  if (codes.has("MULTILINE_IMPLICIT_KEY")) {
    if (name === undefined) {
      return "Expected `name: value` in one line; is a colon or the space after it missing?";
    }
    // For example, `disallownat: false` begins in the first column, and the options below it are
    // indented.
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
  const isClosing = /^Unexpected flow-(map|seq)-end/.test(message); // `psk: ]word`
  if (codes.has("BAD_SCALAR_START") || isBlock || isClosing) {
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
  if (/at node end$/.test(message)) {
    return `Expected the value${of(name)} to end with its closing quote or bracket: put all of ` +
      "it in quotes";
  }
  if (/^Unexpected block-seq-ind/.test(message)) {
    return `Expected the list${of(name)} to begin in the next line or with a bracket`;
  }
  if (/^All mapping items/.test(message)) {
    return "Expected this line to begin in the same column as the other options of its section";
  }
  if (/^Implicit map keys need/.test(message)) {
    return "Expected `name: value`; is a colon or the space after it missing?";
  }
  // The text that the parser quotes may be a password.
  return `Expected YAML: ${lower(message.split("\n")[0]!.replace(/:.*$/, ""))}`;
}

function of(name: string | undefined): string {
  return name === undefined ? "" : ` of ${name}`;
}

function lower(sentence: string): string {
  return sentence.slice(0, 1).toLowerCase() + sentence.slice(1, 200);
}
