/**
 * Rows with requests that cross on purpose, and with a bad network, by the section `impairment` of our setup.
 * After crossing rekeys both ends must have the same single IKE SA and the same single CHILD_SA with the same
 * keys, namely those that the nonces determine (RFC 7296 §2.8.1, §2.8.2); after a Delete that crosses a
 * rekey, no end may have an SA that the other does not have.
 * @module
 */
import type { ApiDump } from "./api_dump.ts";
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { delay, type Finished, until } from "./harness.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { exchangesThatCreate, survivorOf } from "./rekey_nonces.ts";
import { MODERN } from "./suites.ts";

const API_PORT = 12_399;
/** The most rounds until either end has won; each wins with the same probability. */
const ROUNDS_MAX = 12;
const HELD = { exchange: "create_child_sa", message: "request", crossing: "10s" } as const;
const BAD_NETWORK: Setup = {
  apilistenport: API_PORT,
  impairment: {
    seed: 7,
    rules: [{ loss: 0.15, duplication: 0.15, reorder: 0.1, corruption: 0.05, replay: 0.1 }],
  },
  ikeconf: { retraninterval: "500ms", maxretran: 12 },
};

/** The SAs of both ends, with SPIs in hex. */
interface Agreed {
  /** SPIs in sorted order, as the API does not tell which end initiated a rekeyed SA. */
  readonly ike: readonly string[];
  /** SPIs in strongSwan's order. */
  readonly spiI: string;
  readonly spiR: string;
  readonly ourSpi: string;
  /** Inbound SPIs of the CHILD_SA at both ends. */
  readonly esp: readonly [ours: string, theirs: string];
}

/** Checks that both ends have the same single SAs, which differ from `before`. */
async function agree(run: RowRun, client: boolean, before?: Agreed): Promise<Agreed> {
  let seen = "";
  const what = "one IKE SA and one CHILD_SA, the same at both ends";
  return await until(what, 15_000, async () => {
    // strongSwan lists redundant SAs too, as long as they exist.
    const theirs = await run.charon.list();
    const ours = await apiDump(run, client);
    seen = `ours ${JSON.stringify(ours)}, strongSwan's ${JSON.stringify(theirs)}`;
    const ourSpi = ours?.live[0]!;
    const child = ours?.children[0];
    const [sa] = theirs;
    const own = ours?.ike.find((ike) => [ike.spiI, ike.spiR].includes(ourSpi));
    const installed = sa?.children.filter(({ state }) => state === "INSTALLED") ?? [];
    // The API did not answer, as an SA was rekeyed at that moment.
    if (sa?.state !== "ESTABLISHED" || !own || !child || theirs.length + ours.live.length > 2) {
      return undefined;
    }
    if (installed.length !== 1 || ours.children.length !== 1) return undefined;
    const ike = [sa.spiI, sa.spiR].sort();
    // strongSwan's outbound SPI is our inbound one.
    const esp = [installed[0]!.spiOut, installed[0]!.spiIn] as const;
    if (String([own.spiI, own.spiR].sort()) !== String(ike) || child.spi !== esp[0]) {
      return undefined;
    }
    if (before && String(before.ike) === String(ike) && before.esp[0] === esp[0]) return undefined;
    return { ike, spiI: sa.spiI, spiR: sa.spiR, ourSpi, esp };
  }).catch((error) => {
    throw new Error(`${error.message}: ${seen}`);
  });
}

async function apiDump(run: RowRun, client: boolean): Promise<ApiDump | undefined> {
  const asked = await script(run, "api_dump", [client ? "client" : "gateway"]);
  if (asked.code !== 0 && asked.stderr.includes("NOT_FOUND")) return undefined;
  expect(asked.code === 0, `The API does not answer: ${asked.stderr}`);
  return JSON.parse(asked.stdout);
}

function script(run: RowRun, name: string, args: readonly string[]): Promise<Finished> {
  const path = new URL(`${name}.ts`, import.meta.url).pathname;
  return run.lab.exec(run.lab.ours, Deno.execPath(), [
    "run",
    "-A",
    path,
    String(API_PORT),
    ...args,
  ]);
}

type What = "child" | "ike";

/** Rekeys an SA of both ends from our end; resolves with the answer. */
function rekeyOurs(run: RowRun, what: What, { ourSpi, esp }: Agreed): Promise<Finished> {
  return script(run, "api_rekey", [what, what === "ike" ? ourSpi : esp[0]]);
}

