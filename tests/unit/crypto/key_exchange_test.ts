import assert from "node:assert/strict";
import { inspect } from "node:util";
import { toHex } from "@/base/bytes.ts";
import { Bug } from "@/base/errors.ts";
import { SeededRandom } from "@/base/random.ts";
import { GROUPS } from "@/crypto/algorithms.ts";
import { type KeyExchange, KeyExchangeError, type KeyPair } from "@/crypto/backend.ts";
import { modpPrime } from "@/crypto/modp_prime.ts";
import { BACKENDS, hex, vectorsOf } from "./_backends.ts";

interface ExchangeVector {
  readonly origin: string;
  readonly group: number;
  readonly privateI: string;
  readonly publicI: string;
  readonly privateR: string | null;
  readonly publicR: string;
  readonly shared: string;
}

interface PrimeVector {
  readonly group: number;
  readonly prime: string;
}

const vectors = vectorsOf<ExchangeVector>("key_exchange.json");

/** The pair of a published private value: it is what the source of randomness gives. */
async function pairOf(exchange: KeyExchange, privateValue: string): Promise<KeyPair> {
  return await exchange.generate((octets) => {
    assert.equal(octets, privateValue.length / 2, exchange.name);
    return hex(privateValue);
  });
}

async function refuses(exchange: KeyExchange, pair: KeyPair, peer: Uint8Array, why: string) {
  const derive = async () => await exchange.derive(pair, peer);
  await assert.rejects(derive, KeyExchangeError, `${exchange.name}: ${why}`);
}

Deno.test("every group has a vector", () => {
  for (const { group, name } of GROUPS) assert.ok(vectors.some((v) => v.group === group), name);
});

Deno.test("the MODP primes are those of RFC 2409 and RFC 3526", () => {
  for (const { group, prime } of vectorsOf<PrimeVector>("modp_primes.json")) {
    assert.equal(modpPrime(group).toString(16), prime, `group ${group}`);
  }
});

