/**
 * Hands data of a run to recorders: key files and captures. Hooks are called synchronously; octets are only
 * valid during the call.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import { childDumpOf, dumpOf, type ToEpoch } from "@/engine/show/sa_view.ts";
import type { TunnelLog } from "@/engine/show/tunnel_log.ts";
import type { ChildSaDump, IkeSaDump } from "@/engine/show/view.ts";

/** A datagram that was sent or received. */
export interface RecordedDatagram {
  readonly sent: boolean;
  /** The UDP payload as it is on the wire, with its non-ESP marker if it has one. */
  readonly octets: Uint8Array;
  readonly path: Path;
  /** Milliseconds since 1970, with fractions. */
  readonly epochMs: number;
  /**
   * The index of its tunnel: of a client that of the setup, of a gateway the order of arrival, from 0;
   * undefined if it belongs to none, or it is not known yet to which.
   */
  readonly tunnel: number | undefined;
}

/** The recorders of a run. */
export interface RunHooks {
  /** Is called when an IKE SA has keys. */
  readonly ikeKeyed?: (sa: IkeSaDump) => void;
  /** Is called when a CHILD_SA has both directions. */
  readonly childKeyed?: (child: ChildSaDump) => void;
  /** Is called with each datagram of IKE. */
  readonly datagram?: (datagram: RecordedDatagram) => void;
  /** Keeps a record of each tunnel. */
  readonly tunnels?: TunnelLog;
}

/** Calls the hooks of a run. */
export class Recorders implements RunPart {
  readonly handlers: EffectHandlers;

  constructor({ ikeKeyed, childKeyed }: RunHooks, toEpoch: ToEpoch) {
    this.handlers = {
      ...(ikeKeyed ? { keyed: (_, sa) => ikeKeyed(dumpOf(sa, toEpoch)) } : {}),
      ...(childKeyed ? { install: ({ child }) => childKeyed(childDumpOf(child, toEpoch)) } : {}),
    };
  }
}
