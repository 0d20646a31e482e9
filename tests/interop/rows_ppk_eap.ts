/**
 * Rows about post-quantum pre-shared keys together with EAP (RFC 8784 §3) with strongSwan.
 * @module
 */
import { asksEap, EAP_SETTINGS, eapConf, logsIn } from "./eap_ends.ts";
import { ourClient, ourGateway } from "./ends.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

const ID = "quantum-1";
const VALUE = "0x6a5b8f2e9d0c1b3a4f5e6d7c8b9a00112233445566778899aabbccddeeff0011";
const SECRET = `  ppk-1 {\n    id = ${ID}\n    secret = ${VALUE}\n  }\n`;
const ppk = { id: ID, value: VALUE };

function theirs(client: "local" | "remote", withPpk: boolean): string {
  const extra = withPpk ? `mobike = no\n    ppk_id = ${ID}` : "mobike = no";
  return eapConf(client, extra, withPpk ? SECRET : "");
}

function bothWays(withPpk: boolean): Row[] {
  const name = `PPK beside EAP ${withPpk ? "at both ends" : "at our end alone"}`;
  const lives = async (run: RowRun) => {
    await run.wholeLife();
    const said = await run.peerLogged(/using PPK for PPK_ID/);
    expect((said > 0) === withPpk, `strongSwan uses a PPK ${said} times`);
  };
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient(logsIn({ ppk }), MODERN),
      settings: EAP_SETTINGS,
      swanctl: theirs("remote", withPpk),
      check: lives,
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(asksEap({ ppk }), MODERN),
      settings: EAP_SETTINGS,
      swanctl: theirs("local", withPpk),
      check: async (run) => {
        await run.charon.initiate("net");
        await lives(run);
      },
    },
  ];
}

/** The rows. */
export const PPK_EAP_ROWS: readonly Row[] = [...bothWays(true), ...bothWays(false)];
