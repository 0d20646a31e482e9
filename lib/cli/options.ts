/**
 * Values of command-line options: switches that take a value or none, numbers, and the words for
 * what is wrong with them.
 * @module
 */
import { type Command, InvalidArgumentError, type Option } from "commander";

/** `--flush`, `--flush=false` and `--flush false` all work; other words are an error. */
export function parseSwitch(value: string): boolean {
  if (/^(true|yes|on|1)$/i.test(value)) return true;
  if (/^(false|no|off|0)$/i.test(value)) return false;
  throw new InvalidArgumentError("Expected true or false.");
}

/** `true`, `false`, or `force`. */
export function parseFlush(value: string): boolean | "force" {
  return value === "force" ? "force" : parseSwitch(value);
}

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (value: string) => number {
  return (value) => {
    const n = Number(value);
    if (/^\d+$/.test(value) && n >= min && n <= max) return n;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** A fraction from 0 to 1. */
export function fraction(value: string): number {
  const n = Number(value);
  if (value.trim() !== "" && n >= 0 && n <= 1) return n;
  throw new InvalidArgumentError("Expected a number from 0 to 1.");
}

/**
 * Gives every switch of `command` in `args` its value by `=`, so that `--json FILE` leaves FILE alone:
 * only a word that the switch can take (`--flush false`) belongs to it.
 */
export function settleSwitches(command: Command, args: readonly string[]): string[] {
  const settled: string[] = [], known = knownOptions(command);
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return [...settled, ...args.slice(i)];
    const [, short, value] = /^(-[a-z])=(.*)$/is.exec(arg) ?? [];
    const named = known.find((option) => option.short === short);
    if (short !== undefined && named) {
      // Commander would take the equals sign for a part of the value.
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
      // The value of an option that needs one is no switch, whatever it looks like.
      if (option.required && next !== undefined) settled.push(args[++i]!);
    }
  }
  return settled;
}

/** The same for a whole command line: the switches of the command that its first words name. */
export function settleCommandLine(command: Command, args: readonly string[]): string[] {
  const below = command.commands.find((c) => c.name() === args[0]);
  if (below) return [args[0]!, ...settleCommandLine(below, args.slice(1))];
  return command.parent ? settleSwitches(command, args) : [...args];
}

/** The options that may stand at `command`, those of commands above it included where help shows them. */
export function knownOptions(command: Command): Option[] {
  const help = command.createHelp();
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
    // Only the program itself has a version.
    .filter(({ long }) => command.parent === null || long !== "--version");
}

/** The option of `--long` or `-s` among `known`, or those of `-abc`; none where it is something else. */
export function optionsOf(known: readonly Option[], arg: string): Option[] {
  const whole = known.find(({ long, short }) => arg === long || arg === short);
  if (whole) return [whole];
  if (!/^-[a-z]{2,}$/i.test(arg)) return [];
  const each = [...arg.slice(1)].map((s) => known.find(({ short }) => short === `-${s}`));
  const all = each.every((option, i) => option && (option.optional || i === each.length - 1));
  return all ? each as Option[] : [];
}

/** Whether the switch `option` takes `word` as its value. */
export function acceptsWord(option: Option, word: string): boolean {
  try {
    option.parseArg?.(word, undefined);
    return true;
  } catch {
    return false;
  }
}

/**
 * Refuses the first of `words`, typed in place of a command below `command`, and says which is the
 * nearest: of a command that does something by itself commander would call it an argument too many.
 */
export function refuseUnknownCommand(command: Command, words = command.args): void {
  if (words.length === 0) return;
  command.args = words;
  (command as unknown as { unknownCommand(): never }).unknownCommand();
}
