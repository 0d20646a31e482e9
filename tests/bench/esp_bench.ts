/**
 * Measures the throughput of the userland data path, and compares it with that of strongSwan's
 * (kernel-libipsec). A client and a gateway of this program are one pair, two strongSwan are the other;
 * each pair is in two network namespaces that a veth joins. The pairs are measured in turn within one
 * run, and the ratios are printed. ESP is in tunnel mode in UDP, with AES-GCM-16 and 128 bits.
 *
 * Run as root, with strongSwan and iperf3: deno run -A tests/bench/esp_bench.ts [ROUNDS [SECONDS]]
 * @module
 */
import { atSite, connection, OUR_ID, ourClient, ourGateway } from "../interop/ends.ts";
import { OURS, swanctl, THEIR_ID, THEIRS } from "../interop/ends.ts";
import { Lab, mustRun, run, until } from "../interop/harness.ts";
import { merge, Ours, type Setup } from "../interop/ours.ts";
import { Charon, PLUGINS, strongSwanVersion } from "../interop/strongswan.ts";
import { MODERN } from "../interop/suites.ts";

const ROUNDS = Number(Deno.args[0] ?? 3);
const SECONDS = Number(Deno.args[1] ?? 5);
const INNER = { ours: "10.2.0.1", theirs: "10.1.0.1" } as const;
const USERLAND = `  load = kernel-libipsec ${PLUGINS}\n  install_routes = yes`;

/** What is measured: the name, arguments of iperf3, and the figure in its result. */
const MEASURES = [
  {
    name: "TCP, Mbit/s",
    args: [],
    read: (end: IperfEnd) => end.sum_received.bits_per_second / 1e6,
  },
  {
    name: "UDP of 64 octets, packets/s that arrived",
    args: ["-u", "-b", "0", "-l", "64"],
    read: ({ sum }: IperfEnd) => (sum.packets - sum.lost_packets) / sum.seconds,
  },
] as const;

/** The part of the JSON result of iperf3 that is read. */
interface IperfEnd {
  readonly sum_received: { readonly bits_per_second: number };
  readonly sum: {
    readonly packets: number;
    readonly lost_packets: number;
    readonly seconds: number;
  };
}

/** Two ends with an established tunnel, in their namespaces. */
interface Pair {
  readonly name: string;
  readonly lab: Lab;
}

/** Gives each namespace its inner address, on the loopback interface. */
async function addInnerAddresses(lab: Lab): Promise<void> {
  for (const site of ["ours", "theirs"] as const) {
    const args = ["addr", "add", `${INNER[site]}/32`, "dev", "lo"];
    await mustRun("ip", ["-n", lab[site].namespace, ...args]);
  }
}

/** Waits until a ping through the tunnel is answered. */
async function untilPingAnswered(lab: Lab): Promise<void> {
  const args = ["-c", "1", "-W", "1", "-I", INNER.ours, INNER.theirs];
  await until(
    "a ping through the tunnel",
    20_000,
    async () => (await lab.exec(lab.ours, "ping", args)).code === 0,
  );
}

async function ourPair(): Promise<Pair> {
  const lab = await Lab.open("u");
  await addInnerAddresses(lab);
  const child = (own: string, peer: string): Setup => ({
    encalg: ["aes-gcm-16:128"],
    integrityalg: [],
    ownts: [{ startaddr: own, endaddr: own }],
    peerts: [{ startaddr: peer, endaddr: peer }],
  });
  const forced = {
    installfastpath: true,
    datapath: "userland",
    enablenatt: true,
    tradtionalencapforceudp: true,
  };
  const gateway = merge(ourGateway({}, MODERN), {
    bindifaddr: `${THEIRS.address4}/16`,
    ikeconf: { ...forced, myid: THEIR_ID, childlist: [child(INNER.theirs, INNER.ours)] },
  });
  const client = ourClient({
    ikeconf: { ...forced, childlist: [child(INNER.ours, INNER.theirs)] },
  }, MODERN);
  await Ours.start(lab, lab.theirs, atSite(gateway, lab.theirs));
  await Ours.start(lab, lab.ours, atSite(client, lab.ours));
  await untilPingAnswered(lab);
  return { name: "myikev2", lab };
}

async function strongSwanPair(): Promise<Pair> {
  const lab = await Lab.open("w");
  await addInnerAddresses(lab);
  const espProposals = "aes128gcm16";
  const theirs = await Charon.start(lab, lab.theirs, USERLAND);
  await theirs.load(swanctl(connection({
    suite: MODERN,
    espProposals,
    localTs: `${INNER.theirs}/32`,
    remoteTs: `${INNER.ours}/32`,
  })));
  const ours = await Charon.start(lab, lab.ours, USERLAND);
  await ours.load(swanctl(connection({
    suite: MODERN,
    espProposals,
    localId: OUR_ID,
    remoteId: THEIR_ID,
    localAddress: OURS.address4,
    remoteAddress: THEIRS.address4,
    localTs: `${INNER.ours}/32`,
    remoteTs: `${INNER.theirs}/32`,
  })));
  await ours.initiate("net");
  await untilPingAnswered(lab);
  return { name: `strongSwan ${await strongSwanVersion()}`, lab };
}

/** Runs iperf3 through the tunnel of a pair, once. */
async function measure({ lab }: Pair, args: readonly string[]): Promise<IperfEnd> {
  const server = lab.exec(lab.theirs, "iperf3", ["-s", "-1", "-B", INNER.theirs]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const client = ["-J", "-c", INNER.theirs, "-B", INNER.ours, "-t", `${SECONDS}`, ...args];
  const { stdout } = await lab.exec(lab.ours, "iperf3", client);
  await server;
  return (JSON.parse(stdout) as { end: IperfEnd }).end;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

if (Deno.uid() !== 0 || (await run("iperf3", ["--version"]).catch(() => undefined)) === undefined) {
  console.log("left out: this benchmark needs root and iperf3");
  Deno.exit();
}
if (await strongSwanVersion() === undefined) {
  console.log("left out: strongSwan is not installed");
  Deno.exit();
}
const pairs: Pair[] = [];
try {
  pairs.push(await ourPair(), await strongSwanPair());
  console.log(`median of ${ROUNDS}, ${SECONDS} s each`);
  for (const { name, args, read } of MEASURES) {
    const figures = pairs.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, pair] of pairs.entries()) figures[i]!.push(read(await measure(pair, args)));
    }
    const [ownMedian, otherMedian] = figures.map(median) as [number, number];
    for (const [i, pair] of pairs.entries()) {
      console.log(`${name}: ${pair.name} ${Math.round(median(figures[i]!))}`);
    }
    console.log(`${name}: ratio ${(ownMedian / otherMedian).toFixed(2)}`);
  }
} finally {
  for (const { lab } of pairs) await lab.close();
}
