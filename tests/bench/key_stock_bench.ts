/**
 * Measures what key pairs that are used again (`dhreuse`), or made ahead (`keypool`), save: processor time of both
 * ends for each key exchange, without tunnels around it, in turn within one run.
 *
 * Run: deno run -A tests/bench/key_stock_bench.ts [EXCHANGES]
 * @module
 */
import process from "node:process";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { KeyStock, type KeyStockOptions } from "@/crypto/key_stock.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { BACKENDS } from "../unit/crypto/_backends.ts";

const EXCHANGES = Number(Deno.args[0] ?? 400);
const GROUPS = {
  X25519: KeGroup.CURVE25519,
  "MODP-2048": KeGroup.MODP_2048,
  "P-256": KeGroup.ECP_256,
};
const WAYS: Readonly<Record<string, KeyStockOptions>> = {
  "dhreuse: 1": { uses: 1, ahead: 0 },
  "keypool": { uses: 1, ahead: EXCHANGES },
  "dhreuse: 10": { uses: 10, ahead: 0 },
  "dhreuse: 100": { uses: 100, ahead: 0 },
};

/** Milliseconds of processor time for each exchange, while the pairs of a pool are there already. */
async function cost(backend: CryptoBackend, group: number, way: KeyStockOptions): Promise<number> {
  const stocks = [new KeyStock(backend, way), new KeyStock(backend, way)];
  const [ours, theirs] = stocks.map((stock) => stock.backend.keyExchange(group)!);
  for (const stock of stocks) {
    while (stock.makeOne()) await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
  const before = process.cpuUsage();
  for (let i = 0; i < EXCHANGES; i++) {
    const pair = await ours!.generate();
    const answer = await theirs!.respond(pair.publicValue);
    await ours!.derive(pair, answer.publicValue);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / EXCHANGES;
}

console.log(
  `milliseconds of CPU of both ends for a key exchange, ${EXCHANGES} each; × that of dhreuse: 1`,
);
for (const backend of BACKENDS) {
  for (const [name, group] of Object.entries(GROUPS)) {
    if (!backend.keyExchange(group)) continue;
    await cost(backend, group, WAYS["dhreuse: 1"]!);
    const usual = await cost(backend, group, WAYS["dhreuse: 1"]!);
    const words: string[] = [];
    for (const [way, options] of Object.entries(WAYS)) {
      const ms = way === "dhreuse: 1" ? usual : await cost(backend, group, options);
      words.push(`${way} ${ms.toFixed(3)} (${(ms / usual).toFixed(2)} ×)`);
    }
    console.log(`${backend.name.padEnd(9)} ${name.padEnd(10)} ${words.join(", ")}`);
  }
}
