/**
 * Key pairs that are used more than once, or made ahead. A load generator may do so to make more tunnels of the
 * same processor time. RFC 7296 §2.12 allows that several exchanges share a pair: their keys still differ, as
 * nonces are fresh, but the pair is not forgotten as soon as an SA ends. RFC 6989 demands of an end that reuses
 * pairs that it checks each value of a peer, which every backend does for each exchange. A pair of a key
 * encapsulation method is never used twice.
 * @module
 */
import {
  type CryptoBackend,
  type KeyExchange,
  type KeyPair,
  respondByPair,
} from "@/crypto/backend.ts";

/** How pairs are kept. */
export interface KeyStockOptions {
  /** For how many exchanges a pair is used; 1: each has one of its own. */
  readonly uses: number;
  /** How many pairs are made ahead for each group; 0: none. */
  readonly ahead: number;
}

/** The pairs of one group. */
interface Group {
  readonly exchange: KeyExchange;
  /** Pairs that nobody has used. */
  readonly fresh: KeyPair[];
  /** Number of pairs that are being made. */
  making: number;
  /** Whether a pair was asked for; only an initiator of a key encapsulation method does. */
  wasTaken: boolean;
  /** The pair that is in use, and for how many more exchanges. */
  current: KeyPair | undefined;
  usesLeft: number;
}

/** The pairs of a run, by group. */
export class KeyStock {
  /** The backend whose key exchanges take their pairs from here. */
  readonly backend: CryptoBackend;
  /** How many pairs were made, before or when they were needed, and how many exchanges had one. */
  made = 0;
  taken = 0;
  readonly #options: KeyStockOptions;
  readonly #groups = new Map<number, Group>();
  readonly #exchanges = new Map<number, KeyExchange | undefined>();

  constructor(backend: CryptoBackend, options: KeyStockOptions) {
    this.#options = options;
    this.backend = {
      ...backend,
      keyExchange: (group) => {
        if (this.#exchanges.has(group)) return this.#exchanges.get(group);
        const exchange = backend.keyExchange(group);
        const stocked = exchange && this.#stocked(exchange);
        this.#exchanges.set(group, stocked);
        return stocked;
      },
    };
  }

  /** Whether a pair of a group that was used could be made ahead. */
  get lacks(): boolean {
    return [...this.#groups.values()].some((group) => this.#lacks(group));
  }

  /** Makes one pair ahead, of the group that has the fewest; returns whether there was one to make. */
  makeOne(): boolean {
    let poorest: Group | undefined;
    for (const group of this.#groups.values()) {
      if (!this.#lacks(group)) continue;
      if (!poorest || stockOf(group) < stockOf(poorest)) poorest = group;
    }
    if (!poorest) return false;
    const group = poorest;
    this.made++;
    const pair = group.exchange.generate();
    if (!(pair instanceof Promise)) return group.fresh.push(pair) > 0;
    group.making++;
    pair.then((pair) => void group.fresh.push(pair), () => {}).finally(() => group.making--);
    return true;
  }

  #lacks(group: Group): boolean {
    const isUsed = group.wasTaken || !group.exchange.isKem;
    return isUsed && stockOf(group) < this.#options.ahead;
  }

  #stocked(exchange: KeyExchange): KeyExchange {
    const group: Group = {
      exchange,
      fresh: [],
      making: 0,
      wasTaken: false,
      current: undefined,
      usesLeft: 0,
    };
    this.#groups.set(exchange.group, group);
    const stocked: KeyExchange = {
      ...exchange,
      generate: (random) => random ? exchange.generate(random) : this.#take(group),
      // A KEM's answer depends on the initiator's value, so that there is no pair of the responder.
      respond: (peerPublic, random) =>
        random || exchange.isKem || !this.#hasPair(group)
          ? exchange.respond(peerPublic, random)
          : respondByPair(stocked, peerPublic),
    };
    return stocked;
  }

  /** Whether a responder is to take a pair from here, and not have one made together with its answer. */
  #hasPair({ fresh }: Group): boolean {
    return this.#options.uses > 1 || fresh.length > 0;
  }

  #take(group: Group): KeyPair | Promise<KeyPair> {
    this.taken++;
    group.wasTaken = true;
    if (group.current && group.usesLeft > 0) {
      group.usesLeft--;
      return group.current;
    }
    group.current = undefined;
    const ready = group.fresh.pop();
    if (ready) return this.#use(group, ready);
    this.made++;
    const pair = group.exchange.generate();
    return pair instanceof Promise
      ? pair.then((pair) => this.#use(group, pair))
      : this.#use(group, pair);
  }

  /** A pair for its first exchange; it is kept for the others that it is good for. */
  #use(group: Group, pair: KeyPair): KeyPair {
    if (group.exchange.isKem || this.#options.uses === 1) return pair;
    group.current = pair;
    group.usesLeft = this.#options.uses - 1;
    return pair;
  }
}

function stockOf({ fresh, making }: Group): number {
  return fresh.length + making;
}
