/**
 * Which certificate of this end goes to a peer whose CERTREQ names authorities (RFC 7296 §3.7): a hint,
 * so that one is sent all the same where none of them has issued any.
 * @module
 */
import { sameOctets, toHex } from "@/base/bytes.ts";
import { SIGNATURE_METHODS } from "@/ike/auth/signature_methods.ts";
import { authorityHash, wishesOf } from "@/ike/auth/certificate_payloads.ts";
import type { Credential, SigningAuth } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { type Certificate, sameCertificate, showCertificate } from "@/pki/certificate.ts";

/** Authorities above a certificate that are looked at. */
const ABOVE_MAX = 20;
/** Authorities that the note of a peer's wish names. */
const SHOWN_MAX = 3;

/** A responder's certificate: the first whose key fits the method and whose authority the peer names, else the first that fits. */
export function chosenCredential(
  sa: IkeSa,
  { credentials, method, known = [] }: SigningAuth,
): Credential {
  const kind = SIGNATURE_METHODS.get(method)?.kind;
  const fitting = credentials.filter(({ privateKey }) => !kind || privateKey.kind === kind);
  const wanted = fitting.length > 1
    ? fitting.find(({ certificate }) => isWanted(sa, certificate, known))
    : undefined;
  return wanted ?? fitting[0] ?? credentials[0]!;
}

/** Tells where no authority that the peer names has issued our certificate: it may well be refused. */
export function tellUnwanted(
  { sa, out }: Turn,
  certificate: Certificate,
  { known }: SigningAuth,
): void {
  const { authorities } = wishesOf(sa);
  // Who stands above the issuer is not known without its certificate.
  if (!known || authorities.length === 0 || isWanted(sa, certificate, known)) return;
  const shown = authorities.slice(0, SHOWN_MAX).map(toHex).join(", ");
  const more = authorities.length > SHOWN_MAX ? `, … (${authorities.length})` : "";
  const text = `The peer asks for certificates of other authorities than that of ours, ` +
    `${showCertificate(certificate)}: their keys have the SHA-1 ${shown}${more} (CERTREQ)`;
  out.push({ kind: "note", level: 4, text }, sa);
}

/** Whether the peer names an authority above a certificate, or the certificate itself, or none at all. */
function isWanted(sa: IkeSa, certificate: Certificate, known: readonly Certificate[]): boolean {
  const { authorities } = wishesOf(sa);
  if (authorities.length === 0) return true;
  return above(certificate, known).some((one) => {
    const hash = authorityHash(sa.env.crypto, one);
    return authorities.some((wanted) => sameOctets(wanted, hash));
  });
}

/** The certificate, and those that may stand above it by their names. */
function above(certificate: Certificate, known: readonly Certificate[]): readonly Certificate[] {
  const chain = [certificate];
  for (const one of chain) {
    for (const authority of known) {
      const isIssuer = authority.subject.key === one.issuer.key;
      if (!isIssuer || chain.some((other) => sameCertificate(other, authority))) continue;
      if (chain.length <= ABOVE_MAX) chain.push(authority);
    }
  }
  return chain;
}
