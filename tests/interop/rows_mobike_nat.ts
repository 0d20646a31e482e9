/**
 * Rows about MOBIKE (RFC 4555) across NATs with strongSwan, with ESP in both processes: our client moves between
 * its addresses, strongSwan's, or both, and one of our addresses or strongSwan is behind a NAT. Packets pass before, during
 * and after the moves, and those that are lost are counted.
 * @module
 */
import { connection, ourClient, OURS, swanctl, THEIRS } from "./ends.ts";
import { type Lab, mustRun, type Site, until } from "./harness.ts";
import { forward, hide, removeNats } from "./nat.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { PLUGINS } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

const SETTINGS = `  load = kernel-libipsec ${PLUGINS}\n  install_routes = yes`;
const INNER = { ours: "10.2.0.1", theirs: "10.1.0.1" } as const;
const NEXT = { ours: "10.77.0.3", theirs: "10.77.0.4" } as const;
/** The address that strongSwan sees of ours behind the NAT. */
const SEEN = "10.77.2.9";
const FIRST_PORT = 40_000;
/** The address at which our client finds strongSwan behind the NAT. */
const SHOWN = "10.77.1.9";
const SITES = ["ours", "theirs"] as const;
/** Pings while the tunnel moves, one every 50 ms, and the moves that are waited for. */
const PINGS = 40;
const MOVES = 2;
/** The most pings that a move may lose: those in flight, while strongSwan installs its policies again. */
const LOST_PER_MOVE_MAX = 10;

async function address(site: Site, what: "replace" | "del", one: string): Promise<void> {
  await mustRun("ip", ["-n", site.namespace, "addr", what, one, "dev", site.interface]);
}

/** What is behind the NAT: our client's first or second address, or strongSwan. */
type Natted = "first" | "second" | "peer";

/** Adds inner addresses, the next outer ones, and the NAT. */
async function prepare({ lab }: RowRun, natted: Natted): Promise<void> {
  for (const site of SITES) {
    const words = ["addr", "replace", `${INNER[site]}/32`, "dev", "lo"];
    await mustRun("ip", ["-n", lab[site].namespace, ...words]);
    await address(lab[site], "replace", `${NEXT[site]}/16`);
  }
  if (natted === "peer") return await forward(lab.theirs, SHOWN);
  await address(lab.ours, "replace", `${SEEN}/16`);
  const address4 = natted === "first" ? OURS.address4 : NEXT.ours;
  await hide(Object.assign({}, lab.ours, { address4 }), { as: SEEN, firstPort: FIRST_PORT });
}

async function restore(lab: Lab): Promise<void> {
  await removeNats(lab);
  for (const site of SITES) {
    const words = ["addr", "del", `${INNER[site]}/32`, "dev", "lo"];
    await mustRun("ip", ["-n", lab[site].namespace, ...words]).catch(() => {});
    // The further addresses may be among those that rows with many tunnels use.
    await lab.restoreAddresses4(lab[site]);
  }
}

async function pings({ lab }: RowRun, count: number): Promise<number> {
  const words = ["-q", "-n", "-c", `${count}`, "-i", "0.05", "-W", "1", "-I", INNER.ours];
  const { stdout } = await lab.exec(lab.ours, "ping", [...words, INNER.theirs]);
  return Number(/(\d+) received/.exec(stdout)?.[1] ?? NaN);
}

async function movesAndCarries(run: RowRun, natted: Natted): Promise<void> {
  await run.sameKeys(await run.established(1));
  const behind = `A NAT is in front of ${natted === "peer" ? "the peer" : "this end"}`;
  if (natted !== "second") {
    await until(behind, 5_000, async () => (await run.ours.log()).includes(behind));
  }
  await until("a ping through the tunnel", 5_000, async () => await pings(run, 1) === 1);
  const received = await pings(run, PINGS);
  await until(`${MOVES} moves`, 15_000, async () => {
    run.ours.mustRun();
    return ((await run.ours.log()).match(/Moved from /g) ?? []).length >= MOVES;
  });
  const result = await run.ours.stop();
  const { done, failed } = result.moves;
  expect(done >= MOVES, `We counted ${done} moves`);
  expect(failed.count === 0, `Moves failed: ${JSON.stringify(result.moves)}`);
  expect(result.tunnels.lost === 0, `Tunnels lost: ${JSON.stringify(result.failures)}`);
  const lost = PINGS - received;
  console.log(`      ${done} moves, ${lost} of ${PINGS} pings lost`);
  expect(lost <= LOST_PER_MOVE_MAX * done, `${lost} of ${PINGS} pings lost in ${done} moves`);
}

function row(moves: "own-only" | "peer-only" | "both", natted: Natted): Row {
  const behind = natted === "peer" ? "strongSwan" : `its ${natted} address`;
  return {
    name: `MOBIKE with ESP, our client moves (${moves}), ${behind} behind a NAT`,
    direction: "ours → strongSwan",
    setup: ourClient({
      loglevel: 4,
      startclntaddr: `${OURS.address4}/16`,
      peeraddr: natted === "peer" ? SHOWN : THEIRS.address4,
      mobike: true,
      mobikeiplifetime: "800ms",
      mobikeaddrpertunnel: 2,
      mobikechangeaddrtype: moves,
      ikeconf: {
        installfastpath: true,
        datapath: "userland",
        enablenatt: true,
        childlist: [{
          encalg: ["aes-gcm-16:128"],
          ownts: [{ startaddr: INNER.ours, endaddr: INNER.ours }],
          peerts: [{ startaddr: INNER.theirs, endaddr: INNER.theirs }],
        }],
      },
    } as Setup, MODERN),
    swanctl: swanctl(connection({
      suite: MODERN,
      localAddress: "%any",
      remoteAddress: "%any",
      localTs: `${INNER.theirs}/32`,
      remoteTs: `${INNER.ours}/32`,
      extra: "mobike = yes",
    })),
    settings: SETTINGS,
    before: (run) => prepare(run, natted),
    after: restore,
    check: (run) => movesAndCarries(run, natted),
  };
}

/** The rows. */
export const MOBIKE_NAT_ROWS: readonly Row[] = [
  row("own-only", "first"),
  row("own-only", "second"),
  row("peer-only", "first"),
  row("both", "first"),
  row("both", "second"),
  row("own-only", "peer"),
  row("both", "peer"),
];
