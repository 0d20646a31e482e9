import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { CIPHERS, GROUPS, INTEGRITIES, PRFS } from "@/crypto/algorithms.ts";
import type { CryptoBackend, KeyPair } from "@/crypto/backend.ts";
import { BACKENDS } from "./_backends.ts";

/** Around the block lengths of hashes and ciphers, and around what implementations switch at. */
const LENGTHS = [0, 1, 15, 16, 17, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 256, 257, 1400];

const [one, two] = BACKENDS;
/** Without the shim there is nothing to compare with. */
const ignore = two === undefined;

Deno.test({ name: "backends agree on prf and prf+", ignore }, () => {
  const random = new SeededRandom(11);
  for (const { id, name } of PRFS) {
    for (const octets of LENGTHS) {
      const key = random.octets(1 + random.below(150));
      const data = random.octets(octets);
      const [a, b] = both((backend) => backend.prf(id)!.compute(key, data));
      assert.equal(a, b, `${name}, ${key.length} octets of key, ${octets} of data`);
      const wanted = 1 + random.below(400);
      const [c, d] = both((backend) => backend.prf(id)!.plus(key, data, wanted));
      assert.equal(c, d, `${name}+, ${key.length} octets of key, ${octets} of seed, ${wanted}`);
    }
  }
});

Deno.test({ name: "backends agree on integrity and hashes", ignore }, () => {
  const random = new SeededRandom(12);
  for (const octets of LENGTHS) {
    const data = random.octets(octets);
    for (const { id, name, keyOctets } of INTEGRITIES) {
      const key = random.octets(keyOctets);
      const [a, b] = both((backend) => backend.integrity(id)!.mac(key, data));
      assert.equal(a, b, `${name}, ${octets} octets`);
    }
    const [a, b] = both((backend) => backend.sha1(data));
    assert.equal(a, b, `SHA-1, ${octets} octets`);
    const [c, d] = both((backend) => backend.sha256(data));
    assert.equal(c, d, `SHA-256, ${octets} octets`);
  }
});

Deno.test({ name: "what one backend seals the other opens", ignore }, () => {
  const random = new SeededRandom(13);
  for (const m of CIPHERS) {
    for (const octets of LENGTHS) {
      const plaintext = random.octets(octets - octets % m.blockOctets);
      const key = random.octets(m.keyOctets);
      const iv = random.octets(m.ivOctets);
      const aad = random.octets(random.below(40));
      const cipherOf = (backend: CryptoBackend) => backend.cipher(m.id, m.keyBits)!;
      const which = `${m.name} ${m.keyBits}, ${octets} octets`;
      const [a, b] = both((backend) => cipherOf(backend).seal(key, iv, aad, plaintext));
      assert.equal(a, b, which);
      const sealed = cipherOf(one!).seal(key, iv, aad, plaintext);
      const opened = cipherOf(two!).open(key, iv, aad, sealed);
      assert.equal(toHex(opened!), toHex(plaintext), which);
      if (m.icvOctets === 0) continue;
      sealed[random.below(sealed.length)]! ^= 1;
      assert.equal(cipherOf(two!).open(key, iv, aad, sealed), undefined, which);
    }
  }
});

Deno.test({ name: "backends exchange keys with each other", ignore }, async () => {
  for (const { group, name } of GROUPS) {
    const mine = one!.keyExchange(group)!;
    const theirs = two!.keyExchange(group)!;
    const [a, b] = [await mine.generate(), await theirs.generate()];
    const secret = toHex(await mine.derive(a, b.publicValue));
    assert.equal(toHex(await theirs.derive(b, a.publicValue)), secret, name);
  }
});

Deno.test({ name: "one seed gives one pair on all backends", ignore }, async () => {
  for (const { group, name } of GROUPS) {
    const pairs: KeyPair[] = [];
    for (const backend of [one!, two!]) {
      const random = new SeededRandom(14);
      pairs.push(await backend.keyExchange(group)!.generate((octets) => random.octets(octets)));
    }
    assert.equal(toHex(pairs[0]!.publicValue), toHex(pairs[1]!.publicValue), name);
  }
});

function both(work: (backend: CryptoBackend) => Uint8Array): [string, string] {
  return [toHex(work(one!)), toHex(work(two!))];
}