/** Compares the SPIs and all keys of an SA at both ends. */
async function sameKeysOf(run: RowRun, { spiI, spiR, esp }: Agreed): Promise<void> {
  const theirs = await run.charon.sas();
  const ours = await run.ours.keylog();
  const ike = ours.secrets?.find((sa) => sa.spiI === spiI && sa.spiR === spiR);
  expect(ike !== undefined, `Our ike_secrets has no IKE SA ${spiI}_i ${spiR}_r of strongSwan's`);
  for (const [name, octets] of ike.octets) {
    const has = octets === "" || theirs.some((sa) => sa.everySecret.has(`${name} ${octets}`));
    expect(has, `strongSwan never had our ${name} of IKE SA ${spiI}_i ${spiR}_r`);
  }
  for (const spi of esp) {
    const own = ours.esp.find((entry) => entry.spi === spi)?.encryption;
    const other = theirs.map((sa) => sa.esp.get(spi)?.encryption).find((key) => key !== undefined);
    expect(own !== undefined && own === other, `ESP key of ${spi}: ours ${own}, theirs ${other}`);
  }
}

/**
 * The exchanges in the capture, once there are `count` of them, or none is added for some seconds, as it is
 * written late.
 */
async function captured(run: RowRun, what: What, count: number) {
  let exchanges = await exchangesThatCreate(run, what);
  for (let tries = 0; tries < 10 && exchanges.length < count; tries++) {
    await delay(300);
    exchanges = await exchangesThatCreate(run, what);
  }
  return exchanges;
}

/** Makes rekeys cross, in rounds, until either end has made the SA that is kept. */
async function collide(run: RowRun, what: What, client: boolean): Promise<void> {
  await run.established(1);
  const kept: Agreed[] = [await agree(run, client)];
  const winners = new Set<string>();
  let seen = 0;
  for (let round = 0; round < ROUNDS_MAX && winners.size < 2; round++) {
    const before = kept.at(-1)!;
    // The order in which requests arrive does not matter, as each waits for the other.
    const theirs = () => run.charon.swanctl(["--rekey", `--${what}`, "net"]);
    if (round % 2 === 0) await theirs();
    const ours = rekeyOurs(run, what, before);
    if (round % 2 === 1) await delay(1_000).then(theirs);
    await ours;
    const now = await agree(run, client, before);
    await sameKeysOf(run, now);
    kept.push(now);
    const all = await captured(run, what, seen + 2);
    const exchanges = all.slice(seen);
    seen = all.length;
    // charon has several threads, so that it may finish one exchange before it handles the other.
    expect(exchanges.length === 1 || exchanges.length === 2, `${exchanges.length} exchanges`);
    const isCollision = exchanges.length === 2;
    const survivor = isCollision ? survivorOf(exchanges) : exchanges[0]!;
    const wanted = [...survivor.spis].sort();
    const have = [...spisOf(what)(now)].sort();
    expect(
      String(have) === String(wanted),
      `By the nonces ${wanted} is to be kept, not ${have}: ${JSON.stringify(exchanges)}`,
    );
    if (isCollision) winners.add(survivor.by);
  }
  expect(winners.size === 2, `Only ${[...winners]} won, in ${ROUNDS_MAX} rounds`);
  const result = await run.ours.stop();
  expect(result.tunnels.established === 1 && result.tunnels.failed === 0, "The tunnel was lost");
  const wanted = 2 * (kept.length - 1);
  const crossed = result.impairment?.[0]?.crossed;
  expect(crossed === wanted, `${crossed} requests crossed, not ${wanted}`);
}

function spisOf(what: What): (sa: Agreed) => readonly string[] {
  return (sa) => what === "ike" ? sa.ike : sa.esp;
}

/** The same with the tunnel initiated by either end. */
function bothWays(
  name: string,
  setup: Setup,
  check: (run: RowRun, client: boolean) => Promise<void>,
): Row[] {
  const conf = swanctl(connection({ suite: MODERN }));
  return [
    {
      name,
      direction: "ours → strongSwan",
      swanctl: conf,
      setup: ourClient(setup, MODERN),
      check: (run) => check(run, true),
    },
    {
      name,
      direction: "strongSwan → ours",
      swanctl: conf,
      setup: ourGateway(setup, MODERN),
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run, false);
      },
    },
  ];
}

function crossings(what: What, name: string): Row[] {
  const setup = { apilistenport: API_PORT, impairment: { rules: [HELD] } };
  return bothWays(name, setup, (run, client) => collide(run, what, client));
}

/** A row with set-up, a rekey of each kind and the end, under loss, copies, reordering and corruption. */
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
      name,
      settings,
      direction: "ours → strongSwan",
      swanctl: conf,
      setup: ourClient(BAD_NETWORK, MODERN),
      check: (run) => check(run, true),
    },
    {
      name,
      settings,
      direction: "strongSwan → ours",
      swanctl: conf,
      setup: ourGateway(BAD_NETWORK, MODERN),
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run, false);
      },
    },
  ];
}

/** All rows of this file. */
export const COLLISION_ROWS: readonly Row[] = [
  ...crossings("child", "CHILD_SA rekeys of both ends cross"),
  ...crossings("ike", "IKE SA rekeys of both ends cross"),
  ...badNetwork(),
];
