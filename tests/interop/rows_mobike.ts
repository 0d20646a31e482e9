/**
 * Rows about MOBIKE (RFC 4555): our client moves between its own addresses, strongSwan's, or both, and
 * strongSwan follows, with and without NAT detection; and strongSwan moves and our gateway follows.
 * @module
 */
import { connection, ourClient, ourGateway, OURS, swanctl, THEIRS } from "./ends.ts";
import { type Lab, mustRun, until } from "./harness.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { STRONGSWAN_6 } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

/** The next addresses of each end. */
const NEXT = { ours: "10.77.0.3", theirs: "10.77.0.4" } as const;
const MOVES = ["own-only", "peer-only", "both"] as const;

type End = keyof typeof NEXT;

async function address(
  lab: Lab,
  what: "replace" | "del",
  { end, one }: { readonly end: End; readonly one: string },
): Promise<void> {
  const { namespace, interface: name } = lab[end];
  await mustRun("ip", ["-n", namespace, "addr", what, `${one}/16`, "dev", name]);
}

/** Adds the next address to each end. */
async function addNext({ lab }: RowRun): Promise<void> {
  for (const end of ["ours", "theirs"] as const) {
    await address(lab, "replace", { end, one: NEXT[end] });
  }
}

/**
 * Removes the next address of each end. That of strongSwan keeps its place among the addresses that charon
 * knows.
 */
async function removeNext(lab: Lab): Promise<void> {
  for (const end of ["ours", "theirs"] as const) {
    await address(lab, "del", { end, one: NEXT[end] });
  }
}

/** Restores the addresses of each end, even if the first of them was removed. */
async function restore(lab: Lab): Promise<void> {
  await lab.restoreAddresses4(lab.ours);
  await lab.restoreAddresses4(lab.theirs);
}

/** The addresses of both ends as strongSwan lists them: its own, then ours. */
async function endsOf({ charon }: RowRun): Promise<string> {
  const { stdout } = await charon.swanctl(["--list-sas"]);
  const at = (end: string) => new RegExp(`${end} +'[^']*' @ ([0-9a-f.:]+)`).exec(stdout)?.[1];
  return `${at("local")} ${at("remote")}`;
}

/** Waits until strongSwan has listed the tunnel at all these ends. */
async function isSeenAt(run: RowRun, wanted: readonly string[]): Promise<void> {
  const seen = new Set<string>();
  await until(`the tunnel at ${wanted.join(", then ")}`, 15_000, async () => {
    run.ours.mustRun();
    seen.add(await endsOf(run));
    return wanted.every((ends) => seen.has(ends));
  }).catch((error) => {
    throw new Error(`${(error as Error).message}; it was at ${[...seen].join(", ")}`);
  });
}

/**
 * The first pairs of addresses for each way of moving. strongSwan announces all addresses of its interface,
 * the many ones before its next one.
 */
const PAIRS = {
  "own-only": [`${THEIRS.address4} ${NEXT.ours}`, `${THEIRS.address4} ${OURS.address4}`],
  "peer-only": [`${THEIRS.many4} ${OURS.address4}`, `10.77.1.2 ${OURS.address4}`],
  "both": [`${THEIRS.many4} ${NEXT.ours}`, `10.77.1.2 ${OURS.address4}`],
} as const;

type Moves = typeof MOVES[number];

/** Leaves strongSwan one address of each family, so that it announces only those. */
async function leaveFamilies({ lab: { theirs } }: RowRun): Promise<void> {
  const { namespace, interface: name } = theirs;
  await mustRun("ip", ["-n", namespace, "addr", "flush", "dev", name, "to", "10.77.1.0/24"]);
}

