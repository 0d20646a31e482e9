/**
 * Parses values of command-line options: switches with an optional value, numbers, and the error messages for
 * both.
 * @module
 */
import { type Command, InvalidArgumentError, type Option } from "commander";

/** Parses a switch, so that `--flush`, `--flush=false` and `--flush false` work; other words are an error. */
export function parseSwitch(value: string): boolean {
  if (/^(true|yes|on|1)$/i.test(value)) return true;
  if (/^(false|no|off|0)$/i.test(value)) return false;
  throw new InvalidArgumentError("Expected true or false.");
}

/** Parses `true`, `false` or `force`. */
export function parseFlush(value: string): boolean | "force" {
  return value === "force" ? "force" : parseSwitch(value);
}

/** A parser of whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number): (value: string) => number {
  return (value) => {
    const n = Number(value);
    if (/^\d+$/.test(value) && n >= min && n <= max) return n;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** Parses a fraction from 0 to 1. */
export function fraction(value: string): number {
  const n = Number(value);
  if (value.trim() !== "" && n >= 0 && n <= 1) return n;
  throw new InvalidArgumentError("Expected a number from 0 to 1.");
}

/**
 * Rewrites every switch of `command` in `args` to the form `--switch=value`, so that in `--json FILE` the
 * word FILE stays an argument. Only a word that the switch accepts (`--flush false`) becomes its value.
 */
export function settleSwitches(command: Command, args: readonly string[]): string[] {
  const settled: string[] = [];
  const known = knownOptions(command);
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return [...settled, ...args.slice(i)];
    const [, short, value] = /^(-[a-z])=(.*)$/is.exec(arg) ?? [];
    const named = known.find((option) => option.short === short);
    if (short !== undefined && named) {
      // Commander would take an equals sign after a short option for a part of the value.
      settled.push(named.long ? `${named.long}=${value}` : `${short}${value}`);
      continue;
    }
    const options = optionsOf(known, arg);
    if (options.length === 0) settled.push(arg);
    for (const option of options) {
      const next = option === options.at(-1) ? args[i + 1] : undefined;
      if (option.optional) {
        const takes = next !== undefined && acceptsWord(option, next);
        settled.push(`${option.long}=${takes ? args[++i] : "true"}`);
        continue;
      }
      settled.push(option.long ?? option.short!);
      // The word after an option that requires a value is that value, even if it looks like a switch.
      if (option.required && next !== undefined) settled.push(args[++i]!);
    }
  }
  return settled;
}

/** Rewrites the switches of a whole command line, for the command that its first words name. */
export function settleCommandLine(command: Command, args: readonly string[]): string[] {
  const below = command.commands.find((c) => c.name() === args[0]);
  if (below) return [args[0]!, ...settleCommandLine(below, args.slice(1))];
  return command.parent ? settleSwitches(command, args) : [...args];
}

/**
 * The options that may be used with `command`: its own, and those of the commands above it that help shows.
 */
export function knownOptions(command: Command): Option[] {
  const help = command.createHelp();
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
    // Only the program itself has `--version`.
    .filter(({ long }) => command.parent === null || long !== "--version");
}

/** The options among `known` that `--long`, `-s` or `-abc` names; empty if it names none. */
export function optionsOf(known: readonly Option[], arg: string): Option[] {
  const whole = known.find(({ long, short }) => arg === long || arg === short);
  if (whole) return [whole];
  if (!/^-[a-z]{2,}$/i.test(arg)) return [];
  const each = [...arg.slice(1)].map((s) => known.find(({ short }) => short === `-${s}`));
  const all = each.every((option, i) => option && (option.optional || i === each.length - 1));
  return all ? each as Option[] : [];
}

/** Whether the switch `option` accepts `word` as its value. */
export function acceptsWord(option: Option, word: string): boolean {
  try {
    option.parseArg?.(word, undefined);
    return true;
  } catch {
    return false;
  }
}

/**
 * Refuses the first of `words`, which is typed where a subcommand is expected, and suggests the nearest one.
 * Commander would call it an excess argument of a command that has an action of its own.
 */
export function refuseUnknownCommand(command: Command, words = command.args): void {
  if (words.length === 0) return;
  command.args = words;
  (command as unknown as { unknownCommand(): never }).unknownCommand();
}
