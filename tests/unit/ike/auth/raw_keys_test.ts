// Raw public keys (RFC 7670) between our two roles, and what is refused of them, in words.
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

/** An end that signs by a key without a certificate, and trusts these keys of a.test and of b.test. */
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
  Deno.test(`raw public keys of both ends: ${kind}`, async () => {
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
      // RFC 7670 §3: both are asked for, and shown, by the encoding 15 alone.
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

Deno.test("a raw key that is shown by somebody who has not its private half", async () => {
  const liar = { privateKey: stranger.privateKey, publicKey: a.publicKey };
  await refuses(
    end("b.test", b, [a]),
    /its signature is of no raw public key that its identity may use/,
    end("a.test", liar, [b]),
  );
});

Deno.test("a raw key where certificates are asked for, and a certificate where a raw key is", async () => {
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
  // The certificate leads up to a root that is trusted beside the raw keys.
  const { responder } = await setUp(crypto, {
    initiator: shows,
    responder: end("b.test", b, [stranger]),
  });
  assert.equal(responder.sa.peer.auth, ECDSA_SHA256_P256);
});

Deno.test("a raw key holds no identity that matchpeerid could ask of a certificate", async () => {
  const verifying = { mustHold: fqdn("a.test") };
  await refuses(end("b.test", b, [a], { verifying }), /shows no certificate, matchpeerid asks for/);
});

Deno.test("a raw key of another kind than the method's", async () => {
  const other = await pair("p-384");
  const initiator = end("a.test", other, [b]);
  const ends = await setUp(crypto, { initiator, responder: end("b.test", b, [other]) });
  assert.match(ends.initiator.failures[0]!, /authownmethod is ecdsa-sha256-p256, and our key is/);
});

/** A responder whose table has the key of the initiator for other identities. */
function knows(table: TrustedKeys): Mutable {
  const base = end("b.test", b, []);
  const { peer, own } = base.auth!;
  return {
    ...base,
    auth: { own, peer: { ...peer as VerifyingAuth, rawKeys: rawKeyTable(table) } },
  };
}

Deno.test("a raw key of one identity is of no use to another, and a client trusts its peerid alone", async () => {
  const named = [
    { identity: nameOf("other.test"), key: a.publicKey },
    { identity: nameOf("t-&d.test"), key: a.publicKey },
    { identity: nameOf("a.test"), key: stranger.publicKey },
  ];
  await refuses(
    knows({ named }),
    /key with SHA-256 [0-9a-f]{16}…, belongs to other\.test \(ID_FQDN\), t-&d\.test and not to a\.test \(ID_FQDN\), which it says it is \(peerrawkeyfile\)/,
  );
  for (const [name, stands] of [["t-7.test", true], ["t-x.test", false]] as const) {
    const { responder } = await setUp(crypto, {
      initiator: end(name, a, [b]),
      responder: knows({ named }),
    });
    assert.equal(responder.sa.phase === "established", stands, name);
  }
  const unnamed = [b.publicKey];
  for (const [unnamedId, stands] of [["b.test", true], ["c.test", false]] as const) {
    const { ownId, auth } = end("a.test", a, []);
    const rawKeys = rawKeyTable({ named: [], unnamed, unnamedId: fqdn(unnamedId) });
    const peer = { ...auth!.peer as VerifyingAuth, rawKeys };
    const { initiator } = await setUp(crypto, {
      initiator: { ownId: ownId!, auth: { own: auth!.own, peer } },
      responder: end("b.test", b, [a]),
    });
    assert.equal(initiator.sa.phase === "established", stands);
    const words =
      /belongs to no identity and not to b\.test .* \(only peerid, c\.test \(ID_FQDN\),/;
    if (!stands) assert.match(initiator.failures[0]!, words);
  }
});

Deno.test("a key with an identity is not also one of peerrawkey, which any peerid may use", () => {
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
