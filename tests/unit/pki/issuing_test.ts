// Certificates that are issued while a test runs: in which place they hold the identity of their holder,
// how long they are kept, and whether OpenSSL accepts them. Each test runs with both backends.
import assert from "node:assert/strict";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { IdType } from "@/iana/id_type.ts";
import { type HolderIdentity, IssuedCredentials, type IssuingAuthority } from "@/pki/issuing.ts";
import { placeOfIdentity } from "@/pki/identity.ts";
import { sameCertificate } from "@/pki/certificate.ts";
import { showName } from "@/pki/name.ts";
import { encodeNameText } from "@/pki/name_text.ts";
import { encodePem } from "@/pki/pem.ts";
import { trustStoreOf } from "@/pki/trust.ts";
import { validatePath } from "@/pki/validate.ts";
import { BACKENDS } from "../crypto/_backends.ts";
import { DAY_MS, Maker, NOW_MS, type Party } from "./_maker.ts";

const text = (s: string) => new TextEncoder().encode(s);
const HOUR_MS = 3600_000;

async function authority(
  backend: CryptoBackend,
  root: Party,
  change: Partial<IssuingAuthority> = {},
): Promise<IssuingAuthority> {
  return {
    certificate: root.certificate,
    privateKey: root.keys.privateKey,
    sharedPair: await backend.signatures.generate("p-256"),
    keyType: { kind: "p-256" },
    lifetimeMs: HOUR_MS,
    ...change,
  };
}

const HOLDERS: readonly (readonly [HolderIdentity, subject: string, place: string])[] = [
  [{ idType: IdType.ID_FQDN, data: text("t7.lab.test") }, "CN=t7.lab.test", "subjectAltName"],
  [
    { idType: IdType.ID_RFC822_ADDR, data: text("u7@lab.test") },
    "CN=u7@lab.test",
    "subjectAltName",
  ],
  [
    { idType: IdType.ID_IPV4_ADDR, data: Uint8Array.of(10, 1, 0, 7) },
    "CN=10.1.0.7",
    "subjectAltName",
  ],
  [
    { idType: IdType.ID_IPV6_ADDR, data: Uint8Array.of(0xfd, ...Array(14).fill(0), 7) },
    "CN=fd00::7",
    "subjectAltName",
  ],
  [
    { idType: IdType.ID_DER_ASN1_DN, data: encodeNameText("C=CH, O=Lab, CN=t7") },
    "C=CH, O=Lab, CN=t7",
    "subject",
  ],
  [
    { idType: IdType.ID_KEY_ID, data: Uint8Array.of(1, 2, 0xff) },
    "CN=0102ff",
    "subjectKeyIdentifier",
  ],
];

for (const backend of BACKENDS) {
  const test = (name: string, fn: (maker: Maker) => Promise<void>) =>
    Deno.test(`${backend.name}: ${name}`, () => fn(new Maker(backend)));

  test("a certificate that is issued for an identity of any type holds it", async (maker) => {
    const root = await maker.root();
    const issues = await authority(backend, root);
    const issued = new IssuedCredentials(backend);
    const store = trustStoreOf({ authorities: [root.certificate] });
    for (const [holder, subject, place] of HOLDERS) {
      const { certificate } = await issued.credential(issues, holder, NOW_MS);
      assert.equal(showName(certificate.subject), subject);
      assert.equal(placeOfIdentity(certificate, holder.idType, holder.data), place);
      assert.equal(certificate.notAfterMs, NOW_MS + HOUR_MS);
      const question = { certificate, untrusted: [], store, nowMs: NOW_MS };
      const verdict = await validatePath(
        { ...question, revocation: "off", purpose: "ike" },
        backend,
      );
      assert.ok(verdict.accepted);
    }
  });

  test("a certificate is reused until it expires; holders may share a key pair", async (maker) => {
    const root = await maker.root();
    const issued = new IssuedCredentials(backend);
    const [[first], [second]] = HOLDERS as unknown as [[HolderIdentity], [HolderIdentity]];
    const withSharedKeys = await authority(backend, root);
    const [a, again, b] = [
      await issued.credential(withSharedKeys, first, NOW_MS),
      await issued.credential(withSharedKeys, first, NOW_MS + HOUR_MS),
      await issued.credential(withSharedKeys, second, NOW_MS),
    ];
    assert.ok(sameCertificate(a.certificate, again.certificate));
    assert.deepEqual(a.certificate.spki, b.certificate.spki);
    assert.notDeepEqual(a.certificate.serial, b.certificate.serial);
    const later = await issued.credential(withSharedKeys, first, NOW_MS + HOUR_MS + 1);
    assert.ok(!sameCertificate(a.certificate, later.certificate));
    const withOwnKeys = await authority(backend, root, { sharedPair: undefined });
    const [c, d] = [
      await issued.credential(withOwnKeys, first, NOW_MS),
      await issued.credential(withOwnKeys, second, NOW_MS),
    ];
    assert.notDeepEqual(c.certificate.spki, d.certificate.spki);
    // Two requests at the same time for one holder get the same certificate.
    const both = await Promise.all(
      [1, 2].map(() => issued.credential(withOwnKeys, HOLDERS[2]![0], NOW_MS)),
    );
    assert.ok(sameCertificate(both[0]!.certificate, both[1]!.certificate));
  });

  test("no certificate outlives its issuer", async (maker) => {
    const root = await maker.root("Short", { to: 2 });
    const issues = await authority(backend, root, { lifetimeMs: 30 * DAY_MS });
    const { certificate } = await new IssuedCredentials(backend).credential(
      issues,
      HOLDERS[0]![0],
      NOW_MS,
    );
    assert.equal(certificate.notAfterMs, NOW_MS + 2 * DAY_MS);
  });

  test("OpenSSL verifies what is issued, and the OCSP response about it", async (maker) => {
    const nowMs = Date.now();
    const days = (nowMs - NOW_MS) / DAY_MS;
    const root = await maker.root("Lab", { from: days - 3, to: days + 300 });
    const issues = await authority(backend, root);
    const issued = new IssuedCredentials(backend);
    const { certificate, privateKey } = await issued.credential(issues, HOLDERS[0]![0], nowMs);
    const { der } = await issued.response(issues, certificate, nowMs);
    const dir = Deno.makeTempDirSync();
    try {
      const put = (name: string, label: string, octets: Uint8Array) =>
        Deno.writeTextFileSync(`${dir}/${name}`, encodePem({ label, der: octets }));
      put("root", "CERTIFICATE", root.certificate.der);
      put("it", "CERTIFICATE", certificate.der);
      put("key", "PRIVATE KEY", privateKey.pkcs8);
      Deno.writeFileSync(`${dir}/ocsp`, der);
      assert.match(openssl(dir, "verify", "-x509_strict", "-CAfile", "root", "it"), /^it: OK/);
      const shown = openssl(dir, "x509", "-in", "it", "-noout", "-ext", "subjectAltName");
      assert.match(shown, /DNS:t7\.lab\.test/);
      const [ofKey, ofCertificate] = [
        openssl(dir, "pkey", "-in", "key", "-pubout"),
        openssl(dir, "x509", "-in", "it", "-noout", "-pubkey"),
      ];
      assert.equal(ofKey, ofCertificate);
      const args = ["-issuer", "root", "-cert", "it", "-CAfile", "root", "-respin", "ocsp"];
      assert.match(openssl(dir, "ocsp", ...args), /^it: good/m);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}

function openssl(cwd: string, ...args: string[]): string {
  const { code, stdout, stderr } = new Deno.Command("openssl", { args, cwd, stdin: "null" })
    .outputSync();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, output);
  return output;
}
