/**
 * What authentication by certificates cannot be without, and what is doubtful about it.
 * @module
 */
import { isSignature, ownMethods, peerMethods } from "@/setup/auth_methods.ts";
import { CERTIFICATE_IDENTITIES } from "@/setup/ike_options.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** Tells what is missing, or contradicts itself. */
export function checkCertificates({ ikeconf }: Pick<Setup, "ikeconf">, rule: Rule): void {
  const { authownmethod, authpeermethod, cadir, eedir, issuercert } = ikeconf;
  const hasOwn = eedir !== "" || issuercert !== "";
  const signs = ownMethods(ikeconf).find(isSignature);
  const id = (["myid", "myid2"] as const).find((option) =>
    CERTIFICATE_IDENTITIES.includes(ikeconf[option])
  );
  if (signs !== undefined && !hasOwn) {
    const named = isSignature(authownmethod) ? "authownmethod" : "authown2";
    const paths = [`ikeconf.${named}`, "ikeconf.eedir"] as const;
    rule(`eedir or issuercert is required for authentication by ${signs}`, ...paths);
  } else if (id && !hasOwn) {
    const words = `eedir or issuercert is required for ${id} ${ikeconf[id]}`;
    rule(words, `ikeconf.${id}`, "ikeconf.eedir");
  }
  checkIssuing(ikeconf, rule);
  const verified = peerMethods(ikeconf).find(isSignature);
  if (verified === undefined) return;
  if (cadir === "") {
    const named = isSignature(authpeermethod) ? "authpeermethod" : "authpeer2";
    const paths = [`ikeconf.${named}`, "ikeconf.cadir"] as const;
    rule(`cadir is required to verify a peer by ${verified}`, ...paths);
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
  const { issuercert, issuerkey, eedir, issuekeytype } = ikeconf;
  const [cert, key] = ["ikeconf.issuercert", "ikeconf.issuerkey"];
  if (issuercert === "" && issuerkey === "") return;
  if (issuerkey === "") rule("issuercert needs issuerkey", cert, key);
  if (issuercert === "") rule("issuerkey needs issuercert", key, cert);
  const methods = ownMethods(ikeconf).filter(isSignature);
  if (eedir !== "" && methods.length > 0) {
    rule("issuercert and eedir exclude each other: certificates are issued, or there", cert, EEDIR);
  }
  for (const method of methods) {
    const wanted = KEYS_OF_METHODS[method];
    if (!wanted || issuekeytype === "auto" || issuekeytype.startsWith(wanted)) continue;
    const option = method === ikeconf.authownmethod ? "authownmethod" : "authown2";
    const words = `${option} ${method} signs with keys of ${wanted}, not ${issuekeytype}`;
    rule(words, "ikeconf.issuekeytype", `ikeconf.${option}`);
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
  const { revocation, crldir, ocspdir, ocsprequest } = ikeconf;
  if (!peerMethods(ikeconf).some(isSignature)) return;
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
