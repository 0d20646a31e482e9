/**
 * Finds out whether a certificate has been revoked, by OCSP responses (RFC 6960 §3.2), and otherwise by
 * revocation lists (RFC 5280 §6.3.3, in `crl_check.ts`). Nothing is fetched.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { type Certificate, showCertificate } from "@/pki/certificate.ts";
import { KeyUsage } from "@/pki/extension.ts";
import { isAbout, type OcspAnswer, type OcspResponse } from "@/pki/ocsp.ts";
import { Purpose } from "@/pki/oid.ts";
import type { Search, Steps } from "@/pki/steps.ts";
import { showTime } from "@/pki/time.ts";

/** The state of one certificate. */
export interface RevocationStatus {
  readonly status: "good" | "revoked" | "unknown";
  /** A half sentence with the time and reason of the revocation, or the reason why the state is unknown. */
  readonly why: string;
}

/** The longest time by which a list or response may be made in the future, as clocks differ. */
export const CLOCK_SKEW_MS = 300_000;
/** The time for which a response without nextUpdate is used. */
const ANSWER_LIFETIME_MS = 24 * 3600_000;

/** CRLReason in words (RFC 5280 §5.3.1). */
const REASONS = [
  "unspecified",
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "certificateHold",
  "",
  "removeFromCRL",
  "privilegeWithdrawn",
  "aACompromise",
];

/** `revoked at 2026-11-29 10:00:00 UTC (keyCompromise)`. */
export function showRevoked(revokedMs: number, reason: number): string {
  return `revoked at ${showTime(revokedMs)} (${REASONS[reason] || `reason ${reason}`})`;
}

/** The state of a certificate by OCSP; undefined if no response is about it. */
export function* ocspStatus(
  search: Search,
  certificate: Certificate,
  issuer: Certificate,
): Steps<RevocationStatus | undefined> {
  const { receivedOcsp = [], store, nowMs } = search.question;
  let unusable: RevocationStatus | undefined;
  for (const response of [...receivedOcsp, ...store.ocsp]) {
    for (const answer of response.answers) {
      if (!isAbout(answer.id, certificate, issuer, search.backend)) continue;
      const why = staleness(answer, nowMs) ?? (yield* responderFault(search, response, issuer));
      if (why) {
        unusable = { status: "unknown", why: `its OCSP response ${why}` };
        continue;
      }
      if (answer.status === "unknown") {
        unusable = { status: "unknown", why: "its OCSP responder does not know it" };
        continue;
      }
      search.untilMs = Math.min(search.untilMs, expiryOf(answer));
      if (answer.status === "good") return { status: "good", why: "" };
      return { status: "revoked", why: showRevoked(answer.revokedMs!, answer.reason) };
    }
  }
  return unusable;
}

function expiryOf({ nextUpdateMs, thisUpdateMs }: OcspAnswer): number {
  return nextUpdateMs ?? thisUpdateMs + ANSWER_LIFETIME_MS;
}

/** RFC 6960 §4.2.2.1. */
function staleness(answer: OcspAnswer, nowMs: number): string | undefined {
  if (answer.thisUpdateMs > nowMs + CLOCK_SKEW_MS) {
    return `holds only from ${showTime(answer.thisUpdateMs)} on`;
  }
  const expiryMs = expiryOf(answer);
  return nowMs > expiryMs ? `has expired at ${showTime(expiryMs)}` : undefined;
}

/** RFC 6960 §4.2.2.2: the signer is the issuer, or a responder with a certificate of this issuer. */
function* responderFault(
  search: Search,
  response: OcspResponse,
  issuer: Certificate,
): Steps<string | undefined> {
  if (response.unknownCritical.length > 0) {
    return `has the critical extension ${response.unknownCritical[0]}, which is not known here`;
  }
  const { untrusted, store } = search.question;
  let found = "is signed by nobody who is known here";
  for (
    const candidate of [issuer, ...response.certificates, ...untrusted, ...store.intermediates]
  ) {
    if (!candidate.publicKey || !isResponder(search, response, candidate)) continue;
    const why = candidate === issuer || sameOctets(candidate.spki, issuer.spki)
      ? undefined
      : (yield* delegationFault(search, candidate, issuer));
    if (why) {
      found = why;
      continue;
    }
    if (yield* search.isSignedBy(response, candidate.publicKey)) return undefined;
    found = "has a wrong signature";
  }
  return found;
}

function isResponder(
  { backend }: Search,
  { responder }: OcspResponse,
  { subject, keyOctets }: Certificate,
): boolean {
  return responder.by === "name"
    ? responder.name.key === subject.key
    : sameOctets(responder.hash, backend.sha1(keyOctets));
}

/** The reason why the certificate of another signer is not that of a responder of the issuer. */
function* delegationFault(
  search: Search,
  responder: Certificate,
  issuer: Certificate,
): Steps<string | undefined> {
  const told = `is signed by ${showCertificate(responder)}`;
  const { nowMs } = search.question;
  const { extensions, notBeforeMs, notAfterMs } = responder;
  if (responder.issuer.key !== issuer.subject.key || !issuer.publicKey) {
    return `${told}, which is not of the certificate's issuer`;
  }
  if (!extensions.extendedKeyUsage?.includes(Purpose.OCSP_SIGNING)) {
    return `${told}, which may not sign OCSP responses`;
  }
  const usage = extensions.keyUsage ?? KeyUsage.DIGITAL_SIGNATURE;
  if (!(usage & (KeyUsage.DIGITAL_SIGNATURE | KeyUsage.NON_REPUDIATION))) {
    return `${told}, which may not sign`;
  }
  if (extensions.unknownCritical.length > 0) {
    return `${told}, which has the critical extension ${extensions.unknownCritical[0]}`;
  }
  if (nowMs < notBeforeMs || nowMs > notAfterMs) return `${told}, which is not valid now`;
  if (yield* search.isSignedBy(responder, issuer.publicKey)) {
    search.untilMs = Math.min(search.untilMs, notAfterMs);
    return undefined;
  }
  return `${told}, whose own signature is wrong`;
}
