/**
 * Finds the authorities that may be above a certificate, by the names in certificates only. No signature is
 * verified here.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { authorityHash } from "@/ike/auth/certificate_payloads.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { type Certificate, sameCertificate } from "@/pki/certificate.ts";

/** The most authorities above a certificate that are considered. */
const ABOVE_MAX = 20;

/**
 * Whether one of these SHA-1 hashes, of 20 octets each, is that of the key of the certificate or of one of
 * `known` that may be above it.
 */
export function isBelow(
  { env: { crypto } }: IkeSa,
  { certificate, known }: {
    readonly certificate: Certificate;
    readonly known: readonly Certificate[];
  },
  authorities: readonly Uint8Array[],
): boolean {
  return above(certificate, known).some((one) => {
    const hash = authorityHash(crypto, one);
    return authorities.some((wanted) => sameOctets(wanted, hash));
  });
}

/** The certificate, and the authorities that may be above it by their names. */
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
