/**
 * Validates one certification path from its anchor down (RFC 5280 §6.1): signatures, validity, names,
 * constraints, policies, usages and critical extensions, and finally revocation.
 * @module
 */
import {
  type Certificate,
  isSelfIssued,
  sameCertificate,
  showCertificate,
} from "@/pki/certificate.ts";
import { crlStatus, type SignerCheck } from "@/pki/crl_check.ts";
import { KeyUsage } from "@/pki/extension.ts";
import { NameConstraintState } from "@/pki/name_constraints.ts";
import { Purpose } from "@/pki/oid.ts";
import { PolicyState } from "@/pki/policy.ts";
import { ocspStatus, type RevocationStatus } from "@/pki/revocation.ts";
import type { Search, Steps } from "@/pki/steps.ts";
import { showTime } from "@/pki/time.ts";
import { showName } from "@/pki/name.ts";
import type { PathNote, PathRule, PathVerdict, RefusedPath } from "@/pki/verdict.ts";

/** The path of a certificate up to an anchor, the certificate first, and the check of signers of lists. */
export interface Path {
  readonly chain: readonly Certificate[];
  readonly isValidSigner: SignerCheck;
}

/** Purposes that allow the use of a certificate in IKE (RFC 4945 §5.1.3.12, RFC 5280 §4.2.1.12). */
const IKE_PURPOSES: readonly string[] = [Purpose.IPSEC_IKE, Purpose.ANY];

/** Decides whether this path is valid. */
export function* checkPath(search: Search, path: Path): Steps<PathVerdict> {
  const { chain } = path;
  search.countPath();
  const refused = (yield* walk(search, chain)) ?? usageFault(search, chain);
  if (refused) return refused;
  return yield* checkRevocation(search, path);
}

/** Refuses a certificate of a chain; `why` is the rest of the sentence about it. */
export function refuse(
  chain: readonly Certificate[],
  certificate: Certificate,
  rule: PathRule,
  why: string,
): RefusedPath {
  const shown = `Cannot trust the certificate of ${showCertificate(chain[0]!)}`;
  const of = certificate === chain[0] ? "it" : `${showCertificate(certificate)} in its chain`;
  return { accepted: false, rule, certificate, chain, why: `${shown}: ${of} ${why}` };
}

/** RFC 5280 §6.1.2 to §6.1.5 without revocation; undefined if there is no fault. */
function* walk(search: Search, chain: readonly Certificate[]): Steps<RefusedPath | undefined> {
  const below = chain.length - 1;
  const { policies: inputs = {} } = search.question;
  const names = new NameConstraintState();
  const policies = new PolicyState(inputs, below);
  const anchor = chain[below]!;
  let pathLength = Infinity;
  for (let at = below; at >= 0; at--) {
    const certificate = chain[at]!;
    const isLast = at === 0;
    const isAnchor = at === below;
    const wrong = (rule: PathRule, why: string) => refuse(chain, certificate, rule, why);
    const basic = isAnchor && !isLast ? undefined : yield* signatureFault(search, chain, at);
    if (basic) return basic;
    const time = timeFault(search, certificate);
    if (time) return wrong(...time);
    // §6.1.3 (b)(c): names of self-issued certificates are not checked, except those of the last one.
    if (!isAnchor && (isLast || !isSelfIssued(certificate))) {
      const why = names.check(certificate);
      if (why) return wrong("name_constraints", `breaks the name constraints above it: ${why}`);
    }
    if (!isAnchor) {
      const why = policies.enter(certificate, isLast);
      if (why) return wrong("policy", `has no usable policy: ${why}`);
    }
    const [critical] = certificate.extensions.unknownCritical;
    if (critical) {
      return wrong(
        "critical_extension",
        `has the critical extension ${critical}, which is not known here`,
      );
    }
    if (isLast) {
      const why = isAnchor ? undefined : policies.finish(certificate);
      return why ? wrong("policy", `has no usable policy: ${why}`) : undefined;
    }
    const why = isAnchor ? undefined : policies.leave(certificate);
    if (why) return wrong("policy", `has policy mappings that are not allowed: ${why}`);
    const authority = authorityFault(certificate, isAnchor);
    if (authority) return wrong(...authority);
    // §6.1.4 (l), (m): self-issued certificates are not counted.
    if (certificate !== anchor && !isSelfIssued(certificate) && --pathLength < 0) {
      return wrong(
        "path_length",
        "is one authority more than the path length constraint above it allows",
      );
    }
    const { nameConstraints, basicConstraints } = certificate.extensions;
    pathLength = Math.min(pathLength, basicConstraints?.pathLength ?? Infinity);
    if (nameConstraints) names.add(nameConstraints);
  }
  return undefined;
}

