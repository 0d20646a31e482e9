/**
 * Reads a setup file: makes a typed and checked setup of its text, or reports all of its errors
 * with line and column.
 * @module
 */
import { SetupError, type SetupPosition } from "@/base/errors.ts";
import { checkSetup } from "@/setup/check.ts";
import { isMissing, NOT_YET, NotThereYet, whyUnused } from "@/setup/features.ts";
import { checkProfiles } from "@/setup/profiles.ts";
import type { Check } from "@/setup/rule.ts";
import { outerPath } from "@/setup/schema.ts";
import { byPlace, SectionReader } from "@/setup/section_reader.ts";
import type { Setup } from "@/setup/setup.ts";
import { readYaml } from "@/setup/yaml_source.ts";

/** How a file is read. */
export interface ReadOptions {
  /** Whether unknown and misplaced keys are warnings and otherwise ignored. */
  readonly lenient?: boolean;
  /**
   * Whether only the values of single options are checked, not whether the setup as a whole can
   * run.
   */
  readonly unchecked?: boolean;
}

/** The result of reading a file. */
export interface SetupReading {
  readonly setup: Setup;
  /** Warnings with their positions in the file. */
  readonly warnings: readonly string[];
  /** Descriptions of features that defaults of this role need and that are not implemented yet. */
  readonly notYet: readonly string[];
  /**
   * The position of an option, or of the nearest section around it, for errors that are found
   * later.
   */
  readonly positionOf: (path: string) => SetupPosition;
}

/** All errors of one file. */
export class SetupErrors extends SetupError {
  override name = "SetupErrors";
  constructor(readonly errors: readonly SetupError[]) {
    super(errors.map((e) => e.message).join("\n"));
  }
}

/** The most errors of one file that are reported; further ones are only counted. */
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
    const check: Check = {
      isBroken: (path) => reader.isBroken(path),
      zoneOf: (path) => reader.zones.get(path),
      fail: (what, path) => tellOnce(errors, new SetupError(what, positionOf(path))),
      warn: (what, path) => reader.warn(what, positionOf(path)),
    };
    checkSetup(setup, check);
    checkProfiles(setup, check, checkSetup);
    errors.push(...missingFeatures(reader, setup));
  }
  if (errors.length > 0) throw new SetupErrors(bounded(errors));
  return { setup, warnings: reader.warnings, notYet: notYet(reader, setup), positionOf };
}

/** Adds an error, unless the same stands at its position: profiles share what they do not change. */
function tellOnce(errors: SetupError[], error: SetupError): void {
  if (!errors.some(({ message }) => message === error.message)) errors.push(error);
}

/** The position of an option, or of the section around it, or the first line of the file. */
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
 * Errors for options that were set and need a feature which is not implemented yet. Options of the
 * other role are ignored, and options of a feature that the setup does not use cause a warning.
 */
function missingFeatures(reader: SectionReader, setup: Setup): NotThereYet[] {
  const { wants, isBroken } = reader;
  const errors: NotThereYet[] = [];
  for (const { path, shown, feature, option, position } of wants) {
    if (option.role !== "both" && (option.role !== setup.role || isBroken("role"))) continue;
    const [, profile] = /^profiles\[(\d+)\]/.exec(path) ?? [];
    const { ikeconf } = profile === undefined ? setup : setup.profiles[Number(profile)] ?? setup;
    const unused = whyUnused(feature, { ...setup, ikeconf });
    if (unused) reader.warn(`${path} has no effect: ${unused}`, position);
    else if (isMissing(feature)) errors.push(new NotThereYet(path, shown, feature, position));
  }
  return errors;
}

/**
 * The features that options with their default values need and that are not implemented yet, each
 * once.
 */
function notYet({ defaults }: SectionReader, { role }: Setup): string[] {
  const words = defaults.filter((o) => o.defaultUses && (o.role === "both" || o.role === role))
    .map((o) => o.feature).filter((f) => isMissing(f)).map((feature) => NOT_YET[feature]);
  return [...new Set(words)];
}

/**
 * Sorts errors by their position in the file; if there are too many, the last one says how many are
 * left out.
 */
function bounded(errors: readonly SetupError[]): SetupError[] {
  const ordered = [...errors].sort(byPlace);
  if (ordered.length <= ERRORS_MAX) return ordered;
  const more = `There are ${ordered.length - ERRORS_MAX} more errors`;
  return [...ordered.slice(0, ERRORS_MAX), new SetupError(more)];
}
