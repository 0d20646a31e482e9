/**
 * Every option of `ikeconf` and what is inside it. Spellings are those of existing files.
 * @module
 */
import {
  ADDITIONAL_METHODS,
  ESP_ENCRYPTION,
  GROUPS,
  IKE_ENCRYPTION,
  INTEGRITY,
  PRFS,
} from "@/setup/algorithms.ts";
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

function featureOfMethod(method: unknown): Feature | undefined {
  return String(method).startsWith("eap") ? "eap" : undefined;
}

/** Forms of `myid` that are found in EAP. */
const FOREIGN_IDENTITIES: ReadonlyMap<string, Feature> = new Map([
  ["eapol-test-conf", "eap"],
  ["eapusepcap", "eap"],
]);

/** Words of `myid` that stand for what the own certificate holds. */
export const CERTIFICATE_IDENTITIES: readonly string[] = ["cert-dn", "cert-subject-cn"];

/** Words of `myid` that stand for an identity; anything else is one. */
export const MYID_WORDS: readonly string[] = [
  "client-src-addr",
  ...CERTIFICATE_IDENTITIES,
  ...FOREIGN_IDENTITIES.keys(),
];
/** Words of `peerid` that stand for an identity. */
export const PEERID_WORDS: readonly string[] = ["peer-addr", ...CERTIFICATE_IDENTITIES];

/** ADDKE transforms of the IKE SA (RFC 9370 §2.2.1). */
function additional(n: number) {
  const doc =
    `methods of additional key exchange ${n} of the IKE SA and its rekeys (RFC 9370), as in ` +
    "dhgrpid; 0 among them: it may be left out; empty: it is not proposed";
  return listOption(keyword(ADDITIONAL_METHODS), [], doc);
}

/** ADDKE transforms of CHILD_SAs. */
function pfsAdditional(n: number) {
  const doc = `methods of additional key exchange ${n} behind that one, as in addke${n}`;
  return listOption(keyword(ADDITIONAL_METHODS), [], doc);
}

