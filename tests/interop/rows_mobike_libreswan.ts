/**
 * Rows about MOBIKE (RFC 4555) with libreswan: our client moves between its own addresses, and libreswan follows.
 * @module
 */
import { ourClient, OURS } from "./ends.ts";
import { type Lab, mustRun, until } from "./harness.ts";
import { conn, type LibreswanRow, type LibreswanRun } from "./libreswan_row.ts";
import type { Setup } from "./ours.ts";
import { expect } from "./row.ts";
import { MODERN } from "./suites.ts";

const NEXT = "10.77.0.3";

async function address(lab: Lab, what: "replace" | "del"): Promise<void> {
  const { namespace, interface: name } = lab.ours;
  await mustRun("ip", ["-n", namespace, "addr", what, `${NEXT}/16`, "dev", name]);
}

async function follows(run: LibreswanRun): Promise<void> {
  try {
    await run.established();
    await run.sameKeys();
    await until("two moves of ours", 15_000, async () => {
      run.ours.mustRun();
      return [...(await run.ours.log()).matchAll(/Moved from /g)].length >= 2;
    });
    const result = await run.ours.stop();
    expect(result.moves.done >= 2, `We counted ${result.moves.done} moves`);
    expect(result.moves.failed.count === 0, `Moves failed: ${JSON.stringify(result.moves)}`);
    expect(result.tunnels.lost === 0, `Tunnels lost: ${JSON.stringify(result.failures)}`);
  } finally {
    await address(run.lab, "del").catch(() => {});
  }
}

/** The rows. */
export const LIBRESWAN_MOBIKE_ROWS: readonly LibreswanRow[] = [true].map((enablenatt) => ({
  name: "MOBIKE, our client moves (own-only), with NAT detection",
  direction: "ours → libreswan",
  setup: ourClient({
    loglevel: 4,
    startclntaddr: `${OURS.address4}/16`,
    mobike: true,
    mobikeiplifetime: "2s",
    mobikechangeaddrtype: "own-only",
    ikeconf: { enablenatt },
  } as Setup, MODERN),
  conf: conn({ suite: MODERN, remoteAddress: "%any", extra: ["mobike=yes"] }),
  before: ({ lab }) => address(lab, "replace"),
  check: follows,
}));
