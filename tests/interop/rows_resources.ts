/**
 * Rows about several CHILD_SAs with the same selectors, one for each CPU (RFC 9611), with strongSwan 6: our client
 * asks for three beside the first; strongSwan asks for the first, as only its kernel asks for others; and one end
 * alone takes part.
 * @module
 */
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { until } from "./harness.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { STRONGSWAN_6 } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

const RESOURCES = 3;
const NAME = "CHILD_SAs of several resources";

function common(over: Setup, childExtra: string) {
  const proposals = { proposals: "aes128gcm16-prfsha256-x25519", espProposals: "aes128gcm16" };
  const conf = swanctl(connection({ ...proposals, childExtra }));
  const ikeconf = { childlist: [{ encalg: ["aes-gcm-16:128"], ...over }] };
  return { setup: { ikeconf }, conf };
}

/** Waits until strongSwan has so many CHILD_SAs, and compares the keys of all. */
async function haveAll(run: RowRun, count: number): Promise<void> {
  await run.established(1);
  await until(`${count} CHILD_SAs at strongSwan`, 10_000, async () => {
    const [sa] = await run.charon.list();
    return sa?.children.filter(({ state }) => state === "INSTALLED").length === count;
  });
  await run.sameKeys(await run.charon.sas());
}

/** Stops our end, whose result must have no failure. */
async function stopped(run: RowRun): Promise<void> {
  const result = await run.ours.stop();
  expect(result.failures.length === 0, `Failures: ${JSON.stringify(result.failures)}`);
}

function row(
  name: string,
  ours: boolean,
  over: Setup,
  theirs: { readonly childExtra: string; readonly check: (run: RowRun) => Promise<void> },
): Row {
  const { setup, conf } = common(over, theirs.childExtra);
  const both = { name, swanctl: conf, strongSwan: STRONGSWAN_6 };
  if (ours) {
    const direction = "ours → strongSwan";
    return { ...both, direction, setup: ourClient(setup, MODERN), check: theirs.check };
  }
  return {
    ...both,
    direction: "strongSwan → ours",
    setup: ourGateway(setup, MODERN),
    check: async (run) => {
      await run.charon.initiate("net");
      await theirs.check(run);
    },
  };
}

const PER_CPU = "per_cpu_sas = yes";

/** All rows of this file. */
export const RESOURCE_ROWS: readonly Row[] = [
  row(NAME, true, { resourcesas: RESOURCES }, {
    childExtra: PER_CPU,
    async check(run) {
      await haveAll(run, 1 + RESOURCES);
      const others = await run.peerLogged(/per-resource SA as one of several \(our ID \d+, peer's/);
      expect(others === RESOURCES, `strongSwan names ${others} resources of ours`);
      await run.charon.swanctl(["--rekey", "--child", "net"]);
      await run.peerLogs(/rekeyed CHILD_SA net/);
      await stopped(run);
    },
  }),
  row(NAME, false, { resourcesas: RESOURCES }, {
    childExtra: PER_CPU,
    async check(run) {
      await haveAll(run, 1);
      const taken = await run.peerLogged(/creating SA as one of several per-resource SAs/);
      expect(taken === 1, `strongSwan takes our answer for one of several ${taken} times`);
      await stopped(run);
    },
  }),
  row(`${NAME}, which strongSwan does not want`, true, { resourcesas: RESOURCES }, {
    childExtra: "",
    async check(run) {
      await haveAll(run, 1);
      await stopped(run);
    },
  }),
  row(`${NAME}, which we do not want`, false, {}, {
    childExtra: PER_CPU,
    async check(run) {
      await haveAll(run, 1);
      await run.peerLogs(/didn't send SA_RESOURCE_INFO notify, creating regular SA/);
      await stopped(run);
    },
  }),
];
