/**
 * Questions about certificates in steps. Whether a signature is right takes a backend, which may
 * answer later; everything else is plain logic. So the logic is a generator that asks for one
 * signature at a time, and {@linkcode finish} answers it by either kind of backend.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { type PublicKey, SignatureError } from "@/crypto/signature.ts";
import type { Certificate, SignedBy } from "@/pki/certificate.ts";
import type { PathQuestion, RefusedPath } from "@/pki/verdict.ts";

/** What a certificate, a revocation list and an OCSP response have in common. */
export interface Signed {
  /** What the signature is over. */
  readonly tbs: Uint8Array;
  readonly signature: SignedBy;
}

/** A signature to verify. */
export interface VerifyStep {
  readonly key: PublicKey;
  readonly signed: Signed;
}

/** Logic that asks for signatures, and ends with a `T`. */
export type Steps<T> = Generator<VerifyStep, T, boolean>;

/** Signatures that one question may cost, paths that it may try, and chains that it may lengthen. */
const SIGNATURES_MAX = 200;
const PATHS_MAX = 100;
const STEPS_MAX = 1000;

/** What one question has found out so far. */
export class Search {
  /** By signed thing: the keys that its signature was tried with. */
  #verified = new Map<Signed, { readonly key: PublicKey; readonly good: boolean }[]>();
  /** Refusals of paths, the one worth telling. */
  refusal: { readonly rank: number; readonly refused: RefusedPath } | undefined;
  /** Milliseconds since 1970 until which all that was relied on holds. */
  untilMs = Infinity;
  #signatures = 0;
  #paths = 0;
  #steps = 0;
  /** Certificates whose revocation is being asked for: who signs a list may be on a list. */
  asked = new Set<Certificate>();

  /** A question, and the backend for hashes. */
  constructor(readonly question: PathQuestion, readonly backend: CryptoBackend) {}

  /** Whether the question has cost all that one may cost. */
  get isSpent(): boolean {
    return this.#signatures >= SIGNATURES_MAX || this.#paths >= PATHS_MAX ||
      this.#steps >= STEPS_MAX;
  }

  /**
   * A search of its own for a certificate that signs lists; what it costs counts here, once
   * {@linkcode take} is told of its end.
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

  /** Takes over what a search of {@linkcode about} has cost, and until when it holds. */
  take(inner: Search): void {
    this.#signatures = inner.#signatures;
    this.#paths = inner.#paths;
    this.#steps = inner.#steps;
    this.untilMs = Math.min(this.untilMs, inner.untilMs);
  }

  /** Counts one chain that is to be lengthened. */
  countStep(): void {
    this.#steps++;
  }

  /** Counts one path that is looked at. */
  countPath(): void {
    this.#paths++;
  }

  /** All that the peer and the store have, the peer's first; each once. */
  *authorities(): Generator<Certificate> {
    const { untrusted, store } = this.question;
    yield* untrusted;
    yield* store.intermediates;
    yield* store.anchors;
  }

  /** Whether `signed` is signed by this key; asked of the backend once. */
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

/** Walks the steps to their end; a promise only where the backend gives one. */
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

/** A key that the backend refuses signs nothing. @throws what is no refusal of a key. */
function wrongKey(e: unknown): boolean {
  if (e instanceof SignatureError) return false;
  throw e;
}
