/**
 * Reads the sections of a file into typed values by the table of options, and reports unknown
 * keys, keys in the wrong section, and invalid values.
 * @module
 */
import { SetupError, type SetupPosition } from "@/base/errors.ts";
import { type Feature, isMissing } from "@/setup/features.ts";
import { INVALID, nearestWord, shown, text } from "@/setup/kinds.ts";
import type { Option } from "@/setup/option.ts";
import { namesOf, outerPath, ROOT, type Section, sectionsWith } from "@/setup/schema.ts";
import { readSelector } from "@/setup/selector.ts";
import type { MapSource, Source, TextSource } from "@/setup/yaml_source.ts";
import { codePoint } from "@/setup/yaml_errors.ts";

/** The most unknown keys for which a suggestion is made; a file with more is no setup file. */
const SUGGESTIONS_MAX = 50;

/** An option that was set and needs a feature which is not implemented yet. */
export interface Want {
  readonly feature: Feature;
  /** `ikeconf.childlist[0].esn` */
  readonly path: string;
  /** The value as text for an error message. */
  readonly shown: string;
  readonly option: Pick<Option<unknown>, "role">;
  readonly position: SetupPosition;
}

/** Reads one file; errors are added to the list that it is given. */
export class SectionReader {
  /** The positions of all options and sections in the file, by path. */
  readonly positions = new Map<string, SetupPosition>();
  /** Interfaces that addresses name after a `%`, by the path of the option. */
  readonly zones = new Map<string, string>();
  readonly wants: Want[] = [];
  /** Options that have their default value, whether it was written or not. */
  readonly defaults: Option<unknown>[] = [];
  readonly #errors: SetupError[];
  readonly #warnings: SetupError[] = [];
  readonly #lenient: boolean;
  /** Paths whose value was refused, and keys that are in the wrong section. */
  readonly #broken = new Set<string>();
  #suggestions = 0;
  /** The sections of the top level as they stand in the file, and their values. */
  readonly #top = new Map<
    string,
    { readonly source: MapSource | undefined; readonly values: unknown }
  >();
  /** The role of the file; undefined until it is read, and if it is invalid. */
  #role: string | undefined;

  constructor(errors: SetupError[], lenient: boolean) {
    this.#errors = errors;
    this.#lenient = lenient;
  }

  /** Reads the whole file; returns its values by name. The role comes first in the table. */
  read(source: MapSource): Record<string, unknown> {
    return this.#section(ROOT, source, "");
  }

  /**
   * Whether an error about this option or a section around it was reported, so that further errors
   * may only follow from it.
   */
  readonly isBroken = (path: string): boolean => {
    for (let at = path; at !== ""; at = outerPath(at)) {
      const name = at.slice(at.lastIndexOf(".") + 1);
      if (this.#broken.has(at) || this.#broken.has(`?${name}`)) return true;
    }
    return false;
  };

  #section(section: Section, source: MapSource | undefined, path: string): Record<string, unknown> {
    const given = new Map(source?.entries.map((e) => [e.key, e]));
    for (const { key, position } of given.values()) {
      if (!namesOf(section).includes(key)) this.#unknown(section, key, position);
      else this.positions.set(path + key, position);
    }
    const values: Record<string, unknown> = {};
    for (const [name, option] of Object.entries(section.options)) {
      values[name] = this.#value(option, given.get(name)?.value, path + name);
      if (path + name === "role" && !this.isBroken("role")) this.#role = String(values[name]);
    }
    for (const [name, inner] of Object.entries(section.sections)) {
      const map = this.#mapOf(given.get(name)?.value, path + name);
      values[name] = this.#section(inner, map, `${path}${name}.`);
      if (section === ROOT) this.#top.set(name, { source: map, values: values[name] });
    }
    for (const [name, inner] of Object.entries(section.overlays)) {
      const map = this.#mapOf(given.get(name)?.value, path + name);
      const top = this.#top.get(name)!;
      values[name] = map
        ? this.#section(inner, over(top.source, map), `${path}${name}.`)
        : top.values;
    }
    for (const [name, inner] of Object.entries(section.lists)) {
      values[name] = this.#list(inner, given.get(name)?.value, path + name);
    }
    return values;
  }

