/**
 * Rows with certificates: each kind of key by the methods from before RFC 7427 and by digital signatures,
 * mixed with pre-shared keys, chains, identities, and what either end refuses.
 * @module
 */
import { connection, OUR_ID, ourClient, ourGateway, swanctl, THEIR_ID } from "./ends.ts";
import { merge, type Setup } from "./ours.ts";
import { type Kind, PKI, subjectOf } from "./pki.ts";
import { expect, expectCounts, expectFailure, type Row, type RowRun } from "./row.ts";
import { fieldSetup } from "./rows_field.ts";
import { type StrongSwan, STRONGSWAN_6 } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

const NO_RFC7427 = "signature_authentication = no";

/** How both ends authenticate; `undefined`: by the pre-shared key. */
interface Ends {
  readonly ours?: Kind;
  readonly theirs?: Kind;
}

interface Case extends Ends {
  readonly name: string;
  /** `authownmethod` and `authpeermethod`. */
  readonly methods: readonly [own: string, peer: string];
  readonly ikeconf?: Setup;
  /** The option `auth` of strongSwan for each end. */
  readonly auth?: { readonly local?: string; readonly remote?: string };
  readonly ids?: { readonly local?: string; readonly remote?: string };
  readonly settings?: string;
  /** Which strongSwan is the peer; absent: Debian's. */
  readonly strongSwan?: StrongSwan;
  /** Further lines of strongSwan's connection. */
  readonly extra?: string;
  /** Lines that strongSwan must have logged. */
  readonly logged?: readonly RegExp[];
}

const DS = "digital-signature";
const STRICT = "pubkey\n      revocation = strict";

