/**
 * Rows about inner addresses (RFC 7296 §2.19): either end asks for one from the other's pool.
 * @module
 */
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

/** Selectors for any address, which the assigned address narrows. */
const OPEN: Setup = { ikeconf: { childlist: [{ encalg: ["aes-gcm-16:128"] }] } };

/** Checks that strongSwan lists the CHILD_SA with only the assigned address at the client's end. */
async function narrowedTo(run: RowRun, selectors: RegExp): Promise<void> {
  await run.established(1);
  await run.peerLogs(selectors);
  await run.wholeLife();
}

/** All rows of this file. */
export const POOL_ROWS: readonly Row[] = [
  {
    name: "address of strongSwan's pool, with DNS",
    direction: "ours → strongSwan",
    setup: ourClient({ ikeconf: { ratunnel: true, ...OPEN.ikeconf as Setup } }, MODERN),
    swanctl: swanctl(connection({
      suite: MODERN,
      remoteTs: "dynamic",
      extra: "mobike = no\n    pools = inner",
    })) + "pools {\n  inner {\n    addrs = 10.60.0.7\n    dns = 10.60.0.1\n  }\n}\n",
    check: async (run) => {
      await run.peerLogs(/assigning virtual IP 10\.60\.0\.7 to peer/);
      await narrowedTo(run, /TS 10\.1\.0\.0\/16 === 10\.60\.0\.7\/32/);
    },
  },
  {
    name: "address of our pool",
    direction: "strongSwan → ours",
    setup: ourGateway({ poolconf: { v4startaddr: "10.50.0.9/24" }, ...OPEN }, MODERN),
    swanctl: swanctl(connection({
      suite: MODERN,
      localTs: "dynamic",
      extra: "mobike = no\n    vips = 0.0.0.0",
    })),
    check: async (run) => {
      await run.charon.initiate("net");
      await run.peerLogs(/installing new virtual IP 10\.50\.0\.9/);
      await narrowedTo(run, /TS 10\.50\.0\.9\/32 === 10\.2\.0\.0\/16/);
    },
  },
  {
    name: "no address left in our pool",
    direction: "strongSwan → ours",
    setup: ourGateway({ poolconf: { v6startaddr: "fd50::1/64" }, ...OPEN }, MODERN),
    swanctl: swanctl(connection({
      suite: MODERN,
      localTs: "dynamic",
      extra: "mobike = no\n    vips = 0.0.0.0",
    })),
    check: async (run) => {
      const done = await run.charon.tryInitiate("net", 5);
      expect(done.code !== 0, "strongSwan says that its CHILD_SA is up");
      await run.peerLogs(/INT_ADDR_FAIL|INTERNAL_ADDRESS_FAILURE/);
    },
  },
];
