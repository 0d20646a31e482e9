/**
 * The plan of a recipe that other engines run: which test runs on which host, in which order, and which
 * tests are slices of one load.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { Slice } from "@/base/slice.ts";
import type { ControllerFile, DaemonEntry } from "@/control/controller_file.ts";
import type { PreparedInstance } from "@/control/definition.ts";
import type { HostCommands, Recipe } from "@/control/recipe.ts";

/** A test on one host. */
export interface ExportTest {
  readonly name: string;
  readonly host: string;
  /** Which of the tunnels of the setup it makes; undefined: all. */
  readonly slice: Slice | undefined;
}

/** Tests that begin together: one test, or all slices of a client's setup. */
export interface ExportGroup {
  readonly name: string;
  readonly role: "client" | "gateway";
  /** Name of the setup file in the folder `setups`. */
  readonly file: string;
  /** Seconds to wait before they begin. */
  readonly waitSec: number;
  /** Whether they end by themselves; otherwise they are stopped when all others have ended. */
  readonly ends: boolean;
  readonly tests: readonly ExportTest[];
}

/** A recipe for other engines. */
export interface ExportPlan {
  readonly name: string;
  /** The hosts that the recipe uses, in the order of the controller file. */
  readonly hosts: readonly DaemonEntry[];
  readonly setupCommands: readonly HostCommands[];
  readonly cleanCommands: readonly HostCommands[];
  readonly groups: readonly ExportGroup[];
  /** The texts of the setup files by their names. */
  readonly setups: ReadonlyMap<string, string>;
}

/** A file of an exported directory. */
export interface ExportedFile {
  readonly path: string;
  readonly text: string;
  /** Whether it is a program. */
  readonly runs?: boolean;
}

/**
 * Makes the plan of a recipe. Clients with the same setup file are slices of it, in the order of their ids.
 * @throws {SetupError} if the recipe has what only daemons can run, or cannot end.
 */
export function exportPlan(
  recipe: Recipe,
  prepared: readonly PreparedInstance[],
  controller: ControllerFile,
): ExportPlan {
  const groups: ExportGroup[] = [];
  const setups = new Map<string, string>();
  const names = new Set<string>();
  const bySetup = Map.groupBy(prepared, (instance) => setupKey(instance));
  for (const { name } of controller.daemons.values()) mustBePlain(name);
  for (const [, instances] of bySetup) {
    const [{ name, what, setup, waitMs }] = instances as [PreparedInstance];
    if (what.kind === "other" || !setup) {
      throw new SetupError(
        `Cannot export ${name}: it is another program, for which daemons make a network namespace; ` +
          "run it by setupcmds and cleancmds",
      );
    }
    for (const instance of instances) {
      if (!names.has(instance.name)) names.add(instance.name);
      else throw new SetupError(`Cannot export two instances with the name ${instance.name}`);
    }
    const file = `${name}.yaml`;
    setups.set(file, setup.text);
    const of = instances.length;
    const tests = instances.map((instance, i) => ({
      name: instance.name,
      host: instance.daemonName,
      slice: of > 1 ? { number: i + 1, of } : undefined,
    }));
    const { role, ends } = setup;
    groups.push({ name, role, file, waitSec: Math.ceil(waitMs / 1000), ends, tests });
  }
  if (groups.length > 0 && groups.every(({ ends }) => !ends)) {
    throw new SetupError(
      "Cannot export a recipe of which no test has a runningtime: it never ends",
    );
  }
  const used = new Set([
    ...prepared.map(({ daemonName }) => daemonName),
    ...[...recipe.setupCommands, ...recipe.cleanCommands].map(({ daemonName }) => daemonName),
  ]);
  return {
    name: recipe.name,
    hosts: [...controller.daemons.values()].filter(({ name }) => used.has(name)),
    setupCommands: recipe.setupCommands,
    cleanCommands: recipe.cleanCommands,
    groups,
    setups,
  };
}

/**
 * Names of hosts stand in scripts, in patterns of Ansible and in lists of Slurm. @throws {SetupError} if one
 * would be something else there.
 */
function mustBePlain(name: string): void {
  if (/^[A-Za-z0-9][\w.-]*$/.test(name) && !["all", "localhost", "ungrouped"].includes(name)) {
    return;
  }
  throw new SetupError(
    `Cannot export the daemon ${name}: expected letters, digits, ., _ and - only, and none of the ` +
      "names all, localhost and ungrouped",
  );
}

/** The suffixes of the files that a test leaves. */
export const RESULT_SUFFIXES = ["json", "err", "log", "pid", "status"] as const;

/** Clients of one setup file have one key; every other instance has a key of its own. */
function setupKey({ id, what, setup }: PreparedInstance): string {
  return what.kind === "myikev2" && setup?.role === "client" ? what.setupPath : `instance ${id}`;
}

/** The arguments of `myikev2` for a test, without those that name files of the host. */
export function testOptions({ slice }: ExportTest): string[] {
  return ["--json", ...(slice ? ["--slice", `${slice.number}/${slice.of}`] : [])];
}

/** The setup files of a plan, below the folder `setups`. */
export function setupFiles({ setups }: ExportPlan, folder: string): ExportedFile[] {
  return [...setups].map(([name, text]) => ({ path: `${folder}/${name}`, text }));
}

/** A text as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
