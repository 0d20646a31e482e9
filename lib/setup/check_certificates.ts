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
  const { authownmethod, authpeermethod, myid, cadir, eedir } = ikeconf;
  if (isSignature(authownmethod) && eedir === "") {
    const paths = ["ikeconf.authownmethod", "ikeconf.eedir"] as const;
    rule(`eedir is required for authentication by ${authownmethod}`, ...paths);
  } else if (CERTIFICATE_IDENTITIES.includes(myid) && eedir === "") {
    rule(`eedir is required for myid ${myid}`, "ikeconf.myid", "ikeconf.eedir");
  }
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
