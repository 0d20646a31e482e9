/**
 * Opens the data path that a setup asks for.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { DataPath, DataPathKind, DataPathListener } from "@/datapath/data_path.ts";
import { NoDataPath } from "@/datapath/no_data_path.ts";
import { kernelLacks, openKernel } from "@/datapath/open_kernel.ts";
import { openUserland } from "@/datapath/open_userland.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import type { EspCrypto } from "@/datapath/userland_sa.ts";

/** The options that decide about the data path. */
export interface DataPathPlan {
  readonly installfastpath: boolean;
  readonly datapath: "auto" | "kernel" | "userland" | "none";
  readonly virtualipif: string;
  readonly xfrmif: string;
}

/** What ESP in this process needs. */
export interface DataPathParts {
  readonly crypto: Omit<EspCrypto, "shim">;
  /** Carries ESP by the sockets and connections of IKE; undefined: they carry none. */
  readonly udp: EspCarrier | undefined;
}

/** The data path of a setup; `auto` is the kernel's where the kernel has ESP and the process may use it. */
export function dataPathKind({ installfastpath, datapath }: DataPathPlan): DataPathKind {
  if (!installfastpath || datapath === "none") return "none";
  if (datapath !== "auto") return datapath;
  return kernelLacks() === undefined ? "kernel" : "userland";
}

/** @throws {SetupError} where what is asked for cannot be had. */
export function openDataPath(
  plan: DataPathPlan,
  listener: DataPathListener,
  { crypto, udp }: DataPathParts,
): DataPath {
  const { virtualipif, xfrmif } = plan, kind = dataPathKind(plan);
  if (kind === "none") return new NoDataPath();
  if (kind === "kernel") return openKernel({ virtualipif, xfrmif, listener });
  if (xfrmif) throw new SetupError("xfrmif: XFRM interfaces are of the kernel's data path alone");
  return openUserland({ virtualipif, listener, crypto, udp });
}
