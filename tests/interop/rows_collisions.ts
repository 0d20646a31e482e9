/**
 * Rekeys that cross on purpose, and a bad network: what `impairment` of our setup does to a tunnel with
 * strongSwan. Afterwards both ends must have the same one IKE SA and the same one CHILD_SA.
 * @module
 */
import type { ApiDump } from "./api_dump.ts";
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { delay, until } from "./harness.ts";
import { merge, type Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

const API_PORT = 12_399;
/** Both requests are held until each end has sent its own. */
const CROSSING: Setup = {
  apilistenport: API_PORT,
  impairment: {
    rules: [{ exchange: "create_child_sa", message: "request", count: 2, crossing: "10s" }],
  },
};
const BAD_NETWORK: Setup = {
  apilistenport: API_PORT,
  impairment: {
    seed: 7,
    rules: [{ loss: 0.15, duplication: 0.15, reorder: 0.1, corruption: 0.05, replay: 0.1 }],
  },
  ikeconf: { retraninterval: "500ms", maxretran: 12 },
};

/** The SAs both ends have now are the same ones, one of each. */
async function agree(run: RowRun, client: boolean): Promise<void> {
  let seen = "";
  const what = "one IKE SA and one CHILD_SA, the same at both ends";
  await until(what, 15_000, async () => {
    const theirs = (await run.charon.list()).filter((sa) => sa.state === "ESTABLISHED")
      .map(({ spiI, spiR, children }) => ({
        // The API does not tell who initiated a rekeyed SA.
        ike: [spiI, spiR].sort(),
        // What strongSwan sends by is what we receive on.
        spis: children.filter(({ state }) => state === "INSTALLED").map(({ spiOut }) => spiOut),
      }));
    const ours = await apiDump(run, client);
    if (!ours) return false; // an SA was rekeyed while we asked
    const own = ours.ike.map(({ spiI, spiR }) => ({
      ike: [spiI, spiR].sort(),
      spis: ours.children.map(({ spi }) => spi),
    }));
    seen = `ours ${JSON.stringify(own)}, strongSwan's ${JSON.stringify(theirs)}`;
    return own.length === 1 && own[0]!.spis.length === 1 &&
      JSON.stringify(own) === JSON.stringify(theirs);
  }).catch((error) => {
    throw new Error(`${error.message}: ${seen}`);
  });
}

async function apiDump(run: RowRun, client: boolean): Promise<ApiDump | undefined> {
  const script = new URL("api_dump.ts", import.meta.url).pathname;
  const args = ["run", "-A", script, String(API_PORT), client ? "client" : "gateway"];
  const asked = await run.lab.exec(run.lab.ours, Deno.execPath(), args);
  if (asked.code !== 0 && asked.stderr.includes("NOT_FOUND")) return undefined;
  expect(asked.code === 0, `The API does not answer: ${asked.stderr}`);
  return JSON.parse(asked.stdout);
}

/** Our rekey begins by our lifetime, theirs by command; the rule makes them cross. */
async function collide(run: RowRun, what: "child" | "ike", client: boolean): Promise<void> {
  await run.established(1);
  await run.charon.swanctl(["--rekey", `--${what}`, "net"]);
  const pattern = what === "child"
    ? /CHILD_SA rekey collision|detected CHILD_REKEY collision/
    : /IKE_REKEY collision/;
  await run.peerLogs(pattern, 20_000);
  await delay(1_500);
  await agree(run, client);
  const result = await run.ours.stop();
  expect(result.tunnels.established === 1 && result.tunnels.failed === 0, "The tunnel was lost");
  const rule = result.impairment?.[0];
  expect(rule?.crossed === 2, `The rule did ${JSON.stringify(rule)}`);
}

function crossings(what: "child" | "ike", name: string, over: Setup): Row[] {
  const conf = swanctl(connection({ suite: MODERN }));
  const setup = merge(CROSSING, { ikeconf: { margintime: "4s", jitter: false, ...over } });
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient(setup, MODERN),
      swanctl: conf,
      check: (run) => collide(run, what, true),
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, MODERN),
      swanctl: conf,
      check: async (run) => {
        await run.charon.initiate("net");
        await collide(run, what, false);
      },
    },
  ];
}

/** Set-up, a rekey of each kind and the end, through loss, copies, disorder and corruption. */
function badNetwork(): Row[] {
  const name = "loss, duplicates, disorder, replays and corruption on the way";
  const conf = swanctl(connection({ suite: MODERN }));
  const settings = "retransmit_timeout = 0.5\n  retransmit_base = 1.0\n  retransmit_tries = 12";
  const check = async (run: RowRun, client: boolean) => {
    await run.established(1, 40_000);
    await run.charon.swanctl(["--rekey", "--child", "net"]);
    await run.peerLogs(/CHILD_SA closed/, 20_000);
    await run.charon.swanctl(["--rekey", "--ike", "net"]);
    await run.peerLogs(/IKE_SA deleted/, 20_000);
    await agree(run, client);
    const result = await run.ours.stop();
    expect(result.tunnels.established === 1 && result.tunnels.failed === 0, "The tunnel was lost");
    expect(result.impairment![0]!.lost > 0, "Nothing was lost");
  };
  return [
    {
      ...{ name, settings, direction: "ours → strongSwan", swanctl: conf },
      setup: ourClient(BAD_NETWORK, MODERN),
      check: (run) => check(run, true),
    },
    {
      ...{ name, settings, direction: "strongSwan → ours", swanctl: conf },
      setup: ourGateway(BAD_NETWORK, MODERN),
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run, false);
      },
    },
  ];
}

const CHILD: Setup = { childlist: [{ encalg: ["aes-gcm-16:128"], lifetime: "7s" }] };

/** All rows of this file. */
export const COLLISION_ROWS: readonly Row[] = [
  ...crossings("child", "CHILD_SA rekeys of both ends cross", CHILD),
  ...crossings("ike", "IKE SA rekeys of both ends cross", {
    ikelifetime: "7s",
    childlist: [{ encalg: ["aes-gcm-16:128"] }],
  }),
  ...badNetwork(),
];