const CASES: readonly Case[] = [
  classic("rsa2048", "rsa"),
  classic("ec256", "ecdsa-sha256-p256"),
  classic("ec384", "ecdsa-sha384-p384"),
  classic("ec521", "ecdsa-sha512-p521"),
  signed("rsa2048", "sha256", /RSA_EMSA_PKCS1_SHA2_256 successful/),
  signed("rsa2048", "sha512", /RSA_EMSA_PKCS1_SHA2_512 successful/),
  signed("ec256", "sha256", /ECDSA_WITH_SHA256_DER successful/),
  signed("ec384", "sha384", /ECDSA_WITH_SHA384_DER successful/),
  signed("ec521", "sha512", /ECDSA_WITH_SHA512_DER successful/),
  signed("ed25519", "sha256", /ED25519 successful/),
  signed("ed448", "sha256", /ED448 successful/),
  {
    ...signed("rsa2048", "sha256", /RSA_EMSA_PSS.* successful/),
    name: "certificates rsa2048, RSA-PSS with sha256",
    ikeconf: { usersapss: true, dshashalg: "sha256" },
    auth: { local: "ike:rsa/pss-sha256", remote: "ike:rsa/pss-sha256" },
  },
  {
    name: "certificate of ours, pre-shared key of strongSwan",
    methods: ["ecdsa-sha256-p256", "psk"],
    ours: "ec256",
    settings: NO_RFC7427,
    logged: [/with ECDSA-256 signature successful/, /with pre-shared key/],
  },
  {
    name: "certificate of strongSwan, pre-shared key of ours",
    methods: ["psk", "rsa"],
    theirs: "rsa2048",
    settings: NO_RFC7427,
    logged: [/with pre-shared key successful/],
  },
  {
    name: "certificates, digital signature of ours and RSA asked of strongSwan",
    methods: [DS, "rsa"],
    ours: "ed25519",
    theirs: "rsa2048",
    logged: [/ED25519 successful/],
  },
  {
    ...signed("chain", "sha256", /ECDSA_WITH_SHA256_DER successful/),
    name: "certificates below another authority, chains sent by both",
    ikeconf: { cadir: `${PKI}/sub`, sendingmarkedca: true, dshashalg: "sha256" },
    logged: [/received issuer cert "C=CH, O=Interop, CN=Interop sub"/],
  },
  {
    ...signed("deep", "sha256", /ECDSA_WITH_SHA256_DER successful/),
    name: "certificates below two authorities, chains sent by both",
    ikeconf: { cadir: `${PKI}/deep`, sendingmarkedca: true, dshashalg: "sha256" },
    logged: [/received issuer cert .*CN=Interop deep/, /received issuer cert .*CN=Interop sub/],
  },
  {
    ...signed("ec256", "sha256", /ECDSA_WITH_SHA256_DER successful/),
    name: "certificates below two authorities, the chain sent by strongSwan alone",
    theirs: "deep",
    logged: [/sending issuer cert .*CN=Interop deep/, /sending issuer cert .*CN=Interop sub/],
  },
  {
    ...signed("ec256", "sha256", /ECDSA_WITH_SHA256_DER successful/),
    name: "certificates, CERTREQ of both ends names the root",
    logged: [
      /received cert request for "C=CH, O=Interop, CN=Interop root"/,
      /sending cert request for "C=CH, O=Interop, CN=Interop root"/,
    ],
  },
  {
    ...signed("ec256", "sha256", /received end entity cert/),
    name: "certificates, no CERTREQ of strongSwan's",
    extra: "mobike = no\n    send_certreq = no",
  },
  {
    ...signed("ec256", "sha256", /certificate status is good/),
    name: "certificates that lists and OCSP know as good, revocation strict at both ends",
    ikeconf: {
      dshashalg: "sha256",
      revocation: "strict",
      crldir: `${PKI}/crl`,
      ocspdir: `${PKI}/ocsp-good`,
    },
    auth: { remote: STRICT },
  },
  {
    ...signed("ec256", "sha256", /using cached ocsp response/),
    name: "OCSP response of ours in IKE_AUTH, which strongSwan 6 asks for (RFC 4806)",
    ikeconf: { dshashalg: "sha256", ocspdir: `${PKI}/ocsp-ours` },
    auth: { remote: STRICT },
    extra: "mobike = no\n    ocsp = request",
    strongSwan: STRONGSWAN_6,
  },
  {
    ...signed("ec256", "sha256", /received empty OCSP cert request/),
    // strongSwan answers with what it has fetched, and is built without anything that fetches.
    name: "OCSP response asked of strongSwan 6, which has none to send (RFC 4806)",
    ikeconf: { dshashalg: "sha256", ocsprequest: true },
    extra: "mobike = no\n    ocsp = both",
    strongSwan: STRONGSWAN_6,
  },
  ...[
    signed("ed25519", "sha256", /ED25519 successful/),
    signed("ed448", "sha256", /ED448 successful/),
    signed("rsa2048", "sha384", /RSA_EMSA_PKCS1_SHA2_384 successful/),
    signed("ec521", "sha512", /ECDSA_WITH_SHA512_DER successful/),
    {
      ...signed("rsa2048", "sha512", /RSA_EMSA_PSS.* successful/),
      name: "certificates rsa2048, RSA-PSS with sha512",
      ikeconf: { usersapss: true, dshashalg: "sha512" },
      auth: { local: "ike:rsa/pss-sha512", remote: "ike:rsa/pss-sha512" },
    },
  ].map((one) => ({ ...one, name: `${one.name}, strongSwan 6`, strongSwan: STRONGSWAN_6 })),
  {
    ...signed("ec256", "sha256", /ECDSA_WITH_SHA256_DER successful/),
    name: "certificates with cert-dn as our identity",
    ikeconf: { myid: "cert-dn", dshashalg: "sha256" },
    ids: { remote: subjectOf(OUR_ID) },
  },
  {
    ...signed("ec256", "sha256", /ECDSA_WITH_SHA256_DER successful/),
    name: "certificates with cert-subject-cn as our identity, a name as strongSwan's",
    ikeconf: { myid: "cert-subject-cn", peerid: "", matchpeerid: false, idincert: "fail" },
    ids: { local: subjectOf(THEIR_ID) },
  },
];

/** A case with the methods of RFC 7296 and RFC 4754. */
function classic(kind: Kind, method: string): Case {
  return {
    name: `certificates ${kind}, method ${method}`,
    methods: [method, method],
    ours: kind,
    theirs: kind,
    settings: NO_RFC7427,
    logged: [/with (RSA|ECDSA-\d+) signature successful/],
  };
}

