/**
 * Reads YAML into maps, lists and scalars with their positions, and leaves scalars as text.
 * Anchors, aliases and tags are refused, as in a setup they are never intended: they are the start
 * of a password with &, for example.
 * @module
 */
import {
  Composer,
  type CST,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type Scalar,
} from "yaml";
import { SetupError, type SetupPosition } from "@/base/errors.ts";
import { shown } from "@/setup/kinds.ts";
import { codePoint, explainYaml, type YamlFault } from "@/setup/yaml_errors.ts";

/** The longest file that is read, in characters; setups have a few hundred lines. */
const CHARACTERS_MAX = 500_000;
/** The deepest nesting that is read; setups have six levels. */
const DEPTH_MAX = 20;

/** A part of the file. */
export type Source = MapSource | ListSource | TextSource | BrokenSource;

/** Keys in order. */
export interface MapSource {
  readonly kind: "map";
  readonly position: SetupPosition;
  readonly entries: readonly {
    readonly key: string;
    readonly position: SetupPosition;
    readonly value: Source;
  }[];
}

/** Items in order. */
export interface ListSource {
  readonly kind: "list";
  readonly position: SetupPosition;
  readonly items: readonly Source[];
}

/** A scalar: its text as it was typed, without quotes. */
export interface TextSource {
  readonly kind: "text";
  readonly position: SetupPosition;
  readonly text: string;
  /** Whether the value is empty, `~` or `null`, without quotes. */
  readonly isNull: boolean;
}

/** A part that was refused already, about which no further error is reported. */
export interface BrokenSource {
  readonly kind: "broken";
  readonly position: SetupPosition;
}

/** Reads a file and adds its errors to `errors`; returns undefined if nothing can be read. */
export function readYaml(
  content: string,
  file: string,
  errors: SetupError[],
): MapSource | undefined {
  const at = (line: number, column: number): SetupPosition => ({ file, line, column });
  const refuse = (what: string, position: SetupPosition) => {
    errors.push(new SetupError(what, position));
    return undefined;
  };
  if (content.length > CHARACTERS_MAX) {
    const most = `the most is ${CHARACTERS_MAX}`;
    return refuse(`Cannot read a setup of ${content.length} characters: ${most}`, at(1, 1));
  }
  const foreign = foreignCharacter(content);
  if (foreign) return refuse(foreign.what, at(foreign.line, foreign.column));

  const text = content.replace(/^\ufeff/, "");
  const lines = new LineCounter();
  const positionOf = (offset: number): SetupPosition => {
    const { line, col } = lines.linePos(offset);
    return at(Math.max(1, line), Math.max(1, col));
  };
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const deep = tooDeep(tokens);
  if (deep !== undefined) {
    return refuse("Expected a setup, found a file that is nested too deeply", positionOf(deep));
  }
  const composer = new Composer({ schema: "failsafe", uniqueKeys: false, prettyErrors: false });
  const documents = [...composer.compose(tokens)];
  const [document, second] = documents;
  if (!document) return { kind: "map", position: at(1, 1), entries: [] };
  if (second) {
    const from = positionOf(second.range[0]);
    return refuse("Expected one YAML document, found several (separated by --- or ...)", from);
  }
  const faults = document.errors.map(({ code, message, pos: [offset] }): YamlFault => {
    return { code, message, offset, line: positionOf(offset).line };
  });
  const walker = new Walker(text, positionOf, errors);
  const source = walker.top(document.contents as Node | null);
  // A line that was reported already needs no further error of the parser.
  const told = new Set(errors.map(({ position }) => position?.line));
  const untold = faults.filter(({ line }) => !told.has(line));
  const finder = {
    quoteBefore: (end: number) => quoteBefore(tokens, end),
    openBracket: () => openBracket(tokens, text),
  };
  for (const { what, offset } of explainYaml(untold, text, finder)) {
    errors.push(new SetupError(what, positionOf(offset)));
  }
  return faults.length > 0 ? undefined : source;
}

/** The first character that a text file must not have, if there is one. */
function foreignCharacter(
  content: string,
): { what: string; line: number; column: number } | undefined {
  // deno-lint-ignore no-control-regex -- control characters are what this searches for
  const found = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]|\r(?!\n)/.exec(content);
  if (!found) return undefined;
  const before = content.slice(0, found.index).split("\n");
  const code = found[0].charCodeAt(0);
  if (code === 0x0d) {
    const line = before.length;
    const column = before.at(-1)!.length + 1;
    return { what: "Expected lines to end in LF or CRLF, found a lone CR", line, column };
  }
  const what = code === 0xfffd
    ? "Expected a YAML file in UTF-8, found octets that are not UTF-8"
    : `Expected a YAML file in UTF-8, found ${codePoint(found[0])}`;
  return { what, line: before.length, column: before.at(-1)!.length + 1 };
}

/**
 * All tokens with their depths. Unlike the composer of the library, this function is not recursive.
 */
function* allTokens(tokens: readonly CST.Token[]): Generator<{ token: CST.Token; depth: number }> {
  const waiting = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    yield next;
    const { token, depth } = next;
    if (token.type === "document" && token.value) waiting.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    for (const { key, value } of token.items) {
      if (key) waiting.push({ token: key, depth: depth + 1 });
      if (value) waiting.push({ token: value, depth: depth + 1 });
    }
  }
}

/** The position at which the file is nested too deeply; undefined if it is not. */
function tooDeep(tokens: readonly CST.Token[]): number | undefined {
  for (const { token, depth } of allTokens(tokens)) {
    if (depth > DEPTH_MAX) return "offset" in token ? token.offset : 0;
  }
  return undefined;
}

