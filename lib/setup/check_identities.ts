/**
 * Checks the options of pre-shared keys, and of the identity that the peer must have.
 * @module
 */
import { isSecretText, secretOctets } from "@/base/secret_text.ts";
import { everyOwnMethod, everyPeerMethod, isSignature } from "@/setup/auth_methods.ts";
import { CERTIFICATE_IDENTITIES } from "@/setup/ike_options.ts";
import { ID_NULL_WORD, identityFault } from "@/setup/identity_text.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { IkeConf } from "@/setup/setup.ts";

const SECOND = ["ikeconf.authown2", "ikeconf.authpeer2"];
const OWN = "ikeconf.authownmethod";
const PEER = "ikeconf.authpeermethod";

/** Whether an entry of `psks` was given: a list that is absent has one entry with empty values. */
export function isGiven({ id, secret }: IkeConf["psks"][number]): boolean {
  return id !== "" || secret !== "";
}

/** Checks that there is a pre-shared key if one is needed, and that all have the right encoding. */
export function checkPsk(ikeconf: IkeConf, rule: Rule): void {
  const { psk, pskfile, psks, pskencoding } = ikeconf;
  if (![...everyOwnMethod(ikeconf), ...everyPeerMethod(ikeconf)].includes("psk")) return;
  if (psk === "" && pskfile === "" && !psks.some(isGiven)) {
    rule("psk is required for authentication by psk", "ikeconf.psk", OWN, PEER, ...SECOND);
  } else if (psk !== "" && !secretOctets(psk, pskencoding)) {
    rule(`psk is not valid ${pskencoding} (pskencoding)`, "ikeconf.psk", "ikeconf.pskencoding");
  }
  for (const [i, entry] of psks.entries()) {
    if (!isGiven(entry)) continue;
    const { id, secret } = entry;
    const at = `ikeconf.psks[${i}]`;
    const why = id === "" ? "is empty" : identityFault(id);
    if (why) rule(`psks[${i}].id ${why}`, `${at}.id`);
    if (!isSecretText(secret, pskencoding)) {
      const numbers = secret.includes("&d") ? " for every number" : "";
      const words = secret === ""
        ? "is empty"
        : `is not valid ${pskencoding}${numbers} (pskencoding)`;
      rule(`psks[${i}].secret ${words}`, `${at}.secret`, "ikeconf.pskencoding");
    }
  }
}

/**
 * Checks NULL authentication: only it may have the identity ID_NULL (RFC 7619 §2.2), and it
 * excludes EAP.
 */
export function checkNull({ authownmethod, authpeermethod, myid }: IkeConf, rule: Rule): void {
  if (myid === ID_NULL_WORD && authownmethod !== "null-auth") {
    rule(`myid ${ID_NULL_WORD} needs authownmethod null-auth (RFC 7619)`, "ikeconf.myid", OWN);
  }
  const methods = [authownmethod, authpeermethod];
  if (methods.includes("null-auth") && methods.some((method) => method.startsWith("eap"))) {
    const words =
      "null-auth and EAP exclude each other: EAP needs a gateway that is authenticated " +
      "(RFC 7296 §2.16)";
    rule(words, authownmethod === "null-auth" ? OWN : PEER, OWN, PEER);
  }
}

/**
 * Warns of a gateway with EAP users that authenticates by a pre-shared key, which RFC 7296 §2.16
 * does not allow.
 */
export function warnOfEapByPsk(
  { authownmethod, authpeermethod }: IkeConf,
  warn: Check["warn"],
): void {
  const methods = [authownmethod, authpeermethod];
  if (!methods.includes("eap") || !methods.includes("psk")) return;
  const words =
    "a gateway with EAP clients must sign, or be authenticated by EAP alone (RFC 7296 " +
    "§2.16, RFC 5998): the RFCs do not allow psk";
  warn(words, authownmethod === "psk" ? OWN : PEER);
}

/** Checks that `matchpeerid` has an identity to compare, and a certificate if it needs one. */
export function checkPeerId(ikeconf: IkeConf, rule: Rule): void {
  const { matchpeerid, peerid, authpeermethod, authpeerothers } = ikeconf;
  const paths = ["ikeconf.matchpeerid", "ikeconf.peerid"] as const;
  const ofCertificate = CERTIFICATE_IDENTITIES.includes(peerid);
  if (matchpeerid !== false && peerid === "") {
    return rule("matchpeerid needs a peerid to match", ...paths);
  }
  const needs = matchpeerid === "cert" ? "matchpeerid: cert" : ofCertificate && `peerid ${peerid}`;
  if (needs && !isSignature(authpeermethod)) {
    return rule(`${needs} needs a peer that signs: authpeermethod is ${authpeermethod}`, ...paths);
  }
  const unsigned = authpeerothers.find((method) => !isSignature(method));
  if (needs && unsigned) {
    return rule(`${needs} needs a peer that signs: authpeerothers has ${unsigned}`, ...paths);
  }
  if (ofCertificate && matchpeerid !== true) {
    rule(`peerid ${peerid} is never sent, and is only compared with matchpeerid: true`, ...paths);
  }
}
