/**
 * What a run hands to those who record it: key files, captures. Every hook is called synchronously;
 * octets are only lent, so a hook copies what it keeps.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { Hearing, RunPart } from "@/engine/run/part.ts";
import { childDumpOf, dumpOf, type ToEpoch } from "@/engine/show/sa_view.ts";
import type { ChildSaDump, IkeSaDump } from "@/engine/show/view.ts";

/** Recorders of a run. A hook that is absent costs nothing. */
export interface RunHooks {
  /** The keys of an IKE SA exist. */
  readonly ikeKeyed?: (sa: IkeSaDump) => void;
  /** Both directions of a CHILD_SA exist. */
  readonly childKeyed?: (child: ChildSaDump) => void;
  /**
   * A UDP payload as it is on the wire, its non-ESP marker included where it carries one.
   * `epochMs` counts from 1970, with fractions.
   */
  readonly datagram?: (sent: boolean, octets: Uint8Array, path: Path, epochMs: number) => void;
}

/** Hands to the recorders of a run what they want. */
export class Recorders implements RunPart {
  readonly hears: Hearing;

  constructor({ ikeKeyed, childKeyed }: RunHooks, toEpoch: ToEpoch) {
    this.hears = {
      ...(ikeKeyed ? { keyed: (_, sa) => ikeKeyed(dumpOf(sa, toEpoch)) } : {}),
      ...(childKeyed ? { install: ({ child }) => childKeyed(childDumpOf(child, toEpoch)) } : {}),
    };
  }
}
