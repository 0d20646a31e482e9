/**
 * Every option of `ikeconf` and what is inside it, but for `childlist`. Spellings are those of existing files.
 * @module
 */
import { ADDITIONAL_METHODS, GROUPS, IKE_ENCRYPTION, INTEGRITY, PRFS } from "@/setup/algorithms.ts";
import { cfgAttribute } from "@/setup/cfg_attribute_text.ts";
import { CERTIFICATE_OPTIONS } from "@/setup/certificate_options.ts";
import { EAP_OPTIONS } from "@/setup/eap_options.ts";
import type { Feature } from "@/setup/features.ts";
import {
  bool,
  boolOr,
  duration,
  float,
  int,
  INT_MIN,
  interfaceName,
  intOr,
  keyword,
  oneOf,
  pause,
  port,
  text,
} from "@/setup/kinds.ts";
import { listOption, option } from "@/setup/option.ts";

const C = { role: "client" } as const;
const G = { role: "gateway" } as const;

const authMethod = oneOf(
  "psk",
  "rsa",
  "ecdsa-sha256-p256",
  "ecdsa-sha384-p384",
  "ecdsa-sha512-p521",
  "digital-signature",
  "eap",
  "eap-only",
  "null-auth",
);

const secondAuthMethod = oneOf(
  "none",
  "psk",
  "rsa",
  "ecdsa-sha256-p256",
  "ecdsa-sha384-p384",
  "ecdsa-sha512-p521",
  "digital-signature",
  "eap",
);

/** Methods that may stand in for another: those that RFC 9593 can announce. */
const otherAuthMethod = oneOf(
  "psk",
  "rsa",
  "ecdsa-sha256-p256",
  "ecdsa-sha384-p384",
  "ecdsa-sha512-p521",
  "digital-signature",
);

function featureOfMethod(method: unknown): Feature | undefined {
  return String(method).startsWith("eap") ? "eap" : undefined;
}

/** The keywords of `myid` that take the identity from EAP. */
const FOREIGN_IDENTITIES: ReadonlyMap<string, Feature> = new Map([
  ["eapol-test-conf", "eap"],
  ["eapusepcap", "eap"],
]);

/** The keywords of `myid` that take the identity from the own certificate. */
export const CERTIFICATE_IDENTITIES: readonly string[] = ["cert-dn", "cert-subject-cn"];

/** All keywords of `myid`; any other text is the identity itself. */
export const MYID_WORDS: readonly string[] = [
  "client-src-addr",
  ...CERTIFICATE_IDENTITIES,
  ...FOREIGN_IDENTITIES.keys(),
];
/** All keywords of `peerid`. */
export const PEERID_WORDS: readonly string[] = ["peer-addr", ...CERTIFICATE_IDENTITIES];

/** ADDKE transforms of the IKE SA (RFC 9370 §2.2.1). */
function additional(n: number) {
  const doc =
    `methods of the additional key exchange ${n} of the IKE SA and its rekeys (RFC 9370), as in ` +
    "dhgrpid; with 0 among them it is optional; empty: it is not proposed";
  return listOption(keyword(ADDITIONAL_METHODS), [], doc);
}

/** The hardest puzzle, in zero bits, for which a client has enough keys: it numbers them in four octets. */
const PUZZLE_BITS_MAX = 27;

