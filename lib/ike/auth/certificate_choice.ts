/**
 * Chooses the certificate of this end by the authorities that the peer's CERTREQ names (RFC 7296 §3.7).
 * These are only a hint: if none of them has issued a certificate of this end, another one is sent. What
 * the peer announces in SUPPORTED_AUTH_METHODS (RFC 9593) counts more than this hint.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { isBelow } from "@/ike/auth/authorities_above.ts";
import { schemeOf } from "@/ike/auth/own_scheme.ts";
import { SIGNATURE_METHODS } from "@/ike/auth/signature_methods.ts";
import { wishesOf } from "@/ike/auth/certificate_payloads.ts";
import type { Credential, SigningAuth } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { type Certificate, showCertificate } from "@/pki/certificate.ts";

/** Authorities that the note of a peer's wish names. */
const SHOWN_MAX = 3;

/**
 * The certificate of this end: a client's is that of its tunnel. A responder's is the first whose key fits
 * the method and what the peer announces, and whose authority the peer names; else the first that fits.
 */
export function chosenCredential(sa: IkeSa, config: SigningAuth): Credential {
  const { credentials, known = [] } = config;
  const [first] = candidatesOf(sa, config);
  const fitting = candidatesOf(sa, config).filter((one) =>
    typeof schemeOf(sa, config, { kind: one.privateKey.kind, certificate: one.certificate }) !==
      "string"
  );
  const wanted = fitting.length > 1
    ? fitting.find(({ certificate }) => isWanted(sa, certificate, known))
    : undefined;
  return wanted ?? fitting[0] ?? first ?? credentials[0]!;
}

/** The certificates of this end that it may show in this tunnel. */
function candidatesOf(sa: IkeSa, { credentials, method }: SigningAuth): readonly Credential[] {
  if (sa.originalInitiator) return [credentials[sa.index] ?? credentials.at(-1)!];
  const kind = SIGNATURE_METHODS.get(method)?.kind;
  return credentials.filter(({ privateKey }) => !kind || privateKey.kind === kind);
}

/** Tells where no authority that the peer names has issued our certificate: it may well be refused. */
export function tellUnwanted(
  { sa, out }: Turn,
  certificate: Certificate,
  { known }: SigningAuth,
): void {
  const { authorities } = wishesOf(sa);
  // Without the certificates of authorities it is unknown which of them are above the issuer.
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
  return authorities.length === 0 || isBelow(sa, { certificate, known }, authorities);
}
