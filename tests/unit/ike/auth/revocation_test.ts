// Revocation while IKE SAs are set up: revocation lists, OCSP in-band (RFC 4806), certificates of unknown
// state, and lists and certificates that expire while a test runs.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { SigningAuth, VerifyingAuth } from "@/ike/records/config.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";
import { PathMemory, trustStoreOf } from "@/pki/trust.ts";
import type { RevocationMode, TrustStore } from "@/pki/verdict.ts";
import type { Payload } from "@/wire/message.ts";
import { DAY_MS, Maker, NOW_MS } from "../../pki/_maker.ts";
import { fqdn, signs, verifies } from "./_signing.ts";
import { type Ends, setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const METHOD = AuthMethod.ECDSA_SHA256_P256;
const root = await maker.root("Test Root");
const party = (name: string) =>
  maker.issue(name, root, { altNames: [{ form: "dns", text: name }], to: 20 });
const client = await party("a.test");
const gateway = await party("b.test");

/** The lists and OCSP responses that a trust store has beside the root. */
type Known = Partial<Pick<TrustStore, "crls" | "ocsp">>;

/** Both ends; the gateway checks by this mode whether the client's certificate is revoked. */
function ends(
  revocation: RevocationMode,
  known: Known = {},
  { own = {}, peer = {} }: { own?: Partial<SigningAuth>; peer?: Partial<VerifyingAuth> } = {},
): Ends {
  const trust = trustStoreOf({ authorities: [root.certificate], ...known });
  return {
    initiator: {
      ownId: fqdn("a.test"),
      auth: { own: signs(client, METHOD, own), peer: verifies(root, METHOD) },
    },
    responder: {
      ownId: fqdn("b.test"),
      auth: {
        own: signs(gateway, METHOD),
        peer: verifies(root, METHOD, { trust, revocation, ...peer }),
      },
    },
  };
}

async function establishes(wanted: Ends) {
  const both = await setUp(crypto, wanted);
  assert.deepEqual([...both.initiator.failures, ...both.responder.failures], []);
  assert.equal(both.responder.sa.phase, "established");
  return both;
}

async function fails(wanted: Ends, words: RegExp): Promise<void> {
  const { initiator, responder } = await setUp(crypto, wanted);
  assert.equal(initiator.sa.phase, "closed");
  assert.match(responder.failures.join(), words);
}

const encodings = (payloads: readonly Payload[], type: number) =>
  payloads.flatMap((p) => p.type === type && "encoding" in p ? [p.encoding] : []);

const UNKNOWN =
  /Cannot tell whether .*a\.test has been revoked: there is no OCSP response about it and no revocation list of .*Test Root/;

Deno.test("soft: an unknown state of a certificate is logged, and the tunnel is established", async () => {
  const { responder } = await establishes(ends("soft"));
  assert.match(responder.notes.join(), UNKNOWN);
  assert.deepEqual((await establishes(ends("off"))).responder.notes, []);
});

Deno.test("strict: an unknown state of a certificate prevents the tunnel", async () => {
  await fails(
    ends("strict"),
    /is refused, of .*a\.test: it may have been revoked: there is no OCSP response/,
  );
});

Deno.test("soft and strict refuse a certificate that a list revokes, with its chain", async () => {
  const crls = [await maker.crl(root, [client.certificate])];
  for (const mode of ["soft", "strict"] as const) {
    const words =
      /of O=Test, CN=a\.test: it has been revoked at 2026-05-31 .*chain seen is .*a\.test issued by .*Test Root/;
    await fails(ends(mode, { crls }), words);
  }
  await establishes(ends("off", { crls }));
  const { responder } = await establishes(ends("strict", { crls: [await maker.crl(root, [])] }));
  assert.deepEqual(responder.notes, []);
});

Deno.test("an expired list leaves the state unknown: soft logs it, strict refuses it", async () => {
  const crls = [await maker.crl(root, [], { from: -9, to: -2 })];
  const words = /the revocation list of .*Test Root has expired at 2026-05-30/;
  assert.match((await establishes(ends("soft", { crls }))).responder.notes.join(), words);
  await fails(ends("strict", { crls }), words);
});

Deno.test("an OCSP response is asked for by CERTREQ and sent by CERT (RFC 4806)", async () => {
  const ocsp = [await maker.ocsp(client.certificate, { issuer: root })];
  const asks = { own: { ocsp }, peer: { asksOcsp: true } };
  const { initiator, responder } = await establishes(ends("strict", {}, asks));
  const { CERT, CERTREQ } = PayloadType;
  const { X509_SIGNATURE, OCSP_CONTENT } = CertEncoding;
  assert.deepEqual(encodings(responder.said[0]!, CERTREQ), [X509_SIGNATURE, OCSP_CONTENT]);
  assert.deepEqual(encodings(initiator.said[1]!, CERT), [X509_SIGNATURE, OCSP_CONTENT]);
  // An end that is not asked sends no response.
  const silent = await setUp(crypto, ends("strict", {}, { own: { ocsp } }));
  assert.deepEqual(encodings(silent.initiator.said[1]!, CERT), [X509_SIGNATURE]);
});

Deno.test("an initiator asks for OCSP responses by its CERTREQ in IKE_AUTH", async () => {
  const wanted = ends("off");
  const ocsp = [await maker.ocsp(gateway.certificate, { issuer: root })];
  const own = signs(gateway, METHOD, { ocsp });
  const peer = verifies(root, METHOD, { revocation: "strict", asksOcsp: true });
  const { initiator, responder } = await establishes({
    initiator: { ...wanted.initiator, auth: { ...wanted.initiator!.auth!, peer } },
    responder: { ...wanted.responder, auth: { ...wanted.responder!.auth!, own } },
  });
  const { CERT, CERTREQ } = PayloadType;
  const { X509_SIGNATURE, OCSP_CONTENT } = CertEncoding;
  assert.deepEqual(encodings(initiator.said[1]!, CERTREQ), [X509_SIGNATURE, OCSP_CONTENT]);
  assert.deepEqual(encodings(responder.said[1]!, CERT), [X509_SIGNATURE, OCSP_CONTENT]);
});

Deno.test("an OCSP response about another certificate is neither sent nor used", async () => {
  const ocsp = [await maker.ocsp(gateway.certificate, { issuer: root })];
  const wanted = ends("strict", {}, { own: { ocsp }, peer: { asksOcsp: true } });
  const { initiator } = await setUp(crypto, wanted);
  assert.deepEqual(encodings(initiator.said[1]!, PayloadType.CERT), [CertEncoding.X509_SIGNATURE]);
  await fails(wanted, /may have been revoked/);
});

for (
  const [what, change, words] of [
    ["revokes its certificate", { status: "revoked" }, /it has been revoked at/],
    ["does not know its certificate", { status: "unknown" }, /its OCSP responder does not know it/],
    ["has expired", { from: -9, to: -2 }, /its OCSP response has expired at/],
  ] as const
) {
  Deno.test(`a peer is refused if its own OCSP response ${what}`, async () => {
    const ocsp = [await maker.ocsp(client.certificate, { issuer: root, ...change })];
    await fails(ends("strict", {}, { own: { ocsp }, peer: { asksOcsp: true } }), words);
  });
}

Deno.test("an OCSP response does not count if its signer may not sign for the issuer", async () => {
  const forged = await maker.ocsp(client.certificate, { issuer: root, responder: client });
  const wanted = ends("strict", {}, { own: { ocsp: [forged] }, peer: { asksOcsp: true } });
  await fails(wanted, /its OCSP response is signed by .*a\.test, which may not sign OCSP/);
});

Deno.test("octets that are not an OCSP response fail the tunnel with the reason", async () => {
  const right = await maker.ocsp(client.certificate, { issuer: root });
  const cut: OcspResponse = { ...right, der: right.der.slice(0, -9) };
  await fails(
    ends("soft", {}, { own: { ocsp: [cut] }, peer: { asksOcsp: true } }),
    /Cannot read an OCSP response/,
  );
});

Deno.test("an expired list or certificate counts although verdicts are remembered", async () => {
  let nowMs = NOW_MS;
  const crls = [await maker.crl(root, [], { from: -1, to: 7 })];
  const at = (days: number) => {
    nowMs = NOW_MS + days * DAY_MS;
    return { ...ends("strict", { crls }), epochMs: () => nowMs, paths };
  };
  const paths = new PathMemory(crypto);
  await establishes(at(0));
  await establishes(at(6.9));
  await fails(at(7.1), /revocation list of .*Test Root has expired/);
  const off = { ...ends("off"), epochMs: () => NOW_MS + 21 * DAY_MS, paths };
  await fails(off, /of .*a\.test: it has expired at 2026-06-21/);
});

Deno.test("a certificate for TLS servers only needs certpurpose any (RFC 4945)", async () => {
  const { derSequenceOf, derOid } = await import("@/base/der.ts");
  const { Extension, Purpose } = await import("@/pki/oid.ts");
  const value = derSequenceOf(derOid(Purpose.SERVER_AUTH));
  const server = await maker.issue("b.test", root, {
    altNames: [{ form: "dns", text: "b.test" }],
    extensions: [{ oid: Extension.EXTENDED_KEY_USAGE, value }],
  });
  const wanted = ends("off");
  const { initiator, responder } = wanted;
  const change = (purpose: "ike" | "any"): Ends => ({
    initiator: {
      ...initiator,
      auth: { ...initiator!.auth!, peer: verifies(root, METHOD, { purpose }) },
    },
    responder: { ...responder, auth: { ...responder!.auth!, own: signs(server, METHOD) } },
  });
  await establishes(change("any"));
  const { initiator: refusing } = await setUp(crypto, change("ike"));
  assert.match(refusing.failures.join(), /may not be used by IKE: its extendedKeyUsage is/);
});
