/**
 * The options of `ikeconf` about certificates: whose are trusted, which one is ours, and how both are
 * used.
 * @module
 */
import { bool, oneOf, pause, text } from "@/setup/kinds.ts";
import { option } from "@/setup/option.ts";

/** Keys of certificates that are issued; ML-DSA is experimental. */
const ISSUED_KEYS = [
  "rsa:2048",
  "rsa:3072",
  "rsa:4096",
  "ecdsa:p-256",
  "ecdsa:p-384",
  "ecdsa:p-521",
  "ed25519",
  "ed448",
  "ml-dsa-44",
  "ml-dsa-65",
  "ml-dsa-87",
] as const;
const CERTIFICATES = { feature: "certificates" } as const;

/** A part of `ikeconf`. */
export const CERTIFICATE_OPTIONS = {
  cadir: option(text, "", "directory of CA certificates, PEM or DER", CERTIFICATES),
  eedir: option(
    text,
    "",
    "directory of pairs NAME.cert, NAME.key: one for each tunnel of a client, by name (ee-2 before ee-10); a gateway has the first that the peer's CERTREQ wants",
    CERTIFICATES,
  ),
  issuercert: option(
    text,
    "",
    "certificate of the authority that issues ours, one for each identity of this end, while the test " +
      "runs; in place of eedir",
    CERTIFICATES,
  ),
  issuerkey: option(text, "", "its private key; PEM or DER, not encrypted", CERTIFICATES),
  issuekeys: option(
    oneOf("one", "each"),
    "one",
    "the key of issued certificates: one for all, or each has its own",
    CERTIFICATES,
  ),
  issuekeytype: option(
    oneOf("auto", ...ISSUED_KEYS),
    "auto",
    "what kind of key; auto: what authownmethod asks for, else as the issuer's; ML-DSA is experimental",
    CERTIFICATES,
  ),
  issuelifetime: option(pause, "8760h", "how long issued certificates are valid", CERTIFICATES),
  rawkey: option(
    text,
    "",
    "private key that signs without a certificate (RFC 7670): a file, or a directory of NAME.key, one for each tunnel of a client; in place of eedir",
    CERTIFICATES,
  ),
  peerrawkey: option(
    text,
    "",
    "public keys of peers, trusted without certificates (RFC 7670): a file or a directory, PEM or DER; keys of PEM certificates too; beside cadir or in its place",
    CERTIFICATES,
  ),
  certurl: option(
    text,
    "",
    "http URL of our certificate, &d is the tunnel: told in its place to peers that look certificates up (RFC 7296 §3.6)",
    CERTIFICATES,
  ),
  certurlbundle: option(
    bool,
    "false",
    "certurl is that of a bundle, of the certificate and those that sendingmarkedca adds",
    CERTIFICATES,
  ),
  certlookup: option(
    oneOf("off", "file", "http"),
    "off",
    "certificates that a peer tells by URL and SHA-1: off: refused; file: those of certlookupdir; http: others are fetched, in 5 s and of 64 KiB at most",
    CERTIFICATES,
  ),
  certlookupdir: option(
    text,
    "",
    "directory of certificates and bundles in DER that are found by their SHA-1",
    CERTIFICATES,
  ),
  dshashalg: option(
    oneOf("sha1", "sha256", "sha384", "sha512"),
    "sha256",
    "hash of digital signatures, and the one we announce (RFC 7427)",
    CERTIFICATES,
  ),
  usersapss: option(
    bool,
    "false",
    "digital signatures by RSA-PSS instead of PKCS#1 v1.5",
    CERTIFICATES,
  ),
  idincert: option(
    oneOf("note", "fail"),
    "note",
    "what an identity of the peer does that its certificate does not hold: a line in the log, or the end",
    CERTIFICATES,
  ),
  sendingmarkedca: option(
    bool,
    "false",
    "true: CERTREQ names CAs whose file suffix has reqp, CERT adds those whose suffix has certp; " +
      "false: CERTREQ names root CAs, CERT is the own certificate alone",
    CERTIFICATES,
  ),
  revocation: option(
    oneOf("off", "soft", "strict"),
    "soft",
    "revoked certificates of the peer, by OCSP and lists: off: taken; soft: refused, and what nobody " +
      "knows is logged; strict: that is refused too",
    CERTIFICATES,
  ),
  crldir: option(
    text,
    "",
    "directory of revocation lists, PEM or DER; those that a peer sends are looked at as well",
    CERTIFICATES,
  ),
  ocspdir: option(
    text,
    "",
    "directory of OCSP responses, DER or PEM: about the peer's certificates, and about ours for a peer " +
      "that asks (RFC 4806)",
    CERTIFICATES,
  ),
  ocsprequest: option(
    bool,
    "false",
    "the peer is asked for an OCSP response about its certificate (RFC 4806)",
    CERTIFICATES,
  ),
  certpurpose: option(
    oneOf("ike", "any"),
    "ike",
    "ike: a peer's certificate whose usages leave IKE out, such as for TLS servers alone, is refused " +
      "(RFC 4945 §5.1.3); any: they are not looked at",
    CERTIFICATES,
  ),
} as const;
