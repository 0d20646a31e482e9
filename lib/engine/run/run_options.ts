/**
 * The options of a run: what its caller has opened, decided and read for it.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { NeighbourTable } from "@/datapath/neighbour_table.ts";
import { NoDataPath } from "@/datapath/no_data_path.ts";
import type { PingPlan } from "@/engine/load/ping_plan.ts";
import type { OpenPingSockets } from "@/engine/load/ping_run.ts";
import type { TrafficPlan } from "@/engine/load/traffic_plan.ts";
import type { OpenTrafficSockets } from "@/engine/load/traffic_run.ts";
import type { OpenDataPath } from "@/engine/run/child_paths.ts";
import { type Clock, systemClock } from "@/engine/run/clock.ts";
import type { ProfileConfig } from "@/engine/run/profiles.ts";
import type { TunnelCounts } from "@/engine/load/tunnel_counts.ts";
import type { RunPart } from "@/engine/run/part.ts";
import type { RunHooks } from "@/engine/run/hooks.ts";
import type { TicketStore } from "@/engine/run/ticket_file.ts";
import type { RunPlan } from "@/engine/run/plan.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";
import type { Setup } from "@/setup/setup.ts";
import type { Transport } from "@/transport/transport.ts";

/** The most jobs at a time by default: WebCrypto works on threads of its own, which all get jobs. */
const COMPUTE_MAX = Math.max(4, 2 * navigator.hardwareConcurrency);

/** The options of a run. */
export interface TestRunOptions {
  readonly setup: Setup;
  readonly setupFileName: string;
  readonly plan: RunPlan;
  /**
   * The configuration of the core; `trace` is ignored, as messages are decoded while a reader of events wants
   * them.
   */
  readonly config: IkeConfig;
  /** Profiles of a client, among which its tunnels are divided; absent: all have `config`. */
  readonly profiles?: readonly ProfileConfig[] | undefined;
  /** The environment, which may be shared with other runs of this process. */
  readonly env: IkeEnv;
  /** The transport, which is open; the run closes it at its end. */
  readonly transport: Transport;
  /** The events; the caller ends them after the result. */
  readonly events: EventHub;
  readonly hooks?: RunHooks;
  /** What several workers of a gateway count together; absent: there is one. */
  readonly counts?: TunnelCounts | undefined;
  /** Is called when the tunnels of a worker are set up or given up: the caller says when those of all are. */
  readonly created?: (() => void) | undefined;
  /** Is called when a tunnel has failed, which ends the run, or when it cannot go on. */
  readonly aborting?: (() => void) | undefined;
  /** Resolves when sockets and data path may be closed, which other workers may still use; absent: at once. */
  readonly mayClose?: (() => Promise<void>) | undefined;
  /** Further parts, which hear of everything as those of the run do. */
  readonly parts?: readonly RunPart[] | undefined;
  /** Keeps the tickets of a client; absent: they are in memory only. */
  readonly tickets?: TicketStore;
  /** Opens the data path; absent: CHILD_SAs are negotiated and listed, and nothing carries packets. */
  readonly openDataPath?: OpenDataPath;
  /** The plan of the ping test; absent: nothing is pinged. */
  readonly ping?: PingPlan | undefined;
  /** Opens sockets for pings, if the data path carries no packets of ours. */
  readonly openPingSockets?: OpenPingSockets;
  /** The plan of test traffic; absent: there is none. */
  readonly traffic?: TrafficPlan | undefined;
  /** Opens sockets for it, if the data path carries no packets of ours. */
  readonly openTrafficSockets?: OpenTrafficSockets;
  /** Reads the kernel's neighbour tables; absent: they are not checked. */
  readonly readNeighbours?: () => readonly NeighbourTable[];
  readonly clock?: Clock;
  /** The most asymmetric jobs at a time, if the crypto backend answers by promise. */
  readonly computeMax?: number;
  readonly notYet?: readonly string[];
}

/** Options with a value for everything that a caller may leave out. */
export type CompleteOptions =
  & TestRunOptions
  & Required<
    Pick<
      TestRunOptions,
      | "hooks"
      | "openDataPath"
      | "openPingSockets"
      | "openTrafficSockets"
      | "readNeighbours"
      | "clock"
      | "computeMax"
    >
  >;

/** Fills in what the caller left out. */
export function completed(options: TestRunOptions): CompleteOptions {
  return {
    hooks: {},
    openDataPath: () => new NoDataPath(),
    openPingSockets: () => {
      throw new SetupError("Cannot ping: nothing carries packets");
    },
    openTrafficSockets: () => {
      throw new SetupError("Cannot send traffic: nothing carries packets");
    },
    readNeighbours: () => [],
    clock: systemClock,
    computeMax: COMPUTE_MAX,
    ...options,
  };
}
