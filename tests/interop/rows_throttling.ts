/**
 * Rows about a peer that throttles: strongSwan with the limits that it has by default, and many clients behind
 * one NAT, which share a source address.
 * @module
 */
import { child, connection, ourClient, OURS, swanctl } from "./ends.ts";
import { hideAll, removeNats } from "./nat.ts";
import type { Setup } from "./ours.ts";
import { expect, expectCounts, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

const TUNNELS = 40;
/** Half-open SAs for each source address that strongSwan has by default: `charon.block_threshold`. */
const BLOCK_THRESHOLD = 5;

/** Tunnels with addresses and identities of their own, which begin within 40 ms. */
function clients(over: Setup): Setup {
  return ourClient({
    numberoftunnels: TUNNELS,
    startclntaddr: `${OURS.many4}/16`,
    setupinterval: "1ms",
    tunnelmaxretry: 5,
    tunnelretryinterval: "1s",
    loglevel: 4,
    ikeconf: {
      myid: "tunnel-&d.interop.test",
      enablenatt: true,
      retraninterval: "1s",
      childlist: [child(MODERN, { ownts: [{ startaddr: OURS.net[0], endaddr: OURS.net[0] }] })],
    },
    owntsaddrincrease: 1,
    ...over,
  }, MODERN);
}

const CONF = swanctl(
  connection({ suite: MODERN, remoteAddress: "%any", remoteId: "*.interop.test" }),
);

const before = ({ lab }: RowRun) =>
  hideAll(lab.ours, {
    from: OURS.many4.replace(/1$/, "0/24"),
    as: OURS.address4,
    firstPort: 20_000,
  });

/** strongSwan drops requests of a source address with too many half-open SAs, and the result says so. */
const named: Row = {
  name: "dos_protection by default: silence for one source address is named",
  direction: "ours → strongSwan",
  settings: "dos_protection = yes",
  setup: clients({}),
  swanctl: CONF,
  before,
  after: removeNats,
  check: async (run) => {
    await run.established(TUNNELS, 40_000);
    await run.peerLogs(/ignoring IKE_SA setup from .* per-IP half-open IKE_SA limit of 5 reached/);
    const result = await run.ours.stop();
    const silence = result.throttled.find(({ cause }) => cause === "SILENCE");
    expect(silence !== undefined, `Silence is not named: ${JSON.stringify(result.throttled)}`);
    const [, limit] = /set maxhalfopen to (\d+) or less/.exec(silence.example) ?? [];
    expect(limit !== undefined, `The result does not say what to set: ${silence.example}`);
    const isNear = Number(limit) >= BLOCK_THRESHOLD - 1 && Number(limit) <= 3 * BLOCK_THRESHOLD;
    expect(isNear, `The limit is ${BLOCK_THRESHOLD}, and the result says ${limit}`);
  },
};

/** With the option that the result names, every first request is answered. */
const obeyed: Row = {
  name: "dos_protection by default: with maxhalfopen below its limit nothing is dropped",
  direction: "ours → strongSwan",
  settings: "dos_protection = yes",
  setup: clients({ maxhalfopen: BLOCK_THRESHOLD - 1 }),
  swanctl: CONF,
  before,
  after: removeNats,
  check: async (run) => {
    await run.established(TUNNELS, 40_000);
    const dropped = await run.peerLogged(/half-open IKE_SA limit of 5 reached/);
    expect(dropped === 0, `strongSwan dropped ${dropped} requests`);
    const result = await run.ours.stop();
    expectCounts(result, { established: TUNNELS, failed: 0 });
    expect(result.retransmissions === 0, `${result.retransmissions} requests were repeated`);
    const silence = result.throttled.filter(({ cause }) => cause === "SILENCE");
    expect(silence.length === 0, `Silence is named: ${JSON.stringify(silence)}`);
  },
};

/** All rows of this file. */
export const THROTTLING_ROWS: readonly Row[] = [named, obeyed];
