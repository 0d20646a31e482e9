/**
 * The persistent record of one instance: plain data that is stored as JSON in the state file, so
 * that the next daemon can take the instance over.
 * @module
 */
import type { ListPingResultRead, SummaryRespRead } from "@/api/proto/api_read.ts";
import type { MovedInterface } from "@/daemon/network.ts";
import type { ProcessId } from "@/daemon/process.ts";

/** State of an instance, as `StatusResp` tells it. */
export const InstanceState = {
  STARTING: 1,
  RUNNING: 2,
  PASSED: 3,
  FAILED: 4,
  COULD_NOT_START: 5,
  DESTROYING: 6,
  DIED: 7,
} as const;

/** One of {@linkcode InstanceState}. */
export type InstanceState = typeof InstanceState[keyof typeof InstanceState];

/** Type of an instance, as `DefineGenericTestReq` tells it. */
export const InstanceType = { OURS: 1, OTHER: 2 } as const;

/** One of {@linkcode InstanceType}. */
export type InstanceType = typeof InstanceType[keyof typeof InstanceType];

/** One instance. Names of what is made for it are saved here before it is made. */
export interface InstanceRecord {
  readonly name: string;
  readonly type: InstanceType;
  /** Number of the run in the history. */
  readonly run: number;
  /** The boot in which its network was made. */
  readonly bootId: string;
  readonly logDirectory: string;
  readonly namespace: string;
  /** The management link's end on the host. */
  readonly link: string;
  /** Management address as text. */
  readonly address: string;
  /** Port of its API; 0: it has none. */
  readonly apiPort: number;
  /** Whether its API uses TLS. */
  readonly apiTls: boolean;
  /** Port of its live page, which has the TLS of its API; absent: it has none. */
  readonly webPort?: number;
  /** The interface that was moved into its namespace, with its previous configuration. */
  readonly moved: MovedInterface | null;
  /** Commands that run when the instance is destroyed (DestroyCMDs). */
  readonly destroyCommands: readonly string[];
  /** Inode number of its namespace within this boot; 0 before it is made. */
  namespaceInode: number;
  state: InstanceState;
  /** Whether it has a network that has to be removed. */
  hasNetwork: boolean;
  /** Whether the commands of a Type 2 instance left a process running in its namespace. */
  leftProcess: boolean;
  /** The process of a Type 1 instance, once it is started. */
  process: ProcessId | null;
  /** Reason of a bad state; empty otherwise. */
  reason: string;
  /** The last SummaryResp known. */
  summary: SummaryRespRead | null;
  /** The last ListPingResult known. */
  ping: ListPingResultRead | null;
}

/** How a run ended: the result of a Type 1 instance, `ended` for another program. */
export type RunOutcome = "passed" | "failed" | "stopped" | "died" | "could not start" | "ended";

/** A finished run. */
export interface FinishedRun {
  readonly run: number;
  readonly name: string;
  readonly type: InstanceType;
  /** Milliseconds since 1970. */
  readonly defined: number;
  /** Milliseconds since 1970. */
  readonly ended: number;
  readonly outcome: RunOutcome;
  /** The first reason of a failure; empty: none. */
  readonly reason: string;
  readonly logDirectory: string;
  /** Number of established tunnels; null if unknown. */
  readonly established: number | null;
  /** Number of configured tunnels; null if unknown. */
  readonly configured: number | null;
}
