/**
 * Rows with two authentications of an end, one after the other (RFC 4739): of the initiator, the responder,
 * or both.
 * @module
 */
import { connection, OUR_ID, ourClient, ourGateway, PSK, THEIR_ID } from "./ends.ts";
import { merge, type Setup } from "./ours.ts";
import { PKI } from "./pki.ts";
import { expect, expectCounts, expectFailure, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

const NAME = "alice";
const PASSWORD = "wonderland-0123";
const PUBKEY = "auth = pubkey\n      certs = ec256.pem";
const MSCHAPV2 = `auth = eap-mschapv2\n      eap_id = ${NAME}`;
const ANY_LOGIN = "auth = eap-mschapv2\n      eap_id = %any";
const DS = "digital-signature";
const FILES: Setup = { eedir: `${PKI}/ours/ec256`, cadir: `${PKI}/ca`, dshashalg: "sha256" };
const LOGIN: Setup = { eapmethod: ["mschapv2"], eapidentity: NAME, eappassword: PASSWORD };
const USERS: Setup = {
  eapmethod: ["mschapv2"],
  eapaskidentity: true,
  eapusers: [{ identity: NAME, password: PASSWORD }],
};

/** The `auth` lines of strongSwan's `local` and `remote`, and of their second rounds. */
interface Theirs {
  readonly localAuth?: string;
  readonly remoteAuth?: string;
  readonly local2?: string;
  readonly remote2?: string;
}

function conf({ localAuth, remoteAuth, local2, remote2 }: Theirs): string {
  const second = (end: string, lines: string | undefined) =>
    lines === undefined ? [] : [`${end}-2 {\n      round = 2\n      ${lines}\n    }`];
  const text = connection({
    suite: MODERN,
    ...(localAuth ? { localAuth } : {}),
    ...(remoteAuth ? { remoteAuth } : {}),
    extra: ["mobike = no", ...second("local", local2), ...second("remote", remote2)].join("\n    "),
  });
  const eap = `  eap-1 {\n    id = ${NAME}\n    secret = "${PASSWORD}"\n  }`;
  const psk = `  ike-1 {\n    secret = "${PSK}"\n  }`;
  return `connections {\n${text}}\nsecrets {\n${psk}\n${eap}\n}\n`;
}

interface Case {
  readonly name: string;
  /** Our options as client, with strongSwan's connection. */
  readonly client: readonly [Setup, Theirs];
  /** The same with the roles changed. */
  readonly gateway: readonly [Setup, Theirs];
}

const theirSecond = { local2: `${PUBKEY}\n      id = ${THEIR_ID}` } as const;
const ourSecond = { remote2: `auth = pubkey\n      id = ${OUR_ID}` } as const;

const BOTH_TWICE: Theirs = {
  localAuth: PUBKEY,
  remoteAuth: "auth = pubkey",
  local2: `auth = psk\n      id = ${THEIR_ID}`,
  remote2: `auth = psk\n      id = ${OUR_ID}`,
};

const CASES: readonly Case[] = [
  {
    name: "two authentications of the initiator, certificate and EAP",
    client: [
      { authownmethod: DS, authpeermethod: DS, authown2: "eap", myid2: NAME, ...FILES, ...LOGIN },
      { localAuth: PUBKEY, remoteAuth: "auth = pubkey", remote2: ANY_LOGIN },
    ],
    gateway: [
      { authownmethod: DS, authpeermethod: DS, authpeer2: "eap", ...FILES, ...USERS },
      { localAuth: PUBKEY, remoteAuth: "auth = pubkey", local2: MSCHAPV2 },
    ],
  },
  {
    name: "two authentications of the initiator, EAP and certificate",
    client: [
      merge(
        { authownmethod: "eap", authpeermethod: DS, authown2: DS, myid2: OUR_ID, ...FILES },
        LOGIN,
      ),
      { localAuth: PUBKEY, remoteAuth: ANY_LOGIN, ...ourSecond },
    ],
    gateway: [
      { authownmethod: DS, authpeermethod: "eap", authpeer2: DS, ...FILES, ...USERS },
      { localAuth: MSCHAPV2, remoteAuth: "auth = pubkey", ...theirSecond },
    ],
  },
  {
    name: "two authentications of the responder, pre-shared key and certificate",
    client: [{ authpeer2: DS, ...FILES }, theirSecond],
    // A strongSwan that initiates with a pre-shared key expects all of the responder's authentication at
    // once.
    gateway: [
      { authown2: DS, authpeermethod: DS, ...FILES },
      { localAuth: PUBKEY, ...ourSecond },
    ],
  },
  {
    name: "two authentications of both ends, certificate and pre-shared key",
    client: [
      { authownmethod: DS, authpeermethod: DS, authown2: "psk", authpeer2: "psk", ...FILES },
      BOTH_TWICE,
    ],
    gateway: [
      { authownmethod: DS, authpeermethod: DS, authown2: "psk", authpeer2: "psk", ...FILES },
      BOTH_TWICE,
    ],
  },
];

async function twice(run: RowRun): Promise<void> {
  await run.wholeLife();
  expect(await run.peerLogged(/N\(AUTH_FOLLOWS\)/) > 0, "ANOTHER_AUTH_FOLLOWS was not said");
  expect(
    await run.peerLogged(/N\(MULT_AUTH\)/) > 1,
    "MULTIPLE_AUTH_SUPPORTED was not said by both",
  );
}

function rowsOf({ name, client, gateway }: Case): Row[] {
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient({ ikeconf: client[0] }, MODERN),
      swanctl: conf(client[1]),
      check: twice,
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway({ ikeconf: gateway[0] }, MODERN),
      swanctl: conf(gateway[1]),
      check: async (run) => {
        await run.charon.initiate("net");
        await twice(run);
      },
    },
  ];
}

/** Rows in which the second authentication is missing, or wrong. */
const refusals: Row[] = [
  {
    name: "one authentication where two are asked for is refused",
    direction: "ours → strongSwan",
    setup: ourClient({ ikeconf: { authpeer2: DS, ...FILES } }, MODERN),
    swanctl: conf({}),
    check: async (run) => {
      const words = [/authpeer2 asks for digital-signature/, new RegExp(THEIR_ID)];
      expectCounts(await run.failure(words), { established: 0, failed: 1 });
    },
  },
  {
    name: "one authentication where two are asked for is refused",
    direction: "strongSwan → ours",
    setup: ourGateway({ ikeconf: { authpeer2: DS, ...FILES } }, MODERN),
    swanctl: conf({}),
    check: async (run) => {
      const done = await run.charon.tryInitiate("net", 5);
      expect(done.code !== 0, "strongSwan says that the tunnel is up");
      const result = await run.ours.stop();
      expect(result.tunnels.established === 0, "The result counts an established tunnel");
      expectFailure(result, [/authpeer2 asks for digital-signature/, new RegExp(THEIR_ID)]);
    },
  },
  {
    name: "a second authentication by a wrong password is refused",
    direction: "ours → strongSwan",
    setup: ourClient({
      ikeconf: merge(CASES[0]!.client[0], { eappassword: "guess-0123456789" }),
    }, MODERN),
    swanctl: conf(CASES[0]!.client[1]),
    check: async (run) => {
      expectCounts(await run.failure([/EAP/, /mschapv2/i]), { established: 0, failed: 1 });
    },
  },
];

/** All rows of this file. */
export const SECOND_AUTH_ROWS: readonly Row[] = [...CASES.flatMap(rowsOf), ...refusals];
