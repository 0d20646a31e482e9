/**
 * Performs the asymmetric computations that the core asks for. A backend that answers by promise gets a
 * limited number of jobs at a time. Jobs of one that answers at once are done in slices, so that sockets are
 * read between them.
 * @module
 */
import { Bug, must, WireError } from "@/base/errors.ts";
import type { CryptoBackend, KeyExchange } from "@/crypto/backend.ts";
import { KeyExchangeError } from "@/crypto/backend.ts";
import { ComputeQueue, OURS, type WorkOrigin } from "@/engine/run/compute_queue.ts";
import { SignatureError } from "@/crypto/signature.ts";
import { searchOn } from "@/ike/negotiate/puzzle.ts";
import type { ComputeJob, ComputeResult } from "@/ike/records/event.ts";
import type { IssuedCredentials } from "@/pki/issuing.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { parseCrl } from "@/pki/crl.ts";
import { parseOcspResponse } from "@/pki/ocsp.ts";
import { parseFetched } from "@/pki/received.ts";
import type { PathMemory } from "@/pki/trust.ts";
import type { PathVerdict } from "@/pki/verdict.ts";

/** A job with the owner of its result, which the pool only passes on. */
interface Order<T> {
  readonly job: ComputeJob;
  readonly owner: T;
}

/** The least assumed cost of a job, as the clock may be too coarse to measure it. */
const COST_MIN_MS = 0.01;

/** What is needed to perform jobs. */
export interface ComputeMeans {
  readonly crypto: CryptoBackend;
  /** Certificates and verdicts that are known already. */
  readonly paths: PathMemory;
  /** Certificates that were issued to identities of this end. */
  readonly issued: IssuedCredentials;
  /** Milliseconds since 1970, as certificates have a period of validity. */
  readonly epochMs: () => number;
}

/** Options of a {@linkcode ComputePool}. */
export interface ComputePoolOptions<T> extends ComputeMeans {
  /** Whether anybody still waits for a result; absent: always. */
  readonly isWanted?: (owner: T) => boolean;
  /** Any clock in milliseconds, to measure the cost of jobs; absent: all jobs cost the same. */
  readonly nowMs?: () => number;
  /** The most jobs at a time, with a backend that answers by promise. */
  readonly concurrencyMax: number;
  /** Is called with a result, never within {@linkcode ComputePool.submit}. */
  readonly done: (owner: T, result: ComputeResult) => void;
  /** Is called with an error that is no refusal: an internal error, which ends the run. */
  readonly broken: (error: unknown) => void;
}

/** A pool of jobs; `compute_queue.ts` decides which job is next. */
export class ComputePool<T> {
  readonly #options: ComputePoolOptions<T>;
  readonly #queue: ComputeQueue<Order<T>>;
  #running = 0;

  constructor(options: ComputePoolOptions<T>) {
    this.#options = options;
    const { isWanted = () => true } = options;
    this.#queue = new ComputeQueue(({ owner }) => isWanted(owner));
  }

  /** Number of jobs that have not begun. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Number of jobs that have begun and not ended. */
  get running(): number {
    return this.#running;
  }

  /** Adds a job, which {@linkcode work} will begin. */
  submit(owner: T, job: ComputeJob, origin: WorkOrigin = OURS): void {
    this.#queue.add({ job, owner }, origin);
  }

  /**
   * Begins jobs until `enough` returns true; results of jobs that end at once are given to `done` before this
   * returns. Returns whether jobs are left that could be begun now.
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
    const place = waitsForOthers(job) ? 0 : 1;
    this.#running += place;
    result.then((value) => {
      this.#running -= place;
      cost();
      done(owner, value);
    }).catch(broken);
  }
}

/** Whether a job waits for another program without using the processor, so that it takes no place. */
function waitsForOthers(job: ComputeJob): boolean {
  return job.op === "eap_start" || job.op === "eap_step" ||
    job.op === "verify_chain" && job.certificates.some((one) => !(one instanceof Uint8Array));
}

/** Performs a job, and returns a refusal as a result. */
function answer(means: ComputeMeans, job: ComputeJob): Promise<ComputeResult> | ComputeResult {
  try {
    const result = perform(means, job);
    return result instanceof Promise ? result.catch(refusal) : result;
  } catch (error) {
    return refusal(error);
  }
}

/**
 * Performs a job; returns a promise only if the backend does.
 * @throws {KeyExchangeError | SignatureError | WireError} (or rejects) for a public value, a key or a
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
    case "solve_puzzle":
      return { op: job.op, search: searchOn(crypto, job.work) };
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

/** A question about certificates of a peer. */
type ChainJob = Extract<ComputeJob, { op: "verify_chain" }>;

/** Judges a certificate path. @throws {WireError} if a certificate or a list is malformed, or cannot be had. */
function judge(means: ComputeMeans, job: ChainJob): PathVerdict | Promise<PathVerdict> {
  const sent = job.certificates.filter((one) => one instanceof Uint8Array);
  if (sent.length === job.certificates.length) {
    return judgeAll(means, job, sent.map((der) => means.paths.certificate(der)));
  }
  return lookUp(means, job).then(({ certificates, crls }) =>
    judgeAll(means, { ...job, crls: [...job.crls, ...crls.map(({ der }) => der)] }, certificates)
  );
}

/** The certificates that the peer sent, and those at the URLs that it sent, in order. */
async function lookUp({ paths, crypto }: ComputeMeans, { certificates, lookup }: ChainJob) {
  const found = await Promise.all(certificates.map(async (one) => {
    if (one instanceof Uint8Array) return { certificates: [paths.certificate(one)], crls: [] };
    must(lookup !== undefined, "an address is taken where it can be looked up");
    const { certificates, crls } = parseFetched(one, await lookup.find(one), crypto);
    return { certificates: certificates.map(({ der }) => paths.certificate(der)), crls };
  }));
  return {
    certificates: found.flatMap((one) => one.certificates),
    crls: found.flatMap(({ crls }) => crls),
  };
}

function judgeAll(
  { paths, epochMs }: ComputeMeans,
  job: ChainJob,
  [certificate, ...untrusted]: readonly Certificate[],
): PathVerdict | Promise<PathVerdict> {
  if (!certificate) throw new WireError("Cannot use a bundle without a certificate in it");
  return paths.validate({
    certificate,
    untrusted,
    store: job.trust,
    nowMs: epochMs(),
    revocation: job.revocation,
    purpose: job.purpose,
    receivedCrls: job.crls.map(parseCrl),
    receivedOcsp: job.ocsp.map(parseOcspResponse),
  });
}

/** The credential that is issued to an identity of this end. */
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

/** Continues at once with a value, or later with a promised one. */
function then<A, B>(value: A | Promise<A>, next: (value: A) => B | Promise<B>): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}

function exchangeOf(crypto: CryptoBackend, group: number): KeyExchange {
  const exchange = crypto.keyExchange(group);
  if (!exchange) throw new Bug(`Invariant broken: group ${group} was negotiated without a backend`);
  return exchange;
}

/** The result if a value of the peer, or our own key, is refused. @throws any other error. */
function refusal(error: unknown): ComputeResult {
  const refuses = error instanceof KeyExchangeError || error instanceof SignatureError ||
    error instanceof WireError;
  if (refuses) return { op: "refused", why: error.message };
  throw error;
}
