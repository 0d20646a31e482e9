import assert from "node:assert/strict";
import { WireError } from "@/base/errors.ts";
import type { SignatureHash } from "@/crypto/signature.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import {
  chooseScheme,
  decodeDigitalSignature,
  encodeDigitalSignature,
  schemeOfMethod,
} from "@/pki/digital_signature.ts";

Deno.test("RFC 7427 §3: a signature is decoded as it was encoded; short ones are refused", () => {
  const scheme = { algorithm: "ecdsa", hash: "sha256", encoding: "der" } as const;
  const signature = new Uint8Array(70).fill(5);
  const data = encodeDigitalSignature({ scheme, signature });
  assert.equal(data[0], 12);
  assert.deepEqual(decodeDigitalSignature(data), { scheme, signature });
  for (const length of [0, 1, 5, 12, 13]) {
    assert.throws(() => decodeDigitalSignature(data.subarray(0, length)), WireError);
  }
  const longer = data.slice();
  longer[0] = 13;
  assert.throws(() => decodeDigitalSignature(longer), WireError);
});

Deno.test("RFC 7427 §4: a signature uses only hash algorithms that the peer announced", () => {
  const { SHA1, SHA2_256, SHA2_384, SHA2_512, IDENTITY } = HashAlgorithm;
  const hashes: SignatureHash[] = ["sha512", "sha256"];
  const choose = (kind: "rsa" | "p-384" | "ed25519", announced: number[], pss = false) =>
    chooseScheme(kind, { hashes, announced, pss });
  assert.deepEqual(choose("rsa", [SHA1, SHA2_256]), { algorithm: "rsa-pkcs1", hash: "sha256" });
  assert.deepEqual(choose("rsa", [SHA2_512], true), {
    algorithm: "rsa-pss",
    hash: "sha512",
    saltOctets: 64,
  });
  assert.deepEqual(choose("p-384", [SHA2_256, SHA2_512]), {
    algorithm: "ecdsa",
    hash: "sha512",
    encoding: "der",
  });
  assert.equal(choose("rsa", [SHA1, SHA2_384]), undefined);
  assert.equal(choose("ed25519", [SHA2_256, SHA2_512]), undefined);
  assert.deepEqual(choose("ed25519", [IDENTITY]), { algorithm: "ed25519" });
});

Deno.test("RFC 7296 §3.8, RFC 4754: a method has a scheme for keys of its own kind only", () => {
  assert.deepEqual(schemeOfMethod(AuthMethod.RSA_DIGITAL_SIGNATURE, "rsa"), {
    algorithm: "rsa-pkcs1",
    hash: "sha1",
  });
  assert.deepEqual(schemeOfMethod(AuthMethod.ECDSA_SHA512_P521, "p-521"), {
    algorithm: "ecdsa",
    hash: "sha512",
    encoding: "raw",
  });
  assert.equal(schemeOfMethod(AuthMethod.ECDSA_SHA256_P256, "p-384"), undefined);
  assert.equal(schemeOfMethod(AuthMethod.DIGITAL_SIGNATURE, "rsa"), undefined);
});
