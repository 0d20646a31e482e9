/**
 * Opens the data path that a setup asks for.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { DataPath, DataPathKind, DataPathListener } from "@/datapath/data_path.ts";
import { NoDataPath } from "@/datapath/no_data_path.ts";
import { openKernel, whyKernelCannot } from "@/datapath/open_kernel.ts";
import { openUserland } from "@/datapath/open_userland.ts";
import type { Shard } from "@/base/shard.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import type { EspCrypto } from "@/datapath/userland_sa.ts";

/** The options that decide about the data path. */
export interface DataPathPlan {
  readonly installfastpath: boolean;
  readonly datapath: "auto" | "kernel" | "userland" | "none";
  readonly virtualipif: string;
  readonly xfrmif: string;
}

/** What a data path in this process needs. */
export interface DataPathParts {
  readonly crypto: Omit<EspCrypto, "shim">;
  /** Carries ESP by the sockets and connections of IKE; undefined: they cannot carry it. */
  readonly udp: EspCarrier | undefined;
  /** The worker that has the data path; absent: the process has one. */
  readonly shard?: Shard | undefined;
}

/** Resolves the options of a setup: `auto` means the kernel if it has ESP and the process may use it. */
export function dataPathKind({ installfastpath, datapath }: DataPathPlan): DataPathKind {
  if (!installfastpath || datapath === "none") return "none";
  if (datapath !== "auto") return datapath;
  return whyKernelCannot() === undefined ? "kernel" : "userland";
}

/** Opens a data path. @throws {SetupError} if the requested one is not available. */
export function openDataPath(
  plan: DataPathPlan,
  listener: DataPathListener,
  { crypto, udp, shard }: DataPathParts,
): DataPath {
  const { virtualipif, xfrmif } = plan;
  const kind = dataPathKind(plan);
  if (kind === "none") return new NoDataPath();
  if (kind === "kernel") return openKernel({ virtualipif, xfrmif, listener });
  if (xfrmif) throw new SetupError("xfrmif: XFRM interfaces are of the kernel's data path alone");
  return openUserland({ virtualipif, listener, crypto, udp, shard });
}
