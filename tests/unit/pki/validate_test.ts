/**
 * Certification paths that a hostile peer could send, beyond those of PKITS: each is refused by the rule
 * that it breaks, after a bounded amount of work.
 */
import assert from "node:assert/strict";
import { contextTag, der, derOid, derSequenceOf } from "@/base/der.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { Certificate } from "@/pki/certificate.ts";
import type { AltName, ExtensionTemplate } from "@/pki/issue.ts";
import { encodeName } from "@/pki/name.ts";
import { Extension, Purpose } from "@/pki/oid.ts";
import { PathMemory, trustStoreOf } from "@/pki/trust.ts";
import { validatePath } from "@/pki/validate.ts";
import type { PathQuestion, PathVerdict } from "@/pki/verdict.ts";
import { BACKENDS } from "../crypto/_backends.ts";
import { DAY_MS, Maker, NOW_MS, type Party } from "./_maker.ts";

/** A question whether the certificate of a party is valid with these roots as trust anchors. */
function ask(
  party: Party,
  roots: readonly Party[],
  more: Partial<PathQuestion> = {},
): PathQuestion {
  return {
    certificate: party.certificate,
    untrusted: [],
    store: trustStoreOf({ authorities: roots.map(({ certificate }) => certificate) }),
    nowMs: NOW_MS,
    revocation: "off",
    purpose: "ike",
    ...more,
  };
}

function refusedBy(verdict: PathVerdict, rule: string, why?: RegExp): void {
  assert.ok(!verdict.accepted, "accepted");
  assert.equal(verdict.rule, rule, verdict.why);
  if (why) assert.match(verdict.why, why);
}

function constraints(
  permitted: readonly Uint8Array[],
  excluded: readonly Uint8Array[] = [],
): ExtensionTemplate {
  const subtrees = (number: number, names: readonly Uint8Array[]) =>
    names.length === 0
      ? []
      : [der(contextTag(number, "constructed"), ...names.map((n) => derSequenceOf(n)))];
  const value = derSequenceOf(...subtrees(0, permitted), ...subtrees(1, excluded));
  return { oid: Extension.NAME_CONSTRAINTS, critical: true, value };
}

const text = (tag: number, value: string) =>
  der(contextTag(tag, "primitive"), new TextEncoder().encode(value));
const dnsName = (value: string) => text(2, value);
const emailName = (value: string) => text(1, value);
const ipName = (...octets: number[]) => der(contextTag(7, "primitive"), Uint8Array.from(octets));