/** `ikeconf`, without its lists and `ppk`. */
export const IKECONF = {
  numoftunneltoenablecookie: option(
    intOr("auto", INT_MIN),
    "auto",
    "half-open SAs from which cookies are demanded; < 0: never; auto: as the table of half-open SAs " +
      "or the queue of key exchanges fills",
    G,
  ),
  reauth: option(
    bool,
    "false",
    "a gateway has its peers authenticate again in time (RFC 4478), a client does so where it is told to",
    { feature: "reauth" },
  ),
  reauthlifetime: option(duration, "10s", "the time they are given (AUTH_LIFETIME)", {
    ...G,
    feature: "reauth",
  }),
  reauthmode: option(
    oneOf("break", "make"),
    "break",
    "break: the old IKE SA is deleted before the new one is begun; make: the other way round",
    { ...C, feature: "reauth" },
  ),
  retraninterval: option(pause, "10s", "retransmission interval"),
  retranbackoff: option(float(1, 10), "1.0", "each interval is so many times the one before"),
  maxretran: option(int(1, 1000), "4", "transmissions before giving up, the first included"),
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
  enablefragment: option(bool, "false", "IKE messages are cut into fragments (RFC 7383)"),
  mtu: option(int(64, 65_000), "1100", "largest clear payload size of a fragment"),
  reassembletimeout: option(pause, "30s", "how long fragments wait for each other"),
  initialcontact: option(bool, "true", "INITIAL_CONTACT in the first IKE_AUTH", C),
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
  authownmethod: option(authMethod, "psk", "how we authenticate", { featureOf: featureOfMethod }),
  authpeer2: option(
    secondAuthMethod,
    "none",
    "how the peer authenticates a second time, behind authpeermethod (RFC 4739)",
    { featureOf: featureOfMethod },
  ),
  authown2: option(
    secondAuthMethod,
    "none",
    "how we authenticate a second time, behind authownmethod (RFC 4739)",
    { featureOf: featureOfMethod },
  ),
  ...EAP_OPTIONS,
  myid: option(
    text,
    "client-src-addr",
    "client-src-addr, an address, e-mail or FQDN (&d: tunnel), or fqdn:, rfc822:, keyid:, keyid-hex:, " +
      "dn:; cert-dn, cert-subject-cn, eapol-test-conf, eapusepcap",
    { featureOf: (value) => FOREIGN_IDENTITIES.get(String(value)) },
  ),
  myid2: option(text, "", "identity of authown2, as myid; empty: that of myid"),
  peerid: option(
    text,
    "",
    "IDr to send: peer-addr, or as myid; none where empty, and where cert-dn or cert-subject-cn has the " +
      "received one be of its certificate",
    C,
  ),
  matchpeerid: option(
    boolOr("cert"),
    "false",
    "fail when the received IDr differs from peerid; cert: when the peer's certificate does not hold " +
      "peerid, whatever its IDr is",
    C,
  ),
  ...CERTIFICATE_OPTIONS,
  psk: option(text, "", "pre-shared key, of all whom psks and pskfile do not name", {
    secret: true,
  }),
  pskencoding: option(
    oneOf("text", "hex", "base64"),
    "text",
    "how psk, psks and pskfile write secrets; hex may begin with 0x, base64 with 0s",
  ),
  pskfile: option(
    text,
    "",
    "file of pre-shared keys by the client's identity: lines of an identity and its secret, as in psks",
  ),
  initiatedpd: option(bool, "true", "ask whether the peer is there"),
  forcedpd: option(bool, "false", "ask also when the peer was heard"),
  dpdinterval: option(pause, "30s", "silence before asking"),
  ikelifetime: option(duration, "10m", "lifetime of an IKE SA"),
  margintime: option(duration, "1m", "rekey this long before expiry"),
  jitter: option(bool, "true", "draw the margin from (0, margintime)"),
  lifetimeovertime: option(
    bool,
    "true",
    "while an exchange that replaces an SA is under way the SA may outlive its lifetime, at most by " +
      "maxretran × retraninterval; false: it ends at its lifetime",
  ),
  childlost: option(
    oneOf("note", "recreate", "fail"),
    "note",
    "when the peer deletes a CHILD_SA and puts none in its place: tell of it, make it anew, or end " +
      "the tunnel as failed",
  ),
  installfastpath: option(bool, "false", "install CHILD_SAs in the data path"),
  datapath: option(
    oneOf("auto", "kernel", "userland", "none"),
    "auto",
    "which one: the kernel's, ESP in this process, or none; auto: the first that can be had",
  ),
  virtualipif: option(interfaceName, "lo", "interface of assigned inner addresses"),
  xfrmif: option(interfaceName, "", "XFRM interface to make and lead traffic through"),
  keepchildhistory: option(
    bool,
    "false",
    "rekeyed CHILD_SAs stay listed, with their keys: the last 10,000 of the test",
  ),
  keepikehistory: option(
    bool,
    "false",
    "rekeyed IKE SAs stay listed, with their keys: the last 10,000 of the test",
  ),
  ratunnel: option(bool, "false", "ask for inner address and DNS", C),
  enablenatt: option(bool, "false", "NAT detection and UDP encapsulation"),
  disallownat: option(
    bool,
    "false",
    "a NAT on the way is refused (NO_NATS_ALLOWED, RFC 4555)",
    C,
  ),
  nattkeepaliveinterval: option(
    duration,
    "0s",
    "silence after which an end behind a NAT sends a keepalive; 0: never",
  ),
  traditionalencap: option(
    bool,
    "true",
    "plain ESP or UDP encapsulation allowed: a gateway with tcpencap hears UDP too, a client with " +
      "tcpencap speaks TCP alone either way",
  ),
  tradtionalencapforceudp: option(
    bool,
    "false",
    "always UDP-encapsulate: the peer is made to see a NAT",
  ),
  tcpencap: option(
    bool,
    "false",
    "IKE and ESP in TCP (RFC 9329): a connection for each tunnel, which its client begins",
  ),
  owntcpport: option(
    port(false),
    "4500",
    "own TCP port; a client takes another while an earlier connection still holds it",
  ),
  peertcpport: option(port(false), "4500", "the peer's TCP port"),
} as const;

