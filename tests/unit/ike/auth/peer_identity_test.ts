// Which identity the peer must have: matchpeerid compares peerid with IDr, or with the identities in the
// peer's certificate, and peerid may be taken from the certificate.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { IdType } from "@/iana/id_type.ts";
import {
  identityKey,
  identityOfText,
  sameIdentity,
  showIdentity,
} from "@/ike/negotiate/identity.ts";
import type { IdentityRule, IkeConfig, VerifyingAuth } from "@/ike/records/config.ts";
import { Maker } from "../../pki/_maker.ts";
import { fqdn, signs, verifies } from "./_signing.ts";
import { setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const METHOD = AuthMethod.ECDSA_SHA256_P256;
const root = await maker.root();
const gateway = await maker.issue("gw", root, {
  altNames: [{ form: "dns", text: "gw.test" }, { form: "ip", octets: Uint8Array.of(10, 0, 0, 2) }],
});
const name = (text: string) => identityOfText({ idType: IdType.ID_DER_ASN1_DN, form: "dn", text });

/** Sets up an IKE SA of a client with these demands on its peer, whose IDr is `id`. */
async function meet(
  id: IdentityRule,
  peer: Partial<VerifyingAuth>,
  more: Partial<IkeConfig> = {},
) {
  const any = { idMustBeInCertificate: false };
  const { initiator } = await setUp(crypto, {
    initiator: {
      ownId: fqdn("a.test"),
      auth: { own: signs(gateway, METHOD), peer: verifies(root, METHOD, { ...any, ...peer }) },
      ...more,
    },
    responder: {
      ownId: id,
      auth: { own: signs(gateway, METHOD), peer: verifies(root, METHOD, any) },
    },
  });
  return { isEstablished: initiator.sa.phase === "established", words: initiator.failures.join() };
}

Deno.test("matchpeerid cert: the certificate must contain peerid, whatever IDr is", async () => {
  const odd = fqdn("odd.test");
  assert.ok((await meet(odd, { mustHold: fqdn("gw.test") })).isEstablished);
  assert.ok((await meet(odd, { mustHold: { kind: "peer-address" } })).isEstablished);
  const refused = await meet(odd, { mustHold: fqdn("other.test") });
  assert.match(
    refused.words,
    /its certificate O=Test, CN=gw does not hold other\.test \(ID_FQDN\) \(matchpeerid: cert\)/,
  );
});

Deno.test("peerid cert-dn and cert-subject-cn: IDr must be in the certificate", async () => {
  const dn: IdentityRule = { kind: "fixed", identity: name("o=TEST, cn=gw") };
  assert.ok((await meet(dn, { idFrom: "cert-dn" })).isEstablished);
  assert.ok(
    (await meet(fqdn("GW"), { idFrom: "cert-dn" })).words.includes("peerid cert-dn asks for"),
  );
  assert.ok((await meet(fqdn("gw"), { idFrom: "cert-subject-cn" })).isEstablished);
  const { words } = await meet(fqdn("gw.test"), { idFrom: "cert-subject-cn" });
  assert.match(words, /it is gw\.test \(ID_FQDN\), peerid cert-subject-cn asks for gw \(ID_FQDN\)/);
});

Deno.test("IDr is compared with peerid as RFC 5280 compares names", async () => {
  const peerId: IdentityRule = { kind: "fixed", identity: name("O=test,CN=GW") };
  const same: IdentityRule = { kind: "fixed", identity: name("O=Test, CN=gw") };
  assert.ok((await meet(same, {}, { peerId, matchPeerId: true })).isEstablished);
  const { words } = await meet(fqdn("gw.test"), {}, { peerId, matchPeerId: true });
  assert.match(
    words,
    /it is gw\.test \(ID_FQDN\), peerid asks for O=test, CN=GW \(ID_DER_ASN1_DN\)/,
  );
});

Deno.test("names are the same whatever their case and white space; ID types must be equal", () => {
  const a = name("C=CH, O=Lab  One, CN=gw");
  const b = name("c=CH, o=lab one, cn=GW");
  assert.ok(sameIdentity(a, b));
  assert.equal(identityKey(a), identityKey(b));
  assert.ok(!sameIdentity(a, name("O=Lab One, C=CH, CN=gw")), "the order counts");
  assert.ok(!sameIdentity(a, { ...b, idType: IdType.ID_KEY_ID }));
  assert.equal(showIdentity(a), "C=CH, O=Lab  One, CN=gw (ID_DER_ASN1_DN)");
  // Data that cannot be decoded as a name is compared by its octets.
  const junk = { idType: IdType.ID_DER_ASN1_DN, data: Uint8Array.of(1, 2) };
  assert.ok(sameIdentity(junk, { ...junk }));
  assert.ok(!sameIdentity(junk, a));
  const keyId = identityOfText({ idType: IdType.ID_KEY_ID, form: "hex", text: "01:02 fF" });
  assert.deepEqual([...keyId.data], [1, 2, 255]);
});
