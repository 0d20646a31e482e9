// Raw public keys (RFC 7670) between our two roles, and what is refused of them, in words.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import type { KeyKind, SigningKeyPair } from "@/crypto/signature.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { PayloadType } from "@/iana/payload_type.ts";
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

/** An end that signs by a key without a certificate, and trusts these keys of its peer. */
function end(
  name: string,
  own: SigningKeyPair,
  peers: readonly SigningKeyPair[],
  { method = ECDSA_SHA256_P256, verifying = {} }: {
    readonly method?: number;
    readonly verifying?: Partial<VerifyingAuth>;
  } = {},
): Mutable {
  const trusts = { rawKeys: peers.map(({ publicKey }) => publicKey), requested: undefined };
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
    /its signature is of no raw public key that is trusted/,
    end("a.test", liar, [b]),
  );
});

Deno.test("a raw key where certificates are asked for, and a certificate where a raw key is", async () => {
  const { auth, ...rest } = end("b.test", b, []);
  const byCertificate = {
    ...rest,
    auth: { own: auth!.own, peer: verifies(root, ECDSA_SHA256_P256) },
  };
  await refuses(byCertificate, /shows a raw public key \(RFC 7670\), and peerrawkey is not set/);
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
