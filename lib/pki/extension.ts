/**
 * Reads the extensions of certificates (RFC 5280 §4.2). The ASN.1 of each is beside its decoder.
 * @module
 */
import { contextTag, DerReader, derSequence, Tag } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { type DistributionPoint, parseDistributionPoints } from "@/pki/distribution_point.ts";
import { type GeneralName, parseGeneralName, parseGeneralNames } from "@/pki/general_name.ts";
import { Extension, Ocsp } from "@/pki/oid.ts";

/** Bits of keyUsage (RFC 5280 §4.2.1.3). */
export const KeyUsage = {
  DIGITAL_SIGNATURE: 1 << 0,
  NON_REPUDIATION: 1 << 1,
  KEY_CERT_SIGN: 1 << 5,
  CRL_SIGN: 1 << 6,
} as const;

/** authorityKeyIdentifier, by which the issuer's key is found among several. */
export interface AuthorityKeyIdentifier {
  readonly keyIdentifier: Uint8Array | undefined;
  /** The issuer and the serial number of the issuer's own certificate. */
  readonly issuer: readonly GeneralName[];
  readonly serial: Uint8Array | undefined;
}

/** Subtrees of the names that certificates below an authority may have (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  /** If it is empty, all names that are not excluded are permitted. */
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** The extensions of one certificate; those that it lacks are undefined or empty. */
export interface CertificateExtensions {
  readonly basicConstraints?: {
    readonly ca: boolean;
    /** The most authorities below this one; self-issued certificates are not counted. */
    readonly pathLength: number | undefined;
  };
  /** The bits of {@linkcode KeyUsage}. */
  readonly keyUsage?: number;
  /** Dotted OIDs. */
  readonly extendedKeyUsage?: readonly string[];
  readonly subjectKeyIdentifier?: Uint8Array;
  readonly authorityKeyIdentifier?: AuthorityKeyIdentifier;
  readonly subjectAltNames: readonly GeneralName[];
  readonly nameConstraints?: NameConstraints;
  /** Dotted OIDs of policies. */
  readonly policies?: readonly string[];
  readonly policyMappings: readonly { readonly issuer: string; readonly subject: string }[];
  readonly policyConstraints?: {
    readonly requireExplicit: number | undefined;
    readonly inhibitMapping: number | undefined;
  };
  readonly inhibitAnyPolicy?: number;
  readonly crlDistributionPoints: readonly DistributionPoint[];
  readonly freshestCrl: readonly DistributionPoint[];
  /** Addresses of OCSP responders. */
  readonly ocspUrls: readonly string[];
  /** id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1): whether this certificate is revoked is not checked. */
  readonly ocspNoCheck: boolean;
  /** Dotted OIDs of critical extensions that are not known here. */
  readonly unknownCritical: readonly string[];
}

/** An extension before it is decoded. */
export interface RawExtension {
  readonly oid: string;
  readonly critical: boolean;
  /** The contents of its OCTET STRING. */
  readonly value: Uint8Array;
}

/** The most extensions of one certificate, list or entry. */
const EXTENSIONS_MAX = 100;
/** A path length above which larger ones have the same effect. */
const COUNT_MAX = 2 ** 31 - 1;

/** The extensions of a SEQUENCE. @throws {WireError} if it is not valid DER, or has an extension twice. */
export function parseRawExtensions(list: DerReader, what: string): RawExtension[] {
  const raw: RawExtension[] = [];
  while (list.left > 0) {
    const reader = list.within(Tag.SEQUENCE, what);
    const oid = reader.oid(what);
    const critical = reader.tag === Tag.BOOLEAN && reader.boolean(what);
    const value = reader.contents(Tag.OCTET_STRING, what);
    reader.end(what);
    // RFC 5280 §4.2: not more than one of a kind.
    if (raw.some((other) => other.oid === oid)) {
      throw new WireError(`Cannot read ${what}, the extension ${oid} is there twice`);
    }
    if (raw.length >= EXTENSIONS_MAX) {
      throw new WireError(`Cannot read ${what}, it has more than ${EXTENSIONS_MAX} extensions`);
    }
    raw.push({ oid, critical, value });
  }
  return raw;
}

type Writable = { -readonly [K in keyof CertificateExtensions]: CertificateExtensions[K] };

