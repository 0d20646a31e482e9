/**
 * The interface of a run for its parts (client, gateway, end).
 * @module
 */
import type { TicketStore } from "@/engine/run/ticket_file.ts";
import type { RunPart } from "@/engine/run/part.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import type { Alarm, CoreLoop } from "@/engine/run/core_loop.ts";
import type { EventHub, EventLevel } from "@/engine/show/event_hub.ts";
import type { Tally } from "@/engine/show/tally.ts";

/** The run as its parts see it. */
export interface RunContext {
  readonly loop: CoreLoop;
  readonly tally: Tally;
  readonly events: EventHub;
  /** Whether the end has begun: then nothing is dialled any more, and a closed tunnel is not lost. */
  readonly ending: boolean;
  /** Where a client keeps its tickets; absent: in memory only. */
  readonly tickets?: TicketStore | undefined;
  /** Counts a tunnel that is given up or lost, reports it (level 2), and ends the run if so configured. */
  tunnelFailed(failure: Failure, words: string): void;
  /** Records the start of a tunnel's IKE SA; the earliest is kept. */
  creationStarted(startedMs: number): void;
  /** Records that the last configured tunnel is established or given up. */
  creationFinished(nowMs: number): void;
  /** Ends the run at once, as there is nothing left to wait for. */
  nothingLeft(): void;
}

/** Counters of tunnels that are torn down and rebuilt on purpose. */
export interface FlapCounts {
  /** Number of tunnels that are down on purpose at present. */
  readonly down: number;
  /** How often a tunnel was torn down. */
  readonly flaps: number;
  /** How often a tunnel was established again afterwards. */
  readonly rebuilds: number;
}

/** The counters of a run without flapping. */
export const NO_FLAPS: FlapCounts = { down: 0, flaps: 0, rebuilds: 0 };

/** Hears what becomes of a tunnel that was taken down. */
export interface ReconnectWatch {
  /** It is established again. */
  up(nowMs: number): void;
  /** It will not be established again. */
  failed(): void;
}

/** Takes tunnels of a client down, each to be dialled again at once. */
export interface ReconnectedTunnels {
  /** Takes a tunnel down, without telling the peer if `drops` is set. */
  begin(sa: IkeSa, drops: boolean, watch: ReconnectWatch): void;
}

/** A client or a gateway, which keeps track of tunnels. It is only called within turns of the loop. */
export interface Role extends RunPart {
  /** Begins; may register alarms. */
  begin(nowMs: number): void;
  /** Number of IKE SAs that are being set up. */
  readonly halfOpen: number;
  /** Whether tunnels are due that are not dialled, as many are being set up. */
  readonly isPressed: boolean;
  /** Number of tunnels that were begun. */
  readonly created: number;
  /** Whether a live IKE SA belongs to a tunnel that was established. */
  isTunnel(sa: IkeSa): boolean;
  /** When the oldest IKE SA began that is still being set up; undefined: there is none. */
  firstOnItsWayMs(): number | undefined;
  /** The reason why a tunnel that will be tried again is not established; undefined: there is none. */
  trouble(): string | undefined;
  readonly flapping: FlapCounts;
  /** Takes tunnels down that are to be dialled again; undefined: a gateway. */
  readonly reconnects: ReconnectedTunnels | undefined;
  /** Peers that did not authenticate, by cause; empty for a client. */
  readonly strangers: readonly FailureFigures[];
  /** Writes a line about an SA whose peer has not authenticated. */
  strangerSaid(level: EventLevel, text: string, nowMs: number): void;
  /** Handles the beginning of the end: tunnels that were to be tried again are given up. */
  ended(): void;
  /** The reason why the run has not passed as far as the role knows; undefined: it has. */
  shortfall(): string | undefined;
}

/** An alarm that calls a function once. */
export function onceAt(deadlineMs: number, ring: (nowMs: number) => void): Alarm {
  const once = alarm((nowMs) => {
    once.deadlineMs = Infinity;
    ring(nowMs);
  });
  once.deadlineMs = deadlineMs;
  return once;
}

/** An alarm that calls a function, which moves its deadline. */
export function alarm(ring: (nowMs: number) => void): Alarm {
  return { deadlineMs: Infinity, ring };
}
