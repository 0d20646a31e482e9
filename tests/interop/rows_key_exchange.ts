/**
 * Rows about ML-KEM and several key exchanges (RFC 9370) with strongSwan 6: IKE_INTERMEDIATE in the
 * set-up, IKE_FOLLOWUP_KE in rekeys of both kinds, by either end.
 * @module
 */
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { delay, until } from "./harness.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { STRONGSWAN_6 } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

const IKE = "aes128gcm16-prfsha256";
const ESP = "aes128gcm16";
const THREE = "x25519-ke1_mlkem768-ke2_mlkem1024-ke3_ecp384";
/** The name in our result and log. */
const THREE_METHODS = "Curve25519 + ml-kem-768 + ml-kem-1024 + 384-bit random ECP group";
const OURS_THREE: Setup = { addke1: [36], addke2: [37], addke3: [20], enablefragment: true };
const OURS_PFS_THREE: Setup = {
  pfsenabled: true,
  pfsgrpid: [31],
  pfsaddke1: [36],
  pfsaddke2: [37],
  pfsaddke3: [20],
};

/** A check, the same with the tunnel initiated by either end. */
function bothWays(
  name: string,
  { ike, esp = ESP, ikeconf, child = {} }: {
    readonly ike: string;
    readonly esp?: string;
    readonly ikeconf: Setup;
    readonly child?: Setup;
  },
  check: (run: RowRun) => Promise<void>,
): Row[] {
  const conf = swanctl(connection({ proposals: `${IKE}-${ike}`, espProposals: esp }));
  const over = { ikeconf: { ...ikeconf, childlist: [{ encalg: ["aes-gcm-16:128"], ...child }] } };
  const common = { name, swanctl: conf, strongSwan: STRONGSWAN_6 };
  return [
    { ...common, direction: "ours → strongSwan", setup: ourClient(over, MODERN), check },
    {
      ...common,
      direction: "strongSwan → ours",
      setup: ourGateway(over, MODERN),
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run);
      },
    },
  ];
}

const first = bothWays(
  "ML-KEM-512 as the only key exchange",
  { ike: "mlkem512", ikeconf: { dhgrpid: [35] } },
  (run) => run.wholeLife(),
);

const additional = [["ML-KEM-512", 35], ["ML-KEM-768", 36], ["ML-KEM-1024", 37]] as const;
const single = additional.flatMap(([name, method]) =>
  bothWays(`additional key exchange by ${name}`, {
    ike: `x25519-ke1_${name.replaceAll("-", "").toLowerCase()}`,
    ikeconf: { addke1: [method], enablefragment: true },
  }, async (run) => {
    await run.wholeLife();
    expect(await run.peerLogged(/parsed IKE_INTERMEDIATE \w+ 1 \[ KE \]/) > 0, "There was none");
  })
);

const three = bothWays(
  "three additional key exchanges",
  { ike: THREE, ikeconf: OURS_THREE },
  async (run) => {
    await run.wholeLife();
    const parsed = await run.peerLogged(/parsed IKE_INTERMEDIATE \w+ [123] \[ KE \]/);
    expect(parsed === 3, `strongSwan parsed ${parsed} IKE_INTERMEDIATE messages, not 3`);
  },
);

/** Ends a row: our result must have the rekeys by their methods, and one tunnel that was never lost. */
async function endedWith(run: RowRun, kind: "ike" | "child"): Promise<void> {
  const result = await run.ours.stop();
  expect(result.rekeys[kind] >= 1, `The result counts ${result.rekeys[kind]} rekeys`);
  expect(result.tunnels.failed === 0, `Failures: ${JSON.stringify(result.failures)}`);
  const counted = result.keyExchanges[kind][THREE_METHODS] ?? 0;
  expect(counted >= 1, `The result counts ${JSON.stringify(result.keyExchanges)}`);
}

async function childRekeyed(run: RowRun): Promise<void> {
  await until("four ESP SAs at strongSwan", 15_000, async () => {
    return (await run.charon.sas()).some(({ esp }) => esp.size >= 4);
  });
  await run.sameKeys((await run.charon.sas()).filter(({ esp }) => esp.size >= 4));
  const parsed = await run.peerLogged(/parsed IKE_FOLLOWUP_KE \w+ \d+ \[ KE/);
  expect(parsed >= 3, `strongSwan parsed ${parsed} IKE_FOLLOWUP_KE messages`);
  await endedWith(run, "child");
}

async function ikeRekeyed(run: RowRun): Promise<void> {
  await until("the keys of the new IKE SA at both ends", 15_000, async () => {
    const { secrets = [] } = await run.ours.keylog();
    const sas = await run.charon.sas();
    const theirs = new Set(sas.flatMap(({ everySecret }) => [...everySecret]));
    const isTheirs = ({ octets }: { readonly octets: ReadonlyMap<string, string> }) =>
      [...octets].every(([name, hex]) => hex === "" || theirs.has(`${name} ${hex}`));
    const [before, after] = [secrets[0], secrets.at(-1)];
    return before && after && before.spiI !== after.spiI && isTheirs(after);
  });
  const parsed = await run.peerLogged(/parsed IKE_FOLLOWUP_KE \w+ \d+ \[ KE/);
  expect(parsed >= 3, `strongSwan parsed ${parsed} IKE_FOLLOWUP_KE messages`);
  await delay(200);
  await endedWith(run, "ike");
}

const soon = { margintime: "1s", jitter: false };
const rekeys = [
  ...bothWays("three additional key exchanges, CHILD_SA rekeyed by strongSwan", {
    ike: THREE,
    esp: `${ESP}-${THREE}`,
    ikeconf: OURS_THREE,
    child: OURS_PFS_THREE,
  }, async (run) => {
    await run.established(1);
    await run.charon.swanctl(["--rekey", "--child", "net"]);
    await childRekeyed(run);
  }),
  ...bothWays("three additional key exchanges, CHILD_SA rekeyed by us", {
    ike: THREE,
    esp: `${ESP}-${THREE}`,
    ikeconf: { ...OURS_THREE, ...soon },
    child: { ...OURS_PFS_THREE, lifetime: "3s" },
  }, childRekeyed),
  ...bothWays("three additional key exchanges, IKE SA rekeyed by strongSwan", {
    ike: THREE,
    ikeconf: OURS_THREE,
  }, async (run) => {
    await run.established(1);
    await run.charon.swanctl(["--rekey", "--ike", "net"]);
    await ikeRekeyed(run);
  }),
  ...bothWays("three additional key exchanges, IKE SA rekeyed by us", {
    ike: THREE,
    ikeconf: { ...OURS_THREE, ...soon, ikelifetime: "3s" },
  }, ikeRekeyed),
];

/** All rows of this file. */
export const KEY_EXCHANGE_ROWS: readonly Row[] = [...first, ...single, ...three, ...rekeys];
