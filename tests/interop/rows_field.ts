/**
 * Rows with the setup files of tests/setups that authenticate by EAP, as they are apart from what the lab
 * determines: addresses, files, and what one tunnel may carry.
 * @module
 */
import { parse } from "yaml";
import { toHex } from "@/base/bytes.ts";
import { connection, OURS, PSK, THEIRS } from "./ends.ts";
import { merge, type Setup } from "./ours.ts";
import { PKI } from "./pki.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { freeRadius, RADIUS } from "./servers.ts";
import { PLAIN } from "./suites.ts";

/** Tunnels of each of these setups. */
const TUNNELS = 10;
const indices = Array.from({ length: TUNNELS }, (_, i) => i);
/** The capture of one login of `bob`. */
const CAPTURE = new URL("../vectors/radius/mschapv2.pcap", import.meta.url).pathname;

/** A setup of tests/setups with what the lab determines in place of what the file has. */
export function fieldSetup(name: string, lab: Setup): Setup {
  const text = Deno.readTextFileSync(new URL(`../setups/${name}.yaml`, import.meta.url));
  const { bindifname: _, ...setup } = parse(text) as Setup;
  return merge(setup, merge({ apilistenport: 0 }, lab));
}

/** What the lab determines for a client; each tunnel has its own address inside, as SAs need. */
function client(ikeconf: Setup): Setup {
  const ownts = [{ startaddr: "10.2.0.0", endaddr: "10.2.0.0" }];
  return {
    startclntaddr: `${OURS.many4}/16`,
    peeraddr: THEIRS.address4,
    owntsaddrincrease: 1,
    peertsaddrincrease: 0,
    ikeconf: { childlist: [{ ownts }], ...ikeconf },
  };
}

/** swanctl.conf with EAP users. */
function conf(connections: string, users: readonly (readonly [string, string])[] = []): string {
  const secrets = users.map(([name, password], i) =>
    `  eap-${i} {\n    id = ${name}\n    secret = "${password}"\n  }\n`
  );
  const psk = `  ike-1 {\n    secret = "${PSK}"\n  }\n`;
  return `connections {\n${connections}}\nsecrets {\n${psk}${secrets.join("")}}\n`;
}

const RSA = "auth = pubkey\n      certs = rsa2048.pem";
const BY_EAP = /authentication of '\S+' with EAP successful/;

async function logged(run: RowRun, words: RegExp, count: number): Promise<void> {
  const found = await run.peerLogged(words);
  expect(found === count, `strongSwan logged ${words} ${found} times, not ${count}`);
}

const snoopRow: Row = {
  name: "EAP-MSCHAPv2 by eapol_test, a setup of the field with 10 tunnels",
  direction: "ours → strongSwan",
  setup: fieldSetup("eap_client", client({ cadir: `${PKI}/ca`, eapoltestpath: "" })),
  swanctl: conf(
    connection({
      suite: PLAIN,
      remoteAddress: "%any",
      localAuth: RSA,
      remoteAuth: "auth = eap-mschapv2\n      eap_id = %any",
      remoteId: "%any",
    }),
    indices.map((i) => [`bob${i}`, "bob"]),
  ),
  check: async (run) => {
    await run.wholeLife(TUNNELS);
    await logged(run, /EAP method EAP_MSCHAPV2 succeeded/, TUNNELS);
    for (const i of indices) await logged(run, new RegExp(`'bob${i}' with EAP successful`), 1);
  },
};

