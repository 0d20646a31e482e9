/**
 * How many connections and streams an API has open, for each caller and in all: nobody takes the places
 * of others, and strangers leave some for those who may change something. A caller is a user of this
 * host, or the address of another host.
 * @module
 */

/** Bounds of one server. */
export interface ConnectionLimits {
  /** Of one caller who is not trusted. */
  readonly perStranger: number;
  /** Of all callers together who are not trusted. */
  readonly strangers: number;
  /** Of one caller who is trusted. */
  readonly perTrusted: number;
  /** Of all. */
  readonly all: number;
}

/** Connections of an API. */
export const CONNECTION_LIMITS: ConnectionLimits = {
  perStranger: 16,
  strangers: 128,
  perTrusted: 128,
  all: 256,
};

/** Streams of events and of the final result. */
export const STREAM_LIMITS: ConnectionLimits = {
  perStranger: 32,
  strangers: 128,
  perTrusted: 256,
  all: 256,
};

/** Whoever holds something that is bounded. */
export interface Holder {
  /** The same for all that one caller holds. */
  readonly key: string;
  readonly isTrusted: boolean;
}

/** Counts what callers hold. */
export class Bounds {
  readonly #limits: ConnectionLimits;
  readonly #held = new Map<string, number>();
  #strangers = 0;
  #all = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Takes a place; why there is none, in words, else undefined. What was taken is to be given back. */
  take({ key, isTrusted }: Holder): string | undefined {
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

  /** Gives a place back. */
  give({ key, isTrusted }: Holder): void {
    const own = this.#held.get(key)! - 1;
    if (own === 0) this.#held.delete(key);
    else this.#held.set(key, own);
    this.#all--;
    if (!isTrusted) this.#strangers--;
  }
}
