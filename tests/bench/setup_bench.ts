/**
 * Set-ups per second and CPU per tunnel: the demo (gateway and client in one process, over UDP on
 * loopback) for three suites on each backend, in turn within one run, with the ratios.
 *
 * Run: deno run -A tests/bench/setup_bench.ts [TUNNELS [ROUNDS]]
 * @module
 */
const wanted = Deno.args[0] === undefined ? undefined : Number(Deno.args[0]);
const rounds = Number(Deno.args[1] ?? 3);
/** Tunnels of each suite: enough that the start of the process does not count. */
const SUITES = { "x25519-gcm": 8000, "x25519-mlkem768-gcm": 2000, "modp2048-cbc": 1500 } as const;
const BACKENDS = ["portable", "native"] as const;

interface Figures {
  readonly rate: number;
  readonly cpuMs: number;
}

/** One demo; undefined where the backend is not there. */
async function demo(
  suite: string,
  backend: string,
  tunnels: number,
): Promise<Figures | undefined> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      new URL("../../main.ts", import.meta.url).pathname,
      "demo",
      "--json",
      "--tunnels",
      String(tunnels),
      "--suite",
      suite,
      "--cryptobackend",
      backend,
      "--transport",
      backend,
    ],
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code === 2) return undefined;
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  const result = JSON.parse(new TextDecoder().decode(stdout));
  if (result.retransmissions > 0) console.log(`(${result.retransmissions} retransmissions)`);
  return { rate: result.setupRate, cpuMs: result.cpuMsPerTunnel };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

console.log(`median of ${rounds}; CPU of both ends and of the start of the process together`);
for (const [suite, usual] of Object.entries(SUITES)) {
  const tunnels = wanted ?? usual;
  const found = new Map<string, Figures[]>();
  for (let round = 0; round < rounds; round++) {
    for (const backend of BACKENDS) {
      const figures = await demo(suite, backend, tunnels);
      if (figures) found.set(backend, [...found.get(backend) ?? [], figures]);
    }
  }
  const medians = new Map([...found].map(([backend, all]) => [backend, {
    rate: median(all.map((f) => f.rate)),
    cpuMs: median(all.map((f) => f.cpuMs)),
  }]));
  for (const backend of BACKENDS) {
    const m = medians.get(backend);
    if (!m) {
      console.log(`${suite.padEnd(19)} ${backend.padEnd(9)} not here`);
      continue;
    }
    const side = (m.cpuMs / 2).toFixed(3);
    console.log(
      `${suite.padEnd(19)} ${backend.padEnd(9)} ${m.rate.toFixed(0).padStart(6)} tunnels/s  ` +
        `${side} ms CPU per tunnel and side`,
    );
  }
  const [portable, native] = BACKENDS.map((b) => medians.get(b));
  if (portable && native) {
    const ratio = (portable.cpuMs / native.cpuMs).toFixed(1);
    console.log(`${suite.padEnd(19)} native uses 1/${ratio} of the portable CPU`);
  }
}