for (const backend of BACKENDS) {
  Deno.test(`${backend.name}: key exchange gives the published values`, async () => {
    for (const v of vectors) {
      const exchange = backend.keyExchange(v.group)!;
      const which = `${exchange.name}, ${v.origin}`;
      const pairI = await pairOf(exchange, v.privateI);
      assert.equal(toHex(pairI.publicValue), v.publicI, which);
      assert.equal(toHex(await exchange.derive(pairI, hex(v.publicR))), v.shared, which);
      if (v.privateR === null) continue;
      const pairR = await pairOf(exchange, v.privateR);
      assert.equal(toHex(pairR.publicValue), v.publicR, which);
      assert.equal(toHex(await exchange.derive(pairR, pairI.publicValue)), v.shared, which);
    }
  });

  Deno.test(`${backend.name}: fresh pairs agree with seeded ones, and differ`, async () => {
    const random = new SeededRandom(1);
    for (const { group, publicOctets, secretOctets, name } of GROUPS) {
      const exchange = backend.keyExchange(group)!;
      const fresh = await exchange.generate();
      const seeded = await exchange.generate((octets) => random.octets(octets));
      assert.equal(fresh.publicValue.length, publicOctets, name);
      assert.equal(seeded.publicValue.length, publicOctets, name);
      const secret = await exchange.derive(fresh, seeded.publicValue);
      assert.equal(secret.length, secretOctets, name);
      assert.equal(toHex(await exchange.derive(seeded, fresh.publicValue)), toHex(secret), name);
      const other = await exchange.generate();
      assert.notEqual(toHex(other.publicValue), toHex(fresh.publicValue), name);
    }
  });

  Deno.test(`${backend.name}: the same seed gives the same pair, at once`, () => {
    for (const { group, name } of GROUPS) {
      const exchange = backend.keyExchange(group)!;
      const [one, two] = [7, 7].map((seed) => {
        const random = new SeededRandom(seed);
        const pair = exchange.generate((octets) => random.octets(octets));
        assert.ok(!(pair instanceof Promise), name);
        return pair;
      });
      assert.equal(toHex(one!.publicValue), toHex(two!.publicValue), name);
      const secret = exchange.derive(one!, two!.publicValue);
      assert.ok(secret instanceof Uint8Array, name);
    }
  });

  Deno.test(`${backend.name}: a public value of another length is refused`, async () => {
    for (const { group, publicOctets } of GROUPS) {
      if (publicOctets > 256) continue;
      const exchange = backend.keyExchange(group)!;
      const pair = await exchange.generate();
      const good = (await exchange.generate()).publicValue;
      await refuses(exchange, pair, good.subarray(1), "an octet short");
      await refuses(exchange, pair, Uint8Array.from([...good, 0]), "an octet long");
      await refuses(exchange, pair, new Uint8Array(0), "empty");
    }
  });

  Deno.test(`${backend.name}: MODP takes 1 < r < p - 1 only (RFC 6989 §2.1)`, async () => {
    for (const { group, family, publicOctets } of GROUPS) {
      if (family !== "modp" || publicOctets > 256) continue;
      const exchange = backend.keyExchange(group)!;
      const prime = modpPrime(group);
      const pair = await exchange.generate();
      const peer = (value: bigint) => hex(value.toString(16).padStart(2 * publicOctets, "0"));
      const top = (1n << BigInt(8 * publicOctets)) - 1n;
      for (const value of [0n, 1n, prime - 1n, prime, prime + 1n, top]) {
        await refuses(exchange, pair, peer(value), `${value - prime} from p`);
      }
      for (const value of [2n, prime - 2n]) {
        assert.equal((await exchange.derive(pair, peer(value))).length, publicOctets);
      }
    }
  });

  for (const fresh of [true, false]) {
    const which = fresh ? "fresh" : "seeded";
    Deno.test(`${backend.name}: curves take their points only, ${which} (RFC 6989 §2.3)`, async () => {
      const random = new SeededRandom(3);
      const source = fresh ? undefined : (octets: number) => random.octets(octets);
      for (const { group, family, publicOctets } of GROUPS) {
        if (family !== "ecp" && family !== "brainpool") continue;
        const exchange = backend.keyExchange(group)!;
        const pair = await exchange.generate(source);
        const good = (await exchange.generate(source)).publicValue;
        const changed = good.slice();
        changed[publicOctets - 1]! ^= 1;
        await refuses(exchange, pair, changed, "not on the curve");
        await refuses(exchange, pair, new Uint8Array(publicOctets), "(0, 0)");
        await refuses(exchange, pair, new Uint8Array(publicOctets).fill(0xff), "beyond p");
        assert.equal((await exchange.derive(pair, good)).length, publicOctets / 2);
      }
    });

    Deno.test(`${backend.name}: a result of all zeros is refused, ${which} (RFC 8031 §4)`, async () => {
      const random = new SeededRandom(4);
      const source = fresh ? undefined : (octets: number) => random.octets(octets);
      for (const { group, family, publicOctets } of GROUPS) {
        if (family !== "x") continue;
        const exchange = backend.keyExchange(group)!;
        const pair = await exchange.generate(source);
        // 0 and 1 are of small order on both curves.
        await refuses(exchange, pair, new Uint8Array(publicOctets), "u = 0");
        await refuses(exchange, pair, Uint8Array.of(1, ...new Uint8Array(publicOctets - 1)), "1");
      }
    });
  }

  Deno.test(`${backend.name}: zero is no private value, whatever the group makes of it`, async () => {
    for (const { group, name, privateOctets } of GROUPS) {
      const exchange = backend.keyExchange(group)!;
      const source = (octets: number) => new Uint8Array(octets).fill(draws++ === 0 ? 0 : 1);
      let draws = 0;
      const pair = await exchange.generate(source);
      assert.equal(draws, 2, name);
      const ones = await exchange.generate(() => new Uint8Array(privateOctets).fill(1));
      assert.equal(toHex(pair.publicValue), toHex(ones.publicValue), name);
      assert.throws(() => exchange.generate(() => new Uint8Array(privateOctets)), Bug, name);
    }
  });

  Deno.test(`${backend.name}: a key pair does not tell its secret`, async () => {
    for (const group of [14, 19, 31]) {
      const exchange = backend.keyExchange(group)!;
      const secret = new Uint8Array(66).fill(0x5a);
      const pair = await exchange.generate((octets) => secret.slice(0, octets));
      const shown = [JSON.stringify({ pair }), Deno.inspect({ pair }), inspect({ pair })];
      for (const text of [...shown, `${pair}`]) {
        assert.ok(!/5a5a|90,\s*90|90\s+90|:90/.test(text), text);
      }
      const clone = structuredClone(pair);
      const peer = (await exchange.generate()).publicValue;
      assert.deepEqual(await exchange.derive(clone, peer), await exchange.derive(pair, peer));
    }
  });
}
