/**
 * Rows with EAP: each of our methods as client and as gateway, EAP-only authentication (RFC 5998), and all
 * ways to a server behind: eapol_test, a captured login, FreeRADIUS and hostapd. A row that establishes a
 * tunnel compares all keys of both ends, and AUTH of both ends proves the same MSK.
 * @module
 */
import { connection, OUR_ID, ourClient, ourGateway, OURS, PSK, THEIR_ID } from "./ends.ts";
import { merge, type Setup } from "./ours.ts";
import { PKI } from "./pki.ts";
import { expect, expectCounts, expectFailure, type Row, type RowRun } from "./row.ts";
import { freeRadius, hostapd, RADIUS } from "./servers.ts";
import { K, OPC, simIdentity } from "./sim_cards.ts";
import { type StrongSwan, STRONGSWAN_6 } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

const NAME = "alice";
const PASSWORD = "wonderland-0123";
const CERTIFICATE = "auth = pubkey\n      certs = ec256.pem";

/** A method, with the names that both ends have for it. */
interface Case {
  readonly name: string;
  /** Our name of it, and strongSwan's. */
  readonly method: string;
  readonly theirs: string;
  /** The identity of the client; absent: {@linkcode NAME}. */
  readonly identity?: string;
  /** strongSwan's secret of that identity; absent: {@linkcode PASSWORD}. */
  readonly secret?: string;
  /** Further options of our client, and of our gateway. */
  readonly client?: Setup;
  readonly gateway?: Setup;
  /** Further lines of strongSwan's `local` or `remote` for the client. */
  readonly more?: string;
  readonly settings?: string;
  /** Which strongSwan is the peer; absent: Debian's. */
  readonly strongSwan?: StrongSwan;
  /** Directions without a row. */
  readonly notBy?: "ours" | "theirs";
  /** The name in strongSwan's log, if it is not that of `method`. */
  readonly logged?: RegExp;
}

const TLS_CLIENT: Setup = { eedir: `${PKI}/ours/ec256` };
const SIM_CLIENT: Setup = { eapsimk: K, eapsimopc: OPC, eapsimsqn: "0" };
const SIM_USER: Setup = { simk: K, simopc: OPC };

const CASES: readonly Case[] = [
  { name: "EAP-MSCHAPv2", method: "mschapv2", theirs: "eap-mschapv2" },
  { name: "EAP-MD5", method: "md5", theirs: "eap-md5" },
  {
    name: "EAP-GTC",
    method: "gtc",
    theirs: "eap-gtc",
    settings: "plugins {\n eap-gtc {\n backend = generic\n }\n}",
  },
  tls("1.2"),
  tls("1.3", STRONGSWAN_6),
  tunnelled("TTLS", "mschapv2"),
  tunnelled("TTLS", "md5"),
  tunnelled("PEAP", "mschapv2", STRONGSWAN_6),
  {
    name: "EAP-SIM",
    method: "sim",
    theirs: "eap-sim",
    identity: simIdentity("1"),
    client: SIM_CLIENT,
    // strongSwan's card is a file of triplets, so that it only answers these challenges.
    gateway: {
      eapusers: [{ identity: simIdentity("1"), simtriplets: `${PKI}/triplets` }],
    },
    strongSwan: STRONGSWAN_6,
  },
  {
    name: "EAP-AKA",
    method: "aka",
    theirs: "eap-aka",
    identity: simIdentity("0"),
    secret: `0x${K}${OPC}`,
    client: SIM_CLIENT,
    gateway: { eapusers: [{ identity: simIdentity("0"), ...SIM_USER }] },
    strongSwan: STRONGSWAN_6,
  },
];

function tls(version: string, strongSwan?: StrongSwan): Case {
  return {
    name: `EAP-TLS ${version}`,
    method: "tls",
    theirs: "eap-tls",
    identity: OUR_ID,
    client: { ...TLS_CLIENT, eaptlsversion: version },
    gateway: {
      cadir: `${PKI}/ca`,
      eaptlsversion: version,
      eapusers: [{ identity: THEIR_ID, methods: ["tls"] }],
    },
    settings: `tls {\n version_max = ${version}\n}`,
    ...(strongSwan ? { strongSwan } : {}),
    logged: new RegExp(`negotiated TLS ${version}`),
  };
}

