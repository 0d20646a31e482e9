/**
 * What a run is made of: what its maker has opened, decided and read for it.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { NeighbourTable } from "@/datapath/neighbour_table.ts";
import { NoDataPath } from "@/datapath/no_data_path.ts";
import type { PingPlan } from "@/engine/load/ping_plan.ts";
import type { OpenPingSockets } from "@/engine/load/ping_run.ts";
import type { OpenDataPath } from "@/engine/run/child_paths.ts";
import { type Clock, systemClock } from "@/engine/run/clock.ts";
import type { RunHooks } from "@/engine/run/hooks.ts";
import type { RunPlan } from "@/engine/run/plan.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";
import type { Setup } from "@/setup/setup.ts";
import type { Transport } from "@/transport/transport.ts";

/** WebCrypto works on threads of its own: enough jobs for all of them. */
const COMPUTE_MAX = Math.max(4, 2 * navigator.hardwareConcurrency);

/** What a run is made of. */
export interface TestRunOptions {
  readonly setup: Setup;
  readonly setupFileName: string;
  readonly plan: RunPlan;
  /** `trace` is not looked at: messages are decoded when a reader of events wants them. */
  readonly config: IkeConfig;
  /** May be shared with other runs of this process. */
  readonly env: IkeEnv;
  /** Open already; the run closes it at its end. */
  readonly transport: Transport;
  /** Its maker ends it, after the result. */
  readonly events: EventHub;
  readonly hooks?: RunHooks;
  /** Absent: CHILD_SAs are negotiated and listed, and nothing carries packets. */
  readonly openDataPath?: OpenDataPath;
  /** Absent: nothing is pinged. */
  readonly ping?: PingPlan | undefined;
  /** What pings go by where the data path takes no packets of ours. */
  readonly openPingSockets?: OpenPingSockets;
  /** The kernel's neighbour tables; absent: they are not looked at. */
  readonly readNeighbours?: () => readonly NeighbourTable[];
  readonly clock?: Clock;
  /** Asymmetric jobs at a time, where the crypto backend answers by promise. */
  readonly computeMax?: number;
  readonly notYet?: readonly string[];
}

/** Options of which everything that a maker may leave out has been filled in. */
export type CompleteOptions =
  & TestRunOptions
  & Required<
    Pick<
      TestRunOptions,
      "hooks" | "openDataPath" | "openPingSockets" | "readNeighbours" | "clock" | "computeMax"
    >
  >;

/** Fills in what the maker of a run left out. */
export function completed(options: TestRunOptions): CompleteOptions {
  return {
    hooks: {},
    openDataPath: () => new NoDataPath(),
    openPingSockets: () => {
      throw new SetupError("Cannot ping: nothing carries packets");
    },
    readNeighbours: () => [],
    clock: systemClock,
    computeMax: COMPUTE_MAX,
    ...options,
  };
}
