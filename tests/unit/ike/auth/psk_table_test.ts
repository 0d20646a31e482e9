// Pre-shared keys by identity: which one both ends find, and how they fail where there is none.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { IdType } from "@/iana/id_type.ts";
import { pskTable, secretIn } from "@/ike/auth/psk_table.ts";
import { identityOfText } from "@/ike/negotiate/identity.ts";
import type { IdentityRule, PskAuth } from "@/ike/records/config.ts";
import { fqdn } from "./_signing.ts";
import { setUp } from "./two_ends.ts";

const crypto = portableBackend();
const text = (s: string) => new TextEncoder().encode(s);
const named = (name: string) => ({ idType: IdType.ID_FQDN, form: "text", text: name }) as const;

const table = pskTable([
  { identity: named("a.test"), secretOf: () => text("of a") },
  { identity: named("t&d.test"), secretOf: (number) => text(`of ${number}`) },
  {
    identity: { idType: IdType.ID_DER_ASN1_DN, form: "dn", text: "O=Lab, CN=Gate  Way" },
    secretOf: () => text("of the name"),
  },
]);

const found = (name: string, idType: number = IdType.ID_FQDN) => {
  const secret = secretIn(table, { idType, data: text(name) });
  return secret && new TextDecoder().decode(secret);
};

Deno.test("an identity has its own secret, the one of its number, or none", () => {
  assert.equal(found("a.test"), "of a");
  assert.equal(found("t7.test"), "of 7");
  assert.equal(found("t0.test"), "of 0");
  for (
    const other of ["b.test", "t.test", "t07.test", "t7.tests", "t7x.test", "t12345678901.test"]
  ) {
    assert.equal(found(other), undefined, other);
  }
  assert.equal(found("t7.test", IdType.ID_KEY_ID), undefined, "of another type");
});

Deno.test("numbers are found in identities of every form, also several times in one", () => {
  const { ID_DER_ASN1_DN, ID_KEY_ID, ID_FQDN, ID_RFC822_ADDR } = IdType;
  const forms = [
    { idType: ID_DER_ASN1_DN, form: "dn", text: "O=Lab 2, CN=c1&d" },
    { idType: ID_KEY_ID, form: "hex", text: "aa:0&d" },
    { idType: ID_FQDN, form: "text", text: "t&d.of-&d.test" },
    { idType: ID_RFC822_ADDR, form: "text", text: "ü&d@lab.test" },
  ] as const;
  for (const [i, identity] of forms.entries()) {
    const secretOf = (number: string) => text(`of ${number}`);
    const many = pskTable([{ identity, secretOf }]);
    for (const number of ["0", "7", "42"]) {
      const one = identityOfText({ ...identity, text: identity.text.replaceAll("&d", number) });
      assert.deepEqual(secretIn(many, one), text(`of ${number}`), `${i} ${number}`);
    }
    const other = identityOfText({ ...identity, text: identity.text.replaceAll("&d", "007") });
    assert.equal(secretIn(many, other), undefined, `${i}`);
  }
  const twice = pskTable([{ identity: forms[2], secretOf: () => text("") }]);
  const differ = { idType: ID_FQDN, data: text("t1.of-2.test") };
  assert.equal(secretIn(twice, differ), undefined);
});

Deno.test("a distinguished name is found whatever its case and white space (RFC 5280 §7.1)", () => {
  const identity = identityOfText({
    idType: IdType.ID_DER_ASN1_DN,
    form: "dn",
    text: "o=lab, cn=GATE way",
  });
  assert.equal(new TextDecoder().decode(secretIn(table, identity)), "of the name");
});

async function meet(own: PskAuth, peer: PskAuth, ownId: IdentityRule, index = 0) {
  return await setUp(crypto, {
    initiator: { ownId, auth: { own, peer: own } },
    responder: { auth: { own: peer, peer } },
    index,
  });
}

Deno.test("a gateway with a table and a client with its own secret authenticate", async () => {
  const gateway: PskAuth = { kind: "psk", table };
  const rule = { kind: "template", ...named("t&d.test") } as const;
  const { initiator, responder } = await meet(
    { kind: "psk", secret: text("of 7") },
    gateway,
    rule,
    7,
  );
  assert.equal(initiator.sa.phase, "established", initiator.failures.join());
  assert.equal(responder.sa.phase, "established");
  const wrong = await meet({ kind: "psk", secret: text("of 8") }, gateway, rule, 7);
  assert.match(wrong.responder.failures.join(), /its AUTH data \(pre-shared key\) is wrong/);
});

Deno.test("an identity without an entry has the common secret, or is refused", async () => {
  const own: PskAuth = { kind: "psk", secret: text("of all") };
  const both = await meet(own, { ...own, table }, fqdn("stranger.test"));
  assert.equal(both.responder.sa.phase, "established");
  const { initiator, responder } = await meet(own, { kind: "psk", table }, fqdn("stranger.test"));
  const words = /there is no pre-shared key of stranger\.test \(ID_FQDN\) \(psks, pskfile\)/;
  assert.match(responder.failures.join(), words);
  assert.equal(initiator.sa.phase, "closed");
  const client = await meet({ kind: "psk", table }, own, fqdn("stranger.test"));
  assert.match(client.initiator.failures.join(), words);
});
