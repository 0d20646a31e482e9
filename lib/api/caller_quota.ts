/**
 * Bounds how many connections and streams each caller has open, and all callers together. One
 * caller cannot use up what others need, and callers who are not trusted leave some for those who
 * are. A caller is a user of this host, or the address of another host.
 * @module
 */

/** How many connections, or streams, may be open at a server. */
export interface ConnectionLimits {
  /** By one caller who is not trusted. */
  readonly perStranger: number;
  /** By all callers together who are not trusted. */
  readonly strangers: number;
  /** By one caller who is trusted. */
  readonly perTrusted: number;
  /** By all callers together. */
  readonly all: number;
}

/** Limits of the connections of an API. */
export const CONNECTION_LIMITS: ConnectionLimits = {
  perStranger: 16,
  strangers: 128,
  perTrusted: 128,
  all: 256,
};

/** Limits of the streams of events and of the final result. */
export const STREAM_LIMITS: ConnectionLimits = {
  perStranger: 32,
  strangers: 128,
  perTrusted: 256,
  all: 256,
};

/** A caller as its connections and streams are counted. */
export interface Holder {
  /** The same for all connections of one caller. */
  readonly key: string;
  readonly isTrusted: boolean;
}

/** Counts the connections, or the streams, that callers have open. */
export class CallerQuota {
  readonly #limits: ConnectionLimits;
  readonly #held = new Map<string, number>();
  #strangers = 0;
  #all = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /**
   * Counts one more for this caller, who must {@linkcode release} it. Returns undefined, or the
   * reason as text when a limit is reached.
   */
  acquire({ key, isTrusted }: Holder): string | undefined {
    const { perStranger, strangers, perTrusted, all } = this.#limits;
    const own = this.#held.get(key) ?? 0;
    const ownMax = isTrusted ? perTrusted : perStranger;
    if (own >= ownMax) return `${key} has ${own} open already`;
    if (this.#all >= all) return `${all} are open already`;
    if (!isTrusted && this.#strangers >= strangers) return `others have ${strangers} open already`;
    this.#held.set(key, own + 1);
    this.#all++;
    if (!isTrusted) this.#strangers++;
    return undefined;
  }

  /** Counts one less for this caller. */
  release({ key, isTrusted }: Holder): void {
    const own = this.#held.get(key)! - 1;
    if (own === 0) this.#held.delete(key);
    else this.#held.set(key, own);
    this.#all--;
    if (!isTrusted) this.#strangers--;
  }
}
