/**
 * Performs the asymmetric work that the core asks for. A backend that answers by promise gets at
 * most so many jobs at a time; one that answers at once is worked off in slices, so that the event
 * loop still reads its sockets between them.
 * @module
 */
import { Bug } from "@/base/errors.ts";
import type { CryptoBackend, KeyExchange } from "@/crypto/backend.ts";
import { KeyExchangeError } from "@/crypto/backend.ts";
import type { ComputeJob, ComputeResult } from "@/ike/records/event.ts";

/** Whom a result is for is the caller's own; the pool only carries it. */
interface Order<T> {
  readonly job: ComputeJob;
  readonly owner: T;
}

/** How the pool works; see {@linkcode ComputePool}. */
export interface ComputePoolOptions<T> {
  readonly crypto: CryptoBackend;
  /** Jobs under way at a time, where the backend answers by promise. */
  readonly concurrencyMax: number;
  /** Takes a result, never inside {@linkcode ComputePool.submit}. */
  readonly done: (owner: T, result: ComputeResult) => void;
  /** Takes an error that is no refusal: ours, and the end of the run. */
  readonly broken: (error: unknown) => void;
}

/** First come, first served. */
export class ComputePool<T> {
  readonly #options: ComputePoolOptions<T>;
  /** Orders not yet begun, from `#next` on. */
  #queue: Order<T>[] = [];
  #next = 0;
  #running = 0;

  constructor(options: ComputePoolOptions<T>) {
    this.#options = options;
  }

  /** Orders not yet begun. */
  get waiting(): number {
    return this.#queue.length - this.#next;
  }

  /** Orders begun and not yet answered. */
  get running(): number {
    return this.#running;
  }

  /** Takes an order; it is begun by {@linkcode work}. */
  submit(owner: T, job: ComputeJob): void {
    this.#queue.push({ job, owner });
  }

  /**
   * Begins what may be begun, until `enough` says so; results that are there at once are given to
   * `done` before this returns. Whether orders are left that could be begun now.
   */
  work(enough: () => boolean): boolean {
    while (this.waiting > 0 && this.#running < this.#options.concurrencyMax) {
      if (enough()) return true;
      this.#begin(this.#take());
    }
    return false;
  }

  #take(): Order<T> {
    const order = this.#queue[this.#next++]!;
    if (this.#next === this.#queue.length) {
      this.#queue = [];
      this.#next = 0;
    }
    return order;
  }

  #begin({ owner, job }: Order<T>): void {
    const { done, broken, crypto } = this.#options;
    const result = answer(crypto, job);
    if (!(result instanceof Promise)) return done(owner, result);
    this.#running++;
    result.then((value) => {
      this.#running--;
      done(owner, value);
    }).catch(broken);
  }
}

/** As {@linkcode perform}, with a refusal as an answer. */
function answer(crypto: CryptoBackend, job: ComputeJob): Promise<ComputeResult> | ComputeResult {
  try {
    const result = perform(crypto, job);
    return result instanceof Promise ? result.catch(refusal) : result;
  } catch (error) {
    return refusal(error);
  }
}

/**
 * Does one job; a promise only where the backend gives one.
 * @throws {KeyExchangeError} (or rejects) on a public value that must be refused.
 */
export function perform(
  crypto: CryptoBackend,
  job: ComputeJob,
): Promise<ComputeResult> | ComputeResult {
  switch (job.op) {
    case "ke_generate":
      return then(exchangeOf(crypto, job.group).generate(), (pair) => ({ op: job.op, pair }));
    case "ke_derive": {
      const shared = exchangeOf(crypto, job.pair.group).derive(job.pair, job.peerPublic);
      return then(shared, (shared) => ({ op: job.op, shared }));
    }
    case "ke_respond": {
      const answer = exchangeOf(crypto, job.group).respond(job.peerPublic);
      return then(answer, (answer) => ({ op: job.op, ...answer }));
    }
  }
}

/** Goes on at once with a value that is there, later with a promised one. */
function then<A>(
  value: A | Promise<A>,
  next: (value: A) => ComputeResult | Promise<ComputeResult>,
): ComputeResult | Promise<ComputeResult> {
  return value instanceof Promise ? value.then(next) : next(value);
}

function exchangeOf(crypto: CryptoBackend, group: number): KeyExchange {
  const exchange = crypto.keyExchange(group);
  if (!exchange) throw new Bug(`Invariant broken: group ${group} was negotiated without a backend`);
  return exchange;
}

/** @throws whatever is no refusal of a public value. */
function refusal(error: unknown): ComputeResult {
  if (error instanceof KeyExchangeError) return { op: "refused", why: error.message };
  throw error;
}
