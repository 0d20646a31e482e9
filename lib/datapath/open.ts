/**
 * Opens the data path that a setup asks for.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { DataPath, DataPathKind, DataPathListener } from "@/datapath/data_path.ts";
import { NoDataPath } from "@/datapath/no_data_path.ts";
import { kernelLacks, openKernel } from "@/datapath/open_kernel.ts";

/** The options that matter. */
export interface DataPathPlan {
  readonly installfastpath: boolean;
  readonly datapath: "auto" | "kernel" | "userland" | "none";
  readonly virtualipif: string;
  readonly xfrmif: string;
}

/** Which data path a plan leads to. @throws {SetupError} where none can be had. */
export function dataPathKind({ installfastpath, datapath }: DataPathPlan): DataPathKind {
  if (!installfastpath || datapath === "none") return "none";
  if (datapath === "kernel") return "kernel";
  if (datapath === "userland") throw new SetupError("datapath: userland is not there yet");
  const lack = kernelLacks();
  if (lack === undefined) return "kernel";
  throw new SetupError(
    `Cannot install CHILD_SAs: ${lack}, and ESP in this process (datapath: userland) is not there ` +
      "yet. Without a data path: datapath: none",
  );
}

/** @throws {SetupError} where what is asked for cannot be had. */
export function openDataPath(plan: DataPathPlan, listener: DataPathListener): DataPath {
  const { virtualipif, xfrmif } = plan;
  if (dataPathKind(plan) === "none") return new NoDataPath();
  return openKernel({ virtualipif, xfrmif, listener });
}
