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
import type { IkeSa } from "@/ike/records/sa.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import { dispatch, type Endpoint, initiate, newEndpoint, receive } from "@/ike/endpoint.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { mirrored } from "@/sim/network.ts";
import { worldConfig } from "@/sim/scenarios.ts";

/** Milliseconds of one set-up, both ends together. */
export function setupsPerRun(crypto: CryptoBackend, tunnels: number): number {
  const random = new SeededRandom(1);
  const keys = new WorldKeys(crypto);
  const config = worldConfig({ trace: false, natt: undefined, halfOpenMax: tunnels });
  const end = (answers: boolean) => {
    const env = {
      crypto,
      random: crypto.randomOctets,
      childrenBySpi: new Map(),
      broken: new Set<FaultName>(),
    };
    return newEndpoint(env, config, answers);
  };
  const a = end(false);
  const b = end(true);
  const todo: [Endpoint, IkeEffect, IkeSa | undefined][] = [];
  const outbox = (endpoint: Endpoint) => ({
    push: (effect: IkeEffect, sa: IkeSa | undefined) => void todo.push([endpoint, effect, sa]),
  });
  const outA = outbox(a);
  const outB = outbox(b);
  let up = 0;
  const startMs = performance.now();
  for (let index = 0; index < tunnels; index++) {
    const ownAddress = Uint8Array.of(10, 1, index >> 8, index & 0xff);
    const path = {
      ownAddress,
      ownPort: 500,
      peerAddress: Uint8Array.of(10, 0, 0, 2),
      peerPort: 500,
    };
    initiate(a, { index, path }, index, outA);
    while (todo.length > 0) {
      const [endpoint, effect, sa] = todo.shift()!;
      if (effect.kind === "established") up++;
      if (effect.kind === "send") {
        const to = endpoint === a ? b : a;
        const datagram = { octets: effect.octets, path: mirrored(effect.path) };
        receive(to, datagram, index, to === a ? outA : outB);
      } else if (effect.kind === "compute") {
        const result = keys.compute(effect.job, random);
        const event = { kind: "computed", ticket: effect.ticket, result } as const;
        dispatch(endpoint, { sa: sa!, event }, index, endpoint === a ? outA : outB);
      }
    }
  }
  const spentMs = performance.now() - startMs;
  if (up !== 2 * tunnels) throw new Error(`${up} of ${2 * tunnels} ends came up`);
  return spentMs / tunnels;
}

if (import.meta.main) {
  const tunnels = Number(Deno.args[0] ?? 3000);
  setupsPerRun(portableBackend(), 300); // warm
  const ms = setupsPerRun(portableBackend(), tunnels);
  console.log(`portable: ${(ms / 2).toFixed(3)} ms per tunnel and side`);
}
