/**
 * YAML as source text: maps, lists and scalars with their positions, and nothing guessed. Anchors,
 * aliases and tags are refused, since in a setup they are never meant (a password that begins with &
 * is).
 * @module
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
} from "yaml";
import { SetupError, type SetupPosition } from "@/base/errors.ts";

/** A file longer than this is no setup. */
const CHARACTERS_MAX = 4_000_000;
/** Setups are five levels deep. */
const DEPTH_MAX = 20;

/** A piece of the file. */
export type Source = MapSource | ListSource | TextSource;

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

/** A scalar: what was typed, without its quotes. */
export interface TextSource {
  readonly kind: "text";
  readonly position: SetupPosition;
  readonly text: string;
  /** Nothing, `~` or `null`, unquoted. */
  readonly isNull: boolean;
}

/** Reads a file; `errors` gets what is wrong with it. Undefined where nothing can be read. */
export function readYaml(
  content: string,
  file: string,
  errors: SetupError[],
): MapSource | undefined {
  const at = (line: number, column: number): SetupPosition => ({ file, line, column });
  if (content.length > CHARACTERS_MAX) {
    errors.push(new SetupError(`Cannot read a setup of ${content.length} characters`, at(1, 1)));
    return undefined;
  }
  // deno-lint-ignore no-control-regex -- that is what is looked for.
  const binary = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffd]/.exec(content);
  if (binary) {
    const before = content.slice(0, binary.index).split("\n");
    const position = at(before.length, before.at(-1)!.length + 1);
    errors.push(new SetupError("Cannot read this as text: it is no YAML file", position));
    return undefined;
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(content.replace(/^\ufeff/, ""), {
    schema: "failsafe",
    lineCounter: lines,
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
  });
  const positionOf = (offset: number): SetupPosition => {
    const { line, col } = lines.linePos(offset);
    return at(Math.max(1, line), Math.max(1, col));
  };
  if (!Array.isArray(documents)) {
    return { kind: "map", position: at(1, 1), entries: [] };
  }
  if (documents.length > 1) {
    const second = documents[1]!.range[0];
    errors.push(new SetupError("Expected one YAML document, found several", positionOf(second)));
    return undefined;
  }
  const [document] = documents;
  for (const error of document?.errors ?? []) {
    errors.push(new SetupError(explain(error.message, error.code), positionOf(error.pos[0])));
  }
  if (errors.length > 0) return undefined;
  return new Walker(positionOf, errors).top(document?.contents as Node | null);
}

function explain(message: string, code: string): string {
  const first = message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "");
  return code === "TAB_AS_INDENT"
    ? "Expected spaces for indentation, found a tab"
    : `Cannot read YAML: ${first}`;
}

class Walker {
  readonly #positionOf: (offset: number) => SetupPosition;
  readonly #errors: SetupError[];

  constructor(positionOf: (offset: number) => SetupPosition, errors: SetupError[]) {
    this.#positionOf = positionOf;
    this.#errors = errors;
  }

  top(node: Node | null): MapSource | undefined {
    const empty = { kind: "map", position: this.#positionOf(0), entries: [] } as const;
    if (!node) return empty;
    const source = this.#walk(node, 0);
    if (source?.kind === "map") return source;
    if (source?.kind === "text" && source.isNull) return empty;
    this.#fail("Expected options as `name: value`", node);
    return undefined;
  }

  #walk(node: Node, depth: number): Source | undefined {
    if (depth > DEPTH_MAX) return this.#fail("Expected a setup, this is nested too deep", node);
    const anchor = "anchor" in node && node.anchor;
    if (isAlias(node) || anchor || ("tag" in node && node.tag && !this.#isPlainTag(node.tag))) {
      const what = isAlias(node) ? `*${node.source}` : anchor ? `&${anchor}` : String(node.tag);
      return this.#fail(
        `Expected a plain value: ${what} is a YAML ${
          isAlias(node) ? "alias" : anchor ? "anchor" : "tag"
        }; put the value in quotes if it is meant as text`,
        node,
      );
    }
    if (isScalar(node)) return this.#text(node);
    const position = this.#positionOf(node.range![0]);
    if (isSeq(node)) {
      const items = node.items.map((item) =>
        item ? this.#walk(item as Node, depth + 1) : nullAt(position)
      );
      return { kind: "list", position, items: items.filter((item) => item !== undefined) };
    }
    if (isMap(node)) return this.#map(node.items as Pair<Node, Node | null>[], position, depth);
    return this.#fail("Expected a value, a list or options", node);
  }

  #isPlainTag(tag: string): boolean {
    return /^tag:yaml.org,2002:(str|map|seq)$/.test(tag);
  }

  #map(pairs: Pair<Node, Node | null>[], position: SetupPosition, depth: number): MapSource {
    const seen = new Map<string, SetupPosition>();
    const entries = [];
    for (const { key, value } of pairs) {
      const name = this.#walk(key, depth + 1);
      if (!name) continue;
      if (name.kind !== "text") {
        this.#fail("Expected an option's name", key);
        continue;
      }
      const before = seen.get(name.text);
      if (before) {
        this.#errors.push(
          new SetupError(
            `${name.text} is set twice, first in line ${before.line}`,
            name.position,
          ),
        );
        continue;
      }
      seen.set(name.text, name.position);
      const source = value ? this.#walk(value, depth + 1) : nullAt(name.position);
      if (source) entries.push({ key: name.text, position: name.position, value: source });
    }
    return { kind: "map", position, entries };
  }

  #text(node: Scalar): TextSource {
    const quoted = node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE";
    const block = node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED";
    const text = String(node.value ?? "");
    const isNull = !quoted && !block && /^(|~|null|Null|NULL)$/.test(text);
    return { kind: "text", position: this.#positionOf(node.range![0]), text, isNull };
  }

  #fail(what: string, node: Node): undefined {
    this.#errors.push(new SetupError(what, this.#positionOf(node.range?.[0] ?? 0)));
    return undefined;
  }
}

function nullAt(position: SetupPosition): TextSource {
  return { kind: "text", position, text: "", isNull: true };
}