  #unknown(section: Section, key: string, position: SetupPosition): void {
    const here = section.path || "the top level";
    if (section.dead.includes(key)) {
      this.warn(`${key} has no effect, and never had one`, position);
      return;
    }
    const elsewhere = sectionsWith(key);
    const near = elsewhere.length === 0 && this.#suggestions++ < SUGGESTIONS_MAX
      ? nearestWord(key, namesOf(section))
      : undefined;
    const [, space, after] = /^((?! )\s)\s*(\w*)/.exec(key) ?? [];
    if (space !== undefined) {
      // Such spaces come from web pages, or are the byte order mark of a file that was appended.
      const what = `Expected plain spaces before ${after || "an option"}, found ${
        codePoint(space)
      }`;
      return void this.#fail(what, `?${after}`, position);
    }
    const name = /^\w+$/.test(key) && key.length <= 80 ? key : shown(key);
    const what = elsewhere.length > 0
      ? `${name} belongs in ${elsewhere.join(" or ")}, not in ${here}`
      : `Unknown option ${name} in ${here}` + (near ? `; did you mean ${near}?` : "");
    if (this.#lenient) return this.warn(`${what} (ignored)`, position);
    this.#errors.push(new SetupError(what, position));
    this.#broken.add(`?${near ?? key}`);
  }

  /** Adds a warning about a position of the file. */
  warn(what: string, position: SetupPosition): void {
    this.#warnings.push(new SetupError(what, position));
  }

  /** All warnings with their positions, in the order of the file. */
  get warnings(): string[] {
    return [...new Set([...this.#warnings].sort(byPlace).map(({ message }) => message))];
  }

  #fail(what: string, path: string, position: SetupPosition): undefined {
    this.#broken.add(path);
    // What a profile takes from the section of the top level was refused there.
    const isInherited = path.startsWith("profiles[") &&
      this.#errors.some((error) => byPlace(error, new SetupError(what, position)) === 0);
    if (!isInherited) this.#errors.push(new SetupError(what, position));
    return undefined;
  }

  /** Reports an invalid value: an error, or a warning if only the other role uses the option. */
  #refuse(option: Option<unknown>, what: string, at: string, position: SetupPosition): undefined {
    if (option.role === "both" || !this.#role || option.role === this.#role) {
      return this.#fail(what, at, position);
    }
    this.warn(`${what} (ignored: a ${option.role}'s option)`, position);
  }

  #mapOf(source: Source | undefined, path: string): MapSource | undefined {
    if (!source || source.kind === "text" && source.isNull) return undefined;
    if (source.kind === "map") return source;
    if (source.kind === "broken") return void this.#broken.add(path);
    const what = source.kind === "list" ? "a list" : "a value";
    const unspaced = source.kind === "text" && /^\w+:\S/.test(source.text);
    const hint = unspaced ? "; a space goes after the colon" : "";
    const words = `Expected options under ${path}, found ${what}${hint}`;
    return this.#fail(words, path, source.position);
  }

  /**
   * Reads a list of sections. A list that is absent has one entry with default values, and a single
   * section is a list of one entry.
   */
  #list(section: Section, source: Source | undefined, path: string): unknown[] {
    if (!source || source.kind !== "list") return [this.#entry(section, source, `${path}[0]`)];
    const { items, position } = source;
    if (items.length === 0) {
      this.#fail(`${path} is empty: expected at least one entry`, path, position);
    }
    return items.map((item, i) => this.#entry(section, item, `${path}[${i}]`));
  }

  #entry(section: Section, source: Source | undefined, path: string): unknown {
    const map = this.#mapOf(source, path);
    if (map) this.positions.set(path, map.position);
    const values = this.#section(section, map, `${path}.`);
    if (!section.isSelector) return values;
    return readSelector(values, (what, key) => {
      const position = this.positions.get(`${path}.${key}`) ?? map!.position;
      if (!this.isBroken(`${path}.${key}`)) this.#fail(what, `${path}.${key}`, position);
    });
  }

