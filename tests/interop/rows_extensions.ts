/**
 * Rows about extensions of the set-up: IKE SAs without a CHILD_SA in IKE_AUTH (RFC 6023).
 * @module
 */
import { child, connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { DEBIAN, type StrongSwan, STRONGSWAN_6 } from "./strongswan.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

/** The lines of a connection that say how strongSwan takes part. */
const theirs = (childless: string, childExtra = "") =>
  swanctl(
    connection({
      suite: MODERN,
      extra: `mobike = no\n    childless = ${childless}`,
      ...(childExtra ? { espProposals: childExtra } : {}),
    }),
  );

/** CREATE_CHILD_SA made the first CHILD_SA, as strongSwan saw it. */
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

/** All rows of this file. */
export const EXTENSION_ROWS: readonly Row[] = [
  ...childless("strongSwan 5", DEBIAN),
  ...childless("strongSwan 6", STRONGSWAN_6),
];
