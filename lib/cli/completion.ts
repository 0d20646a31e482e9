/**
 * What may stand next on a command line, read from the tree of commands itself: its subcommands,
 * options, choices and the names of their values (`<file>`, `[bool]`). A system shell and the shell of
 * a running test ask the same function.
 * @module
 */
import type { Argument, Command, Option } from "commander";
import { acceptsWord, knownOptions, optionsOf } from "@/cli/options.ts";

/** A word that fits, and what it means. */
export interface Offer {
  readonly value: string;
  /** Empty where there is nothing to say. */
  readonly does: string;
  readonly kind: "command" | "option" | "value";
}

/** All that fit, and whether names of files would fit as well. */
export interface Offers {
  readonly offers: readonly Offer[];
  readonly files: "none" | "files" | "directories";
}

/** What stands before the word that is completed. */
export interface Place {
  readonly command: Command;
  /** The value of each option by its name in the program (`tlsCa`), defaults included. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/** Finds values that nobody can list beforehand, by the name that help shows for them (`spi`). */
export type Lookup = (name: string, place: Place, word: string) => Promise<readonly Offer[]>;

const NOTHING: Offers = { offers: [], files: "none" };
const SWITCH_VALUES: readonly string[] = ["true", "false"];

/** Where the words before the cursor lead. */
interface At {
  command: Command;
  /** Words that are neither commands nor options or their values. */
  positionals: number;
  /** Options that were given, with the value where there is one. */
  readonly given: Map<Option, string | undefined>;
  /** The last option, where its value may follow. */
  pending: Option | undefined;
  /** Behind `--`. */
  onlyArguments: boolean;
  /** Behind `help`: the name of a command follows. */
  isHelp: boolean;
}

/** What may stand in place of the last of `words`, which may be empty; the name of `root` is not among them. */
export async function offersAt(
  root: Command,
  words: readonly string[],
  lookup: Lookup,
): Promise<Offers> {
  const word = words.at(-1) ?? "";
  const at = walk(root, words.slice(0, -1));
  const place = { command: at.command, flags: flagsOf(at) };
  const valuesOf = (of: Option | Argument, start: string) =>
    valuesThatFit(of, start, (name, text) => lookup(name, place, text));
  if (at.pending?.required) return await valuesOf(at.pending, word);
  const [, long, start] = at.onlyArguments ? [] : /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
  if (long !== undefined) {
    const option = knownOptions(at.command).find((known) => known.long === long);
    if (!option || !takesValue(option)) return NOTHING;
    const { offers, files } = await valuesOf(option, start!);
    return { offers: offers.map((o) => ({ ...o, value: `${long}=${o.value}` })), files };
  }
  if (word.startsWith("-") && !at.onlyArguments) return { ...NOTHING, offers: options(at, word) };
  const ofSwitch = at.pending ? await valuesOf(at.pending, word) : NOTHING;
  const here = at.positionals === 0 ? commands(at, word) : [];
  const argument = argumentAt(at);
  const ofArgument = argument ? await valuesOf(argument, word) : NOTHING;
  return {
    offers: [...ofSwitch.offers, ...here, ...ofArgument.offers],
    files: ofArgument.files,
  };
}

function walk(root: Command, words: readonly string[]): At {
  const at: At = {
    command: root,
    positionals: 0,
    given: new Map(),
    pending: undefined,
    onlyArguments: false,
    isHelp: false,
  };
  for (const word of words) step(at, word);
  return at;
}

function step(at: At, word: string): void {
  const { pending } = at;
  at.pending = undefined;
  if (pending && (pending.required || acceptsWord(pending, word))) {
    at.given.set(pending, word);
  } else if (at.onlyArguments || !/^-./.test(word)) {
    stepInto(at, word);
  } else if (word === "--") {
    at.onlyArguments = true;
  } else {
    const [, long, value] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    for (const option of optionsOf(knownOptions(at.command), long ?? word)) {
      at.given.set(option, value);
      if (value === undefined && takesValue(option)) at.pending = option;
    }
  }
}

/** A word that is no option: the name of a command, or an argument. */
function stepInto(at: At, word: string): void {
  const isFirst = at.positionals === 0;
  const next = at.command.commands.find((c) => c.name() === word || c.aliases().includes(word));
  if (isFirst && !at.isHelp && word === "help" && at.command.commands.length > 0) at.isHelp = true;
  else if (isFirst && next) at.command = next;
  else at.positionals++;
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function options(at: At, word: string): Offer[] {
  if (at.isHelp) return [];
  const known = knownOptions(at.command);
  const free = known.filter((option) => option.variadic || !at.given.has(option));
  return free.flatMap(({ long, short, description }) => {
    // A short one is offered where it stands there already: it is complete.
    const value = short === word ? short : long;
    return value?.startsWith(word)
      ? [{ value, does: firstWords(description), kind: "option" }]
      : [];
  });
}

function commands(at: At, word: string): Offer[] {
  return at.command.createHelp().visibleCommands(at.command)
    .filter((command) => command.name().startsWith(word))
    .map((command) => ({
      value: command.name(),
      does: firstWords(command.description()),
      kind: "command",
    }));
}

function argumentAt({ command, positionals, isHelp }: At): Argument | undefined {
  if (isHelp) return undefined;
  const { registeredArguments: all } = command, last = all.at(-1);
  return all[positionals] ?? (last?.variadic ? last : undefined);
}

async function valuesThatFit(
  of: Option | Argument,
  word: string,
  lookup: (name: string, word: string) => Promise<readonly Offer[]>,
): Promise<Offers> {
  const name = nameOf(of);
  const known = of.argChoices ?? (name === "bool" ? SWITCH_VALUES : undefined);
  if (known) {
    const fitting = known.filter((value) => value.startsWith(word));
    return { ...NOTHING, offers: fitting.map((value) => ({ value, does: "", kind: "value" })) };
  }
  if (/^(file|setup|recipe)$/.test(name)) return { ...NOTHING, files: "files" };
  if (/^dir(ectory)?$/.test(name)) return { ...NOTHING, files: "directories" };
  return { ...NOTHING, offers: await lookup(name, word) };
}

/** What help calls the value: `file` of `--lf <file>`. */
function nameOf(of: Option | Argument): string {
  if (!("flags" in of)) return of.name();
  return /[<[]([^>\]]+?)(?:\.\.\.)?[>\]]/.exec(of.flags)?.[1] ?? "";
}

function flagsOf({ command, given }: At): Record<string, unknown> {
  return Object.fromEntries(
    knownOptions(command).map((option) => [
      option.attributeName(),
      given.has(option) ? given.get(option) ?? true : option.defaultValue,
    ]),
  );
}

/** The first sentence, or what is before a semicolon: a list of offers has room for that. */
function firstWords(description: string): string {
  return description.split(/;\s|\.\s+(?=[A-Z])/)[0]!.replaceAll(/\s+/g, " ");
}
