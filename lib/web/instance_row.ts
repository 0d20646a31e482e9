/**
 * What the page of a daemon shows of an instance, and where it has that from.
 * @module
 */

/** One instance; the figures are those of its entry in the `List` of the Daemon API. */
export interface InstanceRow {
  readonly name: string;
  /** `myikev2`, or `other` for another program. */
  readonly type: string;
  /** The state of `Status` in words. */
  readonly state: string;
  /** `running`, `passed`, `failed` or `stopped`; undefined as long as it is not known. */
  readonly verdict: string | undefined;
  /** Why it is in a bad state, or why the figures are old; empty: nothing is wrong. */
  readonly reason: string;
  /** Undefined of another program, and of an instance whose API has not answered yet. */
  readonly figures: InstanceFigures | undefined;
  /** Whether it has a live page or a report. */
  readonly hasPage: boolean;
}

/** Figures of one instance. */
export interface InstanceFigures {
  /** `client` or `gateway`. */
  readonly role: string;
  readonly configured: number;
  readonly established: number;
  readonly live: number;
  readonly halfOpen: number;
  /** Tunnels per second. */
  readonly setupRate: number;
  readonly pingsSent: number;
  readonly pingsAnswered: number;
}

/** The web server of an instance, as this host reaches it. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  /** Whether it is asked by HTTPS. */
  readonly tls: boolean;
  readonly path: string;
}

/** The daemon as its page needs it. */
export interface DaemonView {
  /** All instances, with figures of this moment. */
  readonly instances: () => Promise<readonly InstanceRow[]>;
  /** The web server of an instance, as long as its process lives and has one. */
  readonly serverOf: (name: string) => Omit<Upstream, "path"> | undefined;
  /** The JSON result that an instance wrote, which has no web server any more. */
  readonly resultOf: (name: string) => string | undefined;
}
