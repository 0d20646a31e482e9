import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { Bug } from "@/base/errors.ts";
import { CIPHERS, INTEGRITIES, PRFS } from "@/crypto/algorithms.ts";
import { BACKENDS, hex, vectorsOf } from "./_backends.ts";

interface PrfVector {
  readonly origin: string;
  readonly prf: number;
  readonly key: string;
  readonly data: string;
  readonly out: string;
}

interface PrfPlusVector {
  readonly prf: number;
  readonly key: string;
  readonly seed: string;
  readonly out: string;
}

interface IntegrityVector {
  readonly origin: string;
  readonly integrity: number;
  readonly key: string;
  readonly data: string;
  readonly icv: string;
}

interface CipherVector {
  readonly origin: string;
  readonly cipher: number;
  readonly keyBits: number;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly plaintext: string;
  readonly sealed: string;
}

const prfVectors = vectorsOf<PrfVector>("prf.json");
const prfPlusVectors = vectorsOf<PrfPlusVector>("prf_plus.json");
const integrityVectors = vectorsOf<IntegrityVector>("integrity.json");
const cipherVectors = vectorsOf<CipherVector>("cipher.json");

Deno.test("every algorithm of the tables has a vector", () => {
  for (const { id, name } of PRFS) {
    assert.ok(prfVectors.some((v) => v.prf === id), name);
    assert.ok(prfPlusVectors.some((v) => v.prf === id), name);
  }
  for (const { id, name } of INTEGRITIES) {
    assert.ok(integrityVectors.some((v) => v.integrity === id), name);
  }
  for (const { id, keyBits, name } of CIPHERS) {
    const found = cipherVectors.some((v) => v.cipher === id && v.keyBits === keyBits);
    assert.ok(found, `${name} ${keyBits}`);
  }
});

