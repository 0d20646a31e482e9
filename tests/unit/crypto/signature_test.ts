/** Signatures: each backend verifies those of the other, and both refuse the same. */
import assert from "node:assert/strict";
import { derBitString, derSequenceOf, derUnsigned } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import {
  HASH_OCTETS,
  type KeyKind,
  type PublicKey,
  SignatureError,
  type SignatureHash,
  type SignatureScheme,
  type SigningKeyPair,
} from "@/crypto/signature.ts";
import { parsePkcs8 } from "@/pki/private_key.ts";
import { parsePublicKey } from "@/pki/public_key.ts";
import { BACKENDS, hex } from "./_backends.ts";

const HASHES: readonly SignatureHash[] = ["sha1", "sha256", "sha384", "sha512"];
const CURVES: readonly KeyKind[] = ["p-224", "p-256", "p-384", "p-521"];
const data = new TextEncoder().encode("what is signed");

const pairs = new Map<string, SigningKeyPair>();
async function pairOf(backend: CryptoBackend, kind: KeyKind): Promise<SigningKeyPair> {
  const name = `${backend.name} ${kind}`;
  const known = pairs.get(name) ?? await backend.signatures.generate(kind, 2048);
  pairs.set(name, known);
  return known;
}

function schemesOf(kind: KeyKind): SignatureScheme[] {
  if (kind === "rsa") {
    return HASHES.flatMap((hash): SignatureScheme[] => [
      { algorithm: "rsa-pkcs1", hash },
      { algorithm: "rsa-pss", hash, saltOctets: HASH_OCTETS[hash] },
      { algorithm: "rsa-pss", hash, saltOctets: 0 },
    ]);
  }
  if (!CURVES.includes(kind)) return [{ algorithm: kind } as SignatureScheme];
  return HASHES.flatMap((hash): SignatureScheme[] => [
    { algorithm: "ecdsa", hash, encoding: "raw" },
    { algorithm: "ecdsa", hash, encoding: "der" },
  ]);
}

