/**
 * Rows about MOBIKE (RFC 4555) with libreswan 4 and 5: our client moves between its own addresses, also from
 * one behind a NAT, and libreswan follows. As libreswan announces no other addresses of its own, a client that
 * is to move to them stays.
 * @module
 */
import { ourClient, OURS } from "./ends.ts";
import { type Lab, mustRun, until } from "./harness.ts";
import { LIBRESWAN_4, LIBRESWAN_5 } from "./libreswan.ts";
import { conn, type LibreswanRow, type LibreswanRun } from "./libreswan_row.ts";
import { hide, removeNats } from "./nat.ts";
import { expect } from "./row.ts";
import { MODERN } from "./suites.ts";

const NEXT = "10.77.0.3";

/** The address that libreswan sees of our second one behind the NAT. */
const SEEN = "10.77.2.9";
const FIRST_PORT = 40_000;

/** A way of moving, and whether our second address is behind a NAT. */
interface Way {
  readonly moves: "own-only" | "peer-only" | "both";
  readonly isNatted: boolean;
}

async function prepare(lab: Lab, { isNatted }: Way): Promise<void> {
  const { namespace, interface: name } = lab.ours;
  const add = (one: string) =>
    mustRun("ip", ["-n", namespace, "addr", "replace", `${one}/16`, "dev", name]);
  await add(NEXT);
  if (!isNatted) return;
  await add(SEEN);
  const site = Object.assign({}, lab.ours, { address4: NEXT });
  await hide(site, { as: SEEN, firstPort: FIRST_PORT });
}

async function follows(run: LibreswanRun, { moves }: Way): Promise<void> {
  const words = moves === "peer-only" ? /There is no other path than / : /Moved from /g;
  const count = moves === "peer-only" ? 1 : 2;
  try {
    await run.established();
    await run.sameKeys();
    await until(`${count} lines of ${words}`, 15_000, async () => {
      run.ours.mustRun();
      return ((await run.ours.log()).match(words) ?? []).length >= count;
    });
    const { moves: { done, failed }, tunnels, failures } = await run.ours.stop();
    const isRight = moves === "peer-only" ? done === 0 : done >= count;
    expect(isRight, `We counted ${done} moves`);
    expect(failed.count === 0, `${failed.count} moves failed`);
    expect(tunnels.lost === 0, `Tunnels lost: ${JSON.stringify(failures)}`);
  } finally {
    await removeNats(run.lab);
    await run.lab.restoreAddresses4(run.lab.ours);
  }
}

function row(version: 4 | 5, way: Way): LibreswanRow {
  const { moves, isNatted } = way;
  const how = isNatted ? "its second address behind a NAT" : "with NAT detection";
  return {
    name: `MOBIKE, our client moves (${moves}), ${how}${version === 5 ? ", libreswan 5" : ""}`,
    direction: "ours → libreswan",
    setup: ourClient({
      loglevel: 4,
      startclntaddr: `${OURS.address4}/16`,
      mobike: true,
      mobikeiplifetime: "1s",
      mobikechangeaddrtype: moves,
      ikeconf: { enablenatt: true },
    }, MODERN),
    libreswan: version === 5 ? LIBRESWAN_5 : LIBRESWAN_4,
    conf: conn({ suite: MODERN, remoteAddress: "%any", extra: ["mobike=yes"] }),
    before: ({ lab }) => prepare(lab, way),
    check: (run) => follows(run, way),
  };
}

/** The rows. */
export const LIBRESWAN_MOBIKE_ROWS: readonly LibreswanRow[] = [
  row(4, { moves: "own-only", isNatted: false }),
  row(4, { moves: "both", isNatted: true }),
  row(5, { moves: "own-only", isNatted: true }),
  row(5, { moves: "peer-only", isNatted: false }),
  row(5, { moves: "both", isNatted: false }),
];
