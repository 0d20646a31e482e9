/**
 * What the daemon knows of one instance and keeps through its own death: plain data, as JSON in the
 * state file.
 * @module
 */
import type { Message } from "@/api/messages.ts";
import type { LentInterface } from "@/daemon/network.ts";
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

/** One instance. What is made for it is named here before it is made. */
export interface InstanceRecord {
  readonly name: string;
  readonly type: InstanceType;
  /** Number of its run in the history. */
  readonly run: number;
  /** The boot in which its network was made. */
  readonly bootId: string;
  readonly logDirectory: string;
  readonly namespace: string;
  /** The management link's end on the host. */
  readonly link: string;
  /** Management address in words. */
  readonly address: string;
  /** Port of its API; 0: it has none. */
  readonly apiPort: number;
  /** Whether its API speaks TLS. */
  readonly apiTls: boolean;
  /** Interface that was lent to it, as it was before. */
  readonly lent: LentInterface | null;
  /** Commands that are run at its end. */
  readonly destroyCommands: readonly string[];
  /** What tells its namespace from others of this boot; 0: there is none yet. */
  namespaceInode: number;
  state: InstanceState;
  /** Whether it has a network that is to be taken away. */
  hasSite: boolean;
  /** Of Type 1, once started. */
  process: ProcessId | null;
  /** Why it is in a bad state. */
  words: string;
  /** The last SummaryResp known. */
  summary: Message | null;
  /** The last ListPingResult known. */
  ping: Message | null;
}

/** How a run ended: of ours the words of its result, of another program `ended`. */
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
  readonly words: string;
  readonly logDirectory: string;
  /** Tunnels that came up; null where it cannot be told. */
  readonly established: number | null;
  /** Tunnels wanted; null where it cannot be told. */
  readonly configured: number | null;
}