/** The start of the unclosed quoted text that ends at `end`. */
function quoteBefore(tokens: readonly CST.Token[], end: number): number | undefined {
  for (const { token } of allTokens(tokens)) {
    if (token.type !== "single-quoted-scalar" && token.type !== "double-quoted-scalar") continue;
    if (token.offset + token.source.length === end) return token.offset;
  }
  return undefined;
}

/** The position of the innermost unclosed bracket in the first line that has one. */
function openBracket(tokens: readonly CST.Token[], text: string): number | undefined {
  const open: number[] = [];
  for (const { token } of allTokens(tokens)) {
    if (token.type !== "flow-collection") continue;
    const end = token.start.type === "flow-map-start" ? "flow-map-end" : "flow-seq-end";
    if (!token.end.some(({ type }) => type === end)) open.push(token.offset);
  }
  const first = Math.min(...open);
  return open.filter((at) => !text.slice(first, at).includes("\n")).sort((x, y) => x - y).at(-1);
}

class Walker {
  readonly #source: string;
  readonly #positionOf: (offset: number) => SetupPosition;
  readonly #errors: SetupError[];

  constructor(
    source: string,
    positionOf: (offset: number) => SetupPosition,
    errors: SetupError[],
  ) {
    this.#source = source;
    this.#positionOf = positionOf;
    this.#errors = errors;
  }

  top(node: Node | null): MapSource | undefined {
    const empty = { kind: "map", position: this.#positionOf(0), entries: [] } as const;
    if (!node) return empty;
    const source = this.#walk(node);
    if (source.kind === "map") return source;
    if (source.kind === "broken") return undefined;
    if (source.kind === "text" && source.isNull) return empty;
    const unspaced = source.kind === "text" && /^\w+:\S/.test(source.text);
    const hint = unspaced ? "; a space goes after the colon" : "";
    this.#fail(`Expected options as \`name: value\`${hint}`, node);
    return undefined;
  }

  #walk(node: Node): Source {
    const mark = this.#mark(node);
    if (mark) {
      const what =
        `Expected a plain value, found a YAML ${mark.words}; put the value in quotes if ` +
        "it is meant as text";
      const position = this.#positionOf(mark.offset);
      this.#errors.push(new SetupError(what, position));
      return { kind: "broken", position };
    }
    const position = this.#position(node);
    if (isScalar(node)) return this.#text(node);
    if (isSeq(node)) {
      const items = node.items.map((item) => item ? this.#walk(item as Node) : nullAt(position));
      return { kind: "list", position, items };
    }
    if (isMap(node)) return this.#map(node.items as Pair<Node, Node | null>[], position);
    return this.#fail("Expected a value, a list or options", node);
  }

  /** The anchor, alias or tag of a node, if it has one. */
  #mark(node: Node): { readonly words: string; readonly offset: number } | undefined {
    const offset = node.range?.[0] ?? 0;
    if (isAlias(node)) return { words: "alias (*)", offset };
    // The composer leaves both undefined if there is neither, and an empty anchor for a single &.
    const { anchor, tag } = node as { anchor?: unknown; tag?: string };
    if (typeof anchor === "string") {
      return { words: "anchor (&)", offset: this.#before(offset, "&") };
    }
    if (tag === undefined) return undefined;
    return { words: "tag (!)", offset: this.#before(offset, "!") };
  }

  /** The position of the last `sign` before a node. */
  #before(offset: number, sign: string): number {
    let at = Math.max(0, this.#source.lastIndexOf(sign, offset));
    while (at > 0 && /[^\s,[{]/.test(this.#source[at - 1]!)) at--;
    return at;
  }

  #map(pairs: Pair<Node, Node | null>[], position: SetupPosition): MapSource {
    const seen = new Map<string, SetupPosition>();
    const entries: MapSource["entries"][number][] = [];
    for (const { key, value } of pairs) {
      const name = this.#walk(key);
      if (name.kind === "broken") {
        // The option counts as given, so that it is not reported as missing.
        const named = isScalar(key) ? String(key.value) : "";
        const { position } = name;
        if (named) entries.push({ key: named, position, value: { kind: "broken", position } });
        continue;
      }
      if (name.kind !== "text") {
        this.#fail("Expected an option's name, found a list or options", key);
        continue;
      }
      const before = seen.get(name.text);
      if (before) {
        const what = `${shown(name.text)} is set twice, in line ${before.line} and in line ` +
          `${name.position.line}`;
        this.#errors.push(new SetupError(what, name.position));
        continue;
      }
      seen.set(name.text, name.position);
      const source = value ? this.#walk(value) : nullAt(name.position);
      entries.push({ key: name.text, position: name.position, value: source });
    }
    return { kind: "map", position, entries };
  }

  #text(node: Scalar): TextSource {
    const text = String(node.value ?? "");
    const isNull = node.type === "PLAIN" && /^(|~|null|Null|NULL)$/.test(text);
    return { kind: "text", position: this.#position(node), text, isNull };
  }

  #position(node: Node): SetupPosition {
    return this.#positionOf(node.range?.[0] ?? 0);
  }

  #fail(what: string, node: Node): BrokenSource {
    const position = this.#position(node);
    this.#errors.push(new SetupError(what, position));
    return { kind: "broken", position };
  }
}

function nullAt(position: SetupPosition): TextSource {
  return { kind: "text", position, text: "", isNull: true };
}
