/**
 * Makes OCSP responses of an authority about a certificate that it has issued (RFC 6960 §4.2.1).
 * @module
 */
import { contextTag, der, derBitString, derOid, derSequenceOf, Tag } from "@/base/der.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { PrivateKey } from "@/crypto/signature.ts";
import { encodeSignatureAlgorithm } from "@/pki/algorithm.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { schemeOfIssuer } from "@/pki/issue.ts";
import { type OcspResponse, parseOcspResponse } from "@/pki/ocsp.ts";
import { Algorithm, Ocsp } from "@/pki/oid.ts";
import { encodeGeneralizedTime } from "@/pki/time.ts";

/** The contents of a response, and its signer. */
export interface OcspStatement {
  readonly about: Certificate;
  readonly issuer: { readonly certificate: Certificate; readonly privateKey: PrivateKey };
  /** The time in which the response is valid, in milliseconds since 1970. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A response that a certificate is good, signed by its issuer; a promise only if the backend returns one. */
export function issueOcspResponse(
  { about, issuer, fromMs, untilMs }: OcspStatement,
  backend: CryptoBackend,
): Promise<OcspResponse> | OcspResponse {
  const { certificate, privateKey } = issuer;
  const keyHash = backend.sha1(certificate.keyOctets);
  const from = encodeGeneralizedTime(fromMs);
  const id = derSequenceOf(
    derSequenceOf(derOid(Algorithm.SHA1), der(Tag.NULL)),
    der(Tag.OCTET_STRING, backend.sha1(about.issuer.der)),
    der(Tag.OCTET_STRING, keyHash),
    der(Tag.INTEGER, about.serial),
  );
  const good = der(contextTag(0, "primitive"));
  const until = der(contextTag(0, "constructed"), encodeGeneralizedTime(untilMs));
  const tbs = derSequenceOf(
    der(contextTag(2, "constructed"), der(Tag.OCTET_STRING, keyHash)),
    from,
    derSequenceOf(derSequenceOf(id, good, from, until)),
  );
  const scheme = schemeOfIssuer(privateKey.kind);
  const finish = (signature: Uint8Array) =>
    parseOcspResponse(wrapped(
      derSequenceOf(tbs, encodeSignatureAlgorithm(scheme), derBitString(signature)),
    ));
  const signature = backend.signatures.sign(privateKey, scheme, tbs);
  return signature instanceof Promise ? signature.then(finish) : finish(signature);
}

/** A successful OCSPResponse that contains a BasicOCSPResponse. */
function wrapped(basic: Uint8Array): Uint8Array {
  const bytes = derSequenceOf(derOid(Ocsp.BASIC_RESPONSE), der(Tag.OCTET_STRING, basic));
  return derSequenceOf(
    der(Tag.ENUMERATED, Uint8Array.of(0)),
    der(contextTag(0, "constructed"), bytes),
  );
}
