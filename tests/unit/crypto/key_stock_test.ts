/**
 * Key pairs that are used several times, or made ahead.
 * @module
 */
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import type { KeyPair } from "@/crypto/backend.ts";
import { KeyExchangeError } from "@/crypto/backend.ts";
import { KeyStock } from "@/crypto/key_stock.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { BACKENDS } from "./_backends.ts";

const { CURVE25519, ECP_256, ML_KEM_768, MODP_2048 } = KeGroup;

/** How many different values there are. */
const differing = (pairs: readonly KeyPair[]) =>
  new Set(pairs.map(({ publicValue }) => toHex(publicValue))).size;

for (const backend of BACKENDS) {
  const of = `${backend.name}:`;

  Deno.test(`${of} a pair is used for so many exchanges, and for no more`, async () => {
    const stock = new KeyStock(backend, { uses: 4, ahead: 0 });
    const exchange = stock.backend.keyExchange(CURVE25519)!;
    const pairs: KeyPair[] = [];
    for (let i = 0; i < 10; i++) pairs.push(await exchange.generate());
    assert.equal(differing(pairs), 3);
    assert.equal(differing(pairs.slice(0, 4)), 1);
    assert.equal(differing(pairs.slice(3, 5)), 2);
    assert.deepEqual([stock.made, stock.taken], [3, 10]);
  });

  Deno.test(`${of} both ends agree with pairs that they use again, and a responder has the same value`, async () => {
    for (const group of [CURVE25519, ECP_256, MODP_2048]) {
      const ours = new KeyStock(backend, { uses: 3, ahead: 0 }).backend.keyExchange(group)!;
      const theirs = new KeyStock(backend, { uses: 3, ahead: 0 }).backend.keyExchange(group)!;
      const values = new Set<string>();
      for (let i = 0; i < 3; i++) {
        const pair = await ours.generate();
        const answer = await theirs.respond(pair.publicValue);
        values.add(toHex(answer.publicValue));
        assert.deepEqual(await ours.derive(pair, answer.publicValue), answer.shared);
      }
      assert.equal(values.size, 1);
    }
  });

  Deno.test(`${of} a pair of ML-KEM is never used twice, and its answers always differ`, async () => {
    const stock = new KeyStock(backend, { uses: 100, ahead: 0 });
    const exchange = stock.backend.keyExchange(ML_KEM_768);
    if (!exchange) return;
    const pairs = [await exchange.generate(), await exchange.generate()];
    assert.equal(differing(pairs), 2);
    const one = await exchange.respond(pairs[0]!.publicValue);
    const two = await exchange.respond(pairs[0]!.publicValue);
    assert.notDeepEqual(one.publicValue, two.publicValue);
    assert.deepEqual(await exchange.derive(pairs[0]!, one.publicValue), one.shared);
  });

  Deno.test(`${of} values of a peer that RFC 6989 refuses are refused with a pair that is used again`, async () => {
    const refuses = async (group: number, value: Uint8Array) => {
      const exchange = new KeyStock(backend, { uses: 10, ahead: 0 }).backend.keyExchange(group)!;
      const pair = await exchange.generate();
      await assert.rejects(async () => await exchange.derive(pair, value), KeyExchangeError);
      await assert.rejects(async () => await exchange.respond(value), KeyExchangeError);
    };
    // The point of order 1, one beside the curve, and the subgroup of order 1.
    await refuses(CURVE25519, new Uint8Array(32));
    await refuses(ECP_256, new Uint8Array(64).fill(7));
    const one = new Uint8Array(256);
    one[255] = 1;
    await refuses(MODP_2048, one);
  });

  Deno.test(`${of} pairs that were made ahead are taken first, and each once`, async () => {
    const stock = new KeyStock(backend, { uses: 1, ahead: 5 });
    const exchange = stock.backend.keyExchange(CURVE25519)!;
    assert.equal(stock.lacks, true);
    while (stock.makeOne()) await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (let i = 0; i < 100 && stock.lacks; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.deepEqual([stock.lacks, stock.made], [false, 5]);
    const pairs: KeyPair[] = [];
    for (let i = 0; i < 7; i++) pairs.push(await exchange.generate());
    assert.deepEqual([differing(pairs), stock.made], [7, 7]);
    assert.equal(stock.lacks, true, "there is room again");
  });
}

Deno.test("pairs from a given source are made of it, and not taken from the stock", () => {
  const [backend] = BACKENDS;
  const stock = new KeyStock(backend!, { uses: 9, ahead: 0 });
  const exchange = stock.backend.keyExchange(CURVE25519)!;
  const random = (n: number) => new Uint8Array(n).fill(9);
  assert.deepEqual(exchange.generate(random), exchange.generate(random));
  assert.equal(stock.taken, 0);
});
