// Raw public keys (RFC 7670) between our two roles, and the texts by which they are refused.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import type { KeyKind, SigningKeyPair } from "@/crypto/signature.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType } from "@/iana/id_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ownersOf, rawKeyTable, type TrustedKeys } from "@/ike/auth/raw_key_table.ts";
import type { IkeConfig, VerifyingAuth } from "@/ike/records/config.ts";
import type { Payload } from "@/wire/message.ts";
import type { CertPayload } from "@/wire/payloads/certificate.ts";
import { Maker } from "../../pki/_maker.ts";
import { fqdn, signs, verifies } from "./_signing.ts";
import { setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const root = await maker.root();
const certified = await maker.issue("b.test", root, {
  altNames: [{ form: "dns", text: "b.test" }],
});
const { DIGITAL_SIGNATURE, ECDSA_SHA256_P256 } = AuthMethod;
const pair = (kind: KeyKind) => Promise.resolve(crypto.signatures.generate(kind));
const [a, b, stranger] = [await pair("p-256"), await pair("p-256"), await pair("p-256")];

type Mutable = { -readonly [K in keyof IkeConfig]?: IkeConfig[K] };

const nameOf = (text: string) => ({ idType: IdType.ID_FQDN, form: "text", text }) as const;

/** An end that signs by a key without a certificate, and trusts these keys for a.test and b.test. */
function end(
  name: string,
  own: SigningKeyPair,
  peers: readonly SigningKeyPair[],
  { method = ECDSA_SHA256_P256, verifying = {} }: {
    readonly method?: number;
    readonly verifying?: Partial<VerifyingAuth>;
  } = {},
): Mutable {
  const named = peers.flatMap(({ publicKey: key }) =>
    ["a.test", "b.test"].map((text) => ({ identity: nameOf(text), key }))
  );
  const trusts = { rawKeys: rawKeyTable({ named }), requested: undefined };
  return {
    ownId: fqdn(name),
    auth: {
      own: { ...signs(certified, method), credentials: [], rawKeys: [own] },
      peer: { ...verifies(root, method), ...trusts, ...verifying },
    },
    signatureHashes: method === DIGITAL_SIGNATURE
      ? [HashAlgorithm.SHA2_256, HashAlgorithm.IDENTITY]
      : [],
  };
}

/** Sets up an IKE SA that the responder must refuse with these words. */
async function refuses(
  responder: Partial<IkeConfig>,
  words: RegExp,
  initiator = end("a.test", a, [b]),
): Promise<void> {
  const ends = await setUp(crypto, { initiator, responder });
  assert.notEqual(ends.responder.sa.phase, "established");
  assert.match(ends.responder.failures[0] ?? "", words);
}

const encodingsOf = (type: number, messages: readonly (readonly Payload[])[]) =>
  messages.flat().filter((p) => p.type === type).map((p) => (p as CertPayload).encoding);

for (const kind of ["rsa", "p-256", "p-384", "ed25519", "ed448"] as const) {
  Deno.test(`both ends authenticate by raw public keys of ${kind}`, async () => {
    const [one, other] = [await pair(kind), await pair(kind)];
    const change = { method: DIGITAL_SIGNATURE };
    const { initiator, responder } = await setUp(crypto, {
      initiator: end("a.test", one, [other], change),
      responder: end("b.test", other, [stranger, one], change),
    });
    assert.deepEqual([...initiator.failures, ...responder.failures], []);
    assert.equal(responder.sa.phase, "established");
    assert.equal(responder.sa.peer.auth, DIGITAL_SIGNATURE);
    const { CERT, CERTREQ } = PayloadType;
    for (const { said } of [initiator, responder]) {
      // RFC 7670 §3: the keys of both ends are requested and sent by the encoding 15 only.
      assert.deepEqual(encodingsOf(CERT, said), [CertEncoding.RAW_PUBLIC_KEY]);
      assert.deepEqual(encodingsOf(CERTREQ, said), [CertEncoding.RAW_PUBLIC_KEY]);
      const asked = said.flat().find(({ type }) => type === CERTREQ) as CertPayload;
      assert.equal(asked.data.length, 0);
    }
  });
}

Deno.test("a raw key that is not trusted is refused by its hash", async () => {
  await refuses(
    end("b.test", b, [stranger]),
    /ECDSA P-256 key with SHA-256 [0-9a-f]{16}…, is none/,
  );
});

Deno.test("a raw key is refused from a peer that does not have its private key", async () => {
  const impostor = { privateKey: stranger.privateKey, publicKey: a.publicKey };
  await refuses(
    end("b.test", b, [a]),
    /its signature is of no raw public key that its identity may use/,
    end("a.test", impostor, [b]),
  );
});

Deno.test("a raw key needs peerrawkey; a certificate is accepted beside raw keys", async () => {
  const { auth, ...rest } = end("b.test", b, []);
  const byCertificate = {
    ...rest,
    auth: { own: auth!.own, peer: verifies(root, ECDSA_SHA256_P256) },
  };
  await refuses(
    byCertificate,
    /shows a raw public key \(RFC 7670\), and peerrawkey and peerrawkeyfile are not set/,
  );
  const shows = end("b.test", a, [b]);
  shows.auth = { ...shows.auth!, own: signs(certified, ECDSA_SHA256_P256) };
  // The certificate is issued by a root that is trusted beside the raw keys.
  const { responder } = await setUp(crypto, {
    initiator: shows,
    responder: end("b.test", b, [stranger]),
  });
  assert.equal(responder.sa.peer.auth, ECDSA_SHA256_P256);
});

Deno.test("matchpeerid cert: a raw key must belong to peerid, whatever the ID payload is", async () => {
  const named = [{ identity: nameOf("key.test"), key: a.publicKey }];
  const table: Partial<VerifyingAuth> = { rawKeys: rawKeyTable({ named }) };
  const both = (mustHold: string) =>
    setUp(crypto, {
      initiator: end("a.test", a, [b]),
      responder: end("b.test", b, [], { verifying: { ...table, mustHold: fqdn(mustHold) } }),
    });
  const { responder } = await both("key.test");
  assert.deepEqual(responder.failures, []);
  assert.equal(responder.sa.phase, "established");
  const words =
    /belongs to key\.test \(ID_FQDN\) and not to a\.test \(ID_FQDN\), which peerid asks for \(matchpeerid: cert\)/;
  assert.match((await both("a.test")).responder.failures[0]!, words);
});

Deno.test("matchpeerid cert: a raw key without an identity is that of peerid", async () => {
  const { ownId, auth } = end("a.test", a, []);
  const rawKeys = rawKeyTable({
    named: [],
    unnamed: [b.publicKey],
    unnamedId: fqdn("gw.test"),
  });
  const peer = { ...auth!.peer as VerifyingAuth, rawKeys, mustHold: fqdn("gw.test") };
  const { initiator } = await setUp(crypto, {
    initiator: { ownId: ownId!, auth: { own: auth!.own, peer } },
    responder: end("other.test", b, [a]),
  });
  assert.deepEqual(initiator.failures, []);
  assert.equal(initiator.sa.phase, "established");
});

Deno.test("peerid cert-dn and cert-subject-cn refuse a raw key, which holds no name", async () => {
  const verifying = { idFrom: "cert-dn" } as const;
  const words = /shows no certificate, and peerid cert-dn is a name in one/;
  await refuses(end("b.test", b, [a], { verifying }), words);
});

Deno.test("a raw key of another kind than the method needs is refused", async () => {
  const other = await pair("p-384");
  const initiator = end("a.test", other, [b]);
  const ends = await setUp(crypto, { initiator, responder: end("b.test", b, [other]) });
  assert.match(ends.initiator.failures[0]!, /authownmethod is ecdsa-sha256-p256, and our key is/);
});

/** A responder whose trusted raw keys are those of a table. */
function withTable(table: TrustedKeys): Mutable {
  const base = end("b.test", b, []);
  const { peer, own } = base.auth!;
  return {
    ...base,
    auth: { own, peer: { ...peer as VerifyingAuth, rawKeys: rawKeyTable(table) } },
  };
}

Deno.test("only its own identity may use a raw key, or peerid if it has none", async () => {
  const named = [
    { identity: nameOf("other.test"), key: a.publicKey },
    { identity: nameOf("t-&d.test"), key: a.publicKey },
    { identity: nameOf("a.test"), key: stranger.publicKey },
  ];
  await refuses(
    withTable({ named }),
    /key with SHA-256 [0-9a-f]{16}…, belongs to other\.test \(ID_FQDN\), t-&d\.test and not to a\.test \(ID_FQDN\), which it says it is \(peerrawkeyfile\)/,
  );
  for (const [name, isAccepted] of [["t-7.test", true], ["t-x.test", false]] as const) {
    const { responder } = await setUp(crypto, {
      initiator: end(name, a, [b]),
      responder: withTable({ named }),
    });
    assert.equal(responder.sa.phase === "established", isAccepted, name);
  }
  const unnamed = [b.publicKey];
  for (const [unnamedId, isAccepted] of [["b.test", true], ["c.test", false]] as const) {
    const { ownId, auth } = end("a.test", a, []);
    const rawKeys = rawKeyTable({ named: [], unnamed, unnamedId: fqdn(unnamedId) });
    const peer = { ...auth!.peer as VerifyingAuth, rawKeys };
    const { initiator } = await setUp(crypto, {
      initiator: { ownId: ownId!, auth: { own: auth!.own, peer } },
      responder: end("b.test", b, [a]),
    });
    assert.equal(initiator.sa.phase === "established", isAccepted);
    const words =
      /belongs to no identity and not to b\.test .* \(only peerid, c\.test \(ID_FQDN\),/;
    if (!isAccepted) assert.match(initiator.failures[0]!, words);
  }
});

Deno.test("a key that has an identity is not also a key of peerrawkey, for any peerid", () => {
  const table = rawKeyTable({
    named: [{ identity: nameOf("a.test"), key: a.publicKey }],
    unnamed: [a.publicKey, b.publicKey],
    unnamedId: fqdn("c.test"),
  });
  assert.deepEqual(table.unnamed, [b.publicKey]);
  assert.equal(ownersOf(table, a.publicKey), "a.test (ID_FQDN)");
  assert.equal(ownersOf(table, b.publicKey), "no identity");
  assert.equal(ownersOf(table, stranger.publicKey), undefined);
});
