/**
 * CPU of the core alone: set-ups between two endpoints in one process, without sockets; key exchange
 * is drawn from a pool, so that what is left is codec, key schedule, SK payloads and bookkeeping.
 *
 * Run: deno run -A tests/bench/core_bench.ts [TUNNELS]
 * @module
 */
import { SeededRandom } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import { PATH, TwoEnds } from "../two_ends.ts";

/** Milliseconds of one set-up, both ends together. */
export function setupsPerRun(crypto: CryptoBackend, tunnels: number): number {
  const random = new SeededRandom(1);
  const keys = new WorldKeys(crypto);
  const config = worldConfig({ trace: false, natt: undefined, halfOpenMax: tunnels });
  let established = 0;
  const ends = new TwoEnds({
    crypto,
    a: config,
    b: config,
    random: { a: crypto.randomOctets, b: crypto.randomOctets },
    compute: (job) => keys.compute(job, random),
    effect: ({ kind }) => {
      if (kind === "established") established++;
    },
  });
  const startMs = performance.now();
  for (let index = 0; index < tunnels; index++) {
    ends.nowMs = index;
    ends.dial(index, { ...PATH, ownAddress: Uint8Array.of(10, 1, index >> 8, index & 0xff) });
    ends.pump();
  }
  const spentMs = performance.now() - startMs;
  if (established !== 2 * tunnels) {
    throw new Error(`${established} of ${2 * tunnels} ends have established the tunnel`);
  }
  return spentMs / tunnels;
}

if (import.meta.main) {
  const tunnels = Number(Deno.args[0] ?? 3000);
  setupsPerRun(portableBackend(), 300); // warm
  const ms = setupsPerRun(portableBackend(), tunnels);
  console.log(`portable: ${(ms / 2).toFixed(3)} ms per tunnel and side`);
}
