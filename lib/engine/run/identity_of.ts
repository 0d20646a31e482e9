/**
 * From `myid` and `peerid` of a setup to how the core finds identities.
 * @module
 */
import { SetupError, WireError } from "@/base/errors.ts";
import type { CertificateFiles } from "@/engine/run/certificate_files.ts";
import { IdType } from "@/iana/id_type.ts";
import { identityOfText } from "@/ike/negotiate/identity.ts";
import type { Credential, Identity, IdentityRule } from "@/ike/records/config.ts";
import { showCertificate } from "@/pki/certificate.ts";
import { identityOfCommonName } from "@/pki/identity.ts";
import { ID_NULL_WORD, parseIdentityText } from "@/setup/identity_text.ts";
import type { Setup } from "@/setup/setup.ts";
import { CERTIFICATE_IDENTITIES } from "@/setup/ike_options.ts";

/** What identities are found in. */
export interface IdentityMaterial {
  readonly certificates: CertificateFiles;
  /** The identity that the configuration, or the capture, of EAP names. */
  readonly eapIdentity: string | undefined;
}

/** RFC 7619 §2.2: who does not authenticate is nobody, unless the setup names somebody. */
export function ownIdentityText({ myid, authownmethod }: Setup["ikeconf"]): string {
  return authownmethod === "null-auth" && myid === "client-src-addr" ? ID_NULL_WORD : myid;
}

/**
 * `myid`: &d counts at a client only, where the tunnel is known when the identity is needed.
 * @throws {SetupError} where it stands for what is not there.
 */
export function ownIdentity(
  text: string,
  client: boolean,
  { certificates, eapIdentity }: IdentityMaterial,
): IdentityRule {
  if (text === "client-src-addr") return { kind: "own-address" };
  if (CERTIFICATE_IDENTITIES.includes(text)) {
    const { credentials, issuing } = certificates;
    // A certificate that is issued has no name before its holder has one.
    if (issuing) return issuedIdentity(text === "cert-dn", client);
    const identities = certificateIdentities(text as "cert-dn" | "cert-subject-cn", credentials);
    return { kind: "listed", identities };
  }
  if (text === "eapol-test-conf" || text === "eapusepcap") {
    if (eapIdentity === undefined) {
      throw new SetupError(`ikeconf.myid: ${text} stands for an identity that EAP does not name`);
    }
    return ownIdentity(eapIdentity, client, { certificates, eapIdentity: undefined });
  }
  return textIdentity(text, client);
}

/** `peerid`, where &d is a part of the text as any; undefined: the initiator names nobody. */
export function peerIdentity(text: string): IdentityRule | undefined {
  if (text === "" || CERTIFICATE_IDENTITIES.includes(text)) return undefined;
  return text === "peer-addr" ? { kind: "peer-address" } : textIdentity(text, false);
}

/** `tunnel-7`, or `gateway`: as a domain name, or as the common name of a distinguished one. */
function issuedIdentity(asName: boolean, client: boolean): IdentityRule {
  const text = client ? "tunnel-&d" : "gateway";
  return textIdentity(asName ? `dn:CN=${text}` : text, client);
}

function textIdentity(written: string, client: boolean): IdentityRule {
  const { idType, form, text } = parseIdentityText(written);
  const mayCount = client && form !== "address" && text.includes("&d");
  if (mayCount) return { kind: "template", idType, form, text };
  try {
    return { kind: "fixed", identity: identityOfText({ idType, form, text }) };
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    throw new SetupError(`ikeconf: ${written} is no identity: ${e.message}`);
  }
}

/**
 * The identities of `cert-dn` and `cert-subject-cn`, of each pair in order.
 * @throws {SetupError} where a certificate has none.
 */
function certificateIdentities(
  form: "cert-dn" | "cert-subject-cn",
  credentials: readonly Credential[],
): Identity[] {
  return credentials.map(({ certificate }) => {
    if (form === "cert-dn") {
      return { idType: IdType.ID_DER_ASN1_DN, data: certificate.subject.der };
    }
    const found = identityOfCommonName(certificate);
    if (found) return { idType: found.type, data: found.data };
    const name = showCertificate(certificate);
    throw new SetupError(`ikeconf.myid: cert-subject-cn needs a common name, ${name} has none`);
  });
}