/** A case with digital signatures (RFC 7427, RFC 8420). */
function signed(kind: Kind, dshashalg: string, logged: RegExp): Case {
  return {
    name: `certificates ${kind}, digital signatures with ${dshashalg}`,
    methods: [DS, DS],
    ours: kind,
    theirs: kind,
    ikeconf: { dshashalg },
    logged: [logged],
  };
}

/** The section `ikeconf` of our setup for a case. */
function ikeconfOf({ methods: [own, peer], ours, theirs, ikeconf = {} }: Case): Setup {
  return merge({
    authownmethod: own,
    authpeermethod: peer,
    ...(ours ? { eedir: `${PKI}/ours/${ours}` } : {}),
    ...(theirs ? { cadir: `${PKI}/ca` } : {}),
  }, ikeconf);
}

function confOf({ ours, theirs, auth = {}, ids = {}, extra }: Case): string {
  return swanctl(connection({
    suite: MODERN,
    localAuth: theirs
      ? `auth = ${auth.local ?? "pubkey"}\n      certs = ${theirs}.pem`
      : "auth = psk",
    remoteAuth: `auth = ${ours ? auth.remote ?? "pubkey" : "psk"}`,
    ...(extra ? { extra } : {}),
    ...(ids.local ? { localId: `"${ids.local}"` } : {}),
    ...(ids.remote ? { remoteId: `"${ids.remote}"` } : {}),
  }));
}

function rowsOf(one: Case): Row[] {
  const setup = { ikeconf: ikeconfOf(one) };
  const common = {
    name: one.name,
    swanctl: confOf(one),
    ...(one.settings ? { settings: one.settings } : {}),
    ...(one.strongSwan ? { strongSwan: one.strongSwan } : {}),
  };
  const check = async (run: RowRun) => {
    await run.wholeLife();
    for (const words of one.logged ?? []) {
      expect(await run.peerLogged(words) > 0, `strongSwan did not log ${words}`);
    }
  };
  return [
    { ...common, direction: "ours → strongSwan", setup: ourClient(setup, MODERN), check },
    {
      ...common,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, MODERN),
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run);
      },
    },
  ];
}

/** A refused authentication, and the patterns of our messages. */
interface Refusal extends Case {
  readonly words: readonly RegExp[];
}

/** Cases in which we refuse strongSwan's certificate. */
const REFUSED_BY_US: readonly Refusal[] = [
  refused("stranger", "of an authority that we do not trust", [/Interop other/, /not known here/]),
  refused("expired", "that has expired", [/expired/]),
  refused("early", "that is not yet valid", [/it is valid only from 2040/]),
  {
    ...refused("revoked", "that a list revokes", [/revoked/]),
    ikeconf: { dshashalg: "sha256", crldir: `${PKI}/crl` },
  },
  {
    ...refused("revoked", "that OCSP says is revoked", [/revoked/]),
    ikeconf: { dshashalg: "sha256", ocspdir: `${PKI}/ocsp-revoked` },
  },
  {
    ...refused("ec256", "whose status nobody knows (revocation: strict)", [/revocation/]),
    ikeconf: { dshashalg: "sha256", revocation: "strict" },
  },
  refused("server", "for signing OCSP responses alone", [/extendedKeyUsage|purpose|usage/i]),
  {
    ...refused("named", "of another name", [/theirs\.interop\.test.*is not in its certificate/]),
    ikeconf: { idincert: "fail", dshashalg: "sha256" },
  },
  {
    ...refused("ed25519", "of another kind of key", [/its key is Ed25519/]),
    methods: [DS, "rsa"],
  },
];

function refused(theirs: Kind, what: string, words: readonly RegExp[]): Refusal {
  return {
    name: `certificate of strongSwan ${what} is refused`,
    methods: [DS, DS],
    ours: "ec256",
    theirs,
    ikeconf: { dshashalg: "sha256" },
    words: [/AUTHENTICATION_FAILED/, ...words],
  };
}

function refusedByUs(one: Refusal): Row[] {
  const setup = { ikeconf: ikeconfOf(one) };
  const conf = confOf(one);
  return [
    {
      name: one.name,
      direction: "ours → strongSwan",
      setup: ourClient(setup, MODERN),
      swanctl: conf,
      check: async (run) => {
        expectCounts(await run.failure(one.words), { established: 0, failed: 1 });
      },
    },
    {
      name: one.name,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, MODERN),
      swanctl: conf,
      check: async (run) => {
        const done = await run.charon.tryInitiate("net", 5);
        expect(done.code !== 0, "strongSwan says that the tunnel is up");
        const result = await run.ours.stop();
        expectFailure(result, one.words);
        expect(result.tunnels.established === 0, "The result counts an established tunnel");
      },
    },
  ];
}

