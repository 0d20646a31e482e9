/**
 * Looks one certificate up in revocation lists (RFC 5280 §6.3): complete and delta lists, lists for
 * only some reasons or certificates, and lists that another authority signs for the issuer.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { der, DerReader, Tag } from "@/base/der.ts";
import { type Certificate, sameCertificate, showCertificate } from "@/pki/certificate.ts";
import { type Crl, CrlReason, isNumberAtLeast, revokedKey } from "@/pki/crl.ts";
import type { DistributionPoint, DistributionPointName } from "@/pki/distribution_point.ts";
import { KeyUsage } from "@/pki/extension.ts";
import { type GeneralName, showGeneralName } from "@/pki/general_name.ts";
import { type Name, parseName, showName } from "@/pki/name.ts";
import { CLOCK_SKEW_MS, type RevocationStatus, showRevoked } from "@/pki/revocation.ts";
import type { Search, Steps } from "@/pki/steps.ts";
import { showTime } from "@/pki/time.ts";

/** ReasonFlags 1 to 8. A certificate is good if lists for all of these reasons do not revoke it. */
const ALL_REASONS = 0x1fe;

/** Checks whether the certificate of a list's signer is valid itself, with the same anchor. */
export type SignerCheck = (signer: Certificate, anchor: Certificate) => Steps<boolean>;

/** A certificate of a path, and the certificates above it. */
export interface CrlSubject {
  readonly certificate: Certificate;
  /** The certificates above it, the anchor last. */
  readonly above: readonly Certificate[];
  readonly isValidSigner: SignerCheck;
}

/** The state of a certificate by the lists. */
export function* crlStatus(search: Search, subject: CrlSubject): Steps<RevocationStatus> {
  const { certificate } = subject;
  const state: CrlState = { reasons: 0, revoked: undefined, whyNot: undefined };
  const points: DistributionPoint[] = [
    ...certificate.extensions.crlDistributionPoints,
    // RFC 5280 §6.3.3: the lists of the issuer that no distribution point names are the last.
    { name: undefined, reasons: undefined, crlIssuer: [] },
  ];
  for (const [i, point] of points.entries()) {
    if (state.reasons === ALL_REASONS || state.revoked) break;
    yield* askPoint(search, subject, { point, isNamed: i < points.length - 1, state });
  }
  if (state.revoked) return { status: "revoked", why: state.revoked };
  if (state.reasons === ALL_REASONS) return { status: "good", why: "" };
  const issuer = showName(certificate.issuer);
  const none = `there is no OCSP response about it and no revocation list of ${issuer}`;
  const some = "the revocation lists that are there do not cover all reasons";
  return { status: "unknown", why: state.whyNot ?? (state.reasons ? some : none) };
}

/** The state of the search. */
interface CrlState {
  reasons: number;
  revoked: string | undefined;
  /** The reason why a list could not be used. */
  whyNot: string | undefined;
}

interface PointQuery {
  readonly point: DistributionPoint;
  /** Whether the certificate names this point. */
  readonly isNamed: boolean;
  readonly state: CrlState;
}

/** §6.3.3 (a) to (l) for one distribution point. */
function* askPoint(search: Search, subject: CrlSubject, query: PointQuery): Steps<void> {
  const { certificate } = subject;
  const { point, state } = query;
  const { receivedCrls = [], store, nowMs } = search.question;
  const lists = [...receivedCrls, ...store.crls];
  for (const list of lists) {
    if (list.deltaBase !== undefined || !isInScope(list, certificate, query)) continue;
    const reasons = ALL_REASONS & (point.reasons ?? ALL_REASONS) &
      (list.distribution?.onlyReasons ?? ALL_REASONS);
    // (e): a list that covers no further reasons is skipped.
    if ((reasons & ~state.reasons) === 0) continue;
    const stale = staleness(list, nowMs);
    const key = revokedKey(certificate.issuer, certificate.serial);
    let entry = list.revoked.get(key);
    if (stale && !entry) {
      state.whyNot = stale;
      continue;
    }
    const why = yield* signerFault(search, list, subject);
    if (why) {
      state.whyNot = why;
      continue;
    }
    if (!stale) {
      for (const delta of lists) {
        const newer = yield* deltaEntry(search, { list, delta, subject, key });
        if (newer) entry = newer.entry ?? entry;
      }
    }
    if (entry && entry.reason !== CrlReason.REMOVE_FROM_CRL) {
      state.revoked = showRevoked(entry.revokedMs, entry.reason);
      return;
    }
    const unknown = list.unknownCritical[0];
    if (unknown !== undefined || stale) {
      state.whyNot = stale ?? `${showList(list)} has the critical extension ${unknown}`;
      continue;
    }
    state.reasons |= reasons;
    search.untilMs = Math.min(search.untilMs, list.nextUpdateMs ?? Infinity);
    if (state.reasons === ALL_REASONS) return;
  }
}

