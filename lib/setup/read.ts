/**
 * Reads a setup file: from source to typed values, with every error of the file at its line and
 * column, and the words for what was expected.
 * @module
 */
import { SetupError, type SetupPosition } from "@/base/errors.ts";
import { checkSetup } from "@/setup/check.ts";
import { type Feature, isMissing, NOT_YET, NotThereYet } from "@/setup/features.ts";
import { nearestWord, shown } from "@/setup/kinds.ts";
import type { Option } from "@/setup/option.ts";
import { namesOf, ROOT, type Section, sectionsWith } from "@/setup/schema.ts";
import { readSelector } from "@/setup/selector.ts";
import type { ChildConf, Setup } from "@/setup/setup.ts";
import { type MapSource, readYaml, type Source, type TextSource } from "@/setup/yaml_source.ts";

/** How a file is read. */
export interface ReadOptions {
  /** Unknown and misplaced keys are warnings, and have no effect. */
  readonly lenient?: boolean;
  /** Only what each option says for itself: not whether the whole could run here and now. */
  readonly unchecked?: boolean;
}

/** What a file gives. */
export interface SetupReading {
  readonly setup: Setup;
  readonly warnings: readonly string[];
  /** Features that defaults of this role want and that are not there yet, in words. */
  readonly notYet: readonly string[];
}

/** All errors of one file. */
export class SetupErrors extends SetupError {
  override name = "SetupErrors";
  constructor(readonly errors: readonly SetupError[]) {
    super(errors.map((e) => e.message).join("\n"));
  }
}

/** Where each option that was given stands, by its path (`ikeconf.psk`, `ikeconf.childlist[0].esn`). */
export type Positions = ReadonlyMap<string, SetupPosition>;

/** Reads and checks a file's text. @throws {SetupErrors} with every error. */
export function readSetup(content: string, file: string, options: ReadOptions = {}): SetupReading {
  const errors: SetupError[] = [];
  const source = readYaml(content, file, errors);
  if (!source) throw new SetupErrors(errors);
  const reader = new SetupReader(errors, options.lenient ?? false);
  const setup = reader.read(source) as unknown as Setup;
  const at = (path: string): SetupPosition =>
    reader.positions.get(path) ?? { file, line: 1, column: 1 };
  if (!options.unchecked) {
    if (errors.length === 0) errors.push(...checkSetup(setup, at));
    reader.refuseWhatIsNotThere(setup.role);
  }
  if (errors.length > 0) throw new SetupErrors(inOrder(errors));
  return { setup, warnings: reader.warnings, notYet: reader.notYet(setup.role) };
}

function inOrder(errors: readonly SetupError[]): SetupError[] {
  const place = ({ position }: SetupError) => position ? position.line * 1e6 + position.column : 0;
  return [...errors].sort((a, b) => place(a) - place(b));
}

/** An option of the file that wants a feature which is not there. */
interface Want {
  readonly feature: Feature;
  readonly name: string;
  readonly text: string;
  readonly option: Option<unknown>;
  readonly position: SetupPosition;
}

class SetupReader {
  readonly warnings: string[] = [];
  readonly positions = new Map<string, SetupPosition>();
  readonly #errors: SetupError[];
  readonly #lenient: boolean;
  readonly #wants: Want[] = [];
  /** Options that stand at their default, with the role they are for. */
  readonly #defaults: Option<unknown>[] = [];

  constructor(errors: SetupError[], lenient: boolean) {
    this.#errors = errors;
    this.#lenient = lenient;
  }

  read(source: MapSource): Record<string, unknown> {
    return this.#section(ROOT, source, "");
  }

  /** Adds an error for each option that is set to what is not there yet. */
  refuseWhatIsNotThere(role: "client" | "gateway"): void {
    for (const { feature, name, text, option, position } of this.#wants) {
      if (option.role !== "both" && option.role !== role) continue;
      const what = `${name}: ${text} needs ${NOT_YET[feature]}, which is not there yet`;
      this.#errors.push(new SetupError(what, position));
    }
  }

