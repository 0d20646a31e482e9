import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { KEMS } from "@/crypto/algorithms.ts";
import { type KeyExchange, KeyExchangeError } from "@/crypto/backend.ts";
import { BACKENDS } from "./_backends.ts";

function seeded(seed: number): (octets: number) => Uint8Array {
  const random = new SeededRandom(seed);
  return (octets) => random.octets(octets);
}

async function refuses(what: () => unknown, why: string): Promise<void> {
  await assert.rejects(async () => await what(), KeyExchangeError, why);
}

for (const backend of BACKENDS) {
  for (const kem of KEMS) {
    const exchange = backend.keyExchange(kem.group)!;
    const { name } = kem;

    // Fresh pairs are WebCrypto's, seeded ones the library's: each must agree with the other.
    for (const [initiator, responder] of [[0, 0], [0, 1], [1, 0], [1, 1]] as const) {
      Deno.test(`${backend.name}: ${name}, both ends agree (${initiator}, ${responder})`, async () => {
        const pair = await exchange.generate(initiator ? seeded(1) : undefined);
        assert.equal(pair.publicValue.length, kem.publicOctets);
        const answer = await exchange.respond(pair.publicValue, responder ? seeded(2) : undefined);
        assert.equal(answer.publicValue.length, kem.answerOctets);
        assert.equal(answer.shared.length, kem.secretOctets);
        assert.equal(toHex(await exchange.derive(pair, answer.publicValue)), toHex(answer.shared));
      });
    }

    Deno.test(`${backend.name}: ${name}, the same seed gives the same values, at once`, () => {
      const [one, two] = [1, 1].map((seed) => exchange.generate(seeded(seed)));
      assert.ok(!(one instanceof Promise) && !(two instanceof Promise));
      assert.equal(toHex(one!.publicValue), toHex(two!.publicValue));
      const answer = exchange.respond(one!.publicValue, seeded(2));
      assert.ok(!(answer instanceof Promise));
      assert.ok(exchange.derive(two!, answer.publicValue) instanceof Uint8Array);
    });

    Deno.test(`${backend.name}: ${name}, an altered ciphertext gives another secret`, async () => {
      for (const source of [undefined, seeded(3)]) {
        const pair = await exchange.generate(source);
        const answer = await exchange.respond(pair.publicValue);
        const altered = answer.publicValue.slice();
        altered[7]! ^= 1;
        const secret = await exchange.derive(pair, altered);
        assert.notEqual(toHex(secret), toHex(answer.shared));
      }
    });

    Deno.test(`${backend.name}: ${name}, refuses values of other lengths and keys beyond q`, async () => {
      for (const source of [undefined, seeded(4)]) await refusals(exchange, source);
    });
  }
}

async function refusals(
  exchange: KeyExchange,
  source: ((octets: number) => Uint8Array) | undefined,
): Promise<void> {
  const pair = await exchange.generate(source);
  const { publicValue } = pair;
  const answer = (await exchange.respond(publicValue, source)).publicValue;
  await refuses(() => exchange.respond(publicValue.subarray(1), source), "a short key");
  await refuses(() => exchange.respond(Uint8Array.of(...publicValue, 0), source), "a long key");
  await refuses(() => exchange.respond(new Uint8Array(0), source), "no key");
  await refuses(() => exchange.derive(pair, answer.subarray(1)), "a short ciphertext");
  await refuses(() => exchange.derive(pair, Uint8Array.of(...answer, 0)), "a long ciphertext");
  // FIPS 203 §7.2: twelve bits each, of which 0xfff is not below q = 3329.
  const beyond = publicValue.slice();
  beyond.fill(0xff, 0, 3);
  await refuses(() => exchange.respond(beyond, source), "a coefficient that is not below q");
}
