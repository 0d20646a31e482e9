/**
 * The messages between the main thread of a process and the workers that share a test. All of them are plain
 * data.
 * @module
 */
import type { Shard } from "@/base/shard.ts";
import type { PoolMemory } from "@/engine/shards/shared_pool.ts";
import type { ShardRecord, WantedRecords } from "@/engine/shards/record_pump.ts";
import type { TunnelRecord } from "@/engine/show/tunnel_log.ts";
import type { Slice } from "@/base/slice.ts";
import type { EventLevel, RunEvent } from "@/engine/show/event_hub.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import type { FinalResult, RunSummary, RunView } from "@/engine/show/view.ts";
import type { NativeSockets } from "@/transport/native_sockets.ts";

/** The memory that all workers of a gateway share. */
export interface SharedState {
  readonly counts: SharedArrayBuffer;
  readonly v4: PoolMemory | undefined;
  readonly v6: PoolMemory | undefined;
}

/** What a worker needs to make its part of a run. */
export interface ShardTask {
  readonly shard: Shard;
  /** The slice of the tunnels that the process has; undefined: all. */
  readonly slice: Slice | undefined;
  /** The text of the setup, which was read before without errors, and the name of its file. */
  readonly text: string;
  readonly file: string;
  readonly lenient: boolean;
  /** What all workers of a gateway share; undefined: a client's share nothing. */
  readonly shared: SharedState | undefined;
  readonly wanted: WantedRecords;
  /** Its sockets, which it closes. */
  readonly sockets: NativeSockets;
}

/** The questions that a worker answers: the methods of a {@linkcode RunView} with answers of plain data. */
export type Question = Exclude<keyof RunView, "setup" | "events" | "finalResult" | "stop">;

/** A message to a worker. */
export type ToShard =
  | { readonly kind: "make"; readonly task: ShardTask; readonly level: EventLevel | 0 }
  | { readonly kind: "start" }
  | { readonly kind: "stop"; readonly gracefully: boolean }
  /** Ends gracefully what has not begun to end. */
  | { readonly kind: "end" }
  /** The highest level of events that are wanted; 0: none are. */
  | { readonly kind: "level"; readonly level: EventLevel | 0 }
  /** The events of the last message were read, so that more may be sent. */
  | { readonly kind: "read" }
  /** So many records were written. */
  | { readonly kind: "written"; readonly records: number }
  | { readonly kind: "ask"; readonly id: number; readonly name: Question; readonly args: unknown[] }
  /** The tunnels of all workers are set up or given up; at a gateway, all that it expects are established. */
  | { readonly kind: "created" }
  /** A peer of another worker has sent INITIAL_CONTACT. */
  | { readonly kind: "displace"; readonly contact: InitialContact }
  /** All workers have decided their results, so that the data path may be closed. */
  | { readonly kind: "release" }
  | { readonly kind: "close" }
  /** It ends by an error; only tests send this. */
  | { readonly kind: "break" };

/** INITIAL_CONTACT of a peer: its other IKE SAs of the same identity are dead. */
export interface InitialContact {
  /** The key of the identity. */
  readonly identity: string;
  /** When it came, in milliseconds since 1970. */
  readonly epochMs: number;
  /** Address and port of the peer. */
  readonly from: string;
}

/** The properties of a worker's part of a run that the user is told. */
export interface ShardReady {
  readonly transport: string;
  readonly crypto: string;
  readonly ikePort: number;
  readonly nattPort: number | undefined;
  /**
   * Whether all tunnels of a client have one identity, so that the first one has to be established before any
   * other: its INITIAL_CONTACT would end those that were established earlier (RFC 7296 §2.4).
   */
  readonly isIntroduced: boolean;
  readonly figures: RunFigures;
  readonly summary: RunSummary;
}

/** The records of a worker's tunnels. */
export interface ShardTunnels {
  readonly records: readonly TunnelRecord[];
  /** Number of tunnels without a record. */
  readonly leftOut: number;
}

/** A message of a worker. */
export type FromShard =
  | { readonly kind: "ready"; readonly ready: ShardReady }
  /** It cannot make its part of the run. `isSetup`: as the setup cannot be carried out. */
  | { readonly kind: "refused"; readonly words: string; readonly isSetup: boolean }
  | { readonly kind: "events"; readonly events: readonly RunEvent[] }
  | { readonly kind: "records"; readonly records: readonly ShardRecord[] }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "unanswered"; readonly id: number; readonly words: string }
  | { readonly kind: "contact"; readonly contact: InitialContact }
  /** The first tunnel of a client is established or has failed, so that those of other workers may begin. */
  | { readonly kind: "first" }
  /** Its result is decided, and nothing moves any more. */
  | { readonly kind: "over" }
  /** Its tunnels are set up or given up. */
  | { readonly kind: "created" }
  /** A tunnel has failed, which ends the test (`abortonerr`). */
  | { readonly kind: "aborting" }
  | { readonly kind: "final"; readonly final: FinalResult; readonly tunnels: ShardTunnels }
  | { readonly kind: "closed" };