  /** Features in words, each once. */
  notYet(role: "client" | "gateway"): string[] {
    const missing = this.#defaults.filter((o) =>
      o.defaultUses && isMissing(o.feature) && (o.role === "both" || o.role === role)
    );
    return [...new Set(missing.map((o) => NOT_YET[o.feature!]))];
  }

  #section(section: Section, source: MapSource | undefined, path: string): Record<string, unknown> {
    const given = new Map(source?.entries.map((e) => [e.key, e]));
    for (const entry of given.values()) this.#known(section, entry.key, entry.position);
    const values: Record<string, unknown> = {};
    for (const [name, option] of Object.entries(section.options)) {
      const entry = given.get(name), full = path + name;
      if (entry) this.positions.set(full, entry.position);
      values[name] = this.#value(option, entry?.value, full);
    }
    for (const [name, inner] of Object.entries(section.sections)) {
      const entry = given.get(name);
      if (entry) this.positions.set(path + name, entry.position);
      const map = this.#mapOf(entry?.value, path + name);
      values[name] = this.#section(inner, map, `${path}${name}.`);
    }
    for (const [name, inner] of Object.entries(section.lists)) {
      const entry = given.get(name);
      if (entry) this.positions.set(path + name, entry.position);
      values[name] = this.#list(inner, entry?.value, path + name);
    }
    return values;
  }

  #known(section: Section, key: string, position: SetupPosition): void {
    if (namesOf(section).includes(key)) return;
    if (section.dead.includes(key)) {
      this.warnings.push(`${place(position)}: ${key} has no effect, and never had one`);
      return;
    }
    const elsewhere = sectionsWith(key);
    const here = section.path || "the top level";
    const near = nearestWord(key, namesOf(section));
    const what = elsewhere.length > 0
      ? `${key} belongs in ${elsewhere.join(" or ")}, not in ${here}`
      : `Unknown option ${key} in ${here}` + (near ? `; did you mean ${near}?` : "");
    if (this.#lenient) this.warnings.push(`${place(position)}: ${what} (ignored)`);
    else this.#errors.push(new SetupError(what, position));
  }

  #mapOf(source: Source | undefined, path: string): MapSource | undefined {
    if (!source || source.kind === "text" && source.isNull) return undefined;
    if (source.kind === "map") return source;
    this.#errors.push(new SetupError(`Expected options under ${path}`, source.position));
    return undefined;
  }

  /** A list of sections; omitted: one default entry; a single section is a list of one. */
  #list(section: Section, source: Source | undefined, path: string): unknown[] {
    const isSelector = path.endsWith("ownts") || path.endsWith("peerts");
    const one = (item: Source | undefined, i: number): unknown => {
      const map = this.#mapOf(item, `${path}[${i}]`);
      if (map) this.positions.set(`${path}[${i}]`, map.position);
      const values = this.#section(section, map, `${path}[${i}].`);
      return isSelector ? readSelector(values, map, this.#errors) : values as unknown as ChildConf;
    };
    if (!source || source.kind === "text" && source.isNull) return [one(undefined, 0)];
    if (source.kind !== "list") return [one(source, 0)];
    if (source.items.length === 0) {
      const what = `${path} is empty: at least one entry is needed (childless IKE SAs are not ` +
        "there yet)";
      this.#errors.push(new SetupError(what, source.position));
    }
    return source.items.map(one);
  }

  #value(option: Option<unknown>, source: Source | undefined, path: string): unknown {
    const isNull = source?.kind === "text" && source.isNull && !takesNull(option, source);
    if (!source || isNull) {
      this.#defaults.push(option);
      return option.value;
    }
    const texts = this.#texts(option, source, path);
    if (!texts) return option.value;
    const values = texts.map((t) => this.#scalar(option, t, path));
    if (values.some((v) => v === undefined)) return option.value;
    this.#note(option, texts, values, path);
    return option.list ? values : values[0];
  }

  /** The scalars of an option: one, or the items of its list. */
  #texts(option: Option<unknown>, source: Source, path: string): TextSource[] | undefined {
    const expected = option.list ? `${option.kind.expects}, or a list` : option.kind.expects;
    const fail = (s: Source) => {
      this.#errors.push(new SetupError(`Expected ${expected} for ${path}`, s.position));
      return undefined;
    };
    if (source.kind === "text") return [source];
    if (source.kind === "map" || !option.list) return fail(source);
    if (source.items.length === 0 && option.defaultTexts.length > 0) {
      const what = `${path} is empty: expected at least one, each ${option.kind.expects}`;
      this.#errors.push(new SetupError(what, source.position));
      return undefined;
    }
    const texts = source.items.filter((item) => item.kind === "text");
    return texts.length === source.items.length ? texts : fail(source);
  }

  #scalar(option: Option<unknown>, { text, position }: TextSource, path: string): unknown {
    const value = option.kind.parse(text);
    if (value !== undefined) return value;
    const hint = option.kind.hint?.(text), shown = JSON.stringify(text.slice(0, 80));
    const what = `Expected ${option.kind.expects} for ${path}, found ${shown}` +
      (hint ? `; ${hint}` : "");
    this.#errors.push(new SetupError(what, position));
    return undefined;
  }

  /** Remembers what wants a feature. */
  #note(
    option: Option<unknown>,
    texts: readonly TextSource[],
    values: readonly unknown[],
    path: string,
  ): void {
    const isDefault = JSON.stringify(option.list ? values : values[0]) ===
      JSON.stringify(option.value);
    if (isDefault) return void this.#defaults.push(option);
    if (!isMissing(option.feature)) return;
    const free = texts.every((t) => option.freeTexts.includes(t.text)) ||
      option.freeTexts.some((f) => option.kind.parse(f) === values[0]);
    if (free) return;
    const text = texts.map((t) => t.text).join(", "), position = texts[0]!.position;
    this.#wants.push({ feature: option.feature!, name: path, text, option, position });
  }
}

/** In `encalg` an unquoted null is the NULL cipher. */
function takesNull(option: Option<unknown>, source: TextSource): boolean {
  return source.text !== "" && option.kind.expects.includes(", null");
}

function isMissing(feature: Feature | undefined): boolean {
  return feature !== undefined && feature in NOT_YET;
}

function place({ file, line, column }: SetupPosition): string {
  return `${file}:${line}:${column}`;
}
