/**
 * Declares the commands of a running test's shell with their arguments and options. The
 * declarations serve the shell, `myikev2 cli COMMAND`, help and completion. `shell_answers.ts`
 * carries the commands out.
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseSwitch, wholeNumber } from "@/cli/options.ts";

/** The arguments and options of a command line; those that the command does not have are absent. */
export interface ShellArguments {
  /** SPI of an IKE SA (uint64) or of a CHILD_SA (uint32). */
  readonly spi?: bigint;
  readonly start?: number;
  /** The most entries that are shown; 0: all. */
  readonly len?: number;
  /** Log level from 1 to 5; 0: no events. */
  readonly level?: number;
  readonly keyword?: string;
  readonly gracefully?: boolean;
}

/** A function that carries a command out. */
export type RunCommand = (name: string, args: ShellArguments) => Promise<void>;

/** Commands whose argument is the SPI of an IKE SA. */
export const OF_IKE_SA: readonly string[] = ["dump", "listchild", "rekeyike"];
/** Commands whose argument is the SPI of a CHILD_SA. */
export const OF_CHILD_SA: readonly string[] = ["dumpchild", "rekeychild"];

const UINT32_MAX = 2 ** 32 - 1;
/** The values of a log level; `no` stands for no events. */
const LEVELS = ["1", "2", "3", "4", "5", "no"];

/** Commands without arguments and options. */
const PLAIN: readonly (readonly [name: string, does: string])[] = [
  ["summary", "show the state of the test"],
  ["clearping", "set the counters of all ping tasks to zero"],
  ["pool", "show how many addresses of the gateway's pools are assigned"],
  ["uptime", "show when the test began and when it ends"],
  ["shell", "open a shell of this system"],
  ["quit", "leave the shell; the test keeps running"],
];

const OF_SPI: readonly (readonly [name: string, does: string])[] = [
  ["dump", "show everything about one IKE SA"],
  ["listchild", "list the CHILD_SAs of one IKE SA"],
  ["dumpchild", "show everything about one CHILD_SA"],
  ["rekeychild", "rekey a CHILD_SA, and wait for the new one"],
  ["rekeyike", "rekey an IKE SA, and wait for the new one"],
];

const WINDOWED: readonly (readonly [name: string, does: string])[] = [
  ["list", "list the IKE SAs in the order of their creation"],
  ["psummary", "list the results of the ping tasks"],
];

/** Adds all commands to `parent`. Examples show them with the prefix `shown` (`myikev2 cli `). */
export function addShellCommands(parent: Command, shown: string, run: RunCommand): void {
  const example = (text: string) => `\nExample:\n  ${shown}${text}`;
  for (const [name, does] of PLAIN) {
    parent.command(name).description(does).addHelpText("after", example(name))
      .action(() => run(name, {}));
  }
  for (const [name, does] of WINDOWED) {
    parent.command(name).description(does)
      .option("--start <n>", "number of entries to skip", wholeNumber(0, UINT32_MAX), 0)
      .option("--len <n>", "number of entries to show; 0: all", wholeNumber(0, UINT32_MAX), 0)
      .addHelpText("after", example(`${name} --start 100 --len 20`))
      .action((options: ShellArguments) => run(name, options));
  }
  for (const [name, does] of OF_SPI) addOfSpi(parent, name, does, example, run);
  parent.command("log").description(
    "show events as they happen; without options, print which events are shown",
  )
    .addOption(
      new Option("-l, --level <level>", "1 critical to 5 debug; no: none")
        .choices(LEVELS).argParser(parseLevel),
    )
    .option("--kw <word>", "show only events that contain this word")
    .addHelpText("after", example("log -l 4 --kw established"))
    .action(({ level, kw }: { level?: number; kw?: string }) =>
      run("log", { ...(level === undefined ? {} : { level }), ...(kw ? { keyword: kw } : {}) })
    );
  parent.command("stop").description("end the test, and send a Delete to each peer")
    .option("-g, --gracefully [bool]", "false: end at once, without Deletes", parseSwitch, true)
    .addHelpText("after", example("stop"))
    .action((options: { gracefully: boolean }) => run("stop", options));
  for (const command of parent.commands) command.allowExcessArguments(false);
}

function addOfSpi(
  parent: Command,
  name: string,
  does: string,
  example: (text: string) => string,
  run: RunCommand,
): void {
  const ofChild = OF_CHILD_SA.includes(name);
  const [digits, sa, sample] = ofChild
    ? [8, "CHILD_SA", "C5D60A21"] as const
    : [16, "IKE SA", "3F0A91B2C4D5E6F7"] as const;
  parent.command(name).description(does)
    .argument("<spi>", `our SPI of the ${sa}: up to ${digits} hex digits`, parseSpi(digits))
    .addHelpText("after", example(`${name} ${sample}`))
    .action((spi: bigint) => run(name, { spi }));
}

/**
 * A parser of SPIs of at most `digits` hex digits in any case, with or without leading zeros and
 * `0x`.
 */
export function parseSpi(digits: number): (text: string) => bigint {
  return (text) => {
    const [, hex] = /^(?:0x)?(?=.)0*([0-9a-f]*)$/i.exec(text) ?? [];
    if (hex !== undefined && hex.length <= digits) return BigInt(`0x0${hex}`);
    throw new InvalidArgumentError(`Expected an SPI: up to ${digits} hex digits.`);
  };
}

function parseLevel(text: string): number {
  if (/^(no|none|off|0)$/i.test(text)) return 0;
  if (/^[1-5]$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected 1 to 5, or no.");
}
