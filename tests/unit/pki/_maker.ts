/**
 * Issues certification authorities, certificates, revocation lists and OCSP responses for tests. Each
 * holder has one key pair. All times are relative to a fixed one, and serial numbers come from a seed.
 * @module
 */
import {
  contextTag,
  der,
  derBitString,
  derOid,
  derSequenceOf,
  derUnsigned,
  Tag,
} from "@/base/der.ts";
import { SeededRandom } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { KeyKind, SigningKeyPair } from "@/crypto/signature.ts";
import { encodeSignatureAlgorithm } from "@/pki/algorithm.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { type Crl, parseCrl } from "@/pki/crl.ts";
import {
  type AltName,
  encodeExtension,
  type ExtensionTemplate,
  issueCertificate,
  schemeOfIssuer,
} from "@/pki/issue.ts";
import { type OcspResponse, parseOcspResponse } from "@/pki/ocsp.ts";
import { Algorithm, Ocsp } from "@/pki/oid.ts";
import { encodeTime } from "@/pki/time.ts";

/** The time at which the tests validate, and the length of a day, both in milliseconds. */
export const NOW_MS = Date.UTC(2026, 5, 1);
export const DAY_MS = 24 * 3600_000;

/** A holder of a certificate: the certificate and its key pair. */
export interface Party {
  readonly certificate: Certificate;
  readonly keys: SigningKeyPair;
}

/** The properties in which a certificate or a revocation list differs from the default one. */
export interface Wish {
  readonly kind?: KeyKind;
  readonly authority?: boolean | { readonly pathLength: number };
  readonly altNames?: readonly AltName[];
  readonly extensions?: readonly ExtensionTemplate[];
  /** The first and the last day of validity, in days from `NOW_MS`. */
  readonly from?: number;
  readonly to?: number;
  /** A key pair that exists already, so that none is generated. */
  readonly keys?: SigningKeyPair;
}

/** Issues certificates, revocation lists and OCSP responses with the cryptography of a backend. */
export class Maker {
  readonly #random = new SeededRandom(5280);
  constructor(readonly backend: CryptoBackend) {}

  /** Issues a certificate that `issuer` signs, or a self-signed one without an issuer. */
  async issue(name: string, issuer: Party | undefined, wish: Wish = {}): Promise<Party> {
    const { authority, altNames, extensions, kind = "p-256" } = wish;
    const keys = wish.keys ?? await this.backend.signatures.generate(kind);
    const template = {
      subject: [["2.5.4.10", "Test"], ["2.5.4.3", name]] as const,
      publicKey: keys.publicKey,
      notBeforeMs: NOW_MS + (wish.from ?? -30) * DAY_MS,
      notAfterMs: NOW_MS + (wish.to ?? 30) * DAY_MS,
      ...(authority ? { authority: authority === true ? {} : authority } : {}),
      ...(altNames ? { altNames } : {}),
      ...(extensions ? { extensions } : {}),
    };
    const signer = issuer
      ? { certificate: issuer.certificate, privateKey: issuer.keys.privateKey }
      : { privateKey: keys.privateKey };
    const means = { backend: this.backend, random: (n: number) => this.#random.octets(n) };
    return { certificate: await issueCertificate(template, signer, means), keys };
  }

  /** Issues a self-signed certificate of a certification authority. */
  root(name = "Root", wish: Wish = {}): Promise<Party> {
    return this.issue(name, undefined, { authority: true, ...wish });
  }

  /** Issues a revocation list of `issuer` in which these certificates are revoked. */
  async crl(issuer: Party, revoked: readonly Certificate[], wish: Wish = {}): Promise<Crl> {
    const entries = revoked.map(({ serial }) =>
      derSequenceOf(der(Tag.INTEGER, serial), encodeTime(NOW_MS - DAY_MS))
    );
    const algorithm = encodeSignatureAlgorithm(schemeOfIssuer(issuer.keys.privateKey.kind));
    const extensions = (wish.extensions ?? []).map(encodeExtension);
    const tbs = derSequenceOf(
      derUnsigned(Uint8Array.of(1)),
      algorithm,
      issuer.certificate.subject.der,
      encodeTime(NOW_MS + (wish.from ?? -1) * DAY_MS),
      encodeTime(NOW_MS + (wish.to ?? 7) * DAY_MS),
      ...(entries.length > 0 ? [derSequenceOf(...entries)] : []),
      ...(extensions.length > 0
        ? [der(contextTag(0, "constructed"), derSequenceOf(...extensions))]
        : []),
    );
    return parseCrl(await this.#sign(issuer, tbs));
  }

  /** Issues an OCSP response about a certificate of `issuer`, signed by `responder`. */
  async ocsp(
    about: Certificate,
    { issuer, responder = issuer, status = "good", from = -1, to = 7 }: {
      readonly issuer: Party;
      readonly responder?: Party;
      readonly status?: "good" | "revoked" | "unknown";
      readonly from?: number;
      readonly to?: number;
    },
  ): Promise<OcspResponse> {
    const { backend } = this;
    const general = (days: number) => {
      const digits = new Date(NOW_MS + days * DAY_MS).toISOString().replaceAll(/\.\d+|[-:T]/g, "");
      return der(Tag.GENERALIZED_TIME, new TextEncoder().encode(digits));
    };
    const id = derSequenceOf(
      derSequenceOf(derOid(Algorithm.SHA1), der(Tag.NULL)),
      der(Tag.OCTET_STRING, backend.sha1(about.issuer.der)),
      der(Tag.OCTET_STRING, backend.sha1(issuer.certificate.keyOctets)),
      der(Tag.INTEGER, about.serial),
    );
    const certStatus = status === "revoked"
      ? der(contextTag(1, "constructed"), general(-2))
      : der(contextTag(status === "good" ? 0 : 2, "primitive"));
    const single = derSequenceOf(
      id,
      certStatus,
      general(from),
      der(contextTag(0, "constructed"), general(to)),
    );
    const hash = backend.sha1(responder.certificate.keyOctets);
    const tbs = derSequenceOf(
      der(contextTag(2, "constructed"), der(Tag.OCTET_STRING, hash)),
      general(from),
      derSequenceOf(single),
    );
    const certificates = der(
      contextTag(0, "constructed"),
      derSequenceOf(responder.certificate.der),
    );
    const basic = await this.#sign(responder, tbs, certificates);
    return parseOcspResponse(derSequenceOf(
      der(Tag.ENUMERATED, Uint8Array.of(0)),
      der(
        contextTag(0, "constructed"),
        derSequenceOf(derOid(Ocsp.BASIC_RESPONSE), der(Tag.OCTET_STRING, basic)),
      ),
    ));
  }

  async #sign(
    { keys }: Party,
    tbs: Uint8Array,
    ...after: readonly Uint8Array[]
  ): Promise<Uint8Array> {
    const scheme = schemeOfIssuer(keys.privateKey.kind);
    const signature = await this.backend.signatures.sign(keys.privateKey, scheme, tbs);
    return derSequenceOf(tbs, encodeSignatureAlgorithm(scheme), derBitString(signature), ...after);
  }
}
