/**
 * Validation in steps. A signature is verified by a backend, which may answer later; everything else is
 * synchronous. So the validation is a generator that asks for one signature at a time, which
 * {@linkcode finish} answers by a backend of either kind.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { type PublicKey, SignatureError } from "@/crypto/signature.ts";
import type { Certificate, SignedBy } from "@/pki/certificate.ts";
import type { PathQuestion, RefusedPath } from "@/pki/verdict.ts";

/** What a certificate, a revocation list and an OCSP response have in common. */
export interface Signed {
  /** The octets that are signed. */
  readonly tbs: Uint8Array;
  readonly signature: SignedBy;
}

/** A signature to verify. */
export interface VerifyStep {
  readonly key: PublicKey;
  readonly signed: Signed;
}

/** A validation that asks for signatures, and ends with a `T`. */
export type Steps<T> = Generator<VerifyStep, T, boolean>;

/** The most signatures of one validation, the most paths that it tries, and the most chains that it extends. */
const SIGNATURES_MAX = 200;
const PATHS_MAX = 100;
const STEPS_MAX = 1000;

/** The state of one validation. */
export class Search {
  /** The keys by which the signature of each certificate, list or response was verified. */
  #verified = new Map<Signed, { readonly key: PublicKey; readonly good: boolean }[]>();
  /** The refusal of a path that is reported if no path is accepted. */
  refusal: { readonly rank: number; readonly refused: RefusedPath } | undefined;
  /** Milliseconds since 1970 until which everything that was relied on is valid. */
  untilMs = Infinity;
  #signatures = 0;
  #paths = 0;
  #steps = 0;
  /** Certificates whose revocation is being checked, as the signer of a list may be on a list itself. */
  asked = new Set<Certificate>();

  /** A question, and the backend for hashes. */
  constructor(readonly question: PathQuestion, readonly backend: CryptoBackend) {}

  /** Whether a limit of the validation is reached. */
  get isSpent(): boolean {
    return this.#signatures >= SIGNATURES_MAX || this.#paths >= PATHS_MAX ||
      this.#steps >= STEPS_MAX;
  }

  /**
   * A search of its own for a certificate that signs lists; {@linkcode take} adds its costs to these.
   */
  about(certificate: Certificate): Search {
    const inner = new Search({ ...this.question, certificate, purpose: "any" }, this.backend);
    inner.#verified = this.#verified;
    inner.asked = this.asked;
    inner.#signatures = this.#signatures;
    inner.#paths = this.#paths;
    inner.#steps = this.#steps;
    return inner;
  }

  /** Adds the costs of a search of {@linkcode about}, and the time until which it is valid. */
  take(inner: Search): void {
    this.#signatures = inner.#signatures;
    this.#paths = inner.#paths;
    this.#steps = inner.#steps;
    this.untilMs = Math.min(this.untilMs, inner.untilMs);
  }

  /** Counts a chain that is extended. */
  countStep(): void {
    this.#steps++;
  }

  /** Counts a path that is validated. */
  countPath(): void {
    this.#paths++;
  }

  /** All certificates of the peer, then those of the store; each once. */
  *authorities(): Generator<Certificate> {
    const { untrusted, store } = this.question;
    yield* untrusted;
    yield* store.intermediates;
    yield* store.anchors;
  }

  /** Whether `signed` is signed by this key; the backend is only asked once. */
  *isSignedBy(signed: Signed, key: PublicKey): Steps<boolean> {
    if (!signed.signature.scheme) return false;
    const tried = this.#verified.get(signed) ?? [];
    this.#verified.set(signed, tried);
    const known = tried.find((one) => sameKey(one.key, key));
    if (known) return known.good;
    if (this.isSpent) return false;
    this.#signatures++;
    const good = yield { key, signed };
    tried.push({ key, good });
    return good;
  }
}

/** Whether two are the same key. */
export function sameKey(a: PublicKey, b: PublicKey): boolean {
  return a === b || sameOctets(a.spki, b.spki);
}

/** Performs all steps; it returns a promise only if the backend does. */
export function finish<T>(steps: Steps<T>, backend: CryptoBackend): T | Promise<T> {
  let step = steps.next();
  while (!step.done) {
    const answer = verify(step.value, backend);
    if (answer instanceof Promise) return finishLater(steps, answer, backend);
    step = steps.next(answer);
  }
  return step.value;
}

async function finishLater<T>(
  steps: Steps<T>,
  first: Promise<boolean>,
  backend: CryptoBackend,
): Promise<T> {
  let step = steps.next(await first);
  while (!step.done) step = steps.next(await verify(step.value, backend));
  return step.value;
}

function verify({ key, signed }: VerifyStep, backend: CryptoBackend): boolean | Promise<boolean> {
  const { scheme, value } = signed.signature;
  if (!scheme) return false;
  try {
    const answer = backend.signatures.verify(key, scheme, signed.tbs, value);
    return answer instanceof Promise ? answer.catch(wrongKey) : answer;
  } catch (e) {
    return wrongKey(e);
  }
}

/** A key that the backend refuses verifies no signature. @throws any other error. */
function wrongKey(e: unknown): boolean {
  if (e instanceof SignatureError) return false;
  throw e;
}
