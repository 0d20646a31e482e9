/**
 * Reads a setup file: from its text to a typed, checked setup, or to every error of the file at its
 * line and column.
 * @module
 */
import { SetupError, type SetupPosition } from "@/base/errors.ts";
import { checkSetup } from "@/setup/check.ts";
import { isMissing, NOT_YET, NotThereYet, whyUnused } from "@/setup/features.ts";
import { outerPath } from "@/setup/schema.ts";
import { byPlace, SectionReader } from "@/setup/section_reader.ts";
import type { Setup } from "@/setup/setup.ts";
import { readYaml } from "@/setup/yaml_source.ts";

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
  /** Each with its place in the file. */
  readonly warnings: readonly string[];
  /** Features that defaults of this role want and that are not there yet, in words. */
  readonly notYet: readonly string[];
  /** Where an option stands, or the nearest section that was given: for errors found later. */
  readonly positionOf: (path: string) => SetupPosition;
}

/** All errors of one file. */
export class SetupErrors extends SetupError {
  override name = "SetupErrors";
  constructor(readonly errors: readonly SetupError[]) {
    super(errors.map((e) => e.message).join("\n"));
  }
}

/** Errors of one file that are told; more are counted. */
const ERRORS_MAX = 100;

/** Reads and checks a file's text. @throws {SetupErrors} with every error. */
export function readSetup(content: string, file: string, options: ReadOptions = {}): SetupReading {
  const errors: SetupError[] = [];
  const source = readYaml(content, file, errors);
  if (!source) throw new SetupErrors(bounded(errors));
  const reader = new SectionReader(errors, options.lenient ?? false);
  const setup = reader.read(source) as unknown as Setup;
  const positionOf = (path: string) => positionIn(reader.positions, path, file);
  if (!options.unchecked) {
    checkSetup(setup, {
      isBroken: (path) => reader.isBroken(path),
      zoneOf: (path) => reader.zones.get(path),
      fail: (what, path) => void errors.push(new SetupError(what, positionOf(path))),
      warn: (what, path) => reader.warn(what, positionOf(path)),
    });
    errors.push(...missingFeatures(reader, setup));
  }
  if (errors.length > 0) throw new SetupErrors(bounded(errors));
  return { setup, warnings: reader.warnings, notYet: notYet(reader, setup), positionOf };
}

/** The place of an option, else of the section around it, else the file's first line. */
function positionIn(
  positions: ReadonlyMap<string, SetupPosition>,
  path: string,
  file: string,
): SetupPosition {
  for (let at = path; at !== ""; at = outerPath(at)) {
    const position = positions.get(at);
    if (position) return position;
  }
  return { file, line: 1, column: 1 };
}

/**
 * What was set and needs a feature that is not there yet. The other role's options need nothing, and
 * an option of a feature that the setup does not use is warned of.
 */
function missingFeatures(reader: SectionReader, setup: Setup): NotThereYet[] {
  const { wants, isBroken } = reader;
  const errors: NotThereYet[] = [];
  for (const { path, shown, feature, option, position } of wants) {
    if (option.role !== "both" && (option.role !== setup.role || isBroken("role"))) continue;
    const unused = whyUnused(feature, setup);
    if (unused) reader.warn(`${path} has no effect: ${unused}`, position);
    else if (isMissing(feature)) errors.push(new NotThereYet(path, shown, feature, position));
  }
  return errors;
}

/** Features that options at their default want, each once, in words. */
function notYet({ defaults }: SectionReader, { role }: Setup): string[] {
  const words = defaults.filter((o) => o.defaultUses && (o.role === "both" || o.role === role))
    .map((o) => o.feature).filter((f) => isMissing(f)).map((feature) => NOT_YET[feature]);
  return [...new Set(words)];
}

/** In the order of the file; past the most that is told, a last one says how many there are. */
function bounded(errors: readonly SetupError[]): SetupError[] {
  const ordered = [...errors].sort(byPlace);
  if (ordered.length <= ERRORS_MAX) return ordered;
  const more = `There are ${ordered.length - ERRORS_MAX} more errors`;
  return [...ordered.slice(0, ERRORS_MAX), new SetupError(more)];
}
