/**
 * What a role (client, gateway, the ending) stands on: the run seen from inside.
 * @module
 */
import type { RunPart } from "@/engine/run/part.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import type { Alarm, CoreLoop } from "@/engine/run/core_loop.ts";
import type { EventHub, EventLevel } from "@/engine/show/event_hub.ts";
import type { Tally } from "@/engine/show/tally.ts";

/** The run as its parts see it. */
export interface Floor {
  readonly loop: CoreLoop;
  readonly tally: Tally;
  readonly events: EventHub;
  /** Whether the end has begun: nothing new is dialled, a close is no loss. */
  readonly ending: boolean;
  /** A tunnel is given up or lost: counts it, says it (level 2), and ends the run if so configured. */
  tunnelFailed(failure: Failure, words: string): void;
  /** An IKE SA of a tunnel began at `startedMs`: the earliest counts. */
  creationStarted(startedMs: number): void;
  /** The last configured tunnel is up, or given up. */
  creationFinished(nowMs: number): void;
  /** Nothing is left to wait for: the run ends at once. */
  nothingLeft(): void;
}

/** Tunnels that are torn down and rebuilt on purpose. */
export interface FlapCounts {
  /** Tunnels that are down on purpose now. */
  readonly down: number;
  /** How often a tunnel was torn down. */
  readonly flaps: number;
  /** How often one was up again after that. */
  readonly rebuilds: number;
}

/** Where nothing flaps. */
export const NO_FLAPS: FlapCounts = { down: 0, flaps: 0, rebuilds: 0 };

/** A client or a gateway: keeps the books of tunnels. Called within turns of the loop only. */
export interface Role extends RunPart {
  /** Begins; may arm alarms. */
  begin(nowMs: number): void;
  /** IKE SAs on the way. */
  readonly halfOpen: number;
  /** Tunnels begun. */
  readonly created: number;
  /** Whether a live IKE SA is that of a tunnel which was established. */
  isTunnel(sa: IkeSa): boolean;
  /** When the IKE SA began that is on its way longest; undefined: none is. */
  firstOnItsWayMs(): number | undefined;
  /** Why a tunnel is not up that is tried again; undefined: none is. */
  trouble(): string | undefined;
  readonly flapping: FlapCounts;
  /** Peers that did not authenticate, by cause; a client has none. */
  readonly strangers: readonly FailureFigures[];
  /** Something about an SA is worth a line in the log, whose peer has not authenticated. */
  strangerSaid(level: EventLevel, text: string, nowMs: number): void;
  /** The end has begun: settles what will not be tried again. */
  ended(): void;
  /** Why the run has not passed, as far as it is this role's to say; undefined: it has. */
  shortfall(): string | undefined;
}

/** An alarm that calls a function. */
export function alarm(ring: (nowMs: number) => void): Alarm {
  return { deadlineMs: Infinity, ring };
}