const fileRow: Row = {
  name: "EAP-MSCHAPv2 from a capture, a setup of the field with 10 tunnels",
  direction: "ours → strongSwan",
  settings: `plugins {\n eap-radius {\n servers {\n one {\n address = ${OURS.address4}\n ` +
    `auth_port = ${RADIUS.port}\n secret = ${RADIUS.secret}\n }\n }\n }\n}`,
  setup: fieldSetup(
    "eap_file_client",
    client({ eapfile: CAPTURE, eapradiussvr: [`${OURS.address4}:${RADIUS.port}`] }),
  ),
  swanctl: conf(connection({
    suite: PLAIN,
    remoteAddress: "%any",
    localAuth: "auth = eap-radius",
    remoteAuth: "auth = eap-radius\n      eap_id = %any",
    remoteId: "%any",
    extra: "mobike = no\n    unique = never",
  })),
  check: async (run) => {
    await run.wholeLife(TUNNELS);
    await logged(run, /RADIUS authentication of 'bob' successful/, TUNNELS);
  },
};

/** A name that is the identity of IKE and of EAP: the gateway asks for no other. */
const userName = (i: number) => `user${i}@interop.test`;

/** strongSwan as ten clients, each with its own address, name and inner address. */
const clients = indices.map((i) =>
  connection({
    name: `net${i}`,
    suite: PLAIN,
    localAddress: THEIRS.many4.replace(/1$/, String(i + 1)),
    localTs: `10.1.0.${i}/32`,
    localId: userName(i),
    localAuth: "auth = eap-mschapv2",
    remoteAuth: "auth = pubkey",
  })
);

const radiusRow: Row = {
  name: "EAP, a setup of the field with 10 tunnels, FreeRADIUS behind our gateway",
  direction: "strongSwan → ours",
  setup: fieldSetup("eap_gateway", {
    bindifaddr: `${OURS.address4}/16`,
    ikeconf: {
      eapradiussvr: [`${RADIUS.address}:${RADIUS.port}`],
      eapradiusss: RADIUS.secret,
      eedir: `${PKI}/ours/rsa2048`,
      cadir: `${PKI}/ca`,
    },
  }),
  swanctl: conf(clients.join(""), indices.map((i) => [userName(i), `password ${i}`])),
  server: (lab, pki) =>
    freeRadius(lab, {
      pki,
      users: indices.map((i) => ({ name: userName(i), password: `password ${i}` })),
    }),
  check: async (run) => {
    await Promise.all(indices.map((i) => run.charon.initiate(`net${i}`, 20)));
    const spis = (await run.established(TUNNELS)).map(({ spiR }) => spiR);
    await run.wholeLife(TUNNELS);
    await logged(run, BY_EAP, TUNNELS);
    // eapradiusid 44 is Acct-Session-Id: every session of the server is one of our SPIs.
    const said = await run.server!.said();
    const sessions = new Set(octetStrings(said, "Acct-Session-Id"));
    const [seen, own] = [[...sessions], spis].map((all) => all.toSorted().join());
    expect(seen === own, `FreeRADIUS saw the sessions ${seen}, our SPIs are ${own}`);
    expect(!EAP_START.test(said), "FreeRADIUS got an EAP-Start, and eapsendstart is false");
  },
};

/** How FreeRADIUS logs an EAP-Start. */
const EAP_START = /Got EAP_START message/;

/**
 * The values of an attribute in FreeRADIUS's log, in hex. It writes octets as UTF-8 where they are any, and
 * escapes the others.
 */
function octetStrings(log: string, attribute: string): string[] {
  const lines = log.matchAll(new RegExp(String.raw`${attribute} = "((?:[^"\\]|\\.)*)"`, "g"));
  return [...lines].map(([, text]) =>
    [...text!.matchAll(/\\(\d{3})|\\(.)|([^\\])/gu)]
      .map(([, octal, escaped, plain]) =>
        octal ? parseInt(octal, 8) : ESCAPES[escaped!] ?? escaped ?? plain!
      )
      .map((one) =>
        toHex(typeof one === "number" ? Uint8Array.of(one) : new TextEncoder().encode(one))
      )
      .join("")
  );
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9 };

/** All rows of this file. */
export const FIELD_ROWS: readonly Row[] = [snoopRow, fileRow, radiusRow];
