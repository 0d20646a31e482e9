/**
 * Rows in which both processes carry the packets themselves: ours by `datapath: userland`, strongSwan's by
 * its plugin kernel-libipsec, which only supports tunnel mode in UDP. The kernel does not handle ESP.
 * @module
 */
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { type Lab, mustRun, run as exec, until } from "./harness.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { PLUGINS } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

/**
 * Settings of strongSwan, of which the last of repeated lines is used: the plugin comes before that of the
 * kernel, and needs routes.
 */
const SETTINGS = `  load = kernel-libipsec ${PLUGINS}\n  install_routes = yes`;
const INNER = { ours: "10.2.0.1", theirs: "10.1.0.1" } as const;
const SITES = ["ours", "theirs"] as const;

/** Our names of the ESP algorithms, and strongSwan's. */
const SUITES: readonly (readonly [name: string, child: Setup, proposal: string])[] = [
  ["AES-GCM-16", { encalg: ["aes-gcm-16:128"], integrityalg: [] }, "aes128gcm16"],
  [
    "AES-CBC with HMAC-SHA2-256-128",
    { encalg: ["aes-cbc:256"], integrityalg: ["sha256"] },
    "aes256-sha256",
  ],
  ["ChaCha20-Poly1305", { encalg: ["chacha20-poly1305"], integrityalg: [] }, "chacha20poly1305"],
];

async function addInner({ lab }: RowRun): Promise<void> {
  for (const site of SITES) {
    const words = ["addr", "replace", `${INNER[site]}/32`, "dev", "lo"];
    await mustRun("ip", ["-n", lab[site].namespace, ...words]);
  }
}

async function removeInner(lab: Lab): Promise<void> {
  for (const site of SITES) {
    const words = ["addr", "del", `${INNER[site]}/32`, "dev", "lo"];
    await mustRun("ip", ["-n", lab[site].namespace, ...words]).catch(() => {});
  }
}

/** Sends pings from each end, also during a rekey; strongSwan's counters must equal the number of pings. */
async function carries(run: RowRun, theyBegin: boolean): Promise<void> {
  if (theyBegin) await run.charon.initiate("net");
  await run.established(1);
  // Keys are known a moment before packets are routed into the tunnel.
  for (const site of SITES) {
    await until("a route into the tunnel", 5_000, async () => {
      const words = ["route", "get", INNER[other(site)], "from", INNER[site]];
      const { stdout } = await exec("ip", ["-n", run.lab[site].namespace, ...words]);
      return / dev (myikev2t|ipsec)\d/.test(stdout);
    });
  }
  const here = await pings(run, "ours", 10);
  expect(here === 10, `Of 10 pings of ours ${10 - here} are lost`);
  expect(await pings(run, "theirs", 10) === 10, "Pings of strongSwan's end are lost");
  const listed = (await run.charon.swanctl(["--list-sas"])).stdout;
  const counted = [...listed.matchAll(/^\s+(?:in|out) .* (\d+) packets/gm)].map((m) =>
    Number(m[1])
  );
  expect(counted.join() === "20,20", `strongSwan counted ${counted} packets, not 20,20`);
  const during = pings(run, "ours", 150, 0.02);
  await run.charon.swanctl(["--rekey", "--child", "net"]);
  expect(await during === 150, "Packets are lost by a rekey");
  const { rekeys } = await run.ours.stop();
  expect(rekeys.child === 1, `We counted ${rekeys.child} rekeys`);
}

function other(site: (typeof SITES)[number]) {
  return site === "ours" ? "theirs" : "ours";
}

async function pings(
  { lab }: RowRun,
  from: (typeof SITES)[number],
  count: number,
  intervalS = 0.05,
): Promise<number> {
  const words = ["-q", "-n", "-c", `${count}`, "-i", `${intervalS}`, "-W", "5", "-I", INNER[from]];
  const { stdout } = await lab.exec(lab[from], "ping", [...words, INNER[other(from)]]);
  return Number(/(\d+) received/.exec(stdout)?.[1] ?? NaN);
}

/** The rows, two for each suite. */
export const USERLAND_ROWS: readonly Row[] = SUITES.flatMap(([name, esp, espProposals]) => {
  const ends = {
    ownts: [{ startaddr: INNER.ours, endaddr: INNER.ours }],
    peerts: [{ startaddr: INNER.theirs, endaddr: INNER.theirs }],
  };
  const ikeconf = {
    installfastpath: true,
    datapath: "userland",
    enablenatt: true,
    childlist: [{ ...esp, ...ends }],
  };
  const common = {
    name: `ESP of both processes, ${name}`,
    swanctl: swanctl(connection({
      suite: MODERN,
      espProposals,
      localTs: `${INNER.theirs}/32`,
      remoteTs: `${INNER.ours}/32`,
    })),
    settings: SETTINGS,
    before: addInner,
    after: removeInner,
  };
  return [
    {
      ...common,
      direction: "ours → strongSwan",
      setup: ourClient({ ikeconf }, MODERN),
      check: (run) => carries(run, false),
    },
    {
      ...common,
      direction: "strongSwan → ours",
      setup: ourGateway({ ikeconf }, MODERN),
      check: (run) => carries(run, true),
    },
  ] satisfies Row[];
});
