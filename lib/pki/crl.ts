/**
 * Reads certificate revocation lists (RFC 5280 §5.1).
 *
 * ```text
 * TBSCertList ::= SEQUENCE {
 *   version OPTIONAL, signature AlgorithmIdentifier, issuer Name, thisUpdate Time,
 *   nextUpdate Time OPTIONAL, revokedCertificates SEQUENCE OF SEQUENCE {
 *     userCertificate INTEGER, revocationDate Time, crlEntryExtensions OPTIONAL } OPTIONAL,
 *   crlExtensions [0] OPTIONAL }
 * ```
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { contextTag, DerReader, derSequence, Tag } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { checkSameAlgorithm, parseSignature, type SignedBy } from "@/pki/certificate.ts";
import {
  type DistributionPointName,
  parseDistributionPointName,
} from "@/pki/distribution_point.ts";
import {
  authority,
  type AuthorityKeyIdentifier,
  parseRawExtensions,
  type RawExtension,
} from "@/pki/extension.ts";
import { parseGeneralNames } from "@/pki/general_name.ts";
import { type Name, parseName } from "@/pki/name.ts";
import { Extension } from "@/pki/oid.ts";
import { pemOrDer } from "@/pki/pem.ts";
import { parseTime } from "@/pki/time.ts";

/** A revocation list. It is plain data. */
export interface Crl {
  readonly der: Uint8Array;
  /** TBSCertList, which is the signed part. */
  readonly tbs: Uint8Array;
  readonly signature: SignedBy;
  readonly issuer: Name;
  /** Milliseconds since 1970. */
  readonly thisUpdateMs: number;
  /** Undefined if the list does not say it. */
  readonly nextUpdateMs: number | undefined;
  /** The entries by {@linkcode revokedKey} of the certificate's issuer and serial number. */
  readonly revoked: ReadonlyMap<string, RevokedEntry>;
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier | undefined;
  /** cRLNumber as hex without leading zeros; undefined if there is none. */
  readonly number: string | undefined;
  /** BaseCRLNumber of a delta list, in the same form; undefined for a complete list. */
  readonly deltaBase: string | undefined;
  readonly distribution: IssuingDistributionPoint | undefined;
  /** Dotted OIDs of critical extensions, of the list or of an entry, that are not known here. */
  readonly unknownCritical: readonly string[];
}

/** One entry of a list. */
export interface RevokedEntry {
  /** Milliseconds since 1970. */
  readonly revokedMs: number;
  /** CRLReason (RFC 5280 §5.3.1); 0 if the entry has none. */
  readonly reason: number;
}

/** The scope of a list (RFC 5280 §5.2.5). */
export interface IssuingDistributionPoint {
  readonly name: DistributionPointName | undefined;
  readonly onlyUserCertificates: boolean;
  readonly onlyAuthorityCertificates: boolean;
  /** Bits of ReasonFlags; undefined for all reasons. */
  readonly onlyReasons: number | undefined;
  /** Whether certificates of other issuers may be on the list. */
  readonly indirect: boolean;
  readonly onlyAttributeCertificates: boolean;
}

/** The values of CRLReason that have an effect (RFC 5280 §5.3.1). */
export const CrlReason = { CERTIFICATE_HOLD: 6, REMOVE_FROM_CRL: 8 } as const;

/** The most octets, and the most entries, of one list. */
const CRL_OCTETS_MAX = 16 * 2 ** 20;
const ENTRIES_MAX = 500_000;

/** Reads a revocation list. @throws {WireError} if it is not one, or not valid DER. */
export function parseCrl(octets: Uint8Array): Crl {
  if (octets.length > CRL_OCTETS_MAX) {
    throw new WireError(
      `Cannot read ${WHAT} of ${octets.length} octets, at most ${CRL_OCTETS_MAX}`,
    );
  }
  const outer = derSequence(octets, WHAT);
  const tbs = outer.whole(WHAT, Tag.SEQUENCE);
  const { algorithm, signature } = parseSignature(outer, WHAT);
  outer.end(WHAT);
  const reader = derSequence(tbs, WHAT);
  const version = reader.tag === Tag.INTEGER ? 1 + reader.small(WHAT, 1) : 1;
  checkSameAlgorithm(reader, algorithm, WHAT);
  const issuer = parseName(reader.whole(WHAT, Tag.SEQUENCE), `${WHAT}'s issuer`);
  const thisUpdateMs = parseTime(reader, `${WHAT}'s thisUpdate`);
  const hasNext = reader.tag === Tag.UTC_TIME || reader.tag === Tag.GENERALIZED_TIME;
  const nextUpdateMs = hasNext ? parseTime(reader, `${WHAT}'s nextUpdate`) : undefined;
  const entries = reader.maybeWithin(Tag.SEQUENCE, WHAT);
  const list = reader.maybeWithin(contextTag(0, "constructed"), WHAT);
  const extensions = list ? parseRawExtensions(list.within(Tag.SEQUENCE, WHAT), WHAT) : [];
  list?.end(WHAT);
  reader.end(WHAT);
  if (version < 2 && list) throw new WireError(`Cannot read ${WHAT} of version 1 with extensions`);
  const unknownCritical: string[] = [];
  const decoded = decode(extensions, unknownCritical);
  const revoked = entries ? parseEntries(entries, issuer, unknownCritical) : new Map();
  const signedBy = { der: octets, tbs, signature, issuer, thisUpdateMs, nextUpdateMs };
  return { ...signedBy, ...decoded, revoked, unknownCritical };
}

