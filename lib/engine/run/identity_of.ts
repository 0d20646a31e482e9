/**
 * Makes the identity rules of the core from `myid` and `peerid` of a setup.
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

/** The sources of identities. */
export interface IdentityMaterial {
  readonly certificates: CertificateFiles;
  /** The identity in the configuration of `eapol_test`, or in the capture. */
  readonly eapIdentity: string | undefined;
}

/**
 * The identity of this end, which is ID_NULL for NULL authentication unless the setup names another (RFC 7619
 * §2.2).
 */
export function ownIdentityText({ myid, authownmethod }: Setup["ikeconf"]): string {
  return authownmethod === "null-auth" && myid === "client-src-addr" ? ID_NULL_WORD : myid;
}

/**
 * The rule for `myid`; only a client replaces &d, as it knows the tunnel when the identity is needed. @throws
 * {SetupError} if its keyword refers to something that is missing.
 */
export function ownIdentity(
  text: string,
  client: boolean,
  { certificates, eapIdentity }: IdentityMaterial,
): IdentityRule {
  if (text === "client-src-addr") return { kind: "own-address" };
  if (CERTIFICATE_IDENTITIES.includes(text)) {
    const { credentials, issuing } = certificates;
    // An issued certificate gets its name from the identity, so that the identity cannot be taken from it.
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

/** The rule for `peerid`, in which &d has no meaning; undefined: the initiator sends no IDr. */
export function peerIdentity(text: string): IdentityRule | undefined {
  if (text === "" || CERTIFICATE_IDENTITIES.includes(text)) return undefined;
  return text === "peer-addr" ? { kind: "peer-address" } : textIdentity(text, false);
}

/**
 * The identity of an issued certificate, `tunnel-7` or `gateway`: as a domain name, or as the common name of
 * a distinguished name.
 */
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
 * The identities for `cert-dn` and `cert-subject-cn`, of each pair in order. @throws {SetupError} if a
 * certificate has none.
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
