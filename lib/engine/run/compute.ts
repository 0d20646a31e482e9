/**
 * Performs the asymmetric work that the core asks for. A backend that answers by promise gets at
 * most so many jobs at a time; one that answers at once is worked off in slices, so that the event
 * loop still reads its sockets between them.
 * @module
 */
import { Bug, WireError } from "@/base/errors.ts";
import type { CryptoBackend, KeyExchange } from "@/crypto/backend.ts";
import { KeyExchangeError } from "@/crypto/backend.ts";
import { ComputeQueue, OURS, type WorkOrigin } from "@/engine/run/compute_queue.ts";
import { SignatureError } from "@/crypto/signature.ts";
import type { ComputeJob, ComputeResult } from "@/ike/records/event.ts";
import type { IssuedCredentials } from "@/pki/issuing.ts";
import { parseCrl } from "@/pki/crl.ts";
import { parseOcspResponse } from "@/pki/ocsp.ts";
import type { PathMemory } from "@/pki/trust.ts";
import type { PathVerdict } from "@/pki/verdict.ts";

/** Whom a result is for is the caller's own; the pool only carries it. */
interface Order<T> {
  readonly job: ComputeJob;
  readonly owner: T;
}

/** What a job costs at least, where the clock is too coarse to tell. */
const COST_MIN_MS = 0.01;

/** What jobs are done by. */
export interface ComputeMeans {
  readonly crypto: CryptoBackend;
  /** Certificates and verdicts that are known already. */
  readonly paths: PathMemory;
  /** Certificates that were issued to identities of this end. */
  readonly issued: IssuedCredentials;
  /** Milliseconds since 1970: certificates are valid for a time. */
  readonly epochMs: () => number;
}

/** How the pool works; see {@linkcode ComputePool}. */
export interface ComputePoolOptions<T> extends ComputeMeans {
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
    const { done, broken, nowMs } = this.#options;
    const beganMs = nowMs?.() ?? 0;
    const cost = () =>
      this.#queue.spent(share, nowMs ? Math.max(COST_MIN_MS, nowMs() - beganMs) : 1);
    const result = answer(this.#options, job);
    if (!(result instanceof Promise)) {
      cost();
      return done(owner, result);
    }
    // A conversation that others hold takes no processor: it must not keep the others waiting.
    const place = job.op === "eap_start" || job.op === "eap_step" ? 0 : 1;
    this.#running += place;
    result.then((value) => {
      this.#running -= place;
      cost();
      done(owner, value);
    }).catch(broken);
  }
}

/** As {@linkcode perform}, with a refusal as an answer. */
function answer(means: ComputeMeans, job: ComputeJob): Promise<ComputeResult> | ComputeResult {
  try {
    const result = perform(means, job);
    return result instanceof Promise ? result.catch(refusal) : result;
  } catch (error) {
    return refusal(error);
  }
}

/**
 * Does one job; a promise only where the backend gives one.
 * @throws {KeyExchangeError | SignatureError | WireError} (or rejects) on a public value, a key or a
 * certificate that must be refused.
 */
export function perform(
  means: ComputeMeans,
  job: ComputeJob,
): Promise<ComputeResult> | ComputeResult {
  const { crypto } = means;
  switch (job.op) {
    case "sign": {
      const signature = crypto.signatures.sign(job.key, job.scheme, job.data);
      return then(signature, (signature) => ({ op: job.op, signature }));
    }
    case "verify": {
      const { key, scheme, data, signature } = job;
      const valid = crypto.signatures.verify(key, scheme, data, signature);
      return then(valid, (valid) => ({ op: job.op, valid }));
    }
    case "issue":
      return then(issue(means, job), (given) => ({ op: job.op, ...given }));
    case "eap_start":
      return then(job.server.start(job.identity), (answer) => ({ op: "eap", answer }));
    case "eap_step":
      return then(job.end.step(job.octets), (answer) => ({ op: "eap", answer }));
    case "verify_chain":
      return then(judge(means, job), (verdict) => ({ op: job.op, verdict }));
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

/** @throws {WireError} where a certificate or a list is none. */
function judge(
  { paths, epochMs }: ComputeMeans,
  job: Extract<ComputeJob, { op: "verify_chain" }>,
): PathVerdict | Promise<PathVerdict> {
  const [certificate, ...untrusted] = job.certificates.map((der) => paths.certificate(der));
  return paths.validate({
    certificate: certificate!,
    untrusted,
    store: job.trust,
    nowMs: epochMs(),
    revocation: job.revocation,
    purpose: job.purpose,
    receivedCrls: job.crls.map(parseCrl),
    receivedOcsp: job.ocsp.map(parseOcspResponse),
  });
}

/** What is issued to an identity of this end. */
function issue(
  { issued, epochMs }: ComputeMeans,
  { authority, holder, withOcsp }: Extract<ComputeJob, { op: "issue" }>,
): Issued | Promise<Issued> {
  const nowMs = epochMs();
  return then(issued.credential(authority, holder, nowMs), (credential) => {
    if (!withOcsp) return { credential, ocsp: [] };
    const response = issued.response(authority, credential.certificate, nowMs);
    return then(response, (one) => ({ credential, ocsp: [one] }));
  });
}

type Issued = Omit<Extract<ComputeResult, { op: "issue" }>, "op">;

/** Goes on at once with a value that is there, later with a promised one. */
function then<A, B>(value: A | Promise<A>, next: (value: A) => B | Promise<B>): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}

function exchangeOf(crypto: CryptoBackend, group: number): KeyExchange {
  const exchange = crypto.keyExchange(group);
  if (!exchange) throw new Bug(`Invariant broken: group ${group} was negotiated without a backend`);
  return exchange;
}

/** @throws whatever is no refusal of what the peer sent, or of our own key. */
function refusal(error: unknown): ComputeResult {
  const refuses = error instanceof KeyExchangeError || error instanceof SignatureError ||
    error instanceof WireError;
  if (refuses) return { op: "refused", why: error.message };
  throw error;
}
