/**
 * Rows about IKE SAs without a CHILD_SA in IKE_AUTH (RFC 6023), and about redirection to another gateway (RFC
 * 5685).
 * @module
 */
import { atSite, child, connection, ourClient, ourGateway, OURS, swanctl, THEIRS } from "./ends.ts";
import { Ours } from "./ours.ts";
import { DEBIAN, type StrongSwan, STRONGSWAN_6 } from "./strongswan.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

/** The connection of strongSwan with its mode of childless set-ups. */
const theirs = (childless: string, childExtra = "") =>
  swanctl(
    connection({
      suite: MODERN,
      extra: `mobike = no\n    childless = ${childless}`,
      ...(childExtra ? { espProposals: childExtra } : {}),
    }),
  );

/** Checks that CREATE_CHILD_SA made the first CHILD_SA, by strongSwan's log. */
async function apart(run: RowRun): Promise<void> {
  await run.established(1);
  await run.peerLogs(/CREATE_CHILD_SA (request|response) \d+ \[.*TSi/);
  const inAuth = await run.peerLogged(/IKE_AUTH (request|response) \d+ \[[^\]]*TSi/);
  expect(inAuth === 0, "IKE_AUTH names selectors");
  await run.wholeLife();
}

function childless(name: string, strongSwan: StrongSwan): Row[] {
  const more = strongSwan === DEBIAN ? {} : { strongSwan };
  const pfs = {
    ikeconf: { childlist: [child(MODERN, { pfsenabled: true, pfsgrpid: [19] })] },
  };
  const esp = "aes128gcm16-ecp256";
  return [
    {
      ...more,
      name: `childless, ${name}`,
      direction: "ours → strongSwan",
      setup: ourClient({ ikeconf: { childless: "force" } }, MODERN),
      swanctl: theirs("allow"),
      check: apart,
    },
    {
      ...more,
      name: `childless, ${name}`,
      direction: "strongSwan → ours",
      setup: ourGateway({ ikeconf: { childless: "allow" } }, MODERN),
      swanctl: theirs("force"),
      check: async (run) => {
        await run.charon.initiate("net");
        await apart(run);
      },
    },
    {
      ...more,
      name: `childless, with a key exchange of the CHILD_SA, ${name}`,
      direction: "ours → strongSwan",
      setup: ourClient({ ikeconf: { childless: "allow", ...pfs.ikeconf } }, MODERN),
      swanctl: theirs("force", esp),
      check: apart,
    },
  ];
}

/** Other addresses of both ends, each with another gateway. */
const ELSEWHERE = {
  ours: OURS.many4.replace(/1$/, "5"),
  theirs: THEIRS.many4.replace(/1$/, "5"),
} as const;

/** Our gateway redirects strongSwan to another gateway of ours, with which the tunnel is established. */
function redirects(redirectat: "init" | "auth" | "established"): Row {
  const after = redirectat === "established" ? { redirectafter: "1s" } : {};
  const sends = { redirectto: [ELSEWHERE.ours], redirectat, ...after };
  return {
    ...(redirectat === "auth" ? { strongSwan: STRONGSWAN_6 } : {}),
    name: `redirected, ${redirectat}`,
    direction: "strongSwan → ours",
    setup: ourGateway({ loglevel: 4, ikeconf: sends }, MODERN),
    swanctl: swanctl(connection({ suite: MODERN })),
    check: async (run) => {
      const { lab } = run;
      const bindifaddr = `${ELSEWHERE.ours}/16`;
      const other = await Ours.start(
        lab,
        lab.ours,
        atSite(ourGateway({ loglevel: 4, bindifaddr }, MODERN), lab.ours),
      );
      try {
        await run.charon.tryInitiate("net", 5);
        await other.logs(/established: /);
        await other.logs(new RegExp(`redirected here by ${OURS.address4}`));
        await run.ours.logs(new RegExp(`redirected to ${ELSEWHERE.ours}`));
        const listed = await run.charon.list();
        const up = listed.filter((sa) => sa.state === "ESTABLISHED" && sa.children.length > 0);
        expect(up.length >= 1, `strongSwan lists ${up.length} tunnels`);
        const { tunnels } = await other.stop();
        expect(tunnels.established === 1, `${tunnels.established} tunnels at the other gateway`);
      } finally {
        await other.abandon();
      }
    },
  };
}

/** strongSwan redirects our client to another of its own addresses, after the tunnel is established. */
const redirected: Row = {
  name: "redirected, established",
  direction: "ours → strongSwan",
  setup: ourClient({ loglevel: 4, ikeconf: { followredirect: true } }, MODERN),
  swanctl: swanctl(
    connection({ suite: MODERN }) +
      connection({ suite: MODERN, name: "elsewhere", localAddress: ELSEWHERE.theirs }),
  ),
  check: async (run) => {
    await run.established(1);
    await run.charon.swanctl(["--redirect", "--ike", "net", "--gateway", ELSEWHERE.theirs]);
    await run.ours.logs(new RegExp(`redirected from ${THEIRS.address4} to ${ELSEWHERE.theirs}`));
    await run.ours.logs(/Tunnel 0 established again/);
    await run.peerLogs(/client got redirected from|REDIR_FROM/);
    const names = (await run.charon.list()).map(({ connection }) => connection);
    expect(names.includes("elsewhere"), `strongSwan lists ${names.join(", ")}`);
    const result = await run.ours.stop();
    expect(result.failures.length === 0, `Failures: ${JSON.stringify(result.failures)}`);
  },
};

/** All rows of this file. */
export const EXTENSION_ROWS: readonly Row[] = [
  ...childless("strongSwan 5", DEBIAN),
  ...childless("strongSwan 6", STRONGSWAN_6),
  redirects("init"),
  redirects("auth"),
  redirects("established"),
  redirected,
];
