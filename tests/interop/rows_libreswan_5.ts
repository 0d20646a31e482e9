/**
 * Rows with libreswan 5 about what version 4 does not have: post-quantum pre-shared keys also in
 * IKE_INTERMEDIATE (RFC 9867), several key exchanges (RFC 9370) of classical groups, as the NSS of Debian has
 * no ML-KEM, and redirection (RFC 5685). There are no rows about additional key exchanges of CHILD_SAs: version
 * 5.4 proposes them in IKE_AUTH too, where RFC 9370 §2.2.4 has none, and rekeys a CHILD_SA without the
 * IKE_FOLLOWUP_KE that it has agreed on.
 * @module
 */
import { atSite, child, ourClient, ourGateway, OURS, THEIRS } from "./ends.ts";
import { until } from "./harness.ts";
import { LIBRESWAN_5 } from "./libreswan.ts";
import { conn, type LibreswanRow, type LibreswanRun } from "./libreswan_row.ts";
import { Ours, type Setup } from "./ours.ts";
import { expect } from "./row.ts";
import { bothWays as anyBothWays, type Pair } from "./rows_libreswan.ts";
import { MODERN } from "./suites.ts";

function bothWays(name: string, pair: Pair): LibreswanRow[] {
  return anyBothWays(`${name}, libreswan 5`, { suite: MODERN, ...pair })
    .map((row) => Object.assign(row, { libreswan: LIBRESWAN_5 }));
}

const PPK_ID = "quantum-1";
const PPK_VALUE = "a post-quantum pre-shared key, 40 octets";
const PPK_SECRETS = [`%any %any : PPKS "${PPK_ID}" "${PPK_VALUE}"`];

const ppk = (intermediate: boolean): Setup => ({
  ikeconf: { ppk: { id: PPK_ID, value: PPK_VALUE, ppkrequired: true, intermediate } },
});

const ppks = [
  ...bothWays("PPK that both ends require", {
    setup: ppk(false),
    theirs: { extra: ["ppk=insist"] },
    secrets: PPK_SECRETS,
  }),
  ...bothWays("PPK in IKE_INTERMEDIATE that both ends require", {
    setup: ppk(true),
    theirs: { extra: ["ppk=insist", "intermediate=yes"] },
    secrets: PPK_SECRETS,
    check: async (run) => {
      await run.established();
      const said = await run.peerLogged(/IKE_INTERMEDIATE (request|response)/);
      expect(said > 0, "There was no IKE_INTERMEDIATE");
      await run.wholeLife();
    },
  }),
];

const IKE = "aes_gcm_c_128-sha2_256-dh31";
const THREE = ";addke1=dh19;addke2=dh14;addke3=dh20";
/** The name in our result of what {@linkcode OURS_THREE} agrees on. */
const THREE_METHODS = "Curve25519 + 256-bit random ECP group + 2048-bit MODP Group + " +
  "384-bit random ECP group";
const OURS_THREE: Setup = { addke1: [19], addke2: [14], addke3: [20], enablefragment: true };
async function ikeRekeyed(run: LibreswanRun): Promise<void> {
  await run.established();
  await run.pluto.whack(["--rekey-ike", "--name", "net"]);
  await until("the second IKE SA at libreswan", 10_000, async () => {
    return (await run.pluto.ikeKeys()).length >= 2;
  });
  await run.sameKeys(2, 2);
  const result = await run.ours.stop();
  expect(result.rekeys.ike >= 1, `The result counts ${result.rekeys.ike} rekeys`);
  expect(result.tunnels.failed === 0, `Failures: ${JSON.stringify(result.failures)}`);
  const counted = result.keyExchanges.ike[THREE_METHODS] ?? 0;
  expect(counted >= 2, `The result counts ${JSON.stringify(result.keyExchanges)}`);
}

const keyExchanges = [
  ...bothWays("additional key exchange by a classical group", {
    setup: { ikeconf: { addke1: [19], enablefragment: true } },
    theirs: { ike: `${IKE};addke1=dh19`, extra: ["intermediate=yes"] },
  }),
  ...bothWays("three additional key exchanges", {
    setup: { ikeconf: OURS_THREE },
    theirs: { ike: IKE + THREE, extra: ["intermediate=yes"] },
  }),
  ...bothWays("three additional key exchanges, IKE SA rekeyed by libreswan", {
    setup: { ikeconf: OURS_THREE },
    theirs: { ike: IKE + THREE, extra: ["intermediate=yes"] },
    check: ikeRekeyed,
  }),
];

