/**
 * Rows about session resumption (RFC 5723). libreswan 5 issues and presents tickets, and derives the same keys
 * from them; but its AUTH is prf(SK_px, message), without the nonce and the identity that RFC 7296 §2.15 puts
 * behind the message and to which RFC 5723 §5.1 refers, so that neither end takes the other's. strongSwan does
 * not have it.
 * @module
 */
import { connection, ourClient, ourGateway, OURS, swanctl } from "./ends.ts";
import { mustRun } from "./harness.ts";
import { LIBRESWAN_5 } from "./libreswan.ts";
import { conn, type LibreswanRow, type LibreswanRun } from "./libreswan_row.ts";
import { expect, type Row } from "./row.ts";
import { MODERN } from "./suites.ts";

const ALLOW = { resume: "allow" } as const;
const THEIRS = conn({ suite: MODERN, extra: ["session-resumption=yes"] });
/** How often a client of ours tries in this row. */
const TRIES = { tunnelmaxretry: 20, tunnelretryinterval: "500ms" } as const;
const QUICK = { dpdinterval: "1s", retraninterval: "500ms", maxretran: 2 } as const;

/** Nothing of libreswan reaches us until our client has given its IKE SA up. */
async function unheard(run: LibreswanRun): Promise<void> {
  const { namespace } = run.lab.theirs;
  const route = (what: "add" | "del") =>
    mustRun("ip", ["-n", namespace, "route", what, "blackhole", `${OURS.address4}/32`]);
  await route("add");
  try {
    await run.ours.logs(/Tunnel 0 is to be resumed: /);
  } finally {
    await route("del");
  }
}

/** The rows with libreswan. */
export const LIBRESWAN_RESUMPTION_ROWS: readonly LibreswanRow[] = [
  {
    name: "tickets, up to AUTH of another form",
    libreswan: LIBRESWAN_5,
    direction: "ours → libreswan",
    setup: ourClient({ loglevel: 4, ...TRIES, ikeconf: { ...ALLOW, ...QUICK } }, MODERN),
    conf: THEIRS,
    check: async (run) => {
      await run.established();
      await run.ours.logs(/The peer gave a ticket/);
      await unheard(run);
      // Its answer under the new keys is authentic, which shows that they are the same.
      await run.ours.logs(/refused our authentication .* by the keys of the resumed session/);
      await run.peerLogs(
        /processing IKE_SESSION_RESUME request .* containing Ni,N\(TICKET_OPAQUE\)/,
      );
      await run.ours.logs(/Tunnel 0 established again/);
      await run.ours.stop();
    },
  },
  {
    name: "tickets, up to AUTH of another form",
    libreswan: LIBRESWAN_5,
    direction: "libreswan → ours",
    setup: ourGateway({ loglevel: 4, ikeconf: ALLOW }, MODERN),
    conf: THEIRS,
    check: async (run) => {
      await run.pluto.initiate("net");
      await run.established();
      await run.sameKeys();
      await run.pluto.whack(["--suspend", "--name", "net"]);
      await run.pluto.tryInitiate("net", 3);
      await run.ours.logs(/its AUTH data is not by the keys of the resumed session/);
      const { resumptions } = await run.ours.stop();
      expect(resumptions.tickets >= 1, `${resumptions.tickets} tickets`);
      expect(resumptions.refused.length === 0, `Refused: ${JSON.stringify(resumptions.refused)}`);
    },
  },
];

/** The rows with strongSwan. */
export const RESUMPTION_ROWS: readonly Row[] = [
  {
    name: "no ticket of a peer that does not know resumption",
    direction: "ours → strongSwan",
    setup: ourClient({ loglevel: 4, ikeconf: ALLOW }, MODERN),
    swanctl: swanctl(connection({ suite: MODERN })),
    check: async (run) => {
      await run.ours.logs(/does not know session resumption: the tunnel cannot be resumed/);
      await run.wholeLife();
    },
  },
];
