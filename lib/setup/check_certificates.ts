/**
 * Checks the options of authentication by certificates, and warns of values that are probably not
 * intended.
 * @module
 */
import { everyOwnMethod, everyPeerMethod, isSignature } from "@/setup/auth_methods.ts";
import { CERTIFICATE_IDENTITIES } from "@/setup/ike_options.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** Reports options that are missing or contradict each other. */
export function checkCertificates(
  { role, ikeconf }: Pick<Setup, "role" | "ikeconf">,
  rule: Rule,
): void {
  const { authownmethod, authpeermethod, cadir, eedir, issuercert, rawkey } = ikeconf;
  const hasOwn = eedir !== "" || issuercert !== "";
  const signs = everyOwnMethod(ikeconf).find(isSignature);
  const id = (["myid", "myid2"] as const).find((option) =>
    CERTIFICATE_IDENTITIES.includes(ikeconf[option])
  );
  if (signs !== undefined && !hasOwn && rawkey === "") {
    const named = isSignature(authownmethod) ? "authownmethod" : "authown2";
    const paths = [`ikeconf.${named}`, "ikeconf.eedir"] as const;
    rule(`eedir, issuercert or rawkey is required for authentication by ${signs}`, ...paths);
  } else if (id && !hasOwn) {
    const words = `eedir or issuercert is required for ${id} ${ikeconf[id]}`;
    rule(words, `ikeconf.${id}`, "ikeconf.eedir");
  }
  checkIssuing(ikeconf, rule);
  checkRawKeys({ role, ikeconf }, rule);
  checkAddresses(ikeconf, rule);
  const verified = everyPeerMethod(ikeconf).find(isSignature);
  if (verified === undefined) return;
  if (cadir === "" && !trustsRawKeys(ikeconf)) {
    const named = isSignature(authpeermethod) ? "authpeermethod" : "authpeer2";
    const paths = [`ikeconf.${named}`, "ikeconf.cadir"] as const;
    rule(
      `cadir, peerrawkey or peerrawkeyfile is required to verify a peer by ${verified}`,
      ...paths,
    );
  }
  if (ikeconf.ocsprequest && ikeconf.revocation === "off") {
    rule(
      "ocsprequest asks for responses, which revocation: off ignores",
      "ikeconf.ocsprequest",
      "ikeconf.revocation",
    );
  }
}

/** Whether the setup names raw public keys of peers. */
export function trustsRawKeys({ peerrawkey, peerrawkeyfile }: Setup["ikeconf"]): boolean {
  return peerrawkey !== "" || peerrawkeyfile !== "";
}

/** Checks the options of raw public keys, which contain no identity. */
function checkRawKeys({ role, ikeconf }: Pick<Setup, "role" | "ikeconf">, rule: Rule): void {
  const { rawkey, peerrawkey, eedir, issuercert, cadir, peerid } = ikeconf;
  const hasCertificate = eedir !== "" || issuercert !== "";
  const signs = everyOwnMethod(ikeconf).some(isSignature);
  if (rawkey !== "" && hasCertificate && signs) {
    const option = eedir !== "" ? "eedir" : "issuercert";
    const words = `rawkey and ${option} exclude each other: we sign by one key`;
    rule(words, "ikeconf.rawkey", `ikeconf.${option}`);
  }
  if (!trustsRawKeys(ikeconf)) return;
  const option = peerrawkey !== "" ? "peerrawkey" : "peerrawkeyfile";
  const verifies = everyPeerMethod(ikeconf).some(isSignature);
  if (peerrawkey !== "" && verifies && (role === "gateway" || peerid === "")) {
    const who = role === "gateway" ? "a gateway expects no single peer" : "peerid is not set";
    const words = `the keys of peerrawkey name no identity, and ${who}: peerrawkeyfile names them`;
    rule(words, "ikeconf.peerrawkey", "ikeconf.peerid");
  }
  if (cadir !== "") return;
  if (CERTIFICATE_IDENTITIES.includes(peerid)) {
    const words = `peerid ${peerid} is a name in a certificate, and peers have only raw keys`;
    rule(words, "ikeconf.peerid", `ikeconf.${option}`);
  }
}

/** Checks the options of certificates that are sent as URLs, and looked up by them. */
function checkAddresses(ikeconf: Setup["ikeconf"], rule: Rule): void {
  const { certurl, issuercert, certlookup, certlookupdir } = ikeconf;
  const signs = everyOwnMethod(ikeconf).some(isSignature);
  if (certurl !== "" && !/^http:\/\/[\x21-\x7e]{1,1000}$/i.test(certurl)) {
    rule("certurl is no http URL of printable ASCII (RFC 7296 §3.6)", "ikeconf.certurl");
  }
  if (certurl !== "" && issuercert !== "" && signs) {
    const words = "certurl and issuercert exclude each other: what is issued is published nowhere";
    rule(words, "ikeconf.certurl", "ikeconf.issuercert");
  }
  if (certlookup === "file" && certlookupdir === "") {
    rule("certlookup: file needs certlookupdir", "ikeconf.certlookup");
  }
}

/**
 * An authority needs a certificate and its key, and the keys that it issues must fit the method.
 */
function checkIssuing(ikeconf: Setup["ikeconf"], rule: Rule): void {
  const { issuercert, issuerkey, eedir, issuekeytype } = ikeconf;
  const [cert, key] = ["ikeconf.issuercert", "ikeconf.issuerkey"];
  if (issuercert === "" && issuerkey === "") return;
  if (issuerkey === "") rule("issuercert needs issuerkey", cert, key);
  if (issuercert === "") rule("issuerkey needs issuercert", key, cert);
  const methods = everyOwnMethod(ikeconf).filter(isSignature);
  if (eedir !== "" && methods.length > 0) {
    rule("issuercert and eedir exclude each other: certificates are issued or read", cert, EEDIR);
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
/** The prefix of the key types with which each method from before RFC 7427 signs. */
const KEYS_OF_METHODS: Readonly<Record<string, string>> = {
  "rsa": "rsa",
  "ecdsa-sha256-p256": "ecdsa:p-256",
  "ecdsa-sha384-p384": "ecdsa:p-384",
  "ecdsa-sha512-p521": "ecdsa:p-521",
};

/** Warns of revocation options that have no effect, or that refuse every peer. */
export function warnOfRevocation({ ikeconf }: Setup, warn: Check["warn"]): void {
  const { revocation, crldir, ocspdir, ocsprequest } = ikeconf;
  if (!everyPeerMethod(ikeconf).some(isSignature)) return;
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