/** A row in which our client moves at intervals; `over` are further options of our setup. */
function movingRow(how: string, moves: Moves, over: Setup): Row {
  return {
    name: `MOBIKE, our client moves (${moves}), ${how}`,
    direction: "ours → strongSwan",
    setup: ourClient({
      startclntaddr: `${OURS.address4}/16`,
      mobike: true,
      mobikeiplifetime: "2s",
      mobikechangeaddrtype: moves,
      ...over,
    }, MODERN),
    swanctl: swanctl(connection({
      suite: MODERN,
      localAddress: "%any",
      remoteAddress: "%any",
      extra: "mobike = yes",
    })),
    before: addNext,
    after: removeNext,
    check: (run) => movesBetween(run, PAIRS[moves]),
  };
}

async function movesBetween(run: RowRun, pairs: readonly string[]): Promise<void> {
  await run.sameKeys(await run.established(1));
  await isSeenAt(run, pairs);
  const result = await run.ours.stop();
  expect(result.moves.done >= 1, `We counted ${result.moves.done} moves`);
  expect(result.moves.failed.count === 0, `Moves failed: ${JSON.stringify(result.moves)}`);
  expect(result.result !== "failed", `The result is ${result.result}`);
}

const moving: Row[] = MOVES.flatMap((moves) =>
  [true, false].map((enablenatt) =>
    movingRow(`${enablenatt ? "with" : "without"} NAT detection`, moves, {
      ikeconf: { enablenatt },
    })
  )
);

/** The same with strongSwan 6; where it alone moves, our client has no other address. */
const movingWithNewer: Row[] = MOVES.map((moves) => {
  const own = moves === "peer-only" ? { mobikeaddrpertunnel: 1 } : {};
  const how = `${moves === "peer-only" ? "with one address alone, " : ""}strongSwan 6`;
  const over = { ...own, mobikeiplifetime: "1500ms", ikeconf: { enablenatt: true } };
  return Object.assign(movingRow(how, moves, over), { strongSwan: STRONGSWAN_6 });
});

/** The client moves from IPv4 to IPv6 and back. */
const families: Row[] = (["peer-only", "both"] as const).map((moves) => {
  const row = movingRow("from IPv4 to IPv6 and back", moves, {
    mobikeaddrpertunnel: 1,
    mobikeiplifetime: "1500ms",
    mobikeotheraddr: `${OURS.address6}/64`,
    ikeconf: { enablenatt: true },
  });
  const at6 = `${THEIRS.address6} ${OURS.address6}`;
  const at4 = `${THEIRS.address4} ${OURS.address4}`;
  return Object.assign(row, {
    before: leaveFamilies,
    after: restore,
    check: (run: RowRun) => movesBetween(run, [at6, at4]),
  });
});

const followed: Row = {
  name: "MOBIKE, strongSwan moves and we follow",
  direction: "strongSwan → ours",
  setup: ourGateway({
    loglevel: 4,
    mobike: true,
    mobikeaddrpergw: 1,
    ikeconf: { enablenatt: true },
  }, MODERN),
  swanctl: swanctl(connection({ suite: MODERN, localAddress: "%any", extra: "mobike = yes" })),
  before: addNext,
  after: restore,
  check: async (run) => {
    await run.charon.initiate("net");
    await run.established(1);
    const [from = ""] = (await endsOf(run)).split(" ");
    const to = from === NEXT.theirs ? THEIRS.address4 : NEXT.theirs;
    // strongSwan moves from an address that is removed.
    await address(run.lab, "del", { end: "theirs", one: from });
    await address(run.lab, "replace", { end: "theirs", one: to });
    await isSeenAt(run, [`${to} ${OURS.address4}`]);
    const words = new RegExp(`Moved from .*; IKE SA .*→ ${to.replaceAll(".", "\\.")}:`);
    await until("our line of the move", 10_000, async () => words.test(await run.ours.log()));
    const result = await run.ours.stop();
    expect(result.moves.done >= 1, `We counted ${result.moves.done} moves`);
  },
};

/** The rows. */
export const MOBIKE_ROWS: readonly Row[] = [...moving, ...movingWithNewer, ...families, followed];