/** Decodes the extensions of a certificate. @throws {WireError} if a known one is not valid DER. */
export function decodeExtensions(raw: readonly RawExtension[]): CertificateExtensions {
  const unknownCritical: string[] = [];
  const decoded: Writable = {
    subjectAltNames: [],
    policyMappings: [],
    crlDistributionPoints: [],
    freshestCrl: [],
    ocspUrls: [],
    ocspNoCheck: false,
    unknownCritical,
  };
  for (const { oid, critical, value } of raw) {
    const decode = DECODERS.get(oid);
    if (decode) decode(decoded, value);
    else if (critical) unknownCritical.push(oid);
  }
  return decoded;
}

const DECODERS: ReadonlyMap<string, (out: Writable, value: Uint8Array) => void> = new Map<
  string,
  (out: Writable, value: Uint8Array) => void
>([
  [Extension.BASIC_CONSTRAINTS, (out, value) => out.basicConstraints = basicConstraints(value)],
  [Extension.KEY_USAGE, (out, value) => out.keyUsage = keyUsage(value)],
  [Extension.EXTENDED_KEY_USAGE, (out, value) => out.extendedKeyUsage = oidList(value, EKU)],
  [
    Extension.SUBJECT_KEY_IDENTIFIER,
    (out, value) => out.subjectKeyIdentifier = keyIdentifier(value),
  ],
  [
    Extension.AUTHORITY_KEY_IDENTIFIER,
    (out, value) => out.authorityKeyIdentifier = authority(value),
  ],
  [Extension.SUBJECT_ALT_NAME, (out, value) => out.subjectAltNames = altNames(value)],
  [Extension.NAME_CONSTRAINTS, (out, value) => out.nameConstraints = nameConstraints(value)],
  [Extension.CERTIFICATE_POLICIES, (out, value) => out.policies = policies(value)],
  [Extension.POLICY_MAPPINGS, (out, value) => out.policyMappings = policyMappings(value)],
  [Extension.POLICY_CONSTRAINTS, (out, value) => out.policyConstraints = policyConstraints(value)],
  [Extension.INHIBIT_ANY_POLICY, (out, value) => out.inhibitAnyPolicy = inhibitAnyPolicy(value)],
  [
    Extension.CRL_DISTRIBUTION_POINTS,
    (out, value) => out.crlDistributionPoints = parseDistributionPoints(value),
  ],
  [Extension.FRESHEST_CRL, (out, value) => out.freshestCrl = parseDistributionPoints(value)],
  [Extension.AUTHORITY_INFO_ACCESS, (out, value) => out.ocspUrls = ocspUrls(value)],
  [Extension.OCSP_NO_CHECK, (out) => out.ocspNoCheck = true],
  // These are known, and have no effect on a path.
  [Extension.ISSUER_ALT_NAME, () => {}],
]);

const EKU = "extendedKeyUsage";
const POLICIES = "certificatePolicies";
const MAPPINGS = "policyMappings";

/** `SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL }` */
function basicConstraints(value: Uint8Array): CertificateExtensions["basicConstraints"] & object {
  const what = "basicConstraints";
  const reader = derSequence(value, what);
  const ca = reader.tag === Tag.BOOLEAN && reader.boolean(what);
  const pathLength = reader.left > 0 ? reader.small(what, COUNT_MAX) : undefined;
  reader.end(what);
  return { ca, pathLength };
}

/** `BIT STRING` */
function keyUsage(value: Uint8Array): number {
  const reader = new DerReader(value);
  const bits = reader.namedBits("keyUsage");
  reader.end("keyUsage");
  return bits;
}

/** `SEQUENCE OF OBJECT IDENTIFIER` */
function oidList(value: Uint8Array, what: string): string[] {
  const reader = derSequence(value, what);
  const oids: string[] = [];
  while (reader.left > 0) oids.push(reader.oid(what));
  return oids;
}

/** `OCTET STRING` */
function keyIdentifier(value: Uint8Array): Uint8Array {
  const what = "subjectKeyIdentifier";
  const reader = new DerReader(value);
  const octets = reader.contents(Tag.OCTET_STRING, what);
  reader.end(what);
  return octets;
}

/** `SEQUENCE { keyIdentifier [0] OPTIONAL, authorityCertIssuer [1] OPTIONAL, serial [2] OPTIONAL }` */
export function authority(value: Uint8Array): AuthorityKeyIdentifier {
  const what = "authorityKeyIdentifier";
  const reader = derSequence(value, what);
  const id = contextTag(0, "primitive");
  const serial = contextTag(2, "primitive");
  const keyIdentifier = reader.tag === id ? reader.contents(id, what) : undefined;
  const names = reader.maybeWithin(contextTag(1, "constructed"), what);
  const issuer = names ? parseGeneralNames(names, what) : [];
  const number = reader.tag === serial ? reader.integer(what, serial) : undefined;
  reader.end(what);
  return { keyIdentifier, issuer, serial: number };
}

