/**
 * Performs the asymmetric work that the core asks for. A backend that answers by promise gets at
 * most so many jobs at a time; one that answers at once is worked off in slices, so that the event
 * loop still reads its sockets between them.
 * @module
 */
import { Bug } from "@/base/errors.ts";
import type { CryptoBackend, KeyExchange } from "@/crypto/backend.ts";
import { KeyExchangeError } from "@/crypto/backend.ts";
import { ComputeQueue, OURS, type WorkOrigin } from "@/engine/run/compute_queue.ts";
import type { ComputeJob, ComputeResult } from "@/ike/records/event.ts";

/** Whom a result is for is the caller's own; the pool only carries it. */
interface Order<T> {
  readonly job: ComputeJob;
  readonly owner: T;
}

/** What a job costs at least, where the clock is too coarse to tell. */
const COST_MIN_MS = 0.01;

/** How the pool works; see {@linkcode ComputePool}. */
export interface ComputePoolOptions<T> {
  readonly crypto: CryptoBackend;
  /** Whether anybody still waits for a result; absent: always. */
  readonly isWanted?: (owner: T) => boolean;
  /** Milliseconds of any clock, to know what jobs cost; absent: they all cost the same. */
  readonly nowMs?: () => number;
  /** Jobs under way at a time, where the backend answers by promise. */
  readonly concurrencyMax: number;
  /** Takes a result, never inside {@linkcode ComputePool.submit}. */
  readonly done: (owner: T, result: ComputeResult) => void;
  /** Takes an error that is no refusal: ours, and the end of the run. */
  readonly broken: (error: unknown) => void;
}

/** Which order is next is the matter of `compute_queue.ts`. */
export class ComputePool<T> {
  readonly #options: ComputePoolOptions<T>;
  readonly #queue: ComputeQueue<Order<T>>;
  #running = 0;

  constructor(options: ComputePoolOptions<T>) {
    this.#options = options;
    const { isWanted = () => true } = options;
    this.#queue = new ComputeQueue(({ owner }) => isWanted(owner));
  }

  /** Orders not yet begun. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Orders begun and not yet answered. */
  get running(): number {
    return this.#running;
  }

  /** Takes an order; it is begun by {@linkcode work}. */
  submit(owner: T, job: ComputeJob, origin: WorkOrigin = OURS): void {
    this.#queue.add({ job, owner }, origin);
  }

  /**
   * Begins what may be begun, until `enough` says so; results that are there at once are given to
   * `done` before this returns. Whether orders are left that could be begun now.
   */
  work(enough: () => boolean): boolean {
    while (this.waiting > 0 && this.#running < this.#options.concurrencyMax) {
      if (enough()) return true;
      const next = this.#queue.take();
      if (next) this.#begin(next.order, next.share);
    }
    return false;
  }

  #begin({ owner, job }: Order<T>, share: string): void {
    const { done, broken, crypto, nowMs } = this.#options;
    const beganMs = nowMs?.() ?? 0;
    const cost = () =>
      this.#queue.spent(share, nowMs ? Math.max(COST_MIN_MS, nowMs() - beganMs) : 1);
    const result = answer(crypto, job);
    if (!(result instanceof Promise)) {
      cost();
      return done(owner, result);
    }
    this.#running++;
    result.then((value) => {
      this.#running--;
      cost();
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