  #value(option: Option<unknown>, source: Source | undefined, path: string): unknown {
    const isNull = source?.kind === "text" && source.isNull && !takesNull(option, source);
    if (!source || isNull) {
      this.defaults.push(option);
      return option.value;
    }
    const texts = this.#texts(option, source, path);
    const values = texts?.map((t) => this.#scalar(option, t, path));
    if (!texts || values!.includes(INVALID)) return option.value;
    this.#note(option, texts, values!, path);
    return option.list ? values : values![0];
  }

  /** The scalars of an option: one, or the items of its list. Items that are null are ignored. */
  #texts(option: Option<unknown>, source: Source, path: string): TextSource[] | undefined {
    if (source.kind === "text") return [source];
    if (source.kind === "broken") return void this.#broken.add(path);
    const expected = option.list
      ? `${option.kind.expects}, or a list of them`
      : option.kind.expects;
    if (source.kind === "map" || !option.list) {
      const quoted = option.kind === text ? "; put the value in quotes if it is meant as text" : "";
      const found = (source.kind === "map" ? "options" : "a list") + quoted;
      return this.#refuse(
        option,
        `Expected ${expected} for ${path}, found ${found}`,
        path,
        source.position,
      );
    }
    const texts: TextSource[] = [];
    for (const item of source.items) {
      if (item.kind === "broken") return void this.#broken.add(path);
      if (item.kind !== "text") {
        // YAML reads `[2001:db8::, …]` as a map with one key.
        const found = item.kind === "list"
          ? "a list"
          : "options; put a value that ends with a colon in quotes";
        const what = `Expected ${option.kind.expects} in the list ${path}, found ${found}`;
        return this.#refuse(option, what, path, item.position);
      }
      if (!item.isNull || takesNull(option, item)) texts.push(item);
    }
    if (texts.length > 0 || option.mayBeEmpty || option.defaultTexts.length === 0) return texts;
    const what = `${path} is empty: expected at least one, each ${option.kind.expects}`;
    return this.#refuse(option, what, path, source.position);
  }

  /** The value of a scalar; INVALID if it was refused. */
  #scalar(option: Option<unknown>, { text, position }: TextSource, path: string): unknown {
    const value = option.kind.parse(text);
    const zone = option.kind.zoneIn?.(text);
    if (zone !== undefined) this.zones.set(path, zone);
    if (value !== INVALID) return value;
    const hint = option.kind.hint?.(text);
    const what = `Expected ${option.kind.expects} for ${path}, found ${shown(text)}` +
      (hint ? `; ${hint}` : "");
    this.#refuse(option, what, path, position);
    return INVALID;
  }

  /** Records that a value needs a feature, or that it is the default. */
  #note(
    option: Option<unknown>,
    texts: readonly TextSource[],
    values: readonly unknown[],
    path: string,
  ): void {
    const given = JSON.stringify(option.list ? values : values[0]);
    if (given === JSON.stringify(option.value)) return void this.defaults.push(option);
    const free = option.freeTexts.some((f) => option.kind.parse(f) === values[0]);
    const own = free ? undefined : option.feature;
    const features = [own, ...values.map(option.featureOf)].filter((f) => f !== undefined);
    const feature = features.find(isMissing) ?? features[0];
    if (!feature) return;
    const words = texts.map((t) => /^[\w.:/-]{1,60}$/.test(t.text) ? t.text : shown(t.text));
    this.wants.push({
      feature,
      path,
      shown: option.secret ? "its value" : words.join(", ") || "[]",
      option,
      position: texts[0]?.position ?? this.positions.get(path)!,
    });
  }
}

/** The entries of a section with those of another in place of the same or beside them. */
function over(below: MapSource | undefined, above: MapSource): MapSource {
  const keys = new Set(above.entries.map(({ key }) => key));
  const kept = below?.entries.filter(({ key }) => !keys.has(key)) ?? [];
  return { ...above, entries: [...kept, ...above.entries] };
}

/** Compares errors by their position in the file; errors without a position come first. */
export function byPlace(a: SetupError, b: SetupError): number {
  const place = ({ position }: SetupError) => position ? position.line * 1e6 + position.column : 0;
  return place(a) - place(b);
}

/** Whether an unquoted `null` is a keyword of the option (the NULL cipher). */
function takesNull(option: Option<unknown>, { text }: TextSource): boolean {
  return text !== "" && option.kind.parse(text) !== INVALID && option.namesNull;
}
