import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { decodeSignatureAlgorithm, encodeSignatureAlgorithm } from "@/pki/algorithm.ts";
import { hex, vectorsOf } from "../crypto/_backends.ts";

interface Vector {
  readonly name: string;
  readonly algorithm: string;
  readonly hash?: string;
  readonly salt?: number;
  readonly der: string;
}

for (const { name, algorithm, hash, salt, der } of vectorsOf<Vector>("rfc7427_algorithms.json")) {
  Deno.test(`RFC 7427 appendix A: ${name}`, () => {
    const scheme = decodeSignatureAlgorithm(hex(der));
    assert.equal(scheme.algorithm, algorithm);
    assert.equal("hash" in scheme ? scheme.hash : undefined, hash);
    assert.equal("saltOctets" in scheme ? scheme.saltOctets : undefined, salt);
    assert.equal(toHex(encodeSignatureAlgorithm(scheme)), der);
  });
}

Deno.test("RSASSA-PSS with every hash and salt length is decoded as it was encoded", () => {
  for (const hash of ["sha1", "sha256", "sha384", "sha512"] as const) {
    for (const saltOctets of [0, 20, 32, 64, 200]) {
      const scheme = { algorithm: "rsa-pss" as const, hash, saltOctets };
      assert.deepEqual(decodeSignatureAlgorithm(encodeSignatureAlgorithm(scheme)), scheme);
    }
  }
});

Deno.test("RSA without parameters is accepted; wrong parameters and algorithms are refused", () => {
  const rsa = decodeSignatureAlgorithm(hex("300b06092a864886f70d01010b"));
  assert.deepEqual(rsa, { algorithm: "rsa-pkcs1", hash: "sha256" });
  for (
    const bad of [
      "300e06092a864886f70d01010b020101", // RSA with a number
      "300c06082a8648ce3d0403020500", // ECDSA with NULL
      "300706032b65700500", // Ed25519 with NULL
      "300d06092a864886f70d0101040500", // RSA with MD5
      "300906072a8648ce380403", // DSA
      // RSASSA-PSS with SHA-256, whose mask generation has the default hash, which is SHA-1
      "301e06092a864886f70d01010a3011a00f300d06096086480165030402010500",
      "301206092a864886f70d01010a3005a303020102", // trailer field 2
    ]
  ) {
    assert.throws(() => decodeSignatureAlgorithm(hex(bad)), WireError, bad);
  }
  assert.throws(() => decodeSignatureAlgorithm(hex("300906072a8648ce380403")), /DSA with SHA-1/);
});
