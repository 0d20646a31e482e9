/**
 * Measures the CPU time of the IKE core alone. Two endpoints in one process set up tunnels without
 * sockets. Their key exchanges are drawn from a pool, so that the time is spent on encoding and decoding,
 * key derivation, SK payloads and the records of SAs.
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

/** The milliseconds that one set-up takes, both ends together. */
function measureSetupMs(crypto: CryptoBackend, tunnels: number): number {
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
  measureSetupMs(portableBackend(), 300); // The code is compiled before it is measured.
  const ms = measureSetupMs(portableBackend(), tunnels);
  console.log(`portable: ${(ms / 2).toFixed(3)} ms per tunnel and side`);
}
