import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { KeyExchangeError, type KeyPair } from "@/crypto/backend.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { withExchangeStock } from "../../exchange_stock.ts";

const PAIRS = 4;

function drawPairs(seed: number, count: number): KeyPair[] {
  const exchange = withExchangeStock(portableBackend(), PAIRS).keyExchange(KeGroup.CURVE25519)!;
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => {
    const pair = exchange.generate((octets) => random.octets(octets));
    assert.ok(!(pair instanceof Promise));
    return pair;
  });
}

Deno.test("a stock gives few pairs, the same in every run", () => {
  const names = drawPairs(1, 100).map((pair) => toHex(pair.publicValue));
  assert.equal(new Set(names).size, PAIRS);
  assert.deepEqual(drawPairs(1, 100).map((pair) => toHex(pair.publicValue)), names);
  assert.notDeepEqual(drawPairs(2, 100).map((pair) => toHex(pair.publicValue)), names);
});

Deno.test("a stock's secrets are those of the exchange underneath, each its own octets", async () => {
  const backend = withExchangeStock(portableBackend(), PAIRS);
  const exchange = backend.keyExchange(KeGroup.CURVE25519)!;
  const real = portableBackend().keyExchange(KeGroup.CURVE25519)!;
  const random = new SeededRandom(5);
  for (let i = 0; i < 50; i++) {
    const [one, two] = [0, 0].map(() => exchange.generate((octets) => random.octets(octets)));
    const [a, b] = [one as KeyPair, two as KeyPair];
    const secret = await exchange.derive(a, b.publicValue);
    assert.equal(toHex(secret), toHex(await real.derive(a, b.publicValue)));
    assert.equal(toHex(secret), toHex(await exchange.derive(b, a.publicValue)));
    secret.fill(0);
  }
});

Deno.test("a stock refuses what the exchange underneath refuses, and takes strangers", async () => {
  const backend = withExchangeStock(portableBackend(), PAIRS);
  const exchange = backend.keyExchange(KeGroup.CURVE25519)!;
  const pair = await exchange.generate(() => Uint8Array.of(0, 1));
  const refused = async () => await exchange.derive(pair, new Uint8Array(32));
  await assert.rejects(refused, KeyExchangeError);
  const stranger = await exchange.generate();
  const secret = await exchange.derive(stranger, pair.publicValue);
  assert.equal(toHex(await exchange.derive(pair, stranger.publicValue)), toHex(secret));
});