/** A row in which strongSwan refuses our certificate, and our result says what we sent. */
function refusedByPeer(ours: Kind, what: string, logged: RegExp): Row[] {
  const one = { ...refused("ec256", what, []), ours };
  const setup = { ikeconf: ikeconfOf(one) };
  const common = {
    name: `certificate of ours ${what} is refused`,
    swanctl: confOf(ours === "revoked" ? { ...one, auth: { remote: STRICT } } : one),
  };
  return [
    {
      ...common,
      direction: "ours → strongSwan",
      setup: ourClient(setup, MODERN),
      check: async (run) => {
        const words = [/AUTHENTICATION_FAILED/, /ours\.interop\.test/, /digital-signature/];
        expectCounts(await run.failure(words), { established: 0, failed: 1 });
        await run.peerLogs(logged, 1_000);
      },
    },
    {
      ...common,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, MODERN),
      check: async (run) => {
        const done = await run.charon.tryInitiate("net", 5);
        expect(done.code !== 0, "strongSwan says that the tunnel is up");
        await run.peerLogs(logged, 1_000);
        const result = await run.ours.stop();
        expectFailure(result, [/AUTHENTICATION_FAILED/]);
      },
    },
  ];
}

/** Setups of the field as they are in tests/setups, apart from what the lab determines. */
const FIELD_ROWS: readonly Row[] = [
  {
    name: "certificates, digital signatures of a setup of the field",
    direction: "ours → strongSwan",
    setup: fieldSetup(
      "certificates_client",
      ourClient({
        ikeconf: {
          authownmethod: DS,
          authpeermethod: "rsa",
          eedir: `${PKI}/ours/rsa2048`,
          cadir: `${PKI}/ca`,
          myid: "cert-dn",
          peerid: THEIR_ID,
        },
      }, MODERN),
    ),
    swanctl: confOf({
      name: "",
      methods: [DS, "rsa"],
      ours: "rsa2048",
      theirs: "rsa2048",
      ids: { remote: subjectOf(OUR_ID) },
    }),
    check: async (run) => {
      await run.wholeLife();
      const words = /RSA_EMSA_PSS.* successful/;
      expect(await run.peerLogged(words) > 0, `strongSwan did not log ${words}`);
    },
  },
  {
    name: "certificates of a setup of the field, method rsa of ours",
    direction: "strongSwan → ours",
    setup: fieldSetup(
      "certificates_gateway",
      ourGateway({
        ikeconf: {
          authownmethod: "rsa",
          authpeermethod: "ecdsa-sha256-p256",
          eedir: `${PKI}/ours/rsa2048`,
          cadir: `${PKI}/ca`,
          myid: "cert-subject-cn",
          // strongSwan's margin is an hour, so that it would authenticate again at once.
          reauthlifetime: "3h",
        },
      }, MODERN),
    ),
    swanctl: confOf({ name: "", methods: ["rsa", "rsa"], ours: "rsa2048", theirs: "ec256" }),
    settings: NO_RFC7427,
    check: async (run) => {
      await run.charon.initiate("net");
      await run.wholeLife();
    },
  },
];

/** All rows of this file. */
export const CERTIFICATE_ROWS: readonly Row[] = [
  ...CASES.flatMap(rowsOf),
  ...FIELD_ROWS,
  ...REFUSED_BY_US.flatMap(refusedByUs),
  ...refusedByPeer(
    "stranger",
    "of an authority that strongSwan does not trust",
    /no issuer certificate/,
  ),
  ...refusedByPeer(
    "expired",
    "that has expired",
    /subject certificate invalid|no trusted .*public key/,
  ),
  ...refusedByPeer("early", "that is not yet valid", /subject certificate invalid/),
  ...refusedByPeer("named", "of another name", /no trusted .*public key found for/),
  ...refusedByPeer("revoked", "that a list revokes", /certificate was revoked/),
];
