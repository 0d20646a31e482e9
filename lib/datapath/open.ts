/**
 * Opens the data path that a setup asks for.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { DataPath, DataPathListener } from "@/datapath/data_path.ts";
import { NoDataPath } from "@/datapath/no_data_path.ts";
import { kernelLacks, openKernel } from "@/datapath/open_kernel.ts";

/** The options that matter. */
export interface DataPathPlan {
  readonly installfastpath: boolean;
  readonly datapath: "auto" | "kernel" | "userland" | "none";
  readonly virtualipif: string;
  readonly xfrmif: string;
}

/** @throws {SetupError} where what is asked for cannot be had. */
export function openDataPath(plan: DataPathPlan, listener: DataPathListener): DataPath {
  const { installfastpath, datapath, virtualipif, xfrmif } = plan;
  if (!installfastpath || datapath === "none") return new NoDataPath();
  if (datapath === "userland") throw new SetupError("datapath: userland is not there yet");
  const lack = datapath === "auto" ? kernelLacks() : undefined;
  if (lack === undefined) return openKernel({ virtualipif, xfrmif, listener });
  throw new SetupError(
    `Cannot install CHILD_SAs: ${lack}, and ESP in this process (datapath: userland) is not there ` +
      "yet. Without a data path: datapath: none",
  );
}