/** §6.1.3 (a)(1). */
function* signatureFault(
  search: Search,
  chain: readonly Certificate[],
  at: number,
): Steps<RefusedPath | undefined> {
  const certificate = chain[at]!;
  const issuer = chain[at + 1];
  if (!certificate.publicKey) {
    return refuse(chain, certificate, "algorithm", `has a key of no use: ${certificate.keyFault}`);
  }
  // The certificate is an anchor itself, so its signature does not matter.
  if (!issuer) return undefined;
  if (!issuer.publicKey) {
    return refuse(chain, issuer, "algorithm", `has a key of no use: ${issuer.keyFault}`);
  }
  const { fault } = certificate.signature;
  if (fault) return refuse(chain, certificate, "algorithm", `has a signature of no use: ${fault}`);
  if (yield* search.isSignedBy(certificate, issuer.publicKey)) return undefined;
  return refuse(
    chain,
    certificate,
    "signature",
    `has a signature that is not of ${showCertificate(issuer)}`,
  );
}

/** §6.1.3 (a)(2). */
function timeFault(
  search: Search,
  { notBeforeMs, notAfterMs }: Certificate,
): readonly [PathRule, string] | undefined {
  const { nowMs } = search.question;
  if (nowMs < notBeforeMs) {
    return ["not_yet_valid", `is valid only from ${showTime(notBeforeMs)} on`];
  }
  if (nowMs > notAfterMs) return ["expired", `has expired at ${showTime(notAfterMs)}`];
  search.untilMs = Math.min(search.untilMs, notAfterMs);
  return undefined;
}

/** §6.1.4 (k), (n). An anchor may have version 1, which has no extensions. */
function authorityFault(
  { extensions, version }: Certificate,
  isAnchor: boolean,
): readonly [PathRule, string] | undefined {
  const { basicConstraints, keyUsage } = extensions;
  const isOldAnchor = isAnchor && version < 3;
  if (!basicConstraints?.ca && !isOldAnchor) {
    return ["not_an_authority", "is not an authority: it has no basicConstraints with cA"];
  }
  if (keyUsage !== undefined && !(keyUsage & KeyUsage.KEY_CERT_SIGN)) {
    return ["key_usage", "may not sign certificates: its keyUsage has no keyCertSign"];
  }
  return undefined;
}

/** RFC 4945 §5.1.3.2, §5.1.3.12: the usages of the certificate. */
function usageFault(search: Search, chain: readonly Certificate[]): RefusedPath | undefined {
  const [certificate] = chain;
  const { purpose } = search.question;
  if (purpose === "any") return undefined;
  const { keyUsage, extendedKeyUsage } = certificate!.extensions;
  const signs = KeyUsage.DIGITAL_SIGNATURE | KeyUsage.NON_REPUDIATION;
  if (keyUsage !== undefined && !(keyUsage & signs)) {
    const why =
      "may not be used by IKE: its keyUsage has neither digitalSignature nor nonRepudiation";
    return refuse(chain, certificate!, "key_usage", why);
  }
  if (!extendedKeyUsage || extendedKeyUsage.some((oid) => IKE_PURPOSES.includes(oid))) {
    return undefined;
  }
  return refuse(
    chain,
    certificate!,
    "extended_key_usage",
    `may not be used by IKE: its extendedKeyUsage is ${extendedKeyUsage.slice(0, 8).join(", ")}`,
  );
}

/** §6.1.3 (a)(3), for every certificate below the anchor. */
function* checkRevocation(search: Search, { chain, isValidSigner }: Path): Steps<PathVerdict> {
  const { revocation } = search.question;
  const notes: PathNote[] = [];
  for (const [at, certificate] of chain.entries()) {
    const above = chain.slice(at + 1);
    if (revocation === "off" || above.length === 0) break;
    if (certificate.extensions.ocspNoCheck) continue;
    const { status, why } = yield* statusOf(search, { certificate, above, isValidSigner });
    if (status === "revoked") return refuse(chain, certificate, "revoked", `has been ${why}`);
    if (status === "good") continue;
    if (revocation === "strict") {
      return refuse(chain, certificate, "revocation_unknown", `may have been revoked: ${why}`);
    }
    const issuer = showName(certificate.issuer);
    notes.push({
      text: `Cannot tell whether ${showCertificate(certificate)} has been revoked: ${why}`,
      alike: `Cannot tell whether certificates of ${issuer} have been revoked: ${why}`,
    });
  }
  return { accepted: true, chain, notes, untilMs: search.untilMs };
}

function* statusOf(
  search: Search,
  subject: Parameters<typeof crlStatus>[1],
): Steps<RevocationStatus> {
  const { certificate, above } = subject;
  for (const one of search.asked) {
    // The signer of a list may itself be on that list. It is good if the list does not revoke it, as there
    // is no other list that could be asked.
    if (sameCertificate(one, certificate)) return { status: "good", why: "" };
  }
  search.asked.add(certificate);
  const byOcsp = yield* ocspStatus(search, certificate, above[0]!);
  const decided = byOcsp && byOcsp.status !== "unknown" ? byOcsp : undefined;
  const byList = decided ?? (yield* crlStatus(search, subject));
  search.asked.delete(certificate);
  return byList.status === "unknown" && byOcsp ? byOcsp : byList;
}
