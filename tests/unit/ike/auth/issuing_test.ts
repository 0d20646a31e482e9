// Certificates issued for the identities of an end while IKE SAs are set up.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { IdType } from "@/iana/id_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IdentityRule, SigningAuth, VerifyingAuth } from "@/ike/records/config.ts";
import { parseCertificate, sameCertificate } from "@/pki/certificate.ts";
import { showName } from "@/pki/name.ts";
import type { Payload } from "@/wire/message.ts";
import { Maker } from "../../pki/_maker.ts";
import { fqdn, signs, verifies } from "./_signing.ts";
import { type Ends, setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const METHOD = AuthMethod.ECDSA_SHA256_P256;
const root = await maker.root("Root");
const sub = await maker.issue("Sub", root, { authority: true });
const gateway = await maker.issue("b.test", root, {
  altNames: [{ form: "dns", text: "b.test" }],
});
const issuing = {
  certificate: sub.certificate,
  privateKey: sub.keys.privateKey,
  sharedPair: await crypto.signatures.generate("p-256"),
  keyType: { kind: "p-256" },
  lifetimeMs: 3600_000,
} as const;

/** Both ends; the certificates of the client are issued for the identities of this rule. */
function ends(
  ownId: IdentityRule,
  { own = {}, peer = {} }: { own?: Partial<SigningAuth>; peer?: Partial<VerifyingAuth> } = {},
): Ends {
  const change = { credentials: [], issuing, authorities: [sub.certificate], ...own };
  return {
    initiator: {
      ownId,
      auth: { own: signs(gateway, METHOD, change), peer: verifies(root, METHOD) },
    },
    responder: {
      ownId: fqdn("b.test"),
      auth: { own: signs(gateway, METHOD), peer: verifies(root, METHOD, peer) },
    },
  };
}

const certs = (payloads: readonly Payload[], encoding: number) =>
  payloads.flatMap((p) =>
    p.type === PayloadType.CERT && "encoding" in p && p.encoding === encoding ? [p.data] : []
  );

Deno.test("each tunnel's certificate has its identity; the authority is sent too", async () => {
  const ownId = {
    kind: "template",
    idType: IdType.ID_FQDN,
    form: "text",
    text: "t&d.test",
  } as const;
  for (const index of [0, 7]) {
    const { initiator, responder } = await setUp(crypto, { ...ends(ownId), index });
    assert.deepEqual([...initiator.failures, ...responder.failures], []);
    assert.equal(responder.sa.phase, "established");
    const [own, above] = certs(initiator.said[1]!, CertEncoding.X509_SIGNATURE).map(
      parseCertificate,
    );
    assert.equal(showName(own!.subject), `CN=t${index}.test`);
    assert.ok(sameCertificate(above!, sub.certificate));
  }
});

Deno.test("the distinguished name of a tunnel is the subject of its certificate", async () => {
  const ownId = {
    kind: "template",
    idType: IdType.ID_DER_ASN1_DN,
    form: "dn",
    text: "O=Lab, CN=tunnel-&d",
  } as const;
  const { responder } = await setUp(crypto, { ...ends(ownId), index: 3 });
  assert.equal(responder.sa.phase, "established", responder.failures.join());
  assert.deepEqual(responder.notes, []);
});

Deno.test("a peer that asks gets the OCSP response of the authority (RFC 4806)", async () => {
  // The peer checks the authority's own certificate too, for which it has the root's revocation list.
  const crls = [await maker.crl(root, [])];
  const { trust } = verifies(root, METHOD);
  const strict = { trust: { ...trust, crls }, revocation: "strict" } as const;
  const asks = ends(fqdn("a.test"), { peer: { ...strict, asksOcsp: true } });
  const { initiator, responder } = await setUp(crypto, asks);
  assert.equal(responder.sa.phase, "established", responder.failures.join());
  assert.equal(certs(initiator.said[1]!, CertEncoding.OCSP_CONTENT).length, 1);
  const silent = await setUp(crypto, ends(fqdn("a.test"), { peer: strict }));
  assert.match(silent.responder.failures.join(), /CN=a\.test: it may have been revoked/);
});

Deno.test("a key that does not fit the method is refused before anything is signed", async () => {
  const wrong = ends(fqdn("a.test"), { own: { method: AuthMethod.RSA_DIGITAL_SIGNATURE } });
  const { initiator } = await setUp(crypto, wrong);
  assert.match(initiator.failures.join(), /authownmethod is rsa, and our key is ECDSA P-256/);
});
