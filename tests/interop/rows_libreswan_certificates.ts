/**
 * Rows with certificates and libreswan: RSA by the method from before RFC 7427 and by RSA-PSS, ECDSA, a
 * chain, identities, and what either end refuses; and EAP-TLS, which version 5 supports as a responder.
 * @module
 */
import { OUR_ID, ourClient, ourGateway } from "./ends.ts";
import { type Libreswan, LIBRESWAN_5, type PlutoPki } from "./libreswan.ts";
import { conn, type LibreswanRow } from "./libreswan_row.ts";
import { merge, type Setup } from "./ours.ts";
import { type Kind, PKI } from "./pki.ts";
import { expect, expectCounts, expectFailure } from "./row.ts";
import { MODERN } from "./suites.ts";

const DS = "digital-signature";

interface Case {
  readonly name: string;
  readonly ours: Kind;
  readonly theirs: Kind;
  /** libreswan's `authby`. */
  readonly authby: string;
  readonly ikeconf?: Setup;
  readonly extra?: readonly string[];
  /** Whether libreswan has the root's list. */
  readonly list?: boolean;
  readonly libreswan?: Libreswan;
  /** Lines that libreswan must have logged. */
  readonly logged?: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: "certificates rsa2048, method rsa",
    ours: "rsa2048",
    theirs: "rsa2048",
    authby: "rsa-sha1",
    ikeconf: { authownmethod: "rsa", authpeermethod: "rsa" },
    logged: /RSASIG|RSA/,
  },
  {
    name: "certificates rsa2048, RSA-PSS with sha256",
    ours: "rsa2048",
    theirs: "rsa2048",
    authby: "rsa-sha2",
    ikeconf: { usersapss: true },
    logged: /RSASSA-PSS/,
  },
  ecdsa("ec256", "sha256"),
  ecdsa("ec384", "sha384"),
  ecdsa("ec521", "sha512"),
  {
    ...ecdsa("chain", "sha256"),
    name: "certificates below another authority, chains sent by both",
    ikeconf: { cadir: `${PKI}/sub`, sendingmarkedca: true },
    extra: ["sendca=all"],
  },
  {
    ...ecdsa("ec256", "sha256"),
    name: "certificates below two authorities, the chain sent by libreswan alone",
    theirs: "deep",
    extra: ["sendca=all", "rightca=%any"],
  },
];

/** A case with ECDSA by RFC 7427. */
function ecdsa(kind: Kind, dshashalg: string): Case {
  return {
    name: `certificates ${kind}, digital signatures with ${dshashalg}`,
    ours: kind,
    theirs: kind,
    authby: "ecdsa",
    ikeconf: { dshashalg },
    logged: /ECDSA/,
  };
}

/** The cases that are also tried with version 5. */
const NEWER = [CASES[1]!, CASES[2]!, CASES[5]!].map((one) => ({
  ...one,
  name: `${one.name}, libreswan 5`,
  libreswan: LIBRESWAN_5,
}));

function setupOf({ ours, ikeconf = {} }: Case): Setup {
  return {
    ikeconf: merge({
      authownmethod: DS,
      authpeermethod: DS,
      dshashalg: "sha256",
      eedir: `${PKI}/ours/${ours}`,
      cadir: `${PKI}/ca`,
    }, ikeconf),
  };
}

function peerOf(one: Case): Pick<LibreswanRow, "conf" | "pki" | "libreswan"> {
  const { theirs, authby, extra = [], list = false, libreswan } = one;
  const pki: Omit<PlutoPki, "directory"> = { own: theirs, list };
  const auth = [`authby=${authby}`, "leftcert=theirs", "leftsendcert=always"];
  const conf = conn({ suite: MODERN, auth, extra });
  return { conf, pki, ...(libreswan ? { libreswan } : {}) };
}

function rowsOf(one: Case): LibreswanRow[] {
  const common = { name: one.name, ...peerOf(one) };
  const check: LibreswanRow["check"] = async (run) => {
    await run.wholeLife();
    const { logged } = one;
    expect(!logged || await run.peerLogged(logged) > 0, `libreswan did not log ${logged}`);
  };
  return [
    {
      ...common,
      direction: "ours → libreswan",
      setup: ourClient(setupOf(one), MODERN),
      check,
    },
    {
      ...common,
      direction: "libreswan → ours",
      setup: ourGateway(setupOf(one), MODERN),
      check: async (run) => {
        await run.pluto.initiate("net");
        await check(run);
      },
    },
  ];
}

interface Refusal extends Case {
  /** The patterns of our messages, if we refuse. */
  readonly words?: readonly RegExp[];
}

