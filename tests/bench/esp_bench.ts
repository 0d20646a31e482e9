/**
 * Throughput of ESP in the process: our client and gateway against two strongSwan with their userland
 * ESP (kernel-libipsec), each pair in two network namespaces joined by a veth, in turn within one run,
 * with the ratios. Tunnel mode in UDP, AES-GCM-16 with 128 bits.
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

/** Measures: what iperf3 is told, and what is read of its result. */
const MEASURES = [
  {
    name: "TCP, Mbit/s",
    words: [],
    read: (end: IperfEnd) => end.sum_received.bits_per_second / 1e6,
  },
  {
    name: "UDP of 64 octets, packets/s that arrived",
    words: ["-u", "-b", "0", "-l", "64"],
    read: ({ sum }: IperfEnd) => (sum.packets - sum.lost_packets) / sum.seconds,
  },
] as const;

interface IperfEnd {
  readonly sum_received: { readonly bits_per_second: number };
  readonly sum: {
    readonly packets: number;
    readonly lost_packets: number;
    readonly seconds: number;
  };
}

/** A tunnel that is up, and its two namespaces. */
interface Pair {
  readonly name: string;
  readonly lab: Lab;
}

async function inner(lab: Lab): Promise<void> {
  for (const site of ["ours", "theirs"] as const) {
    const words = ["addr", "add", `${INNER[site]}/32`, "dev", "lo"];
    await mustRun("ip", ["-n", lab[site].namespace, ...words]);
  }
}

async function reaches(lab: Lab): Promise<void> {
  const words = ["-c", "1", "-W", "1", "-I", INNER.ours, INNER.theirs];
  await until(
    "a ping through the tunnel",
    20_000,
    async () => (await lab.exec(lab.ours, "ping", words)).code === 0,
  );
}

async function ourPair(): Promise<Pair> {
  const lab = await Lab.open("u");
  await inner(lab);
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
  await reaches(lab);
  return { name: "ours", lab };
}

async function strongSwanPair(): Promise<Pair> {
  const lab = await Lab.open("w");
  await inner(lab);
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
  await reaches(lab);
  return { name: `strongSwan ${await strongSwanVersion()}`, lab };
}

async function measure({ lab }: Pair, words: readonly string[]): Promise<IperfEnd> {
  const server = lab.exec(lab.theirs, "iperf3", ["-s", "-1", "-B", INNER.theirs]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const client = ["-J", "-c", INNER.theirs, "-B", INNER.ours, "-t", `${SECONDS}`, ...words];
  const { stdout } = await lab.exec(lab.ours, "iperf3", client);
  await server;
  return (JSON.parse(stdout) as { end: IperfEnd }).end;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

if (Deno.uid() !== 0 || (await run("iperf3", ["--version"]).catch(() => undefined)) === undefined) {
  console.log("left out: it needs root and iperf3");
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
  for (const { name, words, read } of MEASURES) {
    const found = pairs.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, pair] of pairs.entries()) found[i]!.push(read(await measure(pair, words)));
    }
    const [mine, theirs] = found.map(median) as [number, number];
    for (const [i, pair] of pairs.entries()) {
      console.log(`${name}: ${pair.name} ${Math.round(median(found[i]!))}`);
    }
    console.log(`${name}: ratio ${(mine / theirs).toFixed(2)}`);
  }
} finally {
  for (const { lab } of pairs) await lab.close();
}
