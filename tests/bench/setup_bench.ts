/**
 * Set-ups per second, CPU and memory per tunnel: the demo (gateway and client in one process, over UDP
 * on loopback) for three suites on each backend, in turn within one run, with the ratios. CPU is also
 * compared with that of the key exchanges alone, which are computed beside it.
 *
 * `--against DIR` runs the demo of another checkout too, in turn with this one, and says by how much this
 * one takes more: how a change is judged on a machine that has other work.
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
const wanted = positionals[0] === undefined ? undefined : Number(positionals[0]);
const rounds = Number(positionals[1] ?? 3);
/** Tunnels of each suite, enough that the start of the process does not count, and its key exchanges. */
const SUITES = {
  "x25519-gcm": { tunnels: 8000, groups: [KeGroup.CURVE25519] },
  "x25519-mlkem768-gcm": { tunnels: 2000, groups: [KeGroup.CURVE25519, KeGroup.ML_KEM_768] },
  "modp2048-cbc": { tunnels: 1500, groups: [KeGroup.MODP_2048] },
} as const;
const HERE = new URL("../../main.ts", import.meta.url).pathname;
/** Key exchanges that are computed to measure one. */
const EXCHANGES = 300;

interface Figures {
  /** Tunnels per second. */
  readonly rate: number;
  /** Milliseconds of CPU for each tunnel, both ends and the start of the process together. */
  readonly cpuMs: number;
  /** Octets of resident memory at the end. */
  readonly rss: number;
}

/** One demo of a checkout; undefined where it does not have the backend or the suite. */
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

/** What the demo of a checkout takes with hardly any tunnel. */
async function atRest(main: string, suite: string, backend: string): Promise<number> {
  return (await demo(main, { suite, backend, tunnels: 10 }))?.rss ?? 0;
}

function line(suite: string, name: string, f: Figures, tunnels: number, restRss: number): string {
  const octets = (f.rss - restRss) / tunnels;
  return `${suite.padEnd(19)} ${name.padEnd(9)} ${f.rate.toFixed(0).padStart(6)} tunnels/s  ` +
    `${(f.cpuMs / 2).toFixed(3)} ms CPU and ${(octets / 2_000).toFixed(1)} kB per tunnel and side`;
}

console.log(`median of ${rounds}; CPU of both ends and of the start of the process together`);
for (const [suite, { tunnels: usual, groups }] of Object.entries(SUITES)) {
  if (flags.suite !== undefined && flags.suite !== suite) continue;
  const tunnels = wanted ?? usual;
  const found = new Map<string, Figures>();
  for (const crypto of CRYPTO) {
    const backend = crypto.name;
    const ours: Figures[] = [];
    const theirs: Figures[] = [];
    const exchanges: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const there = flags.against && `${await Deno.realPath(flags.against)}/main.ts`;
      const other = there && await demo(there, { suite, backend, tunnels });
      if (other) theirs.push(other);
      const figures = await demo(HERE, { suite, backend, tunnels });
      if (figures) ours.push(figures);
      exchanges.push(await exchangeCpuMs(crypto, groups));
    }
    if (ours.length === 0) continue;
    const m = medians(ours);
    found.set(backend, m);
    console.log(line(suite, backend, m, tunnels, await atRest(HERE, suite, backend)));
    const ratio = (m.cpuMs / median(exchanges)).toFixed(2);
    console.log(`${suite.padEnd(19)} ${backend.padEnd(9)} ${ratio} × its key exchanges alone`);
    if (theirs.length === 0) continue;
    const t = medians(theirs);
    console.log(
      `${suite.padEnd(19)} ${backend.padEnd(9)} CPU ${(m.cpuMs / t.cpuMs).toFixed(2)} ×, ` +
        `memory ${(m.rss / t.rss).toFixed(2)} × that of ${flags.against}`,
    );
  }
  const portable = found.get("portable");
  const native = found.get("native");
  if (portable && native) {
    const ratio = (portable.cpuMs / native.cpuMs).toFixed(1);
    console.log(`${suite.padEnd(19)} native uses 1/${ratio} of the portable CPU`);
  }
}
