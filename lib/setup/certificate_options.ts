/**
 * The options of `ikeconf` about certificates: whose are trusted, which one is ours, and how both
 * are used.
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
    "directory of pairs NAME.cert, NAME.key: one for each tunnel of a client, by name (ee-2 before ee-10); a gateway uses the first that the peer's CERTREQ wants",
    CERTIFICATES,
  ),
  issuercert: option(
    text,
    "",
    "certificate of an authority that issues a certificate for each identity of this end while the test " +
      "runs, in place of eedir",
    CERTIFICATES,
  ),
  issuerkey: option(text, "", "private key of issuercert; PEM or DER, not encrypted", CERTIFICATES),
  issuekeys: option(
    oneOf("one", "each"),
    "one",
    "whether all issued certificates have one key, or each its own",
    CERTIFICATES,
  ),
  issuekeytype: option(
    oneOf("auto", ...ISSUED_KEYS),
    "auto",
    "kind of this key; auto: the kind that authownmethod needs, else that of the issuer; ML-DSA is experimental",
    CERTIFICATES,
  ),
  issuelifetime: option(pause, "8760h", "time that issued certificates are valid", CERTIFICATES),
  rawkey: option(
    text,
    "",
    "private key that signs without a certificate (RFC 7670): a file, or a directory of NAME.key, one for each tunnel of a client; in place of eedir",
    CERTIFICATES,
  ),
  peerrawkey: option(
    text,
    "",
    "public keys that the peer peerid may use without a certificate (RFC 7670): a file or a directory, PEM or DER, or PEM certificates; beside cadir or alone",
    CERTIFICATES,
  ),
  peerrawkeyfile: option(
    text,
    "",
    "raw public keys of peers: lines of an identity, as in psks, and the file of its key; &d in the name of the file is the number in the identity",
    CERTIFICATES,
  ),
  certurl: option(
    text,
    "",
    "http URL of the own certificate (&d is the number of the tunnel), sent in its place to peers that look certificates up (RFC 7296 §3.6)",
    CERTIFICATES,
  ),
  certurlbundle: option(
    bool,
    "false",
    "certurl is the URL of a bundle of the certificate and those that sendingmarkedca adds",
    CERTIFICATES,
  ),
  certlookup: option(
    oneOf("off", "file", "http"),
    "off",
    "certificates that a peer sends as SHA-1 and URL; off: refused; file: read from certlookupdir; http: others are fetched, of at most 64 KiB within 5 s",
    CERTIFICATES,
  ),
  certlookupdir: option(
    text,
    "",
    "directory of certificates and bundles in DER, which are found by their SHA-1",
    CERTIFICATES,
  ),
  dshashalg: option(
    oneOf("sha1", "sha256", "sha384", "sha512"),
    "sha256",
    "hash of digital signatures, which is also announced to the peer (RFC 7427)",
    CERTIFICATES,
  ),
  usersapss: option(
    bool,
    "false",
    "sign by RSA-PSS instead of PKCS#1 v1.5",
    CERTIFICATES,
  ),
  idincert: option(
    oneOf("note", "fail"),
    "note",
    "what happens if the certificate of the peer does not contain its identity: it is logged, or the authentication fails",
    CERTIFICATES,
  ),
  sendingmarkedca: option(
    bool,
    "false",
    "true: CERTREQ has CAs whose file suffix contains reqp, CERT those with certp; " +
      "false: CERTREQ has the root CAs, CERT only the own certificate",
    CERTIFICATES,
  ),
  revocation: option(
    oneOf("off", "soft", "strict"),
    "soft",
    "check of the peer's certificates by OCSP and lists; soft: revoked ones are refused, an unknown " +
      "state is logged; strict: an unknown state is refused too",
    CERTIFICATES,
  ),
  crldir: option(
    text,
    "",
    "directory of revocation lists, PEM or DER; lists that a peer sends are used as well",
    CERTIFICATES,
  ),
  ocspdir: option(
    text,
    "",
    "directory of OCSP responses, DER or PEM, about the peer's certificates, and about the own ones for " +
      "peers that ask (RFC 4806)",
    CERTIFICATES,
  ),
  ocsprequest: option(
    bool,
    "false",
    "ask the peer for an OCSP response about its certificate (RFC 4806)",
    CERTIFICATES,
  ),
  certpurpose: option(
    oneOf("ike", "any"),
    "ike",
    "ike: a certificate of the peer whose usages do not allow IKE, such as one for TLS servers only, is " +
      "refused (RFC 4945 §5.1.3); any: usages are not checked",
    CERTIFICATES,
  ),
} as const;