for (const backend of BACKENDS) {
  Deno.test(`${backend.name}: prf gives the published values`, () => {
    for (const v of prfVectors) {
      const prf = backend.prf(v.prf)!;
      const out = prf.compute(hex(v.key), hex(v.data));
      assert.equal(toHex(out), v.out, `${prf.name}, ${v.origin}`);
      assert.equal(out.length, prf.outputOctets);
    }
  });

  Deno.test(`${backend.name}: prf+ gives the recomputed values and their prefixes`, () => {
    for (const v of prfPlusVectors) {
      const prf = backend.prf(v.prf)!;
      const out = prf.plus(hex(v.key), hex(v.seed), v.out.length / 2);
      assert.equal(toHex(out), v.out, prf.name);
    }
  });

  Deno.test(`${backend.name}: prf+ ends after 255 blocks (RFC 7296 §2.13)`, () => {
    for (const { id, outputOctets } of PRFS) {
      const prf = backend.prf(id)!;
      const key = new Uint8Array(prf.keyOctets);
      const seed = new Uint8Array(8);
      const longest = prf.plus(key, seed, 255 * outputOctets);
      assert.equal(longest.length, 255 * outputOctets);
      assert.throws(() => prf.plus(key, seed, 255 * outputOctets + 1), Bug);
    }
  });

  Deno.test(`${backend.name}: integrity gives the published values`, () => {
    for (const v of integrityVectors) {
      const integrity = backend.integrity(v.integrity)!;
      const icv = integrity.mac(hex(v.key), hex(v.data));
      assert.equal(toHex(icv), v.icv, `${integrity.name}, ${v.origin}`);
      assert.equal(icv.length, integrity.icvOctets);
    }
  });

  Deno.test(`${backend.name}: ciphers seal and open the published values`, () => {
    for (const v of cipherVectors) {
      const cipher = backend.cipher(v.cipher, v.keyBits)!;
      const key = hex(v.key);
      const iv = hex(v.iv);
      const aad = hex(v.aad);
      const which = `${cipher.name} ${v.keyBits}, ${v.origin}`;
      assert.equal(toHex(cipher.seal(key, iv, aad, hex(v.plaintext))), v.sealed, which);
      assert.equal(toHex(cipher.open(key, iv, aad, hex(v.sealed))!), v.plaintext, which);
    }
  });

  Deno.test(`${backend.name}: an AEAD cipher refuses any changed octet and any lost one`, () => {
    for (const v of cipherVectors) {
      const cipher = backend.cipher(v.cipher, v.keyBits)!;
      if (cipher.icvOctets === 0 || v.sealed.length > 200) continue;
      const key = hex(v.key);
      const iv = hex(v.iv);
      const aad = hex(v.aad);
      const sealed = hex(v.sealed);
      for (let at = 0; at < sealed.length; at++) {
        const changed = sealed.slice();
        changed[at]! ^= 1 << at % 8;
        assert.equal(cipher.open(key, iv, aad, changed), undefined, `${cipher.name} at ${at}`);
      }
      for (let at = 0; at < aad.length; at++) {
        const changed = aad.slice();
        changed[at]! ^= 0x80;
        assert.equal(cipher.open(key, iv, changed, sealed), undefined, `${cipher.name} aad ${at}`);
      }
      assert.equal(cipher.open(key, iv, aad, sealed.subarray(1)), undefined);
      assert.equal(cipher.open(key, iv, aad, sealed.subarray(0, -1)), undefined);
      assert.equal(cipher.open(key, iv, aad, sealed.subarray(0, cipher.icvOctets - 1)), undefined);
    }
  });

  Deno.test(`${backend.name}: a length that the algorithm does not take is our bug`, () => {
    for (const { id, keyBits, keyOctets, ivOctets, blockOctets } of CIPHERS) {
      const cipher = backend.cipher(id, keyBits)!;
      const key = new Uint8Array(keyOctets);
      const iv = new Uint8Array(ivOctets);
      const aad = new Uint8Array(8);
      const data = new Uint8Array(4 * blockOctets);
      assert.throws(() => cipher.seal(new Uint8Array(keyOctets + 1), iv, aad, data), Bug);
      assert.throws(() => cipher.seal(key, new Uint8Array(ivOctets + 1), aad, data), Bug);
      assert.throws(() => cipher.open(new Uint8Array(keyOctets + 1), iv, aad, data), Bug);
      assert.throws(() => cipher.open(key, new Uint8Array(ivOctets + 1), aad, data), Bug);
      if (blockOctets === 1) continue;
      assert.throws(() => cipher.seal(key, iv, aad, data.subarray(1)), Bug);
      assert.equal(cipher.open(key, iv, aad, data.subarray(1)), undefined);
    }
    for (const { id, keyOctets } of INTEGRITIES) {
      const integrity = backend.integrity(id)!;
      assert.throws(() => integrity.mac(new Uint8Array(keyOctets - 1), new Uint8Array(1)), Bug);
    }
  });

  Deno.test(`${backend.name}: nothing handed in is changed, nothing handed out is shared`, () => {
    for (const { id, keyBits, keyOctets, ivOctets, name } of CIPHERS) {
      const cipher = backend.cipher(id, keyBits)!;
      const inputs = [keyOctets, ivOctets, 32, 64].map((n) => backend.randomOctets(n));
      const before = inputs.map(toHex);
      const [key, iv, aad, plaintext] = inputs as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
      const sealed = cipher.seal(key, iv, aad, plaintext);
      const shown = toHex(sealed);
      const opened = cipher.open(key, iv, aad, sealed)!;
      assert.deepEqual(inputs.map(toHex), before, name);
      assert.equal(toHex(sealed), shown, name);
      opened.fill(0);
      sealed.fill(0);
      assert.equal(toHex(cipher.seal(key, iv, aad, plaintext)), shown, name);
    }
  });

  Deno.test(`${backend.name}: views into larger buffers are read where they stand`, () => {
    const shifted = (octets: Uint8Array) => {
      const larger = new Uint8Array(octets.length + 10).fill(0xee);
      larger.set(octets, 5);
      return larger.subarray(5, 5 + octets.length);
    };
    for (const v of cipherVectors) {
      const cipher = backend.cipher(v.cipher, v.keyBits)!;
      const [key, iv, aad] = [v.key, v.iv, v.aad].map((text) => shifted(hex(text)));
      const sealed = cipher.seal(key!, iv!, aad!, shifted(hex(v.plaintext)));
      assert.equal(toHex(sealed), v.sealed, cipher.name);
      assert.equal(toHex(cipher.open(key!, iv!, aad!, shifted(sealed))!), v.plaintext, cipher.name);
    }
  });

  Deno.test(`${backend.name}: hashes give the FIPS 180-4 examples`, () => {
    // NIST's example values for SHA-1 and SHA-256: one block, and two blocks.
    const abc = new TextEncoder().encode("abc");
    const twoBlocks = new TextEncoder().encode(
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    );
    assert.equal(toHex(backend.sha1(abc)), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert.equal(toHex(backend.sha1(twoBlocks)), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    assert.equal(
      toHex(backend.sha256(abc)),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    assert.equal(
      toHex(backend.sha256(twoBlocks)),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    );
    // A million times "a", the third of those examples.
    const long = new Uint8Array(1_000_000).fill(0x61);
    assert.equal(toHex(backend.sha1(long)), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  });

  Deno.test(`${backend.name}: random octets come in any number and differ`, () => {
    assert.equal(backend.randomOctets(0).length, 0);
    assert.notEqual(toHex(backend.randomOctets(16)), toHex(backend.randomOctets(16)));
    const many = backend.randomOctets(200_000);
    assert.ok(many.subarray(-64).some((octet) => octet !== 0));
  });
}