const KINDS: readonly KeyKind[] = [
  ...["rsa", ...CURVES, "ed25519", "ed448", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"] as KeyKind[],
];

for (const signer of BACKENDS) {
  for (const kind of KINDS) {
    Deno.test(`${signer.name}: ${kind} signs by every scheme, every backend verifies`, async () => {
      const { privateKey, publicKey } = await pairOf(signer, kind);
      // What was made is what files have.
      const read = parsePublicKey(publicKey.spki);
      const readPrivate = parsePkcs8(privateKey.pkcs8);
      assert.deepEqual(read, publicKey);
      assert.deepEqual([readPrivate.kind, readPrivate.bits], [kind, publicKey.bits]);
      for (const scheme of schemesOf(kind)) {
        const told = `${kind} ${JSON.stringify(scheme)}`;
        const signature = await signer.signatures.sign(readPrivate, scheme, data);
        for (const { name, signatures } of BACKENDS) {
          const verify = (octets: Uint8Array, of = data) =>
            signatures.verify(read, scheme, of, octets);
          assert.equal(await verify(signature), true, `${told} by ${name}`);
          assert.equal(await verify(signature, data.subarray(1)), false, `${told} by ${name}`);
          const bent = signature.slice();
          bent[bent.length - 3]! ^= 4;
          assert.equal(await verify(bent), false, `${told} by ${name}, bent`);
          assert.equal(await verify(signature.subarray(1)), false, `${told} by ${name}, short`);
          assert.equal(await verify(new Uint8Array([...signature, 0])), false, `${told} long`);
          assert.equal(await verify(new Uint8Array(0)), false, `${told} empty`);
          assert.equal(await verify(new Uint8Array(signature.length)), false, `${told} zeros`);
        }
      }
    });
  }

  Deno.test(`${signer.name}: a hash that is not the signature's, and a wrong salt, are refused`, async () => {
    const { privateKey, publicKey } = await pairOf(signer, "rsa");
    for (const algorithm of ["rsa-pkcs1", "rsa-pss"] as const) {
      const scheme = (hash: SignatureHash, saltOctets = 32): SignatureScheme =>
        algorithm === "rsa-pss" ? { algorithm, hash, saltOctets } : { algorithm, hash };
      const signature = await signer.signatures.sign(privateKey, scheme("sha256"), data);
      for (const { signatures } of BACKENDS) {
        const verify = (how: SignatureScheme) => signatures.verify(publicKey, how, data, signature);
        assert.equal(await verify(scheme("sha384")), false);
        if (algorithm === "rsa-pss") {
          assert.equal(await verify(scheme("sha256", 31)), false);
          assert.equal(await verify(scheme("sha256", 2000)), false);
          assert.equal(await verify({ algorithm: "rsa-pkcs1", hash: "sha256" }), false);
        }
        assert.equal(await verify({ algorithm: "ed25519" }), false);
      }
    }
  });

  Deno.test(`${signer.name}: what does not fit its key cannot be signed`, async () => {
    const sign = async (kind: KeyKind, scheme: SignatureScheme) =>
      await signer.signatures.sign((await pairOf(signer, kind)).privateKey, scheme, data);
    await assert.rejects(
      () => sign("p-256", { algorithm: "rsa-pkcs1", hash: "sha256" }),
      /Cannot sign by RSASSA-PKCS1-v1_5 with SHA-256 with an ECDSA P-256 key/,
    );
    await assert.rejects(
      () => sign("rsa", { algorithm: "rsa-pss", hash: "sha512", saltOctets: 200 }),
      /RSA key of 2048 bits, it is too short/,
    );
  });

  Deno.test(`${signer.name}: ECDSA of DER is refused where it is only BER`, async () => {
    const { privateKey, publicKey } = await pairOf(signer, "p-256");
    const raw = await signer.signatures.sign(
      privateKey,
      { algorithm: "ecdsa", hash: "sha256", encoding: "raw" },
      data,
    );
    const r = raw.subarray(0, 32);
    const s = raw.subarray(32);
    const verify = (octets: Uint8Array) =>
      signer.signatures.verify(
        publicKey,
        { algorithm: "ecdsa", hash: "sha256", encoding: "der" },
        data,
        octets,
      );
    const good = derSequenceOf(derUnsigned(r), derUnsigned(s));
    assert.equal(await verify(good), true);
    const longForm = Uint8Array.of(0x30, 0x81, good[1]!, ...good.subarray(2));
    assert.equal(await verify(longForm), false);
    const padded = (value: Uint8Array) => Uint8Array.of(2, value.length + 2, 0, 0, ...value);
    assert.equal(await verify(derSequenceOf(padded(r), derUnsigned(s))), false);
    assert.equal(
      await verify(derSequenceOf(derUnsigned(r), derUnsigned(s), derUnsigned(s))),
      false,
    );
    const wide = new Uint8Array(40).fill(1);
    assert.equal(await verify(derSequenceOf(derUnsigned(wide), derUnsigned(s))), false);
  });

  Deno.test(`${signer.name}: a point off its curve is refused`, async () => {
    for (const kind of CURVES) {
      const { publicKey } = await pairOf(signer, kind);
      const spki = publicKey.spki.slice();
      spki[spki.length - 1]! ^= 1;
      const bad = parsePublicKey(spki);
      const octets = 2 * Math.ceil(publicKey.bits / 8);
      await assert.rejects(
        async () =>
          await signer.signatures.verify(
            bad,
            { algorithm: "ecdsa", hash: "sha256", encoding: "raw" },
            data,
            new Uint8Array(octets).fill(1),
          ),
        (e) => e instanceof SignatureError && /none of the curve/.test(e.message),
        kind,
      );
    }
  });
}

Deno.test("RSA beyond 4096 bits is verified by both, and signed by the native one alone", async () => {
  const native = BACKENDS.find(({ name }) => name === "native");
  const [portable] = BACKENDS;
  if (!native) return;
  const file = new URL("../../vectors/rsa_4112.json", import.meta.url);
  const { pkcs8, spki } = JSON.parse(Deno.readTextFileSync(file));
  const privateKey = parsePkcs8(Uint8Array.fromBase64(pkcs8));
  const publicKey = parsePublicKey(Uint8Array.fromBase64(spki));
  for (const scheme of schemesOf("rsa")) {
    const signature = await native.signatures.sign(privateKey, scheme, data);
    const verify = (octets: Uint8Array) =>
      portable!.signatures.verify(publicKey, scheme, data, octets);
    assert.equal(await verify(signature), true, JSON.stringify(scheme));
    const bent = signature.slice();
    bent[100]! ^= 1;
    assert.equal(await verify(bent), false);
    assert.equal(await verify(new Uint8Array(514).fill(0xff)), false);
    for (const other of schemesOf("rsa")) {
      if (JSON.stringify(other) === JSON.stringify(scheme)) continue;
      assert.equal(await portable!.signatures.verify(publicKey, other, data, signature), false);
    }
  }
  await assert.rejects(
    async () => await portable!.signatures.sign(privateKey, schemesOf("rsa")[0]!, data),
    /RSA key of 4112 bits: the portable crypto backend does up to 4096/,
  );
});

Deno.test('RFC 6979 A.2.5: the signature of P-256 and SHA-256 over "sample"', async () => {
  const point = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" +
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
  const key: PublicKey = parsePublicKey(
    hex(`3059301306072a8648ce3d020106082a8648ce3d030107034200 04${point}`.replace(" ", "")),
  );
  const signature = hex(
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
  );
  const scheme = { algorithm: "ecdsa", hash: "sha256", encoding: "raw" } as const;
  for (const { signatures } of BACKENDS) {
    assert.equal(
      await signatures.verify(key, scheme, new TextEncoder().encode("sample"), signature),
      true,
    );
  }
});

Deno.test("RFC 8032 §7.1 test 3 and §7.4 blank: EdDSA", async () => {
  const ed25519 = parsePublicKey(
    hex("302a300506032b6570032100fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
  );
  const ed448 = parsePublicKey(
    hex(
      "3043300506032b6571033a005fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778" +
        "edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180",
    ),
  );
  for (const { signatures } of BACKENDS) {
    assert.equal(
      await signatures.verify(
        ed25519,
        { algorithm: "ed25519" },
        hex("af82"),
        hex(
          "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
      ),
      true,
    );
    assert.equal(
      await signatures.verify(
        ed448,
        { algorithm: "ed448" },
        new Uint8Array(0),
        hex(
          "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22" +
            "ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cd" +
            "da8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600",
        ),
      ),
      true,
    );
  }
});

Deno.test("keys that cannot be any are refused when they are read", () => {
  const rsa = (n: Uint8Array, e: Uint8Array) => {
    const key = derSequenceOf(derUnsigned(n), derUnsigned(e));
    const algorithm = hex("300d06092a864886f70d0101010500");
    return parsePublicKey(derSequenceOf(algorithm, derBitString(key)));
  };
  const modulus = new Uint8Array(256).fill(0xff);
  const three = Uint8Array.of(3);
  assert.equal(rsa(modulus, three).bits, 2048);
  const even = modulus.slice();
  even[255] = 0xfe;
  assert.throws(() => rsa(even, three), /modulus is even/);
  assert.throws(() => rsa(modulus.subarray(0, 80), three), /of 640 bits/);
  assert.throws(() => rsa(new Uint8Array(4096).fill(0xff), three), /of 32768 bits/);
  for (const e of [Uint8Array.of(0), Uint8Array.of(1), Uint8Array.of(4), modulus]) {
    assert.throws(() => rsa(modulus, e), /public exponent/);
  }
  const point = "02" + "11".repeat(32); // compressed
  assert.throws(
    () => parsePublicKey(hex(`3039301306072a8648ce3d020106082a8648ce3d030107032200${point}`)),
    /point is not uncompressed/,
  );
  // secp256k1, and a curve by its parameters.
  assert.throws(
    () => parsePublicKey(hex("3016301006072a8648ce3d020106052b8104000a03020004")),
    /curve 1.3.132.0.10/,
  );
  assert.throws(() => parsePublicKey(hex("3011300b06072a8648ce3d0201300003020004")), WireError);
  assert.throws(() => parsePublicKey(hex("300b300506032b657003020011")), /of 1 octets/);
});