for (const backend of BACKENDS) {
  const test = (name: string, fn: (maker: Maker, backend: CryptoBackend) => Promise<void>) =>
    Deno.test(`${backend.name}: ${name}`, () => fn(new Maker(backend), backend));

  test("a chain is found in any order, and a missing issuer is named", async (maker, backend) => {
    const root = await maker.root();
    const one = await maker.issue("One", root, { authority: true });
    const two = await maker.issue("Two", one, { authority: true, kind: "p-384" });
    const end = await maker.issue("gw", two, { kind: "ed25519" });
    const untrusted = [two.certificate, end.certificate, one.certificate];
    const verdict = await validatePath(ask(end, [root], { untrusted }), backend);
    assert.ok(verdict.accepted, "refused");
    assert.deepEqual(verdict.chain, [end, two, one, root].map(({ certificate }) => certificate));
    assert.equal(verdict.untilMs, NOW_MS + 30 * DAY_MS);
    const lacking = await validatePath(ask(end, [root], { untrusted: [two.certificate] }), backend);
    refusedBy(
      lacking,
      "no_issuer",
      /O=Test, CN=Two in its chain is issued by O=Test, CN=One, which/,
    );
    assert.ok(!lacking.accepted);
    assert.deepEqual(lacking.chain, [end.certificate, two.certificate]);
    assert.equal(lacking.certificate, two.certificate);
  });

  test("a false root that has the name of the trusted root is refused", async (maker, backend) => {
    const root = await maker.root();
    const false_ = await maker.root();
    const end = await maker.issue("gw", false_);
    const untrusted = [false_.certificate];
    refusedBy(await validatePath(ask(end, [root], { untrusted }), backend), "signature", /not of/);
  });

  test("certificates and roots are refused outside of their validity", async (maker, backend) => {
    const root = await maker.root("Root", { to: 5000, from: -5000 });
    const end = await maker.issue("gw", root, { from: -1, to: 1 });
    const at = (days: number) =>
      validatePath(ask(end, [root], { nowMs: NOW_MS + days * DAY_MS }), backend);
    assert.ok((await at(-1)).accepted);
    assert.ok((await at(1)).accepted);
    refusedBy(await at(-1.01), "not_yet_valid", /valid only from 2026-05-31 00:00:00 UTC on/);
    refusedBy(await at(1.01), "expired", /has expired at 2026-06-02 00:00:00 UTC/);
    const old = await maker.root("Old", { from: -3, to: -2 });
    refusedBy(await validatePath(ask(await maker.issue("x", old), [old]), backend), "expired");
  });

  test("a certificate that an end entity has issued is refused", async (maker, backend) => {
    const root = await maker.root();
    const end = await maker.issue("gw", root);
    const below = await maker.issue("below", end);
    const untrusted = [end.certificate];
    refusedBy(
      await validatePath(ask(below, [root], { untrusted }), backend),
      "not_an_authority",
      /CN=gw in its chain is not an authority/,
    );
  });

  test("a larger path length further down does not lift a smaller one", async (maker, backend) => {
    const root = await maker.root();
    const one = await maker.issue("One", root, { authority: { pathLength: 1 } });
    const two = await maker.issue("Two", one, { authority: { pathLength: 5 } });
    const three = await maker.issue("Three", two, { authority: true });
    const judge = async (issuer: Party) =>
      await validatePath(
        ask(await maker.issue("gw", issuer), [root], {
          untrusted: [one, two, three].map(({ certificate }) => certificate),
        }),
        backend,
      );
    assert.ok((await judge(two)).accepted);
    refusedBy(await judge(three), "path_length");
  });

  test("key usages must allow IKE as RFC 4945 §5.1.3 says", async (maker, backend) => {
    const root = await maker.root();
    const usage = async (oids: string[], bits?: number) => {
      const extensions: ExtensionTemplate[] = [];
      if (oids.length > 0) {
        const value = derSequenceOf(...oids.map(derOid));
        extensions.push({ oid: Extension.EXTENDED_KEY_USAGE, value });
      }
      if (bits !== undefined) {
        extensions.push({ oid: Extension.KEY_USAGE, value: Uint8Array.of(3, 2, 0, bits) });
      }
      const end = await maker.issue("gw", root, { extensions });
      const loose = await validatePath(ask(end, [root], { purpose: "any" }), backend);
      assert.ok(loose.accepted);
      return validatePath(ask(end, [root]), backend);
    };
    assert.ok((await usage([])).accepted);
    assert.ok((await usage([Purpose.SERVER_AUTH, Purpose.IPSEC_IKE])).accepted);
    assert.ok((await usage([Purpose.ANY])).accepted);
    assert.ok((await usage([], 0x40)).accepted); // nonRepudiation
    refusedBy(
      await usage([Purpose.SERVER_AUTH]),
      "extended_key_usage",
      /1\.3\.6\.1\.5\.5\.7\.3\.1/,
    );
    refusedBy(await usage([], 0x20), "key_usage", /neither digitalSignature nor nonRepudiation/);
  });

  test(
    "an unknown critical extension is refused in an authority and in an end entity",
    async (maker, backend) => {
      const extensions = [{ oid: "1.2.3.4", critical: true, value: Uint8Array.of(5, 0) }];
      const root = await maker.root();
      const strange = await maker.issue("One", root, { authority: true, extensions });
      const untrusted = [strange.certificate];
      const below = await maker.issue("gw", strange);
      refusedBy(
        await validatePath(ask(below, [root], { untrusted }), backend),
        "critical_extension",
      );
      const end = await maker.issue("gw", root, { extensions });
      refusedBy(await validatePath(ask(end, [root]), backend), "critical_extension", /1\.2\.3\.4/);
    },
  );

  test("names that try to evade name constraints are refused", async (maker, backend) => {
    const root = await maker.root();
    const permitted = [
      dnsName("good.example"),
      emailName("good.example"),
      ipName(10, 0, 0, 0, 255, 0, 0, 0),
    ];
    const one = await maker.issue("One", root, {
      authority: true,
      extensions: [constraints(permitted, [dnsName("bad.good.example")])],
    });
    const judge = async (altNames: readonly AltName[], name = "gw", issuer = one) => {
      const end = await maker.issue(name, issuer, { altNames });
      const untrusted = [one.certificate, issuer.certificate];
      return validatePath(ask(end, [root], { untrusted }), backend);
    };
    const dns = (value: string): AltName => ({ form: "dns", text: value });
    const email = (value: string): AltName => ({ form: "email", text: value });
    assert.ok((await judge([dns("good.example"), dns("a.b.GOOD.example")])).accepted);
    assert.ok((await judge([{ form: "ip", octets: Uint8Array.of(10, 1, 2, 3) }])).accepted);
    assert.ok((await judge([email("x@good.example")])).accepted);
    for (
      const name of [
        dns("evil.example"),
        dns("xgood.example"), // no dot before the permitted name
        dns("good.example.evil.example"),
        dns("x.bad.good.example"),
        dns("BAD.good.example."), // the trailing dot of the DNS root
        email("x@sub.good.example"), // a permitted host does not include its subdomains
        email("x@good.example@evil.example"),
        email("nobody"),
        { form: "ip" as const, octets: Uint8Array.of(11, 1, 2, 3) },
        { form: "ip" as const, octets: new Uint8Array(16) },
      ]
    ) {
      refusedBy(await judge([dns("good.example"), name]), "name_constraints");
    }
    // A second authority cannot permit what the first did not: permitted subtrees intersect.
    const wide = constraints([dnsName("evil.example"), dnsName("sub.good.example")]);
    const two = await maker.issue("Two", one, { authority: true, extensions: [wide] });
    assert.ok((await judge([dns("x.sub.good.example")], "gw", two)).accepted);
    refusedBy(await judge([dns("evil.example")], "gw", two), "name_constraints");
    refusedBy(await judge([dns("good.example")], "gw", two), "name_constraints");
  });

  test(
    "constraints on directory names permit only subjects within their subtree",
    async (maker, backend) => {
      const root = await maker.root();
      const tree = encodeName([["2.5.4.10", "Test"]]);
      const one = await maker.issue("One", root, {
        authority: true,
        extensions: [constraints([
          der(contextTag(4, "constructed"), tree),
          emailName("good.example"),
        ])],
      });
      const end = await maker.issue("gw", one);
      const untrusted = [one.certificate];
      assert.ok((await validatePath(ask(end, [root], { untrusted }), backend)).accepted);
      const other = constraints([
        der(contextTag(4, "constructed"), encodeName([["2.5.4.10", "Other"]])),
      ]);
      const two = await maker.issue("Two", root, { authority: true, extensions: [other] });
      refusedBy(
        await validatePath(
          ask(await maker.issue("gw", two), [root], { untrusted: [two.certificate] }),
          backend,
        ),
        "name_constraints",
        /DirName:O=Test, CN=gw is not permitted/,
      );
    },
  );

  test("each mode of revocation judges lists and OCSP responses", async (maker, backend) => {
    const root = await maker.root();
    const end = await maker.issue("gw", root);
    const good = await maker.crl(root, []);
    const bad = await maker.crl(root, [end.certificate]);
    const other = await maker.root("Other");
    const judge = (
      revocation: "off" | "soft" | "strict",
      received: Pick<PathQuestion, "receivedCrls" | "receivedOcsp">,
    ) => validatePath(ask(end, [root], { revocation, ...received }), backend);
    assert.ok((await judge("off", { receivedCrls: [bad] })).accepted);
    const soft = await judge("soft", {});
    assert.ok(soft.accepted);
    assert.match(
      soft.notes.map(({ text }) => text).join(),
      /Cannot tell whether O=Test, CN=gw has been revoked: there is no OCSP response/,
    );
    refusedBy(await judge("strict", {}), "revocation_unknown");
    for (const mode of ["soft", "strict"] as const) {
      refusedBy(await judge(mode, { receivedCrls: [bad] }), "revoked", /revoked at 2026-05-31/);
      const accepted = await judge(mode, { receivedCrls: [good] });
      assert.ok(accepted.accepted && accepted.notes.length === 0);
      assert.equal(accepted.untilMs, NOW_MS + 7 * DAY_MS);
    }
    const expired = await maker.crl(root, [], { from: -3, to: -2 });
    refusedBy(
      await judge("strict", { receivedCrls: [expired] }),
      "revocation_unknown",
      /has expired/,
    );
    const early = await maker.crl(root, [], { from: 1 });
    refusedBy(await judge("strict", { receivedCrls: [early] }), "revocation_unknown", /only from/);
    const forged = await maker.crl({ ...root, keys: other.keys }, []);
    refusedBy(
      await judge("strict", { receivedCrls: [forged] }),
      "revocation_unknown",
      /wrong signature/,
    );

    const answers = { issuer: root };
    const saysGood = await maker.ocsp(end.certificate, answers);
    assert.ok((await judge("strict", { receivedOcsp: [saysGood] })).accepted);
    const saysRevoked = await maker.ocsp(end.certificate, { ...answers, status: "revoked" });
    refusedBy(
      await judge("soft", { receivedOcsp: [saysRevoked], receivedCrls: [good] }),
      "revoked",
    );
    const saysUnknown = await maker.ocsp(end.certificate, { ...answers, status: "unknown" });
    refusedBy(
      await judge("strict", { receivedOcsp: [saysUnknown] }),
      "revocation_unknown",
      /not know it/,
    );
    const stale = await maker.ocsp(end.certificate, { ...answers, from: -9, to: -1 });
    refusedBy(
      await judge("strict", { receivedOcsp: [stale] }),
      "revocation_unknown",
      /has expired/,
    );
    const ofOther = await maker.ocsp(end.certificate, { ...answers, responder: other });
    refusedBy(await judge("strict", { receivedOcsp: [ofOther] }), "revocation_unknown", /issuer/);
    const mayRespond = {
      oid: Extension.EXTENDED_KEY_USAGE,
      value: derSequenceOf(derOid(Purpose.OCSP_SIGNING)),
    };
    const responder = await maker.issue("Responder", root, { extensions: [mayRespond] });
    const delegated = await maker.ocsp(end.certificate, { ...answers, responder });
    assert.ok((await judge("strict", { receivedOcsp: [delegated] })).accepted);
    const plain = await maker.issue("Plain", root);
    const undelegated = await maker.ocsp(end.certificate, { ...answers, responder: plain });
    refusedBy(
      await judge("strict", { receivedOcsp: [undelegated] }),
      "revocation_unknown",
      /may not sign/,
    );
  });

  test(
    "loops, 200 certificates and a mesh with a million paths are refused within bounds",
    async (maker, backend) => {
      const root = await maker.root();
      const a = await maker.root("A");
      const b = await maker.root("B");
      const aOfB = await maker.issue("A", b, { authority: true, keys: a.keys });
      const bOfA = await maker.issue("B", a, { authority: true, keys: b.keys });
      const end = await maker.issue("gw", a);
      const loop = [aOfB, bOfA].map(({ certificate }) => certificate);
      refusedBy(await validatePath(ask(end, [root], { untrusted: loop }), backend), "no_issuer");

      const many = Array.from({ length: 200 }, () => aOfB.certificate);
      refusedBy(
        await validatePath(ask(end, [root], { untrusted: many }), backend),
        "too_much",
        /200/,
      );

      // Each of nine authorities has certified all the others: there are more than 9! paths.
      const keys = await Promise.all(
        Array.from({ length: 9 }, (_, i) => maker.root(`Mesh ${i}`)),
      );
      const mesh: Certificate[] = [];
      for (const [i, issuer] of keys.entries()) {
        for (const [j, subject] of keys.entries()) {
          if (i === j) continue;
          const wish = { authority: true, keys: subject.keys };
          mesh.push((await maker.issue(`Mesh ${j}`, issuer, wish)).certificate);
        }
      }
      const lost = await maker.issue("gw", keys[0]);
      refusedBy(await validatePath(ask(lost, [root], { untrusted: mesh }), backend), "too_much");
    },
  );

  test(
    "an accepted verdict is remembered until it expires, and so is a parsed certificate",
    async (maker, backend) => {
      const memory = new PathMemory(backend);
      const root = await maker.root();
      const end = await maker.issue("gw", root, { to: 2 });
      const question = ask(end, [root]);
      const at = (nowMs: number) => memory.validate({ ...question, nowMs });
      const first = await at(NOW_MS);
      assert.equal(await at(NOW_MS + DAY_MS), first);
      assert.equal(memory.size, 1);
      refusedBy(await at(NOW_MS + 3 * DAY_MS), "expired");
      const early = await at(NOW_MS - DAY_MS);
      assert.ok(early.accepted && early !== first);
      assert.notEqual(memory.certificate(end.certificate.der), end.certificate);
      assert.equal(
        memory.certificate(end.certificate.der),
        memory.certificate(end.certificate.der.slice()),
      );
    },
  );
}

Deno.test("an IA5String with a zero octet is refused when a certificate is parsed", async () => {
  const maker = new Maker(BACKENDS[0]!);
  const names: AltName[] = [{ form: "dns", text: "good.example\0.evil.example" }];
  await assert.rejects(() => maker.issue("gw", undefined, { altNames: names }), /not ASCII/);
});