/** The lists of a file, PEM or DER. @throws {WireError} if one is malformed. */
export function readCrls(file: Uint8Array): Crl[] {
  return pemOrDer(file, "X509 CRL").filter(({ label }) => label === "X509 CRL")
    .map(({ der }) => parseCrl(der));
}

/** The key under which the entry of a certificate is found. */
export function revokedKey(issuer: Name, serial: Uint8Array): string {
  return `${toHex(serial)} ${issuer.key}`;
}

const WHAT = "a revocation list";

type Decoded = Pick<Crl, "authorityKeyIdentifier" | "number" | "deltaBase" | "distribution">;

function decode(extensions: readonly RawExtension[], unknownCritical: string[]): Decoded {
  const decoded: { -readonly [K in keyof Decoded]: Decoded[K] } = {
    authorityKeyIdentifier: undefined,
    number: undefined,
    deltaBase: undefined,
    distribution: undefined,
  };
  for (const { oid, critical, value } of extensions) {
    switch (oid) {
      case Extension.AUTHORITY_KEY_IDENTIFIER:
        decoded.authorityKeyIdentifier = authority(value);
        break;
      case Extension.CRL_NUMBER:
        decoded.number = crlNumber(value);
        break;
      case Extension.DELTA_CRL_INDICATOR:
        decoded.deltaBase = crlNumber(value);
        break;
      case Extension.ISSUING_DISTRIBUTION_POINT:
        decoded.distribution = issuingDistributionPoint(value);
        break;
      default:
        if (critical) unknownCritical.push(oid);
    }
  }
  return decoded;
}

function crlNumber(value: Uint8Array): string {
  const reader = new DerReader(value);
  const number = reader.unsigned("a CRL number");
  reader.end("a CRL number");
  return toHex(number);
}

/** Whether the CRL number `a` is at least `b`; both are in the form of {@linkcode Crl}. */
export function isNumberAtLeast(a: string, b: string): boolean {
  return a.length === b.length ? a >= b : a.length > b.length;
}

function issuingDistributionPoint(value: Uint8Array): IssuingDistributionPoint {
  const what = "issuingDistributionPoint";
  const reader = derSequence(value, what);
  const name = parseDistributionPointName(reader);
  const flag = (number: number) => {
    const tag = contextTag(number, "primitive");
    if (reader.tag !== tag) return false;
    const octets = reader.contents(tag, what);
    return octets.length === 1 && octets[0] !== 0;
  };
  const onlyUserCertificates = flag(1);
  const onlyAuthorityCertificates = flag(2);
  const bits = contextTag(3, "primitive");
  const onlyReasons = reader.tag === bits ? reader.namedBits(what, bits) : undefined;
  const indirect = flag(4);
  const onlyAttributeCertificates = flag(5);
  reader.end(what);
  return {
    name,
    onlyUserCertificates,
    onlyAuthorityCertificates,
    onlyReasons,
    indirect,
    onlyAttributeCertificates,
  };
}

/** Entries in order, as the certificate issuer of one holds for those that follow (RFC 5280 §5.3.3). */
function parseEntries(
  reader: DerReader,
  listIssuer: Name,
  unknownCritical: string[],
): Map<string, RevokedEntry> {
  const what = "an entry of a revocation list";
  const revoked = new Map<string, RevokedEntry>();
  let issuer = listIssuer;
  while (reader.left > 0) {
    if (revoked.size >= ENTRIES_MAX) {
      throw new WireError(`Cannot read ${WHAT}, it has more than ${ENTRIES_MAX} entries`);
    }
    const entry = reader.within(Tag.SEQUENCE, what);
    const serial = entry.integer(what);
    const revokedMs = parseTime(entry, what);
    const list = entry.maybeWithin(Tag.SEQUENCE, what);
    entry.end(what);
    let reason = 0;
    for (const { oid, critical, value } of list ? parseRawExtensions(list, what) : []) {
      if (oid === Extension.REASON_CODE) {
        reason = new DerReader(value).small("a CRL reason", 255, Tag.ENUMERATED);
      } else if (oid === Extension.CERTIFICATE_ISSUER) {
        issuer = certificateIssuer(value);
      } else if (critical && oid !== Extension.INVALIDITY_DATE) {
        if (!unknownCritical.includes(oid)) unknownCritical.push(oid);
      }
    }
    revoked.set(revokedKey(issuer, serial), { revokedMs, reason });
  }
  return revoked;
}

function certificateIssuer(value: Uint8Array): Name {
  const what = "certificateIssuer";
  for (const name of parseGeneralNames(derSequence(value, what), what)) {
    if (name.form === "directory") return name.name;
  }
  throw new WireError(`Cannot read ${what}, it has no directory name`);
}