/** `ikeconf`, without its lists and `ppk`. */
export const IKECONF = {
  numoftunneltoenablecookie: option(
    intOr("auto", INT_MIN),
    "auto",
    "number of half-open SAs from which cookies are demanded; < 0: never; auto: when the table of " +
      "half-open SAs or the queue of key exchanges fills",
    G,
  ),
  puzzlethreshold: option(
    int(INT_MIN),
    "-1",
    "number of half-open SAs from which a request gets a puzzle to solve with its cookie (RFC 8019); < 0: never",
    G,
  ),
  puzzledifficulty: option(
    int(0, PUZZLE_BITS_MAX),
    "12",
    "zero bits in which each of its four results must end, each doubling the work; 0: as many as the client likes (not with puzzleauth)",
    { ...G, feature: "puzzles" },
  ),
  puzzleauth: option(
    bool,
    "false",
    "give a client that has solved one another puzzle, without whose solution its IKE_AUTH is not decrypted (the key exchange before is computed all the same)",
    { ...G, feature: "puzzles" },
  ),
  puzzlebitsmax: option(
    int(-1, PUZZLE_BITS_MAX),
    "18",
    "hardest puzzle that a client solves, in zero bits; harder ones are answered by the cookie alone; -1: it solves none",
    C,
  ),
  reauth: option(
    bool,
    "false",
    "a gateway demands reauthentication of its peers (RFC 4478), a client reauthenticates on demand",
    { feature: "reauth" },
  ),
  reauthlifetime: option(
    duration,
    "10s",
    "time within which peers must reauthenticate (AUTH_LIFETIME)",
    {
      ...G,
      feature: "reauth",
    },
  ),
  reauthmode: option(
    oneOf("break", "make"),
    "break",
    "break: the old IKE SA is deleted before the new one is begun; make: the other way round",
    { ...C, feature: "reauth" },
  ),
  retraninterval: option(pause, "10s", "retransmission interval"),
  retranbackoff: option(
    float(1, 10),
    "1.0",
    "factor by which each retransmission interval is longer than the one before",
  ),
  maxretran: option(int(1, 1000), "4", "number of transmissions of a request, including the first"),
  dhgrpid: listOption(
    keyword(GROUPS),
    ["14"],
    "key exchange methods of IKE_SA_INIT; 35, 36 and 37 are ML-KEM-512, -768 and -1024",
  ),
  addke1: additional(1),
  addke2: additional(2),
  addke3: additional(3),
  addke4: additional(4),
  addke5: additional(5),
  addke6: additional(6),
  addke7: additional(7),
  enablefragment: option(bool, "false", "send long IKE messages in fragments (RFC 7383)"),
  mtu: option(
    int(64, 65_000),
    "1100",
    "largest number of octets of cleartext payload in a fragment",
  ),
  reassembletimeout: option(
    pause,
    "30s",
    "time that received fragments are kept until the message is complete",
  ),
  initialcontact: option(bool, "true", "send INITIAL_CONTACT in the first IKE_AUTH", C),
  childless: option(
    oneOf("never", "allow", "force"),
    "never",
    "IKE_AUTH without a CHILD_SA, which CREATE_CHILD_SA makes (RFC 6023): a client does so where the " +
      "gateway allows it; force: in no other way",
  ),
  followredirect: option(
    bool,
    "false",
    "say REDIRECT_SUPPORTED, and go where a gateway redirects to (RFC 5685), five times in 300s at most",
    C,
  ),
  redirectto: listOption(
    text,
    [],
    "gateways that clients are redirected to, in turn (RFC 5685): addresses or domain names; empty: none",
    G,
  ),
  redirectat: option(
    oneOf("init", "auth", "established"),
    "init",
    "when: in IKE_SA_INIT, in the last answer of IKE_AUTH, or by INFORMATIONAL later",
    { ...G, feature: "redirect" },
  ),
  redirectafter: option(
    duration,
    "10s",
    "how long after the set-up, with redirectat: established",
    {
      ...G,
      feature: "redirect",
    },
  ),
  resume: option(
    oneOf("never", "allow"),
    "never",
    "session resumption (RFC 5723): a gateway issues tickets, a client asks for one and comes back by it " +
      "where nobody answered any more",
  ),
  resumelifetime: option(
    duration,
    "1h",
    "how long a ticket is good, from 1s on; never longer than ikelifetime and reauthlifetime",
    { ...G, feature: "resume" },
  ),
  ticketfile: option(
    text,
    "",
    "file of the tickets of a client, which is made if it is missing, by which the next test resumes " +
      "tunnels that this one did not close; empty: none",
    { ...C, feature: "resume" },
  ),
  crashdetection: option(
    oneOf("never", "make", "take", "both"),
    "never",
    "quick crash detection (RFC 6290): make: give the peer a token, and show it that after a restart; take: " +
      "end an IKE SA at once whose peer shows its token",
  ),
  secretsfile: option(
    text,
    "",
    "file of the secrets of resume and crashdetection, which is made if it is missing, so that tickets " +
      "and tokens outlive a restart; empty: they do not",
    { ...G, feature: "secrets" },
  ),
  ikeintegrityalg: listOption(
    keyword(INTEGRITY),
    ["sha256"],
    "integrity of the IKE SA; AEAD ciphers need none",
    { mayBeEmpty: true },
  ),
  ikeencyptalg: listOption(keyword(IKE_ENCRYPTION), ["aes-cbc:128"], "encryption of the IKE SA"),
  ikeprfalg: listOption(keyword(PRFS), ["sha256"], "pseudorandom functions"),
  authpeermethod: option(
    authMethod,
    "psk",
    "how the peer authenticates; null-auth: not at all (RFC 7619)",
    {
      featureOf: featureOfMethod,
    },
  ),
  authownmethod: option(authMethod, "psk", "how this end authenticates", {
    featureOf: featureOfMethod,
  }),
  authpeer2: option(
    secondAuthMethod,
    "none",
    "how the peer authenticates a second time, after authpeermethod (RFC 4739)",
    { featureOf: featureOfMethod },
  ),
  authown2: option(
    secondAuthMethod,
    "none",
    "how this end authenticates a second time, after authownmethod (RFC 4739)",
    { featureOf: featureOfMethod },
  ),
  authownothers: listOption(
    otherAuthMethod,
    [],
    "how this end authenticates, in this order, if the peer announces that it does not take " +
      "authownmethod (RFC 9593)",
  ),
  authpeerothers: listOption(
    otherAuthMethod,
    [],
    "how the peer may authenticate in place of authpeermethod",
  ),
  announceauth: option(
    bool,
    "false",
    "announce to the peer how it may authenticate (SUPPORTED_AUTH_METHODS, RFC 9593)",
  ),
  transcriptauth: option(
    oneOf("off", "offer", "require"),
    "off",
    "AUTH over both messages of IKE_SA_INIT, against downgrades (a draft: IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, " +
      "16447); require: in no other way",
  ),
  ...EAP_OPTIONS,
  myid: option(
    text,
    "client-src-addr",
    "client-src-addr, address, e-mail, FQDN (&d: tunnel number), or fqdn:, rfc822:, keyid:, " +
      "keyid-hex:, dn:; cert-dn, cert-subject-cn, eapol-test-conf, eapusepcap",
    { featureOf: (value) => FOREIGN_IDENTITIES.get(String(value)) },
  ),
  myid2: option(text, "", "identity of authown2, written as myid; empty: that of myid"),
  peerid: option(
    text,
    "",
    "IDr to send: peer-addr, or as in myid; empty: none; cert-dn, cert-subject-cn: none, and the " +
      "received IDr must be in the peer's certificate",
    C,
  ),
  matchpeerid: option(
    boolOr("cert"),
    "false",
    "true: the received IDr must be peerid; cert: the peer's certificate must contain peerid, or its raw " +
      "key belong to it, whatever the IDr is",
    C,
  ),
  ...CERTIFICATE_OPTIONS,
  psk: option(text, "", "pre-shared key of all peers that psks and pskfile do not name", {
    secret: true,
  }),
  pskencoding: option(
    oneOf("text", "hex", "base64"),
    "text",
    "form of the secrets in psk, psks and pskfile; hex may begin with 0x, base64 with 0s",
  ),
  pskfile: option(
    text,
    "",
    "file of pre-shared keys, with lines of a client's identity, in double quotes if it has white space, " +
      "and its secret, as in psks",
  ),
  initiatedpd: option(bool, "true", "make liveness checks"),
  forcedpd: option(
    bool,
    "false",
    "make liveness checks even if the peer was heard in the meantime",
  ),
  dpdinterval: option(
    pause,
    "30s",
    "time without a message of the peer after which its liveness is checked",
  ),
  ikelifetime: option(duration, "10m", "lifetime of an IKE SA"),
  margintime: option(duration, "1m", "time before the end of a lifetime at which an SA is rekeyed"),
  jitter: option(bool, "true", "draw the margin at random between 0 and margintime"),
  lifetimeovertime: option(
    bool,
    "true",
    "let an SA outlive its lifetime while an exchange that replaces it is in progress, at most by " +
      "maxretran × retraninterval; false: it ends at its lifetime",
  ),
  childlost: option(
    oneOf("note", "recreate", "fail"),
    "note",
    "what to do if the peer deletes a CHILD_SA and does not replace it: log it, create it again, or " +
      "end the tunnel as failed",
  ),
  installfastpath: option(bool, "false", "install CHILD_SAs in the data path"),
  datapath: option(
    oneOf("auto", "kernel", "userland", "none"),
    "auto",
    "data path: the kernel's, ESP in this process, or none; auto: the first of these that is available",
  ),
  virtualipif: option(interfaceName, "lo", "interface to which assigned inner addresses are added"),
  xfrmif: option(
    interfaceName,
    "",
    "name of an XFRM interface that is created, and through which traffic is routed",
  ),
  keepchildhistory: option(
    bool,
    "false",
    "keep the last 10,000 rekeyed CHILD_SAs in lists and dumps, with their keys",
  ),
  keepikehistory: option(
    bool,
    "false",
    "keep the last 10,000 rekeyed IKE SAs in lists and dumps, with their keys",
  ),
  ratunnel: option(bool, "false", "request an inner address and DNS servers", C),
  cfgattributes: listOption(
    cfgAttribute,
    [],
    "configuration attributes, NAME or NUMBER and =VALUE: a client asks for them, a gateway gives " +
      "those that are asked for (P-CSCF, DNS, liveness)",
  ),
  enablenatt: option(bool, "false", "NAT detection and UDP encapsulation"),
  disallownat: option(
    bool,
    "false",
    "refuse a NAT on the path (NO_NATS_ALLOWED, RFC 4555)",
    C,
  ),
  nattkeepaliveinterval: option(
    duration,
    "0s",
    "time without a sent message after which an end behind a NAT sends a keepalive; 0: never",
  ),
  traditionalencap: option(
    bool,
    "true",
    "allow ESP that is not in TCP: a gateway with tcpencap then listens on UDP as well; a client with " +
      "tcpencap uses TCP only in any case",
  ),
  tradtionalencapforceudp: option(
    bool,
    "false",
    "always encapsulate ESP in UDP, by making the peer detect a NAT",
  ),
  tcpencap: option(
    bool,
    "false",
    "IKE and ESP in TCP (RFC 9329), with a connection for each tunnel, which the client opens",
  ),
  owntcpport: option(
    port(false),
    "4500",
    "own TCP port; a client uses another port while an earlier connection still has this one",
  ),
  peertcpport: option(port(false), "4500", "the peer's TCP port"),
} as const;

/** `ikeconf.ppk`. */
export const PPK = {
  id: option(text, "", "PPK_ID of a post-quantum pre-shared key (RFC 8784); empty: none is used"),
  value: option(text, "", "post-quantum pre-shared key: 0x… in hex, 0s… in base64, or text", {
    feature: "ppk",
    secret: true,
  }),
  ppkrequired: option(bool, "false", "fail if the peer does not use this key", { feature: "ppk" }),
  intermediate: option(
    bool,
    "false",
    "use the key before IKE_AUTH, by IKE_INTERMEDIATE (RFC 9867), if the peer supports that; else in IKE_AUTH",
    { feature: "ppk" },
  ),
} as const;

/**
 * An entry of `ikeconf.psks`: the pre-shared key of one client, or of many that differ by a number.
 */
export const PSK = {
  id: option(text, "", "identity of the client, written as in myid; &d is any number"),
  secret: option(text, "", "pre-shared key of this client; &d is that number", { secret: true }),
} as const;