function tunnelled(name: "TTLS" | "PEAP", inner: string, strongSwan?: StrongSwan): Case {
  const word = name.toLowerCase();
  return {
    name: `EAP-${name} with ${inner === "md5" ? "MD5" : "MSCHAPv2"} inside`,
    method: word,
    theirs: `eap-${word}`,
    client: { eapinner: inner },
    gateway: { eapusers: [{ identity: NAME, password: PASSWORD, methods: [word, inner] }] },
    settings:
      `plugins {\n eap-${word} {\n phase2_method = ${inner}\n phase2_piggyback = yes\n }\n}`,
    ...(strongSwan ? { strongSwan } : {}),
  };
}

/** swanctl.conf with the secret of an EAP user. */
function conf(
  connections: string,
  { identity = NAME, secret = `"${PASSWORD}"` }: Partial<Case> = {},
) {
  const eap = `  eap-1 {\n    id = ${identity}\n    secret = ${secret}\n  }`;
  return `connections {\n${connections}}\nsecrets {\n  ike-1 {\n    secret = "${PSK}"\n  }\n${eap}\n}\n`;
}

/** A row in which our client authenticates to strongSwan. */
function client({ method, identity = NAME, client: more = {} }: Case, password = PASSWORD): Setup {
  return ourClient({
    ikeconf: merge({
      authownmethod: "eap",
      authpeermethod: "digital-signature",
      cadir: `${PKI}/ca`,
      eapmethod: [method],
      eapidentity: identity,
      eappassword: password,
    }, more),
  }, MODERN);
}

/** A row in which strongSwan authenticates to our gateway. */
function gateway({ method, gateway: more = {} }: Case, password = PASSWORD): Setup {
  return ourGateway({
    ikeconf: merge({
      authownmethod: "digital-signature",
      authpeermethod: "eap",
      eedir: `${PKI}/ours/ec256`,
      eapmethod: [method],
      eapaskidentity: true,
      eapusers: [{ identity: NAME, password }],
    }, more),
  }, MODERN);
}

function atStrongSwan(one: Case): string {
  const remoteAuth = `auth = ${one.theirs}\n      eap_id = %any`;
  return conf(connection({ suite: MODERN, localAuth: CERTIFICATE, remoteAuth }), one);
}

function byStrongSwan(one: Case): string {
  // In EAP-TLS strongSwan takes its identity from its certificate.
  const certificate = one.method === "tls" ? "\n      certs = ec256.pem" : "";
  const name = one.method === "tls" ? THEIR_ID : one.identity ?? NAME;
  const localAuth = `auth = ${one.theirs}\n      eap_id = ${name}${certificate}`;
  return conf(connection({ suite: MODERN, localAuth, remoteAuth: "auth = pubkey" }), one);
}

function succeeded({ method, logged }: Case): RegExp {
  return logged ?? new RegExp(`EAP method EAP_${method.toUpperCase()} succeeded`);
}

/** If strongSwan initiates, it logs the success of the method, and of both AUTH payloads. */
const BOTH_BY_EAP = /authentication of '\S+' with EAP successful/;

function common({ settings, strongSwan }: Case): Pick<Row, "settings" | "strongSwan"> {
  return { ...(settings ? { settings } : {}), ...(strongSwan ? { strongSwan } : {}) };
}

function rowsOf(one: Case): Row[] {
  const name = `${one.name} of a user`;
  const rows: Row[] = [];
  if (one.notBy !== "ours") {
    rows.push({
      ...common(one),
      name,
      direction: "ours → strongSwan",
      setup: client(one),
      swanctl: atStrongSwan(one),
      check: async (run) => {
        await run.wholeLife();
        await logs(run, succeeded(one), BOTH_BY_EAP);
      },
    });
  }
  if (one.notBy !== "theirs") {
    rows.push({
      ...common(one),
      name,
      direction: "strongSwan → ours",
      setup: gateway(one),
      swanctl: byStrongSwan(one),
      check: async (run) => {
        await run.charon.initiate("net");
        await run.wholeLife();
        await logs(run, succeeded(one), BOTH_BY_EAP);
      },
    });
  }
  return rows;
}

async function logs(run: RowRun, ...all: readonly RegExp[]): Promise<void> {
  for (const words of all) {
    expect(await run.peerLogged(words) > 0, `strongSwan did not log ${words}`);
  }
}

