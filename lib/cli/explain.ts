/**
 * Runs `myikev2 explain`: what a cause of failure, a notify or an option means, and what to look
 * at.
 * @module
 */
import { CAUSE_EXPLANATIONS } from "@/cli/explain_causes.ts";
import { type Explanation, NOTIFY_EXPLANATIONS } from "@/cli/explain_notifies.ts";
import { EXIT_PASSED } from "@/cli/exit_status.ts";
import { printLine } from "@/files/terminal.ts";
import { SetupError } from "@/base/errors.ts";
import { isErrorNotify, NotifyType } from "@/iana/notify_type.ts";
import { ROOT, type Section } from "@/setup/schema.ts";
import type { Option } from "@/setup/option.ts";

/** The most names that an error suggests. */
const SUGGESTIONS_MAX = 5;

/** An option of a setup file, by its path: `ikeconf.childlist[].encalg`. */
interface PlacedOption {
  readonly path: string;
  readonly name: string;
  readonly option: Option<unknown>;
}

/** All names that can be explained; options have their name and their path. */
export function explainedNames(): string[] {
  const options = placedOptions(ROOT).flatMap(({ path, name }) => [name, path]);
  const names = [...Object.keys(CAUSE_EXPLANATIONS), ...Object.keys(NOTIFY_EXPLANATIONS)];
  return [...new Set([...names, ...options])];
}

/**
 * Prints the explanation of a name; returns the exit status. @throws {SetupError} for an unknown
 * name.
 */
export function explain(name: string): number {
  const lines = explanationLines(name);
  if (lines.length === 0) {
    const near = nearest(name);
    throw new SetupError(
      `Cannot explain ${name}: no cause, notify or option has this name` +
        (near.length > 0 ? `; similar names are ${near.join(", ")}` : ""),
    );
  }
  for (const line of lines) printLine(line);
  return EXIT_PASSED;
}

/**
 * All explanations of a name, in upper or lower case; a number stands for the notify of that type.
 */
export function explanationLines(name: string): string[] {
  const wanted = name.toLowerCase();
  const paragraphs = [
    ...found(CAUSE_EXPLANATIONS, wanted).map(([cause, entry]) =>
      entryLines(`${cause} (cause)`, entry)
    ),
    ...found(NOTIFY_EXPLANATIONS, wanted).map(([notify, entry]) =>
      entryLines(`${notify} (${kindOf(notify)})`, entry)
    ),
    ...placedOptions(ROOT)
      .filter(({ path, name }) => [path, name].some((one) => one.toLowerCase() === wanted))
      .map(optionLines),
  ];
  return paragraphs.flatMap((lines, i) => i > 0 ? ["", ...lines] : lines);
}

/** What to look at after failures of a cause, which may be a notify; undefined: nothing is known of it. */
export function adviceOf(cause: string): string | undefined {
  const tables: readonly Readonly<Record<string, Explanation>>[] = [
    CAUSE_EXPLANATIONS,
    NOTIFY_EXPLANATIONS,
  ];
  return tables.find((table) => Object.hasOwn(table, cause))?.[cause]?.[2];
}

function found(
  table: Readonly<Record<string, Explanation>>,
  wanted: string,
): [string, Explanation][] {
  return Object.entries(table).filter(([name]) =>
    name.toLowerCase() === wanted || String(numberOf(name)) === wanted
  );
}

function numberOf(notify: string): number | undefined {
  return (NotifyType as Readonly<Record<string, number>>)[notify];
}

function kindOf(notify: string): string {
  const number = numberOf(notify)!;
  return `notify ${number}, ${isErrorNotify(number) ? "error" : "status"}`;
}

function entryLines(title: string, [means, source, lookAt]: Explanation): string[] {
  return [title, `  ${means}`, `  Look at: ${lookAt}`, `  Source: ${source}`];
}

function optionLines({ path, option }: PlacedOption): string[] {
  const { kind, list, defaultTexts, role, doc } = option;
  const only = role === "both" ? "" : ` of a ${role}`;
  const standard = defaultTexts.filter((text) => text !== "").join(", ") || "none";
  return [
    `${path} (option${only})`,
    `  ${doc}`,
    `  Expects: ${kind.expects}${list ? "; or a list" : ""}. Default: ${standard}`,
    "  Source: docs/setup.md",
  ];
}

function placedOptions({ path, options, sections, lists }: Section): PlacedOption[] {
  const own = Object.entries(options).map(([name, option]) => ({
    path: path === "" ? name : `${path}.${name}`,
    name,
    option,
  }));
  const inner = [...Object.values(sections), ...Object.values(lists)];
  return [...own, ...inner.flatMap(placedOptions)];
}

/** Names that contain the text that was typed, or are contained in it. */
function nearest(wish: string): string[] {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  const wanted = plain(wish);
  if (wanted.length < 3) return [];
  return explainedNames()
    .filter((name) => plain(name).includes(wanted) || wanted.includes(plain(name)))
    .slice(0, SUGGESTIONS_MAX);
}
