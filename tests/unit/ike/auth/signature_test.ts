// Authentication by certificates between our two roles: RSA (RFC 7296 §2.15), ECDSA (RFC 4754), digital
// signatures (RFC 7427, RFC 8420), and the texts of refusals.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import type { KeyKind, SignatureHash } from "@/crypto/signature.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType } from "@/iana/id_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { SigningAuth, VerifyingAuth } from "@/ike/records/config.ts";
import { keyHash } from "@/pki/certificate.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { CertPayload } from "@/wire/payloads/certificate.ts";
import { Maker, type Party } from "../../pki/_maker.ts";
import { fqdn, signs, verifies as verifiesBy } from "./_signing.ts";
import { type Ends, setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const root = await maker.root("Test Root");
const { RSA_DIGITAL_SIGNATURE, DIGITAL_SIGNATURE } = AuthMethod;

const parties = new Map<string, Party>();

/** A certificate that the root has issued for `name.test`, with a key of this kind. */
async function party(name: string, kind: KeyKind): Promise<Party> {
  const key = `${name} ${kind}`;
  const known = parties.get(key);
  if (known) return known;
  const made = await maker.issue(`${name}.test`, root, {
    kind,
    altNames: [{ form: "dns", text: `${name}.test` }],
  });
  parties.set(key, made);
  return made;
}

const verifies = (method: number, change: Partial<VerifyingAuth> = {}) =>
  verifiesBy(root, method, change);

/** Two ends that sign by one method, each with a key of its own. */
async function both(
  method: number,
  kind: KeyKind,
  { hash = "sha256", pss = false, announced = [] }: {
    hash?: SignatureHash;
    pss?: boolean;
    announced?: readonly number[];
  } = {},
): Promise<Ends> {
  const change = { hashes: [hash], pss };
  const end = async (name: string) => ({
    ownId: fqdn(`${name}.test`),
    auth: { own: signs(await party(name, kind), method, change), peer: verifies(method) },
    signatureHashes: announced,
  });
  return { initiator: await end("a"), responder: await end("b") };
}

async function establishes(
  ends: Ends,
  methods: readonly [own: number, peer: number],
): Promise<void> {
  const { initiator, responder } = await setUp(crypto, ends);
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.equal(initiator.sa.phase, "established");
  assert.equal(responder.sa.phase, "established");
  const { peer } = initiator.sa;
  assert.deepEqual([peer.ownAuth, peer.auth], methods);
  assert.deepEqual([responder.sa.peer.auth, responder.sa.peer.ownAuth], methods);
}

/** Sets up an IKE SA, which must fail; returns the failures of the initiator and of the responder. */
async function fails(ends: Ends): Promise<{ readonly ours: string; readonly theirs: string }> {
  const { initiator, responder } = await setUp(crypto, ends);
  assert.equal(initiator.sa.phase, "closed");
  assert.equal(initiator.failures.length, 1);
  assert.notEqual(responder.sa.phase, "established");
  return { ours: initiator.failures[0]!, theirs: responder.failures[0] ?? "" };
}

for (
  const [method, kind] of [
    [RSA_DIGITAL_SIGNATURE, "rsa"],
    [AuthMethod.ECDSA_SHA256_P256, "p-256"],
    [AuthMethod.ECDSA_SHA384_P384, "p-384"],
    [AuthMethod.ECDSA_SHA512_P521, "p-521"],
  ] as const
) {
  Deno.test(`both ends authenticate by method ${method} with keys ${kind}`, async () => {
    await establishes(await both(method, kind), [method, method]);
  });
}

for (
  const [kind, hash, pss] of [
    ["rsa", "sha1", false],
    ["rsa", "sha256", false],
    ["rsa", "sha512", true],
    ["p-224", "sha256", false],
    ["p-256", "sha384", false],
    ["p-384", "sha512", false],
    ["p-521", "sha256", false],
    ["ed25519", "sha256", false],
    ["ed448", "sha256", false],
  ] as const
) {
  Deno.test(`digital signatures: ${kind} with ${pss ? "PSS and " : ""}${hash}`, async () => {
    const numbers = { sha1: 1, sha256: 2, sha384: 3, sha512: 4 };
    const announced = [numbers[hash], HashAlgorithm.IDENTITY];
    const ends = await both(DIGITAL_SIGNATURE, kind, { hash, pss, announced });
    await establishes(ends, [DIGITAL_SIGNATURE, DIGITAL_SIGNATURE]);
  });
}

Deno.test("each end may have its own method, such as a pre-shared key for one end", async () => {
  const psk = { kind: "psk", secret: new TextEncoder().encode("for one direction") } as const;
  const gateway = await party("b", "rsa");
  await establishes({
    initiator: {
      ownId: fqdn("a.test"),
      auth: { own: psk, peer: verifies(RSA_DIGITAL_SIGNATURE) },
    },
    responder: {
      ownId: fqdn("b.test"),
      auth: { own: signs(gateway, RSA_DIGITAL_SIGNATURE), peer: psk },
    },
  }, [AuthMethod.SHARED_KEY_MIC, RSA_DIGITAL_SIGNATURE]);
});

const certsIn = (payloads: readonly Payload[]) =>
  payloads.filter((p): p is CertPayload => p.type === PayloadType.CERT && !("raw" in p));

Deno.test("CERTREQ names the trusted root by the hash of its key, at both ends (§3.7)", async () => {
  const { initiator, responder } = await setUp(crypto, await both(RSA_DIGITAL_SIGNATURE, "rsa"));
  const [init, auth] = [responder.said[0]!, initiator.said[1]!];
  for (const payloads of [init, auth]) {
    const request = findPayload(payloads, PayloadType.CERTREQ)!;
    assert.equal(request.encoding, 4);
    assert.deepEqual(request.data, keyHash(root.certificate, crypto));
  }
  // RFC 7296 appendix C: IDi, CERT, notifies, CERTREQ, AUTH, SA, TSi, TSr.
  const { CERT, NOTIFY, CERTREQ, IDI, AUTH, SA, TSI, TSR } = PayloadType;
  const types = auth.map(({ type }) => type);
  assert.deepEqual(types, [IDI, CERT, NOTIFY, CERTREQ, AUTH, SA, TSI, TSR]);
});

Deno.test("a certificate is accepted with its authorities, and refused without", async () => {
  const sub = await maker.issue("Sub", root, { authority: true });
  const leaf = await maker.issue("a.test", sub, { altNames: [{ form: "dns", text: "a.test" }] });
  const method = AuthMethod.ECDSA_SHA256_P256;
  const ends = await both(method, "p-256");
  const own = (authorities: SigningAuth["authorities"]) => ({
    ...ends,
    initiator: {
      ...ends.initiator,
      auth: { own: signs(leaf, method, { authorities }), peer: verifies(method) },
    },
  });
  await establishes(own([sub.certificate]), [method, method]);
  const { initiator } = await setUp(crypto, own([sub.certificate]));
  assert.equal(certsIn(initiator.said[1]!).length, 2);
  const { theirs } = await fails(own([]));
  assert.match(theirs, /that is refused, of .*a\.test.*issued by.*Sub, which is not known here/);
});

Deno.test("tunnel 1 uses the second certificate and its key", async () => {
  const method = AuthMethod.ECDSA_SHA256_P256;
  const ends = await both(method, "p-256");
  const second = await maker.issue("second", root, {});
  const { own } = ends.initiator!.auth as { own: SigningAuth };
  const credentials = [
    ...own.credentials,
    { certificate: second.certificate, privateKey: second.keys.privateKey },
  ];
  const initiator = {
    ...ends.initiator,
    auth: { own: { ...own, credentials }, peer: verifies(method) },
  };
  const lenient = { ...ends.responder!.auth!.peer, idMustBeInCertificate: false } as VerifyingAuth;
  const responder = { ...ends.responder, auth: { ...ends.responder!.auth!, peer: lenient } };
  const said = (await setUp(crypto, { initiator, responder, index: 1 })).initiator.said[1]!;
  assert.deepEqual(certsIn(said)[0]!.data, second.certificate.der);
});

Deno.test("a signature by another key than the certificate's is refused", async () => {
  const ends = await both(AuthMethod.ECDSA_SHA256_P256, "p-256");
  const other = await party("other", "p-256");
  const { own } = ends.initiator!.auth as {
    own: SigningAuth;
  };
  const credentials = [{ ...own.credentials[0]!, privateKey: other.keys.privateKey }];
  const auth = { ...ends.initiator!.auth!, own: { ...own, credentials } };
  const { ours, theirs } = await fails({ ...ends, initiator: { ...ends.initiator, auth } });
  assert.match(theirs, /its signature is not that of the key of its certificate .*a\.test/);
  assert.match(ours, /AUTHENTICATION_FAILED.*by ecdsa-sha256-p256/);
});

Deno.test("a certificate of an authority that is not trusted is refused, with its chain", async () => {
  const stranger = await maker.root("Stranger");
  const ends = await both(RSA_DIGITAL_SIGNATURE, "rsa");
  const leaf = await maker.issue("b.test", stranger, { kind: "rsa" });
  const own = signs(leaf, RSA_DIGITAL_SIGNATURE);
  const auth = { ...ends.responder!.auth!, own };
  const { ours } = await fails({ ...ends, responder: { ...ends.responder, auth } });
  assert.match(ours, /Cannot trust b\.test \(ID_FQDN\) at .*is refused.*Stranger.*chain seen/);
});

for (
  const [what, wish, words] of [
    ["expired", { from: -20, to: -10 }, /expired/],
    ["not yet valid", { from: 10, to: 20 }, /valid/],
  ] as const
) {
  Deno.test(`a certificate that is ${what} is refused by name`, async () => {
    const ends = await both(AuthMethod.ECDSA_SHA256_P256, "p-256");
    const leaf = await maker.issue("a.test", root, wish);
    const auth = { ...ends.initiator!.auth!, own: signs(leaf, AuthMethod.ECDSA_SHA256_P256) };
    const { theirs } = await fails({ ...ends, initiator: { ...ends.initiator, auth } });
    assert.match(theirs, words);
  });
}

Deno.test("an identity that is not in the certificate is logged, or refused (idincert)", async () => {
  const method = AuthMethod.ECDSA_SHA256_P256;
  const ends = await both(method, "p-256");
  const initiator = { ...ends.initiator, ownId: fqdn("c.test") };
  const { theirs } = await fails({ ...ends, initiator });
  assert.match(
    theirs,
    /its identity c\.test \(ID_FQDN\) is not in its certificate .*a\.test.*fail/,
  );
  const peer = verifies(method, { idMustBeInCertificate: false });
  const responder = { ...ends.responder, auth: { ...ends.responder!.auth!, peer } };
  await establishes({ initiator, responder }, [method, method]);
  const { notes } = (await setUp(crypto, { initiator, responder })).responder;
  assert.match(notes.join(), /The identity c\.test \(ID_FQDN\) is not in its certificate/);
});

Deno.test("the distinguished name of the subject is an identity of a certificate", async () => {
  const method = AuthMethod.ECDSA_SHA256_P256;
  const ends = await both(method, "p-256");
  const { certificate } = await party("a", "p-256");
  const identity = { idType: IdType.ID_DER_ASN1_DN, data: certificate.subject.der };
  const listed = { kind: "listed", identities: [identity] } as const;
  await establishes({ ...ends, initiator: { ...ends.initiator, ownId: listed } }, [method, method]);
});

Deno.test("a key of another kind than authpeermethod asks for is refused by name", async () => {
  const ends = await both(DIGITAL_SIGNATURE, "p-256", { announced: [2, 5] });
  const peer = verifies(RSA_DIGITAL_SIGNATURE);
  const responder = { ...ends.responder, auth: { ...ends.responder!.auth!, peer } };
  const { theirs } = await fails({ ...ends, responder });
  assert.match(theirs, /its key is ECDSA P-256, authpeermethod asks for rsa/);
});

Deno.test("an own key that does not fit authownmethod is refused before signing", async () => {
  const ends = await both(RSA_DIGITAL_SIGNATURE, "rsa");
  const own = signs(await party("a", "p-256"), RSA_DIGITAL_SIGNATURE);
  const auth = { ...ends.initiator!.auth!, own };
  const { ours } = await fails({ ...ends, initiator: { ...ends.initiator, auth } });
  assert.match(ours, /authownmethod is rsa, and our key is ECDSA P-256/);
});

Deno.test("nothing is signed by a hash that the peer did not announce (RFC 7427 §4)", async () => {
  const ends = await both(DIGITAL_SIGNATURE, "rsa", { announced: [HashAlgorithm.SHA2_512] });
  const { ours } = await fails(ends);
  assert.match(ours, /the peer announced SHA2-512 .*we sign by RSA with dshashalg sha256/);
});

Deno.test("digital signatures need a peer that has announced hash algorithms", async () => {
  const ends = await both(DIGITAL_SIGNATURE, "rsa");
  const { ours } = await fails(ends);
  assert.match(
    ours,
    /authownmethod is digital-signature, and the peer announced no SIGNATURE_HASH/,
  );
});

Deno.test("a signature by a hash that was not announced is refused (RFC 7427 §4)", async () => {
  const ends = await both(DIGITAL_SIGNATURE, "rsa", { announced: [2, 5] });
  // The initiator acts as if SHA-512 had been announced.
  const { own, peer } = ends.initiator!.auth as { own: SigningAuth; peer: VerifyingAuth };
  const initiator = {
    ...ends.initiator,
    auth: { own: { ...own, hashes: ["sha512"] as const }, peer },
  };
  const keyed = (sa: IkeSa) => void (sa.setup!.signatureHashes = [HashAlgorithm.SHA2_512]);
  const { theirs } = await fails({ ...ends, initiator, keyed });
  assert.match(theirs, /it signs by .*SHA-512, we announced SHA2-256, Identity \(dshashalg\)/);
});

Deno.test("an end that announces no hash algorithms gets no digital signatures", async () => {
  const ends = await both(DIGITAL_SIGNATURE, "rsa", { announced: [2] });
  const peer = verifies(RSA_DIGITAL_SIGNATURE);
  const responder = { ...ends.responder, auth: { ...ends.responder!.auth!, peer } };
  await establishes({ ...ends, responder }, [DIGITAL_SIGNATURE, DIGITAL_SIGNATURE]);
  const silent = { ...responder, signatureHashes: [] };
  const own = signs(await party("b", "rsa"), RSA_DIGITAL_SIGNATURE);
  const quiet = { ...silent, auth: { own, peer } };
  const { initiator } = await setUp(crypto, { ...ends, responder: quiet });
  assert.match(initiator.failures[0]!, /announced no SIGNATURE_HASH_ALGORITHMS/);
  const [init] = initiator.said;
  assert.deepEqual(
    findNotify(init!, NotifyType.SIGNATURE_HASH_ALGORITHMS)!.data,
    Uint8Array.of(0, 2),
  );
});