/** `SEQUENCE SIZE (1..MAX) OF GeneralName` */
function altNames(value: Uint8Array): GeneralName[] {
  const names = parseGeneralNames(derSequence(value, "subjectAltName"), "subjectAltName");
  if (names.length === 0) throw new WireError("Cannot read subjectAltName, it has no name");
  return names;
}

/** `SEQUENCE { permittedSubtrees [0] OPTIONAL, excludedSubtrees [1] OPTIONAL }` */
function nameConstraints(value: Uint8Array): NameConstraints {
  const what = "nameConstraints";
  const reader = derSequence(value, what);
  const subtrees = (number: number) => {
    const list = reader.maybeWithin(contextTag(number, "constructed"), what);
    const names: GeneralName[] = [];
    while (list && list.left > 0) {
      const subtree = list.within(Tag.SEQUENCE, what);
      names.push(parseGeneralName(subtree, what));
      // RFC 5280 §4.2.1.10: minimum is always zero, which DER leaves out, and maximum is absent.
      subtree.end(what);
    }
    return names;
  };
  const permitted = subtrees(0);
  const excluded = subtrees(1);
  reader.end(what);
  return { permitted, excluded };
}

/** `SEQUENCE OF SEQUENCE { policyIdentifier, policyQualifiers OPTIONAL }` */
function policies(value: Uint8Array): string[] {
  const reader = derSequence(value, POLICIES);
  const oids: string[] = [];
  while (reader.left > 0) {
    const oid = reader.within(Tag.SEQUENCE, POLICIES).oid(POLICIES);
    if (oids.includes(oid)) throw new WireError(`Cannot read ${POLICIES}, it has ${oid} twice`);
    if (oids.length >= POLICIES_MAX) {
      throw new WireError(`Cannot read ${POLICIES}, it has more than ${POLICIES_MAX}`);
    }
    oids.push(oid);
  }
  return oids;
}

/** The most policies, and the most mappings, of one certificate; the work grows with their product. */
const POLICIES_MAX = 64;

/** `SEQUENCE OF SEQUENCE { issuerDomainPolicy, subjectDomainPolicy }` */
function policyMappings(value: Uint8Array): { issuer: string; subject: string }[] {
  const reader = derSequence(value, MAPPINGS);
  const mappings: { issuer: string; subject: string }[] = [];
  while (reader.left > 0) {
    const pair = reader.within(Tag.SEQUENCE, MAPPINGS);
    mappings.push({ issuer: pair.oid(MAPPINGS), subject: pair.oid(MAPPINGS) });
    pair.end(MAPPINGS);
    if (mappings.length > POLICIES_MAX) {
      throw new WireError(`Cannot read ${MAPPINGS}, it has more than ${POLICIES_MAX}`);
    }
  }
  return mappings;
}

/** `SEQUENCE { requireExplicitPolicy [0] OPTIONAL, inhibitPolicyMapping [1] OPTIONAL }` */
function policyConstraints(value: Uint8Array): CertificateExtensions["policyConstraints"] & object {
  const what = "policyConstraints";
  const reader = derSequence(value, what);
  const count = (number: number) => {
    const tag = contextTag(number, "primitive");
    return reader.tag === tag ? reader.small(what, COUNT_MAX, tag) : undefined;
  };
  const constraints = { requireExplicit: count(0), inhibitMapping: count(1) };
  reader.end(what);
  return constraints;
}

/** `INTEGER` */
function inhibitAnyPolicy(value: Uint8Array): number {
  const reader = new DerReader(value);
  const count = reader.small("inhibitAnyPolicy", COUNT_MAX);
  reader.end("inhibitAnyPolicy");
  return count;
}

/** `SEQUENCE OF SEQUENCE { accessMethod, accessLocation GeneralName }` */
function ocspUrls(value: Uint8Array): string[] {
  const what = "authorityInfoAccess";
  const reader = derSequence(value, what);
  const urls: string[] = [];
  while (reader.left > 0) {
    const access = reader.within(Tag.SEQUENCE, what);
    const method = access.oid(what);
    const name = parseGeneralName(access, what);
    access.end(what);
    if (method === Ocsp.ACCESS && name.form === "uri") urls.push(name.text);
  }
  return urls;
}