const REFUSED: readonly Refusal[] = [
  {
    ...ecdsa("ec256", "sha256"),
    name: "certificate of libreswan of an authority that we do not trust is refused",
    theirs: "stranger",
    words: [/Interop other/, /not known here/],
  },
  {
    ...ecdsa("ec256", "sha256"),
    name: "certificate of libreswan that a list revokes is refused",
    theirs: "revoked",
    ikeconf: { crldir: `${PKI}/crl` },
    words: [/revoked/],
  },
  {
    ...ecdsa("ec256", "sha256"),
    name: "certificate of libreswan of another name is refused",
    theirs: "named",
    ikeconf: { idincert: "fail" },
    words: [/is not in its certificate/],
  },
  {
    ...ecdsa("stranger", "sha256"),
    name: "certificate of ours of an authority that libreswan does not trust is refused",
    theirs: "ec256",
    logged: /certificate verify failed|issuer|CERT payload/i,
  },
  {
    ...ecdsa("expired", "sha256"),
    name: "certificate of ours that has expired is refused",
    theirs: "ec256",
    logged: /expired/i,
  },
  {
    ...ecdsa("revoked", "sha256"),
    name: "certificate of ours that libreswan's list revokes is refused",
    theirs: "ec256",
    list: true,
    logged: /revoked/i,
  },
];

/** Names the version of libreswan in the name of a row. */
function atVersion5(name: string): string {
  const named = name.replace("libreswan", "libreswan 5");
  return named === name ? name.replace("of ours", "of ours at libreswan 5") : named;
}

/** What version 5 refuses, or is refused for. */
const REFUSED_NEWER: readonly Refusal[] = [
  ...REFUSED.map((one) => ({ ...one, name: atVersion5(one.name) })),
  {
    ...ecdsa("ec256", "sha256"),
    name: "certificate of libreswan 5 for signing OCSP responses alone is refused",
    theirs: "server" as const,
    words: [/extendedKeyUsage|purpose|usage/i],
  },
  {
    ...ecdsa("early", "sha256"),
    name: "certificate of ours at libreswan 5 that is not yet valid is refused",
    theirs: "ec256" as const,
    logged: /expired|not yet valid/i,
  },
].map((one) => ({ ...one, libreswan: LIBRESWAN_5 }));

function refusedRows(one: Refusal): LibreswanRow[] {
  const common = { name: one.name, ...peerOf(one) };
  const words = [/AUTHENTICATION_FAILED/, ...one.words ?? []];
  const { logged } = one;
  return [
    {
      ...common,
      direction: "ours → libreswan",
      setup: ourClient(setupOf(one), MODERN),
      check: async (run) => {
        expectCounts(await run.failure(words), { established: 0, failed: 1 });
        if (!one.words) await run.peerLogs(logged!, 1_000);
      },
    },
    {
      ...common,
      direction: "libreswan → ours",
      setup: ourGateway(setupOf(one), MODERN),
      check: async (run) => {
        const done = await run.pluto.tryInitiate("net", 5);
        expect(done.code !== 0, "libreswan says that the tunnel is up");
        if (!one.words) await run.peerLogs(logged!, 1_000);
        const result = await run.ours.stop();
        if (one.words) expectFailure(result, words);
        expect(!one.words || result.tunnels.established === 0, "We count an established tunnel");
      },
    },
  ];
}

/** EAP-TLS alone, which libreswan offers to initiators. */
const eapRow: LibreswanRow = {
  name: "EAP-only, EAP-TLS",
  direction: "ours → libreswan",
  libreswan: LIBRESWAN_5,
  pki: { own: "rsa2048" },
  setup: ourClient({
    ikeconf: {
      authownmethod: "eap",
      authpeermethod: "eap-only",
      eapmethod: ["tls"],
      // Its TLS 1.3 lacks the last message that RFC 9190 §2.5 demands of a server.
      eaptlsversion: "1.2",
      eapidentity: OUR_ID,
      eedir: `${PKI}/ours/rsa2048`,
      cadir: `${PKI}/ca`,
    },
  }, MODERN),
  conf: conn({
    suite: MODERN,
    auth: [
      ...["leftauth=eaponly", "rightauth=eaponly", "leftautheap=tls", "rightautheap=tls"],
      ...["leftcert=theirs", "leftsendcert=always"],
    ],
  }),
  check: (run) => run.wholeLife(),
};

/** All rows of this file. */
export const LIBRESWAN_CERTIFICATE_ROWS: readonly LibreswanRow[] = [
  ...[...CASES, ...NEWER].flatMap(rowsOf),
  ...REFUSED.flatMap(refusedRows),
  // An initiator of version 5 that refuses us tries again until we give up, which takes ten seconds.
  ...REFUSED_NEWER.flatMap(refusedRows).filter((row, i) =>
    row.direction === "ours → libreswan" || REFUSED_NEWER[i >> 1]!.words
  ),
  eapRow,
];
