/**
 * Finds what may follow on a command line in commander's tree of commands: subcommands, options, choices, and
 * the names of values (`<file>`, `[bool]`). System shells and the shell of a running test use it.
 * @module
 */
import type { Argument, Command, Option } from "commander";
import { acceptsWord, knownOptions, optionsOf } from "@/cli/options.ts";

/** A word that completes the line, with its meaning. */
export interface Offer {
  readonly value: string;
  /** The meaning of the word; empty if there is none to show. */
  readonly does: string;
  readonly kind: "command" | "option" | "value";
}

/** All words that complete the line, and whether file names would too. */
export interface Offers {
  readonly offers: readonly Offer[];
  readonly files: "none" | "files" | "directories";
}

/** The command and the options before the word that is completed. */
export interface Place {
  readonly command: Command;
  /** The value of each option by its name in the program (`tlsCa`), defaults included. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/** Finds values that are only known at run time, by the name that help shows for them (`spi`). */
export type Lookup = (name: string, place: Place, word: string) => Promise<readonly Offer[]>;

const NOTHING: Offers = { offers: [], files: "none" };
const SWITCH_VALUES: readonly string[] = ["true", "false"];

/** The state after the words before the cursor. */
interface At {
  command: Command;
  /** Number of words that are neither commands nor options nor values of options. */
  positionals: number;
  /** Options that were given, with their values. */
  readonly given: Map<Option, string | undefined>;
  /** The last option, if its value may follow. */
  pending: Option | undefined;
  /** Whether `--` was given, after which no word is an option. */
  onlyArguments: boolean;
  /** Whether `help` was given, which the name of a command follows. */
  isHelp: boolean;
}

/** Completes the last of `words`, which may be empty. The name of `root` is not among the words. */
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

/** Takes a word that is no option: the name of a command, or an argument. */
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
    // A short option that is typed completely is offered as it is.
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
  const { registeredArguments: all } = command;
  const last = all.at(-1);
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

/** The name that help shows for a value: `file` of `--lf <file>`. */
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

/** The first sentence of a description, or its part before a semicolon, so that it fits in a list. */
function firstWords(description: string): string {
  return description.split(/;\s|\.\s+(?=[A-Z])/)[0]!.replaceAll(/\s+/g, " ");
}
