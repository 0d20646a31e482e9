/**
 * Rows about IP-TFS as it is negotiated (RFC 9347 §5.1) with strongSwan 6 and libreswan 5: it is agreed on by
 * either end's request, kept by a rekey, and a CHILD_SA that must have it is refused without it.
 * @module
 */
import { child, connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { until } from "./harness.ts";
import { LIBRESWAN_5 } from "./libreswan.ts";
import { conn, type LibreswanRow } from "./libreswan_row.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { STRONGSWAN_6 } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

const OVER: Setup = { loglevel: 4, ikeconf: { childlist: [child(MODERN, { iptfs: "force" })] } };
const CHARON = { strongSwan: STRONGSWAN_6, settings: "" } as const;

function charonWith(mode: string): string {
  return swanctl(connection({ suite: MODERN, childExtra: mode }));
}

/** Both ends have a CHILD_SA with IP-TFS, without which we take none, and strongSwan then rekeys it. */
async function aggregates(run: RowRun): Promise<void> {
  const [first] = await run.established(1);
  await run.sameKeys([first!]);
  const lists = async (words: RegExp) => {
    const { stdout } = await run.charon.swanctl(["--list-sas"]);
    expect(words.test(stdout), `strongSwan lists ${stdout.trim()}, not ${words}`);
  };
  await lists(/INSTALLED, IPTFS, ESP/);
  await run.charon.swanctl(["--rekey", "--child", "net"]);
  await until("another CHILD_SA", 10_000, async () => {
    const [sa] = await run.charon.sas();
    return sa!.esp.size >= first!.esp.size + 2;
  });
  await lists(/INSTALLED, IPTFS, ESP/);
  const { tunnels } = await run.ours.stop();
  expect(tunnels.established === 1 && tunnels.failed === 0, "The tunnel was lost");
}

/** The rows with strongSwan. */
export const IPTFS_ROWS: readonly Row[] = [
  {
    ...CHARON,
    name: "IP-TFS, strongSwan 6",
    direction: "ours → strongSwan",
    setup: ourClient(OVER, MODERN),
    swanctl: charonWith("mode = iptfs"),
    check: aggregates,
  },
  {
    ...CHARON,
    name: "IP-TFS, strongSwan 6",
    direction: "strongSwan → ours",
    setup: ourGateway(OVER, MODERN),
    swanctl: charonWith("mode = iptfs"),
    check: async (run) => {
      await run.charon.initiate("net");
      await aggregates(run);
    },
  },
  {
    ...CHARON,
    name: "IP-TFS that strongSwan 6 declines",
    direction: "ours → strongSwan",
    setup: ourClient(OVER, MODERN),
    swanctl: charonWith("mode = tunnel"),
    check: async (run) => void await run.failure([/declined IP-TFS \(no USE_AGGFRAG/]),
  },
];

function libreswanRow(direction: LibreswanRow["direction"]): LibreswanRow {
  const isOurs = direction === "ours → libreswan";
  return {
    name: "IP-TFS, libreswan 5",
    libreswan: LIBRESWAN_5,
    direction,
    setup: isOurs ? ourClient(OVER, MODERN) : ourGateway(OVER, MODERN),
    conf: conn({ suite: MODERN, extra: ["iptfs=yes"] }),
    check: async (run) => {
      if (!isOurs) await run.pluto.initiate("net");
      await run.established();
      await run.sameKeys();
      const log = await run.pluto.log();
      expect(/\/IPTFS/.test(log), "libreswan does not speak of IP-TFS");
      const { tunnels } = await run.ours.stop();
      expect(tunnels.established === 1 && tunnels.failed === 0, "The tunnel was lost");
    },
  };
}

/** The rows with libreswan. */
export const LIBRESWAN_IPTFS_ROWS: readonly LibreswanRow[] = [
  libreswanRow("ours → libreswan"),
  libreswanRow("libreswan → ours"),
];
