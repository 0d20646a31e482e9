/**
 * Reads typed values from the YAML of the controller's files, rejects unknown keys, and reports
 * every error of a file with its line and column.
 * @module
 */
import { must, SetupError, type SetupPosition } from "@/base/errors.ts";
import { INVALID, type Kind, nearestWord, shown } from "@/setup/kinds.ts";
import { SetupErrors } from "@/setup/read.ts";
import { byPlace } from "@/setup/section_reader.ts";
import { type MapSource, readYaml, type Source } from "@/setup/yaml_source.ts";

/** A key of a map, with its value and position. */
export type Entry = MapSource["entries"][number];

/** The result of reading a file. */
export interface FileReading<T> {
  readonly value: T;
  /** Each warning has its position in the file. */
  readonly warnings: readonly string[];
}

/** The most errors of one file that are listed; the others are only counted. */
const ERRORS_MAX = 100;

/**
 * Reads the text of a file. `read` reports errors to the reader and continues.
 * @throws {SetupErrors} with every error.
 */
export function readFileText<T>(
  content: string,
  file: string,
  read: (top: MapSource, reader: SourceReader) => T,
): FileReading<T> {
  const reader = new SourceReader();
  const source = readYaml(content, file, reader.errors);
  const value = source && read(source, reader);
  if (reader.errors.length > 0) {
    const errors = reader.errors.sort(byPlace);
    const more = errors.length - ERRORS_MAX;
    const rest = more > 0 ? [new SetupError(`There are ${more} more errors`)] : [];
    throw new SetupErrors([...errors.slice(0, ERRORS_MAX), ...rest]);
  }
  must(value !== undefined, "a file without errors has a value");
  return { value, warnings: reader.warnings.sort(byPlace).map(({ message }) => message) };
}

/** Collects the errors and warnings of a file. */
export class SourceReader {
  readonly errors: SetupError[] = [];
  readonly warnings: SetupError[] = [];

  /** Adds an error at a position of the file. */
  fail(what: string, position: SetupPosition): undefined {
    this.errors.push(new SetupError(what, position));
    return undefined;
  }

  /** Adds a warning at a position of the file. */
  warn(what: string, position: SetupPosition): void {
    this.warnings.push(new SetupError(what, position));
  }

  /** Reads a map with the keys `known`; `where` names it in errors. Undefined if it is no map. */
  section(source: Source, where: string, known: readonly string[]): Section | undefined {
    const given = this.entries(source, where);
    if (!given) return undefined;
    const entries = [...given];
    for (const { key, position } of given) {
      if (known.includes(key)) continue;
      const near = nearestWord(key, known);
      const hint = near ? `; did you mean ${near}?` : `; known are ${known.join(", ")}`;
      this.fail(`Unknown key ${nameOf(key)} in ${where}${hint}`, position);
      // The key that was meant counts as given, so that it is not reported as missing too.
      if (!near || given.some((entry) => entry.key === near)) continue;
      entries.push({ key: near, position, value: { kind: "broken", position } });
    }
    return new Section(this, entries, where, source.position);
  }

  /** Reads a map whose keys the user chooses; an absent value is an empty map. */
  entries(source: Source, where: string): readonly Entry[] | undefined {
    if (source.kind === "map") return source.entries;
    if (isNothing(source)) return [];
    if (source.kind === "broken") return undefined;
    const what = source.kind === "list" ? "a list" : "a value";
    return this.fail(`Expected keys under ${where}, found ${what}`, source.position);
  }

  /** Reads a list; an absent value is an empty list. */
  list(source: Source | undefined, where: string): readonly Source[] {
    if (!source || isNothing(source)) return [];
    if (source.kind === "list") return source.items;
    if (source.kind === "broken") return [];
    const what = source.kind === "map" ? "keys" : "a value";
    this.fail(`Expected a list under ${where}, found ${what}`, source.position);
    return [];
  }

  /** Reads a scalar; undefined if it is wrong, which has been reported. */
  scalar<T>(source: Source, where: string, kind: Kind<T>): T | undefined {
    if (source.kind === "broken") return undefined;
    if (source.kind !== "text") {
      const found = source.kind === "map" ? "keys" : "a list";
      return this.fail(`Expected ${kind.expects} for ${where}, found ${found}`, source.position);
    }
    const value = kind.parse(source.text);
    if (value !== INVALID) return value;
    const hint = kind.hint?.(source.text);
    const what = `Expected ${kind.expects} for ${where}, found ${shown(source.text)}`;
    return this.fail(hint ? `${what}; ${hint}` : what, source.position);
  }
}

/** A map of a file with a fixed set of keys. */
export class Section {
  readonly #reader: SourceReader;
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(
    reader: SourceReader,
    entries: readonly Entry[],
    /** Names the map in errors, as in `daemonlist.svr1`. */
    readonly where: string,
    readonly position: SetupPosition,
  ) {
    this.#reader = reader;
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
  }

  /** The value of a key as it was read; undefined if it is absent or `null`. */
  source(key: string): Source | undefined {
    const value = this.#entries.get(key)?.value;
    return value && !isNothing(value) ? value : undefined;
  }

  /** The position of a key, or of the map if the key is absent. */
  positionOf(key: string): SetupPosition {
    return this.#entries.get(key)?.position ?? this.position;
  }

  /** The value of a key, or `fallback` if it is absent or wrong. */
  value<T>(key: string, kind: Kind<T>, fallback: T): T {
    const source = this.source(key);
    if (!source) return fallback;
    return this.#reader.scalar(source, `${this.where}.${key}`, kind) ?? fallback;
  }

  /**
   * The value of a key that must be given; undefined if it is absent or wrong, which has been
   * reported.
   */
  required<T>(key: string, kind: Kind<T>): T | undefined {
    const source = this.source(key);
    if (source) return this.#reader.scalar(source, `${this.where}.${key}`, kind);
    return this.#reader.fail(`${this.where} needs ${key}`, this.positionOf(key));
  }
}

function isNothing(source: Source): boolean {
  return source.kind === "text" && source.isNull;
}

/** Quotes a key for a sentence, where it needs quotes. */
export function nameOf(key: string): string {
  return /^[\w.%-]{1,80}$/.test(key) ? key : shown(key);
}
