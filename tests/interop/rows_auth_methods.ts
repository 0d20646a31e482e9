/**
 * Rows about methods of authentication that are announced (RFC 9593): libreswan 5 announces the methods that
 * it accepts, and chooses by ours. strongSwan does not support it, and ignores ours.
 * @module
 */
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { LIBRESWAN_5 } from "./libreswan.ts";
import { conn, type LibreswanRow } from "./libreswan_row.ts";
import type { Setup } from "./ours.ts";
import { PKI } from "./pki.ts";
import { expect, type Row } from "./row.ts";
import { STRONGSWAN_6 } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

const ANNOUNCES = "send-supported-auth-methods=yes";
const TAKES_PSK: Setup = { announceauth: true, authpeermethod: "psk" };
/** Our end prefers to sign, and has a secret too. */
const SIGNS: Setup = {
  authownmethod: "digital-signature",
  authownothers: ["psk"],
  eedir: `${PKI}/ours/rsa2048`,
};
/** libreswan's connection: it signs or uses the secret, and only accepts the secret. */
const THEIRS_PSK = conn({
  suite: MODERN,
  auth: ["authby=rsasig,secret", "rightauth=secret"],
  extra: [ANNOUNCES],
});
const RSA: Setup = {
  authownmethod: "digital-signature",
  authpeermethod: "digital-signature",
  announceauth: true,
  eedir: `${PKI}/ours/rsa2048`,
  cadir: `${PKI}/ca`,
};
/** libreswan only verifies RSASSA-PSS, for which we are not configured. */
const THEIRS_RSA = conn({
  suite: MODERN,
  auth: ["authby=rsa-sha2_256", "leftcert=theirs", "leftsendcert=always"],
  extra: [ANNOUNCES],
});

/** Rows with libreswan. */
export const LIBRESWAN_AUTH_METHOD_ROWS: readonly LibreswanRow[] = [
  {
    name: "methods announced, a secret taken in place of a signature",
    libreswan: LIBRESWAN_5,
    direction: "ours → libreswan",
    setup: ourClient({ loglevel: 4, ikeconf: { ...TAKES_PSK, ...SIGNS } }, MODERN),
    conf: THEIRS_PSK,
    check: async (run) => {
      await run.ours.logs(/The peer takes Shared Key .*SUPPORTED_AUTH_METHODS/);
      await run.ours.logs(/authenticates by psk, as the peer does not take digital-signature/);
      await run.wholeLife();
    },
  },
  {
    name: "methods announced, a secret taken in place of a signature",
    libreswan: LIBRESWAN_5,
    direction: "libreswan → ours",
    setup: ourGateway({ loglevel: 4, ikeconf: TAKES_PSK }, MODERN),
    conf: THEIRS_PSK,
    check: async (run) => {
      await run.pluto.initiate("net");
      await run.peerLogs(/SUPPORTED_AUTH_METHODS: selecting negotiated authby=/);
      await run.wholeLife();
    },
  },
  {
    name: "methods announced, RSASSA-PSS taken in place of PKCS #1",
    libreswan: LIBRESWAN_5,
    direction: "ours → libreswan",
    setup: ourClient({ loglevel: 4, ikeconf: RSA }, MODERN),
    pki: { own: "rsa2048" },
    conf: THEIRS_RSA,
    check: async (run) => {
      await run.ours.logs(/The peer takes .*Digital Signature by RSASSA-PSS/);
      await run.wholeLife();
      expect(await run.peerLogged(/RSASSA-PSS/) > 0, "libreswan logged no RSASSA-PSS");
    },
  },
  {
    name: "methods announced, RSASSA-PSS taken in place of PKCS #1",
    libreswan: LIBRESWAN_5,
    direction: "libreswan → ours",
    setup: ourGateway({ loglevel: 4, ikeconf: RSA }, MODERN),
    pki: { own: "rsa2048" },
    conf: THEIRS_RSA,
    check: async (run) => {
      await run.pluto.initiate("net");
      await run.ours.logs(/The peer takes .*Digital Signature by RSASSA-PSS/);
      await run.wholeLife();
    },
  },
];

const STRONGSWAN = swanctl(connection({ suite: MODERN }));

/** Rows with strongSwan. */
export const AUTH_METHOD_ROWS: readonly Row[] = [
  {
    name: "methods announced to a peer that does not know that",
    strongSwan: STRONGSWAN_6,
    direction: "ours → strongSwan",
    setup: ourClient({ ikeconf: TAKES_PSK }, MODERN),
    swanctl: STRONGSWAN,
    check: (run) => run.wholeLife(),
  },
  {
    name: "methods announced to a peer that does not know that",
    strongSwan: STRONGSWAN_6,
    direction: "strongSwan → ours",
    setup: ourGateway({ ikeconf: TAKES_PSK }, MODERN),
    swanctl: STRONGSWAN,
    check: async (run) => {
      await run.charon.initiate("net");
      await run.wholeLife();
    },
  },
];
