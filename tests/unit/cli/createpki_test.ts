/** The files that createpki writes, verified by OpenSSL. */
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { readCertificateFiles } from "@/engine/run/certificate_files.ts";
import { ikeConfigOf } from "@/engine/run/config_of.ts";
import { readCertificates } from "@/pki/certificate.ts";
import { commonNameOf } from "@/pki/name.ts";
import { encodeBundle, parseFetched } from "@/pki/received.ts";
import { setup } from "../engine/setups.ts";

const ROOT = `${import.meta.dirname}/../../..`;

/** Runs a command. Returns its exit status, and what it wrote to standard output and error. */
async function run(command: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = (octets: Uint8Array) => new TextDecoder().decode(octets);
  return { code, output: text(stdout) + text(stderr) };
}

const createPki = (...args: string[]) =>
  run(Deno.execPath(), "run", "-A", `${ROOT}/main.ts`, "createpki", ...args);

/** The output of an openssl command that must succeed. */
async function openssl(...args: string[]): Promise<string> {
  const { code, output } = await run("openssl", ...args);
  assert.equal(code, 0, `openssl ${args.join(" ")}: ${output}`);
  return output;
}

/** Each key type of createpki, with words by which openssl shows it. */
const KEY_TYPES: readonly (readonly [type: string, shown: RegExp])[] = [
  ["rsa:2048", /2048 bit/],
  ["ecdsa:p-224", /ASN1 OID: secp224r1/],
  ["ecdsa:p-256", /ASN1 OID: prime256v1/],
  ["ecdsa:p-384", /ASN1 OID: secp384r1/],
  ["ecdsa:p-521", /ASN1 OID: secp521r1/],
  ["ed25519", /ED25519/],
  ["ed448", /ED448/],
];

for (const [type, shown] of KEY_TYPES) {
  Deno.test(`createpki writes chains of ${type} that openssl verifies, and keys that only their owner can read`, async () => {
    const dir = await Deno.makeTempDir();
    try {
      const ca = `${dir}/ca`;
      const ee = `${dir}/ee`;
      const { code, output } = await createPki(
        "-c",
        "2",
        "-l",
        "2",
        "--cadir",
        ca,
        "--eedir",
        ee,
        "--cakeytype",
        type,
        "--eekeytype",
        type,
        "--eeprefix",
        "gw&d.example",
      );
      assert.equal(code, 0, output);
      const intermediates = `${dir}/intermediates.pem`;
      await Deno.writeTextFile(
        intermediates,
        Deno.readTextFileSync(`${ca}/sub-lv-1_myikev2.cert`) +
          Deno.readTextFileSync(`${ca}/sub-lv-2_myikev2.cert`),
      );
      const pairs = [0, 1].map((at) => `${ee}/ee-${at}_myikev2`);
      await openssl(
        "verify",
        "-x509_strict",
        "-CAfile",
        `${ca}/rootca.cert`,
        "-untrusted",
        intermediates,
        ...pairs.map((pair) => `${pair}.cert`),
      );
      for (const [at, pair] of pairs.entries()) {
        assert.match(await openssl("pkey", "-in", `${pair}.key`, "-text", "-noout"), shown);
        // The key belongs to the certificate.
        assert.equal(
          await openssl("pkey", "-in", `${pair}.key`, "-pubout"),
          await openssl("x509", "-in", `${pair}.cert`, "-pubkey", "-noout"),
        );
        assert.equal(Deno.statSync(`${pair}.key`).mode! & 0o777, 0o600);
        const [certificate] = readCertificates(Deno.readFileSync(`${pair}.cert`));
        assert.equal(commonNameOf(certificate!.subject), `gw${at}.example`);
        assert.match(
          await openssl("x509", "-in", `${pair}.cert`, "-ext", "subjectAltName", "-noout"),
          new RegExp(`DNS:gw${at}\\.example`),
        );
      }
      // Existing files are not overwritten.
      const again = await createPki("--cadir", ca, "--eedir", ee, "--cakeytype", "ed25519");
      assert.equal(again.code, 2);
      assert.match(again.output, /rootca\.cert: it exists already/);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}

Deno.test("with createpki -l 0 the root signs the end entities, and names have the prefixes of --caprefix and --eeprefix", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const { code, output } = await createPki(
      "-l",
      "0",
      "-c",
      "1",
      "--cadir",
      dir,
      "--eedir",
      dir,
      "--cakeytype",
      "ecdsa:p-256",
      "--eekeytype",
      "ecdsa:p-256",
      "--caprefix",
      "lab-",
      "--eeprefix",
      "lab-",
    );
    assert.equal(code, 0, output);
    const names = [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["ee-0_myikev2.cert", "ee-0_myikev2.key", "rootca.cert", "rootca.key"]);
    const [end] = readCertificates(Deno.readFileSync(`${dir}/ee-0_myikev2.cert`));
    assert.deepEqual(
      [commonNameOf(end!.subject), commonNameOf(end!.issuer)],
      ["lab-ee-0_myikev2", "lab-rootca"],
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("createpki --lookupdir writes the files whose hashes a setup with certurl sends", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const [ca, ee, lookup] = ["ca", "ee", "lookup"].map((name) => `${dir}/${name}`) as [
      string,
      string,
      string,
    ];
    const keys = ["--cakeytype", "ecdsa:p-256", "--eekeytype", "ecdsa:p-256"];
    const args = ["-c", "2", "-l", "2", "--cadir", ca, "--eedir", ee, "--lookupdir", lookup];
    const made = await createPki(...args, ...keys);
    assert.equal(made.code, 0, made.output);
    for (const level of [1, 2]) {
      const file = `${ca}/sub-lv-${level}_myikev2.cert`;
      await Deno.rename(file, `${file}.certp`);
    }
    const whole = setup({ role: "client", numberoftunnels: 2 }, {
      authownmethod: "digital-signature",
      authpeermethod: "digital-signature",
      cadir: ca,
      eedir: ee,
      sendingmarkedca: true,
      certurl: "http://pki.test/&d",
      certurlbundle: true,
    });
    const crypto = portableBackend();
    const certificates = await readCertificateFiles(whole, crypto);
    const { own } = ikeConfigOf(whole, undefined, { certificates }).auth;
    assert.ok(own.kind === "signature");
    for (const [i, { certificate }] of own.credentials.entries()) {
      const path = `${lookup}/ee-${i}_myikev2`;
      assert.deepEqual(Deno.readFileSync(`${path}.cer`), certificate.der);
      const bundle = Deno.readFileSync(`${path}.bundle`);
      assert.deepEqual(bundle, encodeBundle([certificate, ...own.authorities]));
      const address = { isBundle: true, hash: crypto.sha1(bundle), url: "http://pki.test/0" };
      assert.equal(parseFetched(address, bundle, crypto).certificates.length, 3);
    }
    await Deno.remove(`${dir}/ca`, { recursive: true });
    await Deno.remove(`${dir}/ee`, { recursive: true });
    const again = await createPki(...args, ...keys);
    assert.notEqual(again.code, 0);
    assert.match(again.output, /Cannot write .*ee-0_myikev2\.cer: it exists already/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