/** `ikeconf.ppk`. */
export const PPK = {
  id: option(text, "", "PPK_ID of a post-quantum pre-shared key (RFC 8784); empty: none is used"),
  value: option(text, "", "the key: 0x… hex, 0s… base64, or text", {
    feature: "ppk",
    secret: true,
  }),
  ppkrequired: option(bool, "false", "without it the negotiation fails", { feature: "ppk" }),
  intermediate: option(
    bool,
    "false",
    "mix it in before IKE_AUTH, by IKE_INTERMEDIATE (RFC 9867), where the peer can; else in IKE_AUTH",
    { feature: "ppk" },
  ),
} as const;

/** An entry of `ikeconf.psks`: the pre-shared key of one client, or of many that differ by a number. */
export const PSK = {
  id: option(text, "", "identity of the client, written as myid; &d is any number"),
  secret: option(text, "", "its pre-shared key; &d is that number", { secret: true }),
} as const;

/** An entry of `ikeconf.childlist`, without its selectors. */
export const CHILD = {
  tunnelmode: option(bool, "true", "false: transport mode, and nothing else"),
  tfc: option(bool, "true", "TFC padding is taken; false: the peer is told so (ESP only)"),
  ipcomp: option(bool, "false", "IPComp with DEFLATE is offered, or taken (RFC 3173)"),
  integrityalg: listOption(
    keyword(INTEGRITY),
    ["sha256"],
    "ESP or AH integrity; AEAD ciphers need none",
    { mayBeEmpty: true },
  ),
  encalg: listOption(
    keyword(ESP_ENCRYPTION),
    ["aes-cbc:128"],
    "ESP encryption; null is the NULL cipher",
    { namesNull: true },
  ),
  protocol: option(
    oneOf("esp", "ah"),
    "esp",
    "the IPsec protocol; ah is integrity alone (RFC 4302)",
  ),
  lifetime: option(duration, "5m", "lifetime of the CHILD_SA"),
  esn: option(bool, "false", "extended sequence numbers, and no others; false: 32-bit ones alone"),
  pfsenabled: option(bool, "false", "a key exchange when it is rekeyed"),
  pfsgrpid: listOption(keyword(GROUPS), ["14"], "methods of that key exchange"),
  pfsaddke1: pfsAdditional(1),
  pfsaddke2: pfsAdditional(2),
  pfsaddke3: pfsAdditional(3),
  pfsaddke4: pfsAdditional(4),
  pfsaddke5: pfsAdditional(5),
  pfsaddke6: pfsAdditional(6),
  pfsaddke7: pfsAdditional(7),
  replaywindowsize: option(
    int(0, 65_536),
    "256",
    "packets that may come late and still count as new",
  ),
  useprovisionedtsforrekey: option(bool, "false", "rekey proposes the configured selectors"),
} as const;

/** An entry of `ownts` or `peerts`; addresses and type follow from each other. */
export const SELECTOR = {
  type: option(oneOf("", "v4", "v6"), "", "v4 or v6; absent: as the address, else v4"),
  protocol: option(int(0, 255), "0", "IP protocol; 0: any"),
  startport: option(int(0, 65_535), "0", "first port"),
  endport: option(int(0, 65_535), "65535", "last port"),
  startaddr: option(text, "", "first address; absent: 0.0.0.0 or ::"),
  endaddr: option(text, "", "last address; absent: the family's last"),
} as const;
