/**
 * Runs `myikev2 export`: writes a recipe for another engine, without running anything.
 * @module
 */
import { loadControllerFile } from "@/cli/control.ts";
import { EXIT_PASSED } from "@/cli/exit_status.ts";
import { readText, refuseExisting } from "@/cli/setup_files.ts";
import { prepareInstances } from "@/control/definition.ts";
import { ansibleFiles } from "@/control/export_ansible.ts";
import { kubernetesFiles } from "@/control/export_kubernetes.ts";
import { type ExportedFile, type ExportPlan, exportPlan } from "@/control/export_plan.ts";
import { slurmFiles } from "@/control/export_slurm.ts";
import { readRecipe, type Recipe } from "@/control/recipe.ts";
import { makeDirectory } from "@/files/directory.ts";
import { OWNER_ONLY, OWNER_RUNS, replaceText } from "@/files/private_file.ts";
import { printLine, tellLine } from "@/files/terminal.ts";

/** The engines, and what writes their files. */
const ENGINES: Readonly<Record<Engine, (plan: ExportPlan) => ExportedFile[]>> = {
  ansible: ansibleFiles,
  slurm: slurmFiles,
  kubernetes: kubernetesFiles,
};

/** An engine that runs tests on several hosts. */
export type Engine = "ansible" | "slurm" | "kubernetes";

/** Options of `export`. */
export interface ExportOptions {
  readonly configfile: string;
  readonly dir: string;
  readonly force: boolean;
}

/** Writes the files; returns the exit status. @throws {SetupError} */
export function exportRecipe(engine: Engine, path: string, options: ExportOptions): number {
  // Paths in the file are relative to it, and what is written may be used from elsewhere.
  const controller = loadControllerFile(absolute(options.configfile));
  const { value: recipe, warnings } = readRecipe(readText(path), path, controller);
  for (const warning of warnings) tellLine(`myikev2: ${warning}`);
  const plan = exportPlan(recipe, prepareInstances(recipe, path), controller);
  for (const words of leftOut(plan, recipe)) tellLine(`myikev2: ${words}`);
  const files = ENGINES[engine](plan).map((file) => ({
    ...file,
    path: `${options.dir}/${file.path}`,
  }));
  if (!options.force) refuseExisting(files.map(({ path }) => path));
  for (const file of files) writeFile(file);
  return EXIT_PASSED;
}

/** What the files of an engine do not have, in sentences. */
function leftOut({ hosts }: ExportPlan, { instances }: Recipe): string[] {
  const withPassword = hosts.filter(({ ssh }) => ssh.password !== "").map(({ name }) => name);
  const withLogs = instances.filter(({ what }) =>
    what.kind === "myikev2" && what.logDirectory !== ""
  );
  return [
    ...(withPassword.length > 0
      ? [`the sshpass of ${withPassword.join(", ")} is not written: use keys, or ansible-vault`]
      : []),
    ...(withLogs.length > 0
      ? [
        `logdir of ${withLogs.map(({ name }) => name).join(", ")} is left out: logs are in results`,
      ]
      : []),
  ];
}

/** Setup files have secrets, so that all files are for their owner alone. */
function writeFile({ path, text, runs }: ExportedFile): void {
  makeDirectory(path.slice(0, path.lastIndexOf("/")), "user");
  replaceText(path, text, "user", runs ? OWNER_RUNS : OWNER_ONLY);
  printLine(path);
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}
