import assert from "node:assert/strict";
import { concat } from "@/base/bytes.ts";
import { contextTag, der, derSequenceOf } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { parseFetched, parseReceived } from "@/pki/received.ts";
import { BACKENDS } from "../crypto/_backends.ts";
import { Maker } from "./_maker.ts";

const backend = BACKENDS.at(-1)!;
const text = (value: string) => new TextEncoder().encode(value);
const URL_OF = "http://pki.example/gw.der";

Deno.test("each encoding of a CERT payload is parsed as what it announces", async () => {
  const maker = new Maker(backend);
  const root = await maker.root();
  const end = await maker.issue("gw", root);
  const crl = await maker.crl(root, [end.certificate]);
  const ocsp = await maker.ocsp(end.certificate, { issuer: root });
  const kindOf = (encoding: number, data: Uint8Array) => parseReceived(encoding, data).kind;
  assert.equal(kindOf(CertEncoding.X509_SIGNATURE, end.certificate.der), "certificate");
  assert.equal(kindOf(CertEncoding.CRL, crl.der), "crl");
  assert.equal(kindOf(CertEncoding.OCSP_CONTENT, ocsp.der), "ocsp");
  assert.equal(kindOf(CertEncoding.RAW_PUBLIC_KEY, end.certificate.spki), "raw_key");
  assert.throws(
    () => parseReceived(CertEncoding.PGP, end.certificate.der),
    /encoded as PGP Certificate/,
  );
  assert.throws(() => parseReceived(CertEncoding.X509_SIGNATURE, crl.der), WireError);
});

Deno.test("a fetched certificate or bundle must have the hash sent with its URL", async () => {
  const maker = new Maker(backend);
  const root = await maker.root();
  const end = await maker.issue("gw", root);
  const crl = await maker.crl(root, []);
  const { der: octets } = end.certificate;
  const address = (encoding: number, content: Uint8Array) => {
    const got = parseReceived(encoding, concat(backend.sha1(content), text(URL_OF)));
    assert.ok(got.kind === "address" && got.address.url === URL_OF);
    return got.address;
  };
  const one = parseFetched(address(CertEncoding.HASH_AND_URL_X509, octets), octets, backend);
  assert.deepEqual(one, { certificates: [end.certificate], crls: [] });
  const bundle = derSequenceOf(
    der(contextTag(0, "constructed"), octets),
    der(contextTag(1, "constructed"), crl.der),
    der(contextTag(0, "constructed"), root.certificate.der),
  );
  const many = parseFetched(address(CertEncoding.HASH_AND_URL_BUNDLE, bundle), bundle, backend);
  assert.deepEqual(many, { certificates: [end.certificate, root.certificate], crls: [crl] });
  const other = address(CertEncoding.HASH_AND_URL_X509, root.certificate.der);
  assert.throws(() => parseFetched(other, octets, backend), /gw\.der gives: its SHA-1 is not/);
  const long = derSequenceOf(
    ...Array.from({ length: 101 }, () => der(contextTag(0, "constructed"), octets)),
  );
  assert.throws(
    () => parseFetched(address(CertEncoding.HASH_AND_URL_BUNDLE, long), long, backend),
    /more than 100 parts/,
  );
});

Deno.test("URLs of other schemes, and malformed, too long or empty ones are refused", () => {
  const hash = new Uint8Array(20);
  for (
    const url of [
      "https://pki.example/gw",
      "file:///etc/passwd",
      "http://",
      "http://a b/",
      "http://a/\u0007",
      `http://a/${"x".repeat(2000)}`,
      "",
    ]
  ) {
    const data = concat(hash, text(url));
    assert.throws(() => parseReceived(CertEncoding.HASH_AND_URL_X509, data), WireError, url);
  }
  assert.throws(() => parseReceived(CertEncoding.HASH_AND_URL_X509, hash.subarray(1)), WireError);
});
