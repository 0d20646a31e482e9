/**
 * Decides whether a peer's certificate may be trusted. Paths from it up to an anchor are built (RFC 5280 §6.1,
 * RFC 4158), and the first valid one is the answer. If there is none, the answer is the most informative of
 * the refusals.
 *
 * The depth of a path, the number of paths that are tried and the number of signatures are bounded.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { type Certificate, sameCertificate, showCertificate } from "@/pki/certificate.ts";
import { showName } from "@/pki/name.ts";
import { checkPath, refuse } from "@/pki/path.ts";
import { finish, sameKey, Search, type Steps } from "@/pki/steps.ts";
import type { AcceptedPath, PathQuestion, PathVerdict, RefusedPath } from "@/pki/verdict.ts";

/** The most certificates of one path, the anchor included. */
const DEPTH_MAX = 20;
/** The most lists that may depend on each other, where the signer of one list is checked by the next. */
const SIGNER_DEPTH_MAX = 3;
/** The most certificates that a peer may send beside its own; RFC 7296 has no limit. */
const UNTRUSTED_MAX = 100;

/** Answers a question about a certificate; the answer is a promise only if the backend returns one. */
export function validatePath(
  question: PathQuestion,
  backend: CryptoBackend,
): PathVerdict | Promise<PathVerdict> {
  return finish(judge(question, backend), backend);
}

/** Does the same as {@linkcode validatePath} in steps, for callers that verify signatures by other means. */
export function* judge(question: PathQuestion, backend: CryptoBackend): Steps<PathVerdict> {
  const { certificate, untrusted } = question;
  if (untrusted.length > UNTRUSTED_MAX) {
    const why =
      `came with ${untrusted.length} other certificates, at most ${UNTRUSTED_MAX} are looked at`;
    return refuse([certificate], certificate, "too_much", why);
  }
  const search = new Search(question, backend);
  const accepted = yield* extend(search, [certificate], {});
  if (accepted) return accepted;
  if (search.isSpent || !search.refusal) {
    const why = "leads to more paths and signatures than are tried";
    return refuse([certificate], certificate, "too_much", why);
  }
  return search.refusal.refused;
}

/** What is demanded of a path besides being valid. */
interface Wanted {
  /** The anchor of the path, as the signer of a list must have the same anchor (RFC 5280 §6.3.3 (f)). */
  readonly anchor?: Certificate;
  readonly signerDepth?: number;
}

/** The ranks of refusals by how informative they are; the refusal of a whole path is the most informative. */
const WHOLE_PATH = 3;
const WRONG_SIGNATURE = 2;
const NO_ISSUER = 1;

/** Tries all paths from the end of a chain up to an anchor. */
function* extend(
  search: Search,
  chain: readonly Certificate[],
  wanted: Wanted,
): Steps<AcceptedPath | undefined> {
  const last = chain.at(-1)!;
  const { anchors } = search.question.store;
  search.countStep();
  if (chain.length === 1 && !wanted.anchor && anchors.some((one) => sameCertificate(one, last))) {
    return yield* tryPath(search, chain, wanted);
  }
  const issuers = candidates(last, anchors);
  for (const anchor of issuers) {
    if (wanted.anchor && !sameCertificate(anchor, wanted.anchor)) continue;
    const accepted = yield* tryPath(search, [...chain, anchor], wanted);
    if (accepted) return accepted;
  }
  let found = issuers.length > 0;
  for (const issuer of candidates(last, search.authorities())) {
    if (search.isSpent || chain.length + 2 > DEPTH_MAX) break;
    if (isOn(chain, issuer) || anchors.some((one) => sameCertificate(one, issuer))) continue;
    found = true;
    if (issuer.publicKey && !(yield* search.isSignedBy(last, issuer.publicKey))) {
      note(search, WRONG_SIGNATURE, () => wrongSignature(chain, issuer));
      continue;
    }
    const accepted = yield* extend(search, [...chain, issuer], wanted);
    if (accepted) return accepted;
  }
  // A circle is refused as a chain whose last issuer has no further certificate.
  if (!found) note(search, NO_ISSUER, () => noIssuer(chain));
  return undefined;
}

function* tryPath(
  search: Search,
  chain: readonly Certificate[],
  { signerDepth = 0 }: Wanted,
): Steps<AcceptedPath | undefined> {
  if (search.isSpent) return undefined;
  const verdict = yield* checkPath(search, {
    chain,
    *isValidSigner(signer, anchor) {
      if (signerDepth >= SIGNER_DEPTH_MAX) return false;
      return yield* isValidSigner(search, signer, { anchor, signerDepth: signerDepth + 1 });
    },
  });
  if (verdict.accepted) return verdict;
  // RFC 4158 §3.5: a wrong signature means that this is not the path of the certificate; any other broken
  // rule means that it is the path, but an invalid one.
  note(search, verdict.rule === "signature" ? WRONG_SIGNATURE : WHOLE_PATH, () => verdict);
  return undefined;
}

/** Whether a certificate that signs lists is valid, without regard to the purposes of its key. */
function* isValidSigner(search: Search, signer: Certificate, wanted: Wanted): Steps<boolean> {
  const inner = search.about(signer);
  const accepted = yield* extend(inner, [signer], wanted);
  search.take(inner);
  return accepted !== undefined;
}

/**
 * The certificates that may be of the issuer of this one by their subject; those with the key identifier that
 * it names come first.
 */
function candidates(certificate: Certificate, all: Iterable<Certificate>): Certificate[] {
  const named: Certificate[] = [];
  const others: Certificate[] = [];
  const id = certificate.extensions.authorityKeyIdentifier?.keyIdentifier;
  for (const one of all) {
    // An authority has a name (RFC 5280 §4.1.2.6).
    const isIssuer = one.subject.key === certificate.issuer.key && one.subject.rdns.length > 0;
    if (!isIssuer || [...named, ...others].some((other) => sameCertificate(other, one))) continue;
    const own = one.extensions.subjectKeyIdentifier;
    (id && own && sameOctets(id, own) ? named : others).push(one);
  }
  return [...named, ...others];
}

/**
 * Whether a chain contains an issuer already: the same certificate, or one with the same name and key, which
 * may not occur twice (RFC 4158 §2.4.2).
 */
function isOn(chain: readonly Certificate[], issuer: Certificate): boolean {
  return chain.some((one) =>
    sameCertificate(one, issuer) ||
    one.subject.key === issuer.subject.key && one.publicKey && issuer.publicKey &&
      sameKey(one.publicKey, issuer.publicKey)
  );
}

function note(search: Search, rank: number, refused: () => RefusedPath): void {
  if (search.refusal && search.refusal.rank >= rank) return;
  search.refusal = { rank, refused: refused() };
}

function wrongSignature(chain: readonly Certificate[], issuer: Certificate): RefusedPath {
  const why = `has a signature that is not of ${showCertificate(issuer)}`;
  return refuse([...chain, issuer], chain.at(-1)!, "signature", why);
}

function noIssuer(chain: readonly Certificate[]): RefusedPath {
  const last = chain.at(-1)!;
  const why = `is issued by ${showName(last.issuer)}, which is not known here`;
  return refuse(chain, last, "no_issuer", why);
}