/** Other addresses of both ends, each with a gateway of ours to which clients are redirected. */
const ELSEWHERE = {
  ours: OURS.many4.replace(/1$/, "5"),
  theirs: THEIRS.many4.replace(/1$/, "5"),
} as const;

/** Runs another gateway of ours beside one end, to which a client is redirected. */
async function withOther(
  run: LibreswanRun,
  at: "ours" | "theirs",
  check: (other: Ours) => Promise<void>,
): Promise<void> {
  const { lab } = run;
  const over = at === "ours" ? {} : {
    ikeconf: {
      myid: "theirs.interop.test",
      childlist: [
        child(MODERN, {
          ownts: [{ startaddr: THEIRS.net[0], endaddr: THEIRS.net[1] }],
          peerts: [{ startaddr: OURS.net[0], endaddr: OURS.net[1] }],
        }),
      ],
    },
  };
  const setup = ourGateway({ loglevel: 4, bindifaddr: `${ELSEWHERE[at]}/16`, ...over }, MODERN);
  const other = await Ours.start(lab, lab[at], atSite(setup, lab[at]));
  try {
    await check(other);
  } finally {
    await other.abandon();
  }
}

/** Our gateway redirects libreswan to another gateway of ours, with which the tunnel is established. */
function redirects(redirectat: "init" | "auth" | "established"): LibreswanRow {
  const after = redirectat === "established" ? { redirectafter: "1s" } : {};
  return {
    name: `redirected, ${redirectat}, libreswan 5`,
    libreswan: LIBRESWAN_5,
    direction: "libreswan → ours",
    setup: ourGateway({
      loglevel: 4,
      ikeconf: { redirectto: [ELSEWHERE.ours], redirectat, ...after },
    }, MODERN),
    conf: conn({ suite: MODERN, extra: ["accept-redirect=yes"] }),
    check: (run) =>
      withOther(run, "ours", async (other) => {
        await run.pluto.tryInitiate("net", 5);
        await other.logs(/established: /);
        await other.logs(new RegExp(`redirected here by ${OURS.address4}`));
        await run.ours.logs(new RegExp(`redirected to ${ELSEWHERE.ours}`));
        await run.established();
        const { tunnels } = await other.stop();
        expect(tunnels.established === 1, `${tunnels.established} tunnels at the other gateway`);
      }),
  };
}

/** libreswan redirects our client to a gateway of ours beside it. */
function redirected(at: "init" | "auth" | "established"): LibreswanRow {
  const to = ELSEWHERE.theirs;
  // The other gateway has port 500 of its own address.
  const general = [`listen=${THEIRS.address4}`];
  const extra = at === "auth" ? ["send-redirect=yes", `redirect-to=${to}`] : [];
  return {
    name: `redirected, ${at}, libreswan 5`,
    libreswan: LIBRESWAN_5,
    direction: "ours → libreswan",
    setup: ourClient({
      loglevel: 4,
      tunnelmaxretry: 10,
      tunnelretryinterval: "300ms",
      ikeconf: { followredirect: true },
    }, MODERN),
    general,
    conf: conn({ suite: MODERN, extra }),
    before: async ({ pluto }) => {
      if (at !== "init") return;
      await pluto.whack(["--global-redirect", "yes", "--global-redirect-to", to]);
    },
    check: (run) =>
      withOther(run, "theirs", async (other) => {
        if (at === "established") {
          await run.established();
          await run.pluto.whack(["--name", "net", "--redirect-to", to]);
        }
        await run.ours.logs(new RegExp(`redirected from ${THEIRS.address4} to ${to}`));
        await other.logs(/established: /);
        await other.logs(new RegExp(`redirected here by ${THEIRS.address4}`));
        await run.nothingLeft();
        const result = await run.ours.stop();
        expect(result.tunnels.lost === 0, `${result.tunnels.lost} tunnels lost`);
        expect(result.result !== "failed", `The result is ${result.result}`);
      }),
  };
}

/** All rows of this file. */
export const LIBRESWAN_5_ROWS: readonly LibreswanRow[] = [
  ...ppks,
  ...keyExchanges,
  ...(["init", "auth", "established"] as const).flatMap((at) => [redirected(at), redirects(at)]),
];
