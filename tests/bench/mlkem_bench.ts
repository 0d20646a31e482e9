/**
 * Measures what ML-KEM-768 costs a set-up: the CPU time per tunnel with X25519 alone, and with ML-KEM-768 as an
 * additional key exchange, of our client and of strongSwan 6 as its gateway, in turn within one run. It needs
 * root and strongSwan 6, and is left out without them.
 *
 * Run: deno run -A tests/bench/mlkem_bench.ts [TUNNELS [ROUNDS]]
 * @module
 */
import { atSite, connection, ourClient, swanctl } from "../interop/ends.ts";
import { Lab, sweepLeftovers, until } from "../interop/harness.ts";
import { Ours } from "../interop/ours.ts";
import { Charon, STRONGSWAN_6, strongSwanVersion } from "../interop/strongswan.ts";
import { MODERN } from "../interop/suites.ts";

const tunnels = Number(Deno.args[0] ?? 100);
const rounds = Number(Deno.args[1] ?? 3);
const SUITES = [
  { name: "X25519", ikeconf: {}, proposal: "aes128gcm16-prfsha256-x25519" },
  {
    name: "X25519 + ML-KEM-768",
    ikeconf: { addke1: [36], enablefragment: true },
    proposal: "aes128gcm16-prfsha256-x25519-ke1_mlkem768",
  },
] as const;

/** Milliseconds of CPU time per tunnel of each end. */
interface Cost {
  readonly ours: number;
  readonly theirs: number;
}

/** Sets all tunnels up, and deletes them again. */
async function measure(
  lab: Lab,
  charon: Charon,
  { ikeconf, proposal }: (typeof SUITES)[number],
): Promise<Cost> {
  await charon.load(swanctl(connection({
    suite: MODERN,
    proposals: proposal,
    remoteAddress: "10.77.0.0/16",
    remoteId: "%any",
  })));
  const beforeMs = await charon.cpuMs();
  const setup = ourClient({
    numberoftunnels: tunnels,
    startclntaddr: "10.77.2.1/16",
    ikeconf: Object.assign({ myid: "&d.ours.interop.test" }, ikeconf),
  }, MODERN);
  const ours = await Ours.start(lab, lab.ours, atSite(setup, lab.ours));
  await until("all tunnels", 60_000, async () => {
    ours.mustRun();
    return new RegExp(`tunnels: ${tunnels}/${tunnels} established`).test(ours.stderr) ||
      (await charon.sas()).filter(({ established }) => established).length >= tunnels;
  });
  const theirs = (await charon.cpuMs() - beforeMs) / tunnels;
  const { tunnels: { established }, cpuMsPerTunnel } = await ours.stop();
  if (established < tunnels) throw new Error(`${established} of ${tunnels} tunnels established`);
  return { ours: cpuMsPerTunnel ?? NaN, theirs };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

if (Deno.uid() !== 0 || await strongSwanVersion(STRONGSWAN_6) === undefined) {
  console.log("left out: it needs root and strongSwan 6");
  Deno.exit(0);
}
await sweepLeftovers();
const lab = await Lab.open("m");
let charon: Charon | undefined;
try {
  charon = await Charon.start(lab, lab.theirs, "", { installed: STRONGSWAN_6 });
  const costs = SUITES.map((): Cost[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, suite] of SUITES.entries()) costs[i]!.push(await measure(lab, charon, suite));
  }
  console.log(`${tunnels} tunnels, median of ${rounds}; ms of CPU time per tunnel`);
  const medians = costs.map((list) => ({
    ours: median(list.map((cost) => cost.ours)),
    theirs: median(list.map((cost) => cost.theirs)),
  }));
  for (const [i, { ours, theirs }] of medians.entries()) {
    const name = SUITES[i]!.name.padEnd(20);
    console.log(`${name} ours ${ours.toFixed(2)}  strongSwan ${theirs.toFixed(2)}`);
  }
  const [plain, hybrid] = medians as [Cost, Cost];
  const more = (end: keyof Cost) => (hybrid[end] - plain[end]).toFixed(2);
  console.log(`ML-KEM-768 adds       ours ${more("ours")}  strongSwan ${more("theirs")}`);
} finally {
  await charon?.stop();
  await lab.close();
}