/** (b): whether a list that was found by this point covers the certificate. */
function isInScope(list: Crl, certificate: Certificate, { point, isNamed }: PointQuery): boolean {
  const { distribution } = list;
  const { crlIssuer } = point;
  const directories = crlIssuer.flatMap((name) => name.form === "directory" ? [name.name] : []);
  const isOfOther = directories.length > 0;
  const issuers = isOfOther ? directories : [certificate.issuer];
  if (!issuers.some((name) => name.key === list.issuer.key)) return false;
  if (isOfOther && !distribution?.indirect) return false;
  if (!distribution) return true;
  const isAuthority = certificate.extensions.basicConstraints?.ca ?? false;
  if (distribution.onlyUserCertificates && isAuthority) return false;
  if (distribution.onlyAuthorityCertificates && !isAuthority) return false;
  if (distribution.onlyAttributeCertificates) return false;
  if (!distribution.name) return true;
  const ofList = fullNames(distribution.name, [list.issuer]);
  const ofPoint = point.name ? fullNames(point.name, issuers) : isNamed ? crlIssuer : undefined;
  // The last resort, whose name is the issuer of the certificate.
  const wanted = ofPoint ?? [{ form: "directory" as const, name: certificate.issuer }];
  return ofList.some((name) => wanted.some((other) => sameGeneralName(name, other)));
}

/** The names of a distribution point; a relative one is completed by the issuer's name. */
function fullNames(name: DistributionPointName, issuers: readonly Name[]): readonly GeneralName[] {
  if (name.form === "full") return name.names;
  return issuers.map((issuer) => ({ form: "directory", name: extended(issuer, name.rdn) }));
}

function extended(issuer: Name, rdn: Uint8Array): Name {
  const inside = new DerReader(issuer.der).contents(Tag.SEQUENCE, "a name");
  return parseName(der(Tag.SEQUENCE, inside, rdn), "the name of a distribution point");
}

function sameGeneralName(a: GeneralName, b: GeneralName): boolean {
  if (a.form === "directory" && b.form === "directory") return a.name.key === b.name.key;
  return a.form === b.form && showGeneralName(a) === showGeneralName(b);
}

function staleness(list: Crl, nowMs: number): string | undefined {
  const { thisUpdateMs, nextUpdateMs = Infinity } = list;
  if (thisUpdateMs > nowMs + CLOCK_SKEW_MS) {
    return `${showList(list)} holds only from ${showTime(thisUpdateMs)} on`;
  }
  return nowMs > nextUpdateMs
    ? `${showList(list)} has expired at ${showTime(nextUpdateMs)}`
    : undefined;
}

/** (f), (g): the reason why no permitted signer has signed the list; undefined if one has. */
function* signerFault(
  search: Search,
  list: Crl,
  { above, isValidSigner }: CrlSubject,
): Steps<string | undefined> {
  let why = `${showList(list)} is signed by nobody who is known here`;
  const anchor = above.at(-1)!;
  for (const candidate of [...above, ...search.authorities()]) {
    if (candidate.subject.key !== list.issuer.key || !candidate.publicKey) continue;
    const usage = candidate.extensions.keyUsage ?? KeyUsage.CRL_SIGN;
    if (!(usage & KeyUsage.CRL_SIGN)) {
      why = `${showList(list)} is signed by ${
        showCertificate(candidate)
      }, which may not sign lists`;
      continue;
    }
    if (!(yield* search.isSignedBy(list, candidate.publicKey))) {
      if (above.includes(candidate)) why = `${showList(list)} has a wrong signature`;
      continue;
    }
    if (above.some((one) => sameCertificate(one, candidate))) return undefined;
    if (yield* isValidSigner(candidate, anchor)) return undefined;
    why = `${showList(list)} is signed by ${showCertificate(candidate)}, which is not valid`;
  }
  return why;
}

/** (c), (h), (i): the entry of a delta of this list; undefined if it is not its delta, or cannot be used. */
function* deltaEntry(
  search: Search,
  { list, delta, subject, key }: {
    readonly list: Crl;
    readonly delta: Crl;
    readonly subject: CrlSubject;
    readonly key: string;
  },
): Steps<{ readonly entry: ReturnType<Crl["revoked"]["get"]> } | undefined> {
  const isDelta = delta.deltaBase !== undefined && delta.issuer.key === list.issuer.key &&
    list.number !== undefined && delta.number !== undefined &&
    isNumberAtLeast(list.number, delta.deltaBase) && isNumberAtLeast(delta.number, list.number) &&
    scopeOf(delta) === scopeOf(list) && keyOf(delta) === keyOf(list);
  if (!isDelta || staleness(delta, search.question.nowMs)) return undefined;
  if (yield* signerFault(search, delta, subject)) return undefined;
  if (delta.unknownCritical.length > 0) return undefined;
  search.untilMs = Math.min(search.untilMs, delta.nextUpdateMs ?? Infinity);
  return { entry: delta.revoked.get(key) };
}

/** A text that two lists share if they have the same scope. */
function scopeOf({ distribution }: Crl): string {
  if (!distribution) return "";
  const { name, ...flags } = distribution;
  const shown = !name
    ? ""
    : name.form === "full"
    ? name.names.map(showGeneralName).sort().join()
    : toHex(name.rdn);
  return `${JSON.stringify(flags)} ${shown}`;
}

function keyOf({ authorityKeyIdentifier }: Crl): string {
  const id = authorityKeyIdentifier?.keyIdentifier;
  return id ? toHex(id) : "";
}

function showList({ issuer, deltaBase }: Crl): string {
  return `the ${deltaBase === undefined ? "" : "delta "}revocation list of ${showName(issuer)}`;
}
