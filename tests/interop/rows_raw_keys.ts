/**
 * Rows with raw public keys (RFC 7670). Neither peer sends them: both know them by configuration, and sign
 * without any CERT payload. Ours are shown by CERT payloads of the encoding 15, which both ignore.
 * @module
 */
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { LIBRESWAN_5 } from "./libreswan.ts";
import { conn, type LibreswanRow } from "./libreswan_row.ts";
import type { Setup } from "./ours.ts";
import { type Kind, PKI, rawKeyWord } from "./pki.ts";
import { expect, expectFailure, type Row } from "./row.ts";
import { STRONGSWAN_6 } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

const KINDS = ["rsa2048", "ec256", "ed25519"] as const satisfies readonly Kind[];

/** Our setup with a raw key of this end, and with what says which keys it trusts. */
function rawKeys(kind: Kind, trusts: Setup): Setup {
  return {
    ikeconf: {
      authownmethod: "digital-signature",
      authpeermethod: "digital-signature",
      rawkey: `${PKI}/ours/${kind}/ee.key`,
      ...trusts,
    },
  };
}

function client(kind: Kind, more: Setup = {}): Setup {
  const peerrawkey = `${PKI}/theirs/pubkey/${kind}.pem`;
  return ourClient(rawKeys(kind, { peerrawkey, ...more }), MODERN);
}

function gateway(kind: Kind, more: Setup = {}): Setup {
  const peerrawkeyfile = `${PKI}/theirs/owners-${kind}`;
  return ourGateway(rawKeys(kind, { peerrawkeyfile, ...more }), MODERN);
}

function swanctlOf(kind: Kind): string {
  const of = (name: string) => `auth = pubkey\n      pubkeys = ${name}.pem`;
  return swanctl(
    connection({ suite: MODERN, localAuth: of(kind), remoteAuth: of(`ours-${kind}`) }),
  );
}

function rowsOf(kind: Kind): Row[] {
  const common = {
    name: `raw public keys ${kind}`,
    swanctl: swanctlOf(kind),
    strongSwan: STRONGSWAN_6,
  };
  return [
    {
      ...common,
      direction: "ours → strongSwan",
      setup: client(kind),
      check: (run) => run.wholeLife(),
    },
    {
      ...common,
      direction: "strongSwan → ours",
      setup: gateway(kind),
      check: async (run) => {
        await run.charon.initiate("net");
        await run.wholeLife();
      },
    },
  ];
}

/** The key of the peer is one of another identity. */
const REFUSED: Row = {
  name: "raw public key of another identity is refused",
  direction: "strongSwan → ours",
  swanctl: swanctlOf("ec256"),
  strongSwan: STRONGSWAN_6,
  setup: gateway("ec256", { peerrawkeyfile: `${PKI}/theirs/owners-other-ec256` }),
  check: async (run) => {
    const done = await run.charon.tryInitiate("net", 5);
    expect(done.code !== 0, "strongSwan says that the tunnel is up");
    const result = await run.ours.stop();
    expectFailure(result, [/AUTHENTICATION_FAILED/, /no raw public key belongs to theirs\./]);
    expect(result.tunnels.established === 0, "The result counts an established tunnel");
  },
};

/** libreswan signs by the key of a certificate that it does not send, and verifies by `rightpubkey`. */
function libreswanRows(kind: "rsa2048" | "ec256"): LibreswanRow[] {
  // Its authby=rsa-sha2 is RSASSA-PSS.
  const pss = { usersapss: true };
  const common = {
    name: `raw public keys ${kind}, libreswan 5`,
    libreswan: LIBRESWAN_5,
    pki: { own: kind },
    conf: conn({
      suite: MODERN,
      auth: [
        `authby=${kind === "rsa2048" ? "rsa-sha2" : "ecdsa"}`,
        ...["leftcert=theirs", "leftsendcert=never", `rightpubkey=${rawKeyWord(kind)}`],
      ],
    }),
  };
  return [
    {
      ...common,
      direction: "ours → libreswan",
      setup: client(kind, pss),
      check: (run) => run.wholeLife(),
    },
    {
      ...common,
      direction: "libreswan → ours",
      setup: gateway(kind, pss),
      check: async (run) => {
        await run.pluto.initiate("net");
        await run.wholeLife();
      },
    },
  ];
}

/** Rows with strongSwan. */
export const RAW_KEY_ROWS: readonly Row[] = [...KINDS.flatMap(rowsOf), REFUSED];

/** Rows with libreswan. */
export const LIBRESWAN_RAW_KEY_ROWS: readonly LibreswanRow[] = (["rsa2048", "ec256"] as const)
  .flatMap(libreswanRows);