/** Rows in which the other end has another password. */
function refusedRows(one: Case): Row[] {
  const name = `${one.name} with a wrong password is refused`;
  return [
    {
      ...common(one),
      name,
      direction: "ours → strongSwan",
      setup: client(one, "guess-0123456789"),
      swanctl: atStrongSwan(one),
      check: async (run) => {
        const words = [/EAP/, new RegExp(one.method, "i")];
        expectCounts(await run.failure(words), { established: 0, failed: 1 });
      },
    },
    {
      ...common(one),
      name,
      direction: "strongSwan → ours",
      setup: gateway(one, "another-0123456789"),
      swanctl: byStrongSwan(one),
      check: async (run) => {
        const done = await run.charon.tryInitiate("net", 5);
        expect(done.code !== 0, "strongSwan says that the tunnel is up");
        const result = await run.ours.stop();
        expect(result.tunnels.established === 0, "The result counts an established tunnel");
        expectFailure(result, [/EAP/, new RegExp(one.method, "i"), new RegExp(THEIR_ID)]);
      },
    },
  ];
}

/** EAP-only authentication (RFC 5998): the responder sends no certificate before the end of EAP. */
const AKA = CASES.find(({ method }) => method === "aka")!;
const TLS = tls("1.2");
const onlyRows: Row[] = [
  {
    name: "EAP-only, EAP-TLS",
    direction: "ours → strongSwan",
    setup: client({ ...TLS, client: { ...TLS.client, authpeermethod: "eap-only" } }),
    swanctl: conf(connection({
      suite: MODERN,
      localAuth: "auth = eap-tls\n      certs = ec256.pem",
      remoteAuth: "auth = eap-tls\n      eap_id = %any",
    })),
    check: async (run) => {
      await run.wholeLife();
      await logs(run, /EAP method EAP_TLS succeeded/, /generating IKE_AUTH response 1 \[ IDr EAP/);
    },
  },
  {
    name: "EAP-only, EAP-TLS",
    direction: "strongSwan → ours",
    setup: gateway({ ...TLS, gateway: { ...TLS.gateway, authownmethod: "eap-only" } }),
    swanctl: conf(connection({
      suite: MODERN,
      localAuth: `auth = eap-tls\n      certs = ec256.pem\n      eap_id = ${THEIR_ID}`,
      remoteAuth: "auth = eap-tls",
    })),
    check: async (run) => {
      await run.charon.initiate("net");
      await run.wholeLife();
      await logs(run, /EAP method EAP_TLS succeeded/, /allow mutual EAP-only/);
    },
  },
  {
    name: "EAP-only, EAP-AKA",
    direction: "strongSwan → ours",
    strongSwan: STRONGSWAN_6,
    setup: gateway({ ...AKA, gateway: { ...AKA.gateway, authownmethod: "eap-only" } }),
    swanctl: conf(
      connection({
        suite: MODERN,
        localAuth: `auth = eap-aka\n      eap_id = ${simIdentity("0")}`,
        remoteAuth: "auth = eap-aka",
      }),
      AKA,
    ),
    check: async (run) => {
      await run.charon.initiate("net");
      await run.wholeLife();
      await logs(run, /EAP method EAP_AKA succeeded/, /allow mutual EAP-only/);
    },
  },
];

/** A row in which our gateway uses FreeRADIUS. */
function freeRadiusRow(one: Case): Row {
  const asks = {
    ikeconf: {
      authownmethod: "digital-signature",
      authpeermethod: "eap",
      eedir: `${PKI}/ours/ec256`,
      eapradiussvr: [`${RADIUS.address}:${RADIUS.port}`],
      eapradiusss: RADIUS.secret,
    },
  };
  return {
    ...common(one),
    name: `${one.name}, FreeRADIUS behind our gateway`,
    direction: "strongSwan → ours",
    setup: ourGateway(asks, MODERN),
    swanctl: byStrongSwan(one),
    server: (lab, pki) =>
      freeRadius(lab, {
        pki,
        users: [{ name: NAME, password: PASSWORD }, { name: THEIR_ID, password: PASSWORD }],
      }),
    check: async (run) => {
      await run.charon.initiate("net");
      await run.wholeLife();
      await logs(run, succeeded(one), BOTH_BY_EAP);
      // eapsendstart is true by default.
      expect(/Got EAP_START message/.test(await run.server!.said()), "FreeRADIUS got no EAP-Start");
    },
  };
}

const eapRadius = (address: string, port: number = RADIUS.port) =>
  `plugins {\n eap-radius {\n servers {\n one {\n address = ${address}\n auth_port = ${port}\n ` +
  `secret = ${RADIUS.secret}\n }\n }\n }\n}`;

/** strongSwan's gateway uses hostapd, as strongSwan has no AKA' of its own. */
const akaPrimeRow: Row = {
  name: "EAP-AKA' of a user, hostapd behind strongSwan",
  direction: "ours → strongSwan",
  settings: eapRadius(RADIUS.address),
  setup: client({
    name: "EAP-AKA'",
    method: "aka-prime",
    theirs: "eap-radius",
    identity: simIdentity("6"),
    client: SIM_CLIENT,
  }),
  swanctl: atStrongSwan({ name: "", method: "", theirs: "eap-radius" }),
  server: (lab) => hostapd(lab),
  check: async (run) => {
    await run.wholeLife();
    await logs(run, /RADIUS authentication of '.*' successful/, BOTH_BY_EAP);
  },
};

/** A row in which our client uses eapol_test as EAP peer. */
const snoopRow: Row = {
  name: "EAP-MSCHAPv2 by eapol_test (eap-snoop)",
  direction: "ours → strongSwan",
  setup: ourClient({
    ikeconf: {
      authownmethod: "eap",
      authpeermethod: "digital-signature",
      cadir: `${PKI}/ca`,
      myid: "eapol-test-conf",
      eapoltestconf: "network={\n  key_mgmt=IEEE8021X\n  eap=MSCHAPV2\n  eapol_flags=0\n" +
        `  identity="${NAME}"\n  password="${PASSWORD}"\n}\n`,
    },
  }, MODERN),
  swanctl: conf(connection({
    suite: MODERN,
    localAuth: CERTIFICATE,
    remoteAuth: "auth = eap-mschapv2\n      eap_id = %any",
    remoteId: "%any",
  })),
  check: async (run) => {
    await run.wholeLife();
    await logs(run, /EAP method EAP_MSCHAPV2 succeeded/, BOTH_BY_EAP);
  },
};

/** The capture of one login, which our client replays while it acts as the RADIUS server of strongSwan. */
const CAPTURE = new URL("../vectors/radius/mschapv2.pcap", import.meta.url).pathname;
const fileRow: Row = {
  name: "EAP-MSCHAPv2 from a capture (eap-file)",
  direction: "ours → strongSwan",
  settings: eapRadius(OURS.address4),
  setup: ourClient({
    ikeconf: {
      authownmethod: "eap",
      authpeermethod: "digital-signature",
      cadir: `${PKI}/ca`,
      myid: "eapusepcap",
      eapimplementaion: "eap-file",
      eapfile: CAPTURE,
      eapradiusss: RADIUS.secret,
      eapradiussvr: [`${OURS.address4}:${RADIUS.port}`],
    },
  }, MODERN),
  swanctl: conf(connection({
    suite: MODERN,
    localAuth: CERTIFICATE,
    remoteAuth: "auth = eap-radius\n      eap_id = %any",
    remoteId: "%any",
  })),
  check: async (run) => {
    await run.wholeLife();
    await logs(run, /RADIUS authentication of '.*' successful/, BOTH_BY_EAP);
  },
};

const MSCHAPV2 = CASES[0]!;
/** Our gateway's certificate is below another authority, which it sends although its peer sends none. */
const chainRow: Row = {
  name: "EAP-MSCHAPv2, our gateway sends the chain of its certificate",
  direction: "strongSwan → ours",
  setup: gateway({
    ...MSCHAPV2,
    gateway: { eedir: `${PKI}/ours/chain`, cadir: `${PKI}/sub`, sendingmarkedca: true },
  }),
  swanctl: byStrongSwan(MSCHAPV2),
  check: async (run) => {
    await run.charon.initiate("net");
    await run.wholeLife();
    await logs(run, /received issuer cert "C=CH, O=Interop, CN=Interop sub"/, BOTH_BY_EAP);
  },
};

const named = (method: string) => CASES.find((one) => one.method === method)!;

/** All rows of this file. */
export const EAP_ROWS: readonly Row[] = [
  ...CASES.flatMap(rowsOf),
  ...["mschapv2", "md5", "gtc"].map(named).flatMap(refusedRows),
  ...onlyRows,
  ...["mschapv2", "md5", "tls", "ttls", "peap"].map(named).map(freeRadiusRow),
  chainRow,
  akaPrimeRow,
  snoopRow,
  fileRow,
];
