/**
 * What authentication by certificates cannot be without, and what is doubtful about it.
 * @module
 */
import { CERTIFICATE_IDENTITIES } from "@/setup/ike_options.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** Whether a method of authentication is by a signature. */
export function isSignature(method: string): boolean {
  return method !== "psk" && !method.startsWith("eap");
}

/** Tells what is missing, or contradicts itself. */
export function checkCertificates({ ikeconf }: Pick<Setup, "ikeconf">, rule: Rule): void {
  const { authownmethod, authpeermethod, myid, cadir, eedir, issuercert } = ikeconf;
  const hasOwn = eedir !== "" || issuercert !== "";
  if (isSignature(authownmethod) && !hasOwn) {
    const paths = ["ikeconf.authownmethod", "ikeconf.eedir"] as const;
    rule(`eedir or issuercert is required for authentication by ${authownmethod}`, ...paths);
  } else if (CERTIFICATE_IDENTITIES.includes(myid) && !hasOwn) {
    rule(`eedir or issuercert is required for myid ${myid}`, "ikeconf.myid", "ikeconf.eedir");
  }
  checkIssuing(ikeconf, rule);
  if (!isSignature(authpeermethod)) return;
  if (cadir === "") {
    const paths = ["ikeconf.authpeermethod", "ikeconf.cadir"] as const;
    rule(`cadir is required to verify a peer by ${authpeermethod}`, ...paths);
  }
  if (ikeconf.ocsprequest && ikeconf.revocation === "off") {
    rule(
      "ocsprequest asks for what revocation: off does not look at",
      "ikeconf.ocsprequest",
      "ikeconf.revocation",
    );
  }
}

/** An authority is a certificate and its key, and its keys fit the method. */
function checkIssuing(ikeconf: Setup["ikeconf"], rule: Rule): void {
  const { issuercert, issuerkey, eedir, issuekeytype, authownmethod } = ikeconf;
  const [cert, key] = ["ikeconf.issuercert", "ikeconf.issuerkey"];
  if (issuercert === "" && issuerkey === "") return;
  if (issuerkey === "") rule("issuercert needs issuerkey", cert, key);
  if (issuercert === "") rule("issuerkey needs issuercert", key, cert);
  if (eedir !== "" && isSignature(authownmethod)) {
    rule("issuercert and eedir exclude each other: certificates are issued, or there", cert, EEDIR);
  }
  const wanted = KEYS_OF_METHODS[authownmethod];
  if (wanted && issuekeytype !== "auto" && !issuekeytype.startsWith(wanted)) {
    const words =
      `authownmethod ${authownmethod} signs with keys of ${wanted}, not ${issuekeytype}`;
    rule(words, "ikeconf.issuekeytype", "ikeconf.authownmethod");
  }
}

const EEDIR = "ikeconf.eedir";
/** How the key types begin that the methods before RFC 7427 sign with. */
const KEYS_OF_METHODS: Readonly<Record<string, string>> = {
  "rsa": "rsa",
  "ecdsa-sha256-p256": "ecdsa:p-256",
  "ecdsa-sha384-p384": "ecdsa:p-384",
  "ecdsa-sha512-p521": "ecdsa:p-521",
};

/** Revocation that cannot say anything, or that says no to everybody. */
export function warnOfRevocation({ ikeconf }: Setup, warn: Check["warn"]): void {
  const { authpeermethod, revocation, crldir, ocspdir, ocsprequest } = ikeconf;
  if (!isSignature(authpeermethod)) return;
  if (revocation === "off" && crldir !== "") {
    warn("crldir has no effect: revocation is off", "ikeconf.crldir");
  }
  if (revocation === "strict" && crldir === "" && ocspdir === "" && !ocsprequest) {
    warn(
      "revocation: strict refuses every peer that sends no revocation list and no OCSP response of " +
        "its own accord: crldir, ocspdir and ocsprequest are not set",
      "ikeconf.revocation",
    );
  }
}
