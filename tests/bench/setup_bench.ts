/**
 * Measures the set-ups per second, and the CPU time and memory per tunnel. The demo (a gateway and a
 * client in one process, over UDP on loopback) runs with three suites on each backend, in turn within
 * one run, and the ratios are printed. Its CPU time is also compared with that of its key exchanges
 * alone, which are computed between the demos.
 *
 * With `--against DIR` the demo of another checkout runs in turn with that of this one, and the ratios of
 * the two are printed. They show the effect of a change even on a machine that has other work.
 *
 * Run: deno run -A tests/bench/setup_bench.ts [--against DIR] [--suite NAME] [TUNNELS [ROUNDS]]
 * @module
 */
import { parseArgs } from "node:util";
import process from "node:process";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { BACKENDS as CRYPTO } from "../unit/crypto/_backends.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { against: { type: "string" }, suite: { type: "string" } },
});
const tunnelsAsked = positionals[0] === undefined ? undefined : Number(positionals[0]);
const rounds = Number(positionals[1] ?? 3);
/**
 * Each suite with its number of tunnels, which is large enough to make the start of the process
 * negligible, and with its key exchange methods.
 */
const SUITES = {
  "x25519-gcm": { tunnels: 8000, groups: [KeGroup.CURVE25519] },
  "x25519-mlkem768-gcm": { tunnels: 2000, groups: [KeGroup.CURVE25519, KeGroup.ML_KEM_768] },
  "modp2048-cbc": { tunnels: 1500, groups: [KeGroup.MODP_2048] },
} as const;
const OWN_MAIN = new URL("../../main.ts", import.meta.url).pathname;
/** The number of key exchanges that are computed to measure one. */
const EXCHANGES = 300;

interface Figures {
  /** Tunnels per second. */
  readonly rate: number;
  /** Milliseconds of CPU time per tunnel, both ends and the start of the process together. */
  readonly cpuMs: number;
  /** Octets of resident memory at the end. */
  readonly rss: number;
}

/** Runs the demo of a checkout; undefined if it does not have the backend or the suite. */
async function demo(
  main: string,
  { suite, backend, tunnels }: {
    readonly suite: string;
    readonly backend: string;
    readonly tunnels: number;
  },
): Promise<Figures | undefined> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", main, "demo", "--json", "--tunnels", String(tunnels)],
      ...["--suite", suite, "--cryptobackend", backend, "--transport", backend],
    ],
    cwd: new URL(".", `file://${main}`).pathname,
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code === 2) return undefined;
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  const result = JSON.parse(new TextDecoder().decode(stdout));
  if (result.retransmissions > 0) console.log(`(${result.retransmissions} retransmissions)`);
  return { rate: result.setupRate, cpuMs: result.cpuMsPerTunnel, rss: result.rssBytes };
}

/** Milliseconds of CPU that the key exchanges of one tunnel take, both ends together. */
async function exchangeCpuMs(backend: CryptoBackend, groups: readonly number[]): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < EXCHANGES; i++) {
    for (const group of groups) {
      const exchange = backend.keyExchange(group)!;
      const pair = await exchange.generate();
      const answer = await exchange.respond(pair.publicValue);
      await exchange.derive(pair, answer.publicValue);
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / EXCHANGES;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function medians(all: readonly Figures[]): Figures {
  return {
    rate: median(all.map((f) => f.rate)),
    cpuMs: median(all.map((f) => f.cpuMs)),
    rss: median(all.map((f) => f.rss)),
  };
}

/** Octets of resident memory that the demo of a checkout has with only ten tunnels. */
async function atRest(main: string, suite: string, backend: string): Promise<number> {
  return (await demo(main, { suite, backend, tunnels: 10 }))?.rss ?? 0;
}

/** The line of one suite and backend; `restRss` is subtracted from the memory, which is per tunnel. */
function line(
  suite: string,
  name: string,
  figures: Figures,
  tunnels: number,
  restRss: number,
): string {
  const octets = (figures.rss - restRss) / tunnels;
  const rate = figures.rate.toFixed(0).padStart(6);
  const cpuMs = (figures.cpuMs / 2).toFixed(3);
  const memory = (octets / 2_000).toFixed(1);
  return `${suite.padEnd(19)} ${name.padEnd(9)} ${rate} tunnels/s  ` +
    `${cpuMs} ms CPU and ${memory} kB per tunnel and side`;
}

console.log(`median of ${rounds}; CPU of both ends and of the start of the process together`);
for (const [suite, { tunnels: usual, groups }] of Object.entries(SUITES)) {
  if (flags.suite !== undefined && flags.suite !== suite) continue;
  const tunnels = tunnelsAsked ?? usual;
  const found = new Map<string, Figures>();
  for (const crypto of CRYPTO) {
    const backend = crypto.name;
    const ownFigures: Figures[] = [];
    const otherFigures: Figures[] = [];
    const exchanges: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const otherMain = flags.against && `${await Deno.realPath(flags.against)}/main.ts`;
      const other = otherMain && await demo(otherMain, { suite, backend, tunnels });
      if (other) otherFigures.push(other);
      const figures = await demo(OWN_MAIN, { suite, backend, tunnels });
      if (figures) ownFigures.push(figures);
      exchanges.push(await exchangeCpuMs(crypto, groups));
    }
    if (ownFigures.length === 0) continue;
    const own = medians(ownFigures);
    found.set(backend, own);
    console.log(line(suite, backend, own, tunnels, await atRest(OWN_MAIN, suite, backend)));
    const ratio = (own.cpuMs / median(exchanges)).toFixed(2);
    console.log(`${suite.padEnd(19)} ${backend.padEnd(9)} ${ratio} × its key exchanges alone`);
    if (otherFigures.length === 0) continue;
    const reference = medians(otherFigures);
    const cpuRatio = (own.cpuMs / reference.cpuMs).toFixed(2);
    const memoryRatio = (own.rss / reference.rss).toFixed(2);
    console.log(
      `${suite.padEnd(19)} ${backend.padEnd(9)} CPU ${cpuRatio} ×, ` +
        `memory ${memoryRatio} × that of ${flags.against}`,
    );
  }
  const portable = found.get("portable");
  const native = found.get("native");
  if (portable && native) {
    const ratio = (portable.cpuMs / native.cpuMs).toFixed(1);
    console.log(`${suite.padEnd(19)} native uses 1/${ratio} of the portable CPU`);
  }
}
