/**
 * Makes certificates of authorities and of end entities, for `createpki` and while a test runs. The time
 * and the random numbers are arguments.
 * @module
 */
import {
  contextTag,
  der,
  derBitString,
  derNamedBits,
  derOid,
  derSequenceOf,
  derUnsigned,
  Tag,
} from "@/base/der.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { KeyKind, PrivateKey, PublicKey, SignatureScheme } from "@/crypto/signature.ts";
import { encodeSignatureAlgorithm } from "@/pki/algorithm.ts";
import { type Certificate, parseCertificate } from "@/pki/certificate.ts";
import { KeyUsage } from "@/pki/extension.ts";
import { encodeName } from "@/pki/name.ts";
import { Extension } from "@/pki/oid.ts";
import { parsePublicKeyInfo } from "@/pki/public_key.ts";
import { encodeTime } from "@/pki/time.ts";

/** The contents of a certificate that is to be made. */
export interface CertificateTemplate {
  /** Dotted OIDs with their texts, each a relative name; or the DER of a whole name. */
  readonly subject: readonly (readonly [type: string, text: string])[] | Uint8Array;
  readonly publicKey: PublicKey;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** For an authority: the most authorities below it; undefined for any number. */
  readonly authority?: { readonly pathLength?: number };
  readonly altNames?: readonly AltName[];
  /** Further extensions. */
  readonly extensions?: readonly ExtensionTemplate[];
}

/** One name of subjectAltName. */
export type AltName =
  | { readonly form: "dns" | "email"; readonly text: string }
  | { readonly form: "ip"; readonly octets: Uint8Array };

/** An extension, its value in DER. */
export interface ExtensionTemplate {
  readonly oid: string;
  readonly critical?: boolean;
  readonly value: Uint8Array;
}

/** The signer: its certificate and key, or only the key of a root that signs itself. */
export interface Issuer {
  readonly certificate?: Certificate;
  readonly privateKey: PrivateKey;
}

/** What is needed to make a certificate. */
export interface IssueMeans {
  readonly backend: CryptoBackend;
  readonly random: RandomOctets;
}

/** Octets of a serial number; RFC 5280 §4.1.2.2 allows 20. */
const SERIAL_OCTETS = 16;

/** Makes and signs a certificate; it returns a promise only if the backend does. */
export function issueCertificate(
  template: CertificateTemplate,
  { certificate: above, privateKey }: Issuer,
  { backend, random }: IssueMeans,
): Promise<Certificate> | Certificate {
  const { publicKey, notBeforeMs, notAfterMs } = template;
  const subject = template.subject instanceof Uint8Array
    ? template.subject
    : encodeName(template.subject);
  const scheme = schemeOfIssuer(privateKey.kind);
  const algorithm = encodeSignatureAlgorithm(scheme);
  const tbs = derSequenceOf(
    der(contextTag(0, "constructed"), derUnsigned(Uint8Array.of(2))),
    derUnsigned(serialNumber(random)),
    algorithm,
    above?.subject.der ?? subject,
    derSequenceOf(encodeTime(notBeforeMs), encodeTime(notAfterMs)),
    subject,
    publicKey.spki,
    der(contextTag(3, "constructed"), derSequenceOf(...extensionsOf(template, above, backend))),
  );
  return then(
    backend.signatures.sign(privateKey, scheme, tbs),
    (signature) => parseCertificate(derSequenceOf(tbs, algorithm, derBitString(signature))),
  );
}

/** The scheme by which an authority signs certificates, with a hash that is as strong as its key. */
export function schemeOfIssuer(kind: KeyKind): SignatureScheme {
  switch (kind) {
    case "rsa":
      return { algorithm: "rsa-pkcs1", hash: "sha256" };
    case "p-224":
    case "p-256":
      return { algorithm: "ecdsa", hash: "sha256", encoding: "der" };
    case "p-384":
      return { algorithm: "ecdsa", hash: "sha384", encoding: "der" };
    case "p-521":
      return { algorithm: "ecdsa", hash: "sha512", encoding: "der" };
    default:
      return { algorithm: kind };
  }
}

/** Calls a function with a value at once, or with the value of a promise later. */
function then<A, B>(value: A | Promise<A>, next: (value: A) => B): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** A serial number that is positive, and whose length does not depend on the random octets. */
function serialNumber(random: RandomOctets): Uint8Array {
  const octets = random(SERIAL_OCTETS).slice();
  octets[0] = octets[0]! & 0x3f | 0x40;
  return octets;
}

function extensionsOf(
  { publicKey, authority, altNames = [], extensions = [] }: CertificateTemplate,
  above: Certificate | undefined,
  backend: CryptoBackend,
): Uint8Array[] {
  // RFC 5280 §4.2.1.2 (1): the SHA-1 of the key.
  const keyIdentifier = backend.sha1(parsePublicKeyInfo(publicKey.spki).key);
  const issuerIdentifier = above
    ? above.extensions.subjectKeyIdentifier ?? backend.sha1(above.keyOctets)
    : keyIdentifier;
  const { pathLength } = authority ?? {};
  const usage = authority
    ? KeyUsage.KEY_CERT_SIGN | KeyUsage.CRL_SIGN
    : KeyUsage.DIGITAL_SIGNATURE | KeyUsage.NON_REPUDIATION;
  const basic = [
    ...(authority ? [der(Tag.BOOLEAN, Uint8Array.of(0xff))] : []),
    ...(pathLength === undefined ? [] : [derUnsigned(Uint8Array.of(pathLength))]),
  ];
  const made: ExtensionTemplate[] = [
    { oid: Extension.BASIC_CONSTRAINTS, critical: true, value: derSequenceOf(...basic) },
    { oid: Extension.KEY_USAGE, critical: true, value: derNamedBits(usage) },
    { oid: Extension.SUBJECT_KEY_IDENTIFIER, value: der(Tag.OCTET_STRING, keyIdentifier) },
    {
      oid: Extension.AUTHORITY_KEY_IDENTIFIER,
      value: derSequenceOf(der(contextTag(0, "primitive"), issuerIdentifier)),
    },
  ];
  if (altNames.length > 0) {
    const value = derSequenceOf(...altNames.map(encodeAltName));
    made.push({ oid: Extension.SUBJECT_ALT_NAME, value });
  }
  const given = new Set(extensions.map(({ oid }) => oid));
  return [...made.filter(({ oid }) => !given.has(oid)), ...extensions].map(encodeExtension);
}

/** An extension; `critical` is omitted if it is false, as DER omits defaults. */
export function encodeExtension({ oid, critical, value }: ExtensionTemplate): Uint8Array {
  return derSequenceOf(
    derOid(oid),
    ...(critical ? [der(Tag.BOOLEAN, Uint8Array.of(0xff))] : []),
    der(Tag.OCTET_STRING, value),
  );
}

function encodeAltName(name: AltName): Uint8Array {
  if (name.form === "ip") return der(contextTag(7, "primitive"), name.octets);
  const tag = contextTag(name.form === "dns" ? 2 : 1, "primitive");
  return der(tag, new TextEncoder().encode(name.text));
}
