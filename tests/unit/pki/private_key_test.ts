/** Private keys are read in each form that OpenSSL writes, and their public keys verify what they sign. */
import assert from "node:assert/strict";
import { parsePem } from "@/pki/pem.ts";
import { schemeOfIssuer } from "@/pki/issue.ts";
import { readPrivateKey } from "@/pki/private_key.ts";
import { parsePublicKey } from "@/pki/public_key.ts";
import { BACKENDS } from "../crypto/_backends.ts";

async function openssl(args: string, input = ""): Promise<string> {
  const child = new Deno.Command("openssl", {
    args: args.split(" "),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const FORMS: readonly (readonly [name: string, make: string, convert?: string])[] = [
  ["RSA, PKCS#8", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"],
  ["RSA, PKCS#1", "genrsa -traditional 2048"],
  ["P-256, PKCS#8", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"],
  ["P-256, SEC1", "ecparam -genkey -name prime256v1 -noout"],
  ["P-384, SEC1 with parameters before it", "ecparam -genkey -name secp384r1"],
  ["P-521, SEC1", "ecparam -genkey -name secp521r1 -noout"],
  ["P-224, SEC1 without its point", "ecparam -genkey -name secp224r1 -noout", "ec -no_public"],
  ["Ed25519", "genpkey -algorithm ED25519"],
  ["Ed448", "genpkey -algorithm ED448"],
];

for (const [name, make, convert] of FORMS) {
  Deno.test(`${name}: the key is read, and signs with both backends`, async () => {
    const made = await openssl(make);
    const text = convert ? await openssl(convert, made) : made;
    const key = readPrivateKey(new TextEncoder().encode(text));
    const [block] = parsePem(await openssl("pkey -pubout", made));
    const publicKey = parsePublicKey(block!.der);
    const data = new Uint8Array(50);
    assert.equal(key.kind, publicKey.kind);
    const scheme = schemeOfIssuer(key.kind);
    for (const signer of BACKENDS) {
      const signature = await signer.signatures.sign(key, scheme, data);
      for (const { signatures } of BACKENDS) {
        assert.equal(await signatures.verify(publicKey, scheme, data, signature), true);
      }
    }
  });
}

Deno.test("encrypted keys, files without a key and damaged PEM are refused by name", async () => {
  const key = await openssl("genpkey -algorithm ED25519");
  const read = (text: string) => readPrivateKey(new TextEncoder().encode(text));
  const encrypted = await openssl("pkcs8 -topk8 -passout pass:x", key);
  assert.throws(() => read(encrypted), /encrypted private key, decrypt it first/);
  const old = await openssl(
    "rsa -aes128 -passout pass:x -traditional",
    await openssl("genrsa 2048"),
  );
  assert.throws(() => read(old), /encrypted private key/);
  assert.throws(() => read("nothing"), /Cannot find a private key/);
  assert.throws(() => read(key.replace(/-----END[^]*/, "")), /does not end/);
  assert.throws(() => read(key.replace("MC", "*C")), /not base64/);
});
