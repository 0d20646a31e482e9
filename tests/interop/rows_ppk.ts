/**
 * Rows about post-quantum pre-shared keys: with strongSwan (RFC 8784) known at both ends, with another name,
 * with another value, and at one end alone; with libreswan known at both ends.
 * @module
 */
import { connection, ourClient, ourGateway, PSK, swanctl } from "./ends.ts";
import type { Setup } from "./ours.ts";
import { expect, expectFailure, type Row, type RowRun } from "./row.ts";
import type { LibreswanRow } from "./libreswan_row.ts";
import { bothWays as libreswanBothWays } from "./rows_libreswan.ts";
import { MODERN } from "./suites.ts";

const VALUE = "0x6a5b8f2e9d0c1b3a4f5e6d7c8b9a00112233445566778899aabbccddeeff0011";
const OTHER_VALUE = VALUE.replaceAll("6", "7");
const ID = "quantum-1";
const OTHER_ID = "quantum-2";

/** The PPK of strongSwan's connection; absent: none. */
interface Theirs {
  readonly id?: string;
  readonly required?: boolean;
}

function theirConf({ id, required = false }: Theirs): string {
  const lines = id
    ? ["mobike = no", `ppk_id = ${id}`, `ppk_required = ${required ? "yes" : "no"}`]
    : [];
  const extra = lines.length > 0 ? { extra: lines.join("\n    ") } : {};
  const secret = id ? `  ppk-1 {\n    id = ${id}\n    secret = ${VALUE}\n  }\n` : "";
  return swanctl(connection({ suite: MODERN, ...extra }), PSK, secret);
}

/** A check, the same with the tunnel initiated by either end. */
function bothWays(
  name: string,
  ppk: Setup,
  theirs: Theirs,
  check: (run: RowRun) => Promise<void>,
): Row[] {
  const over = { ikeconf: { ppk } };
  const conf = theirConf(theirs);
  return [
    { name, direction: "ours → strongSwan", setup: ourClient(over, MODERN), swanctl: conf, check },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(over, MODERN),
      swanctl: conf,
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run);
      },
    },
  ];
}

/** Checks the whole life of a tunnel, which the result counts as one with a PPK, or as one without. */
function lives(withPpk: boolean): (run: RowRun) => Promise<void> {
  return async (run) => {
    await run.wholeLife();
    const said = await run.peerLogged(/using PPK for PPK_ID/);
    expect((said > 0) === withPpk, `strongSwan uses a PPK ${said} times`);
  };
}

const WRONG = [/AUTHENTICATION_FAILED/, /ppk\.value of quantum-1/];

/** Rows in which AUTH is wrong at the responder, which reports it, and our end names the option. */
function otherValue(): Row[] {
  const over = { ikeconf: { ppk: { id: ID, value: OTHER_VALUE } } };
  const common = { name: "PPK of another value", swanctl: theirConf({ id: ID }) };
  return [
    {
      ...common,
      direction: "ours → strongSwan",
      setup: ourClient(over, MODERN),
      check: async (run) => void await run.failure(WRONG),
    },
    {
      ...common,
      direction: "strongSwan → ours",
      setup: ourGateway(over, MODERN),
      check: async (run) => {
        const done = await run.charon.tryInitiate("net", 5);
        expect(done.code !== 0, "strongSwan says that the tunnel is up");
        expectFailure(await run.ours.stop(), WRONG);
      },
    },
  ];
}

/** All rows of this file. */
export const PPK_ROWS: readonly Row[] = [
  ...bothWays(
    "PPK that both ends require",
    { id: ID, value: VALUE, ppkrequired: true },
    { id: ID, required: true },
    lives(true),
  ),
  ...bothWays("PPK that neither end requires", { id: ID, value: VALUE }, { id: ID }, lives(true)),
  ...bothWays("PPK at our end alone", { id: ID, value: VALUE }, {}, lives(false)),
  {
    name: "PPK of another name, required by neither",
    direction: "strongSwan → ours",
    setup: ourGateway({ ikeconf: { ppk: { id: OTHER_ID, value: VALUE } } }, MODERN),
    swanctl: theirConf({ id: ID }),
    check: async (run) => {
      await run.charon.initiate("net");
      await lives(false)(run);
    },
  },
  {
    // strongSwan accepts no PPK other than that of its connection, although it does not require one.
    name: "PPK of another name, which strongSwan refuses",
    direction: "ours → strongSwan",
    setup: ourClient({ ikeconf: { ppk: { id: OTHER_ID, value: VALUE } } }, MODERN),
    swanctl: theirConf({ id: ID }),
    check: async (run) => {
      await run.failure([/AUTHENTICATION_FAILED/, /quantum-2/]);
      await run.peerLogs(/received PPK_ID 'quantum-2', but require 'quantum-1'/, 1_000);
    },
  },
  ...otherValue(),
];

const TEXT_VALUE = "a post-quantum pre-shared key, 40 octets";
const SECRETS = [`%any %any : PPKS "${ID}" "${TEXT_VALUE}"`];

/** The same with libreswan, which is configured to require it. */
export const LIBRESWAN_PPK_ROWS: readonly LibreswanRow[] = [
  ...libreswanBothWays("PPK that both ends require", {
    suite: MODERN,
    setup: { ikeconf: { ppk: { id: ID, value: TEXT_VALUE, ppkrequired: true } } },
    theirs: { extra: ["ppk=insist"] },
    secrets: SECRETS,
  }),
];
