// Methods of authentication that a peer announces (RFC 9593): which of its own methods, certificates and
// algorithms an end then uses, and the texts of its failures.
import assert from "node:assert/strict";
import { concat } from "@/base/bytes.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { BothAuthConfigs, IkeConfig } from "@/ike/records/config.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { encodeSignatureAlgorithm } from "@/pki/algorithm.ts";
import { SUITES } from "@/sim/scenarios.ts";
import { type AuthAnnouncement, linkedAnnouncement } from "@/wire/auth_announcements.ts";
import { Maker } from "../../pki/_maker.ts";
import { signs, verifies } from "./_signing.ts";
import { setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const root = await maker.root("Test Root");
const other = await maker.root("Other Root");
const rsa = await maker.issue("box.test", root, { kind: "rsa" });
const ec = await maker.issue("box.test", root, { kind: "p-256" });
const { SHARED_KEY_MIC, ECDSA_SHA256_P256, RSA_DIGITAL_SIGNATURE, DIGITAL_SIGNATURE } = AuthMethod;
const { SUPPORTED_AUTH_METHODS } = NotifyType;

const psk = { kind: "psk", secret: new TextEncoder().encode("shared") } as const;
const anyIdentity = { idMustBeInCertificate: false };
const signsRsa = signs(rsa, DIGITAL_SIGNATURE);
const verifiesAll = verifies(root, DIGITAL_SIGNATURE, anyIdentity);
const HASHES = { announcesAuth: true, signatureHashes: [HashAlgorithm.SHA2_256] };

function ends(
  initiator: BothAuthConfigs,
  responder: BothAuthConfigs,
  change: Partial<IkeConfig> = HASHES,
) {
  return setUp(crypto, {
    initiator: { ...change, auth: initiator },
    responder: { ...change, auth: responder },
  });
}

/**
 * Sets up an IKE SA with an initiator that has these announcements in place of those of the responder,
 * and returns the initiator.
 */
async function told(own: BothAuthConfigs, announced: readonly AuthAnnouncement[]) {
  const { initiator } = await setUp(crypto, {
    initiator: { ...HASHES, auth: own },
    responder: { signatureHashes: HASHES.signatureHashes, auth: { own: psk, peer: verifiesAll } },
    keyed: (sa) => sa.setup!.announced = announced,
  });
  return initiator;
}

Deno.test("each end authenticates by what the other announces", async () => {
  const has = { own: signsRsa, ownOthers: [psk] };
  const { initiator, responder } = await ends(
    { ...has, peer: psk },
    { own: signsRsa, ownOthers: [psk], peer: psk },
  );
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.deepEqual([initiator.sa.peer.ownAuth, initiator.sa.peer.auth], [
    SHARED_KEY_MIC,
    SHARED_KEY_MIC,
  ]);
  const notes = initiator.notes.join("\n");
  assert.match(
    notes,
    /The peer takes Shared Key Message Integrity Code \(SUPPORTED_AUTH_METHODS\)/,
  );
  assert.match(notes, /This end authenticates by psk, as the peer does not take digital-signature/);
});

Deno.test("without an announcement the first method is tried, and may be refused", async () => {
  const has = { own: signsRsa, ownOthers: [psk], peer: psk };
  const { initiator, responder } = await ends(has, { own: psk, peer: psk }, {
    signatureHashes: HASHES.signatureHashes,
  });
  assert.match(initiator.failures[0]!, /AUTHENTICATION_FAILED/);
  assert.match(responder.failures[0]!, /authenticates by Digital Signature, .* asks for psk/);
});

Deno.test("a peer may use any of the methods that are configured for it", async () => {
  const takes = { own: psk, peer: psk, peerOthers: [verifiesAll] };
  for (const own of [psk, signsRsa]) {
    const { initiator, responder } = await ends({ own, peer: psk }, takes);
    assert.deepEqual([...initiator.failures, ...responder.failures], []);
    assert.equal(responder.sa.peer.auth, initiator.sa.peer.ownAuth);
  }
});

Deno.test("RSASSA-PSS is used where it alone is announced, though PKCS #1 is set", async () => {
  const pss = encodeSignatureAlgorithm({ algorithm: "rsa-pss", hash: "sha256", saltOctets: 32 });
  const only = [{ method: DIGITAL_SIGNATURE, link: 0, algorithm: pss }];
  const end = await told({ own: signsRsa, peer: psk }, only);
  assert.deepEqual(end.failures, []);
  assert.equal(end.sa.peer.ownScheme?.algorithm, "rsa-pss");
});

Deno.test("nothing is signed by a method, algorithm or authority not announced", async () => {
  const ecdsa = encodeSignatureAlgorithm({ algorithm: "ecdsa", hash: "sha256", encoding: "der" });
  const cases: readonly [AuthAnnouncement[], RegExp][] = [
    [
      [{ method: DIGITAL_SIGNATURE, link: 0, algorithm: ecdsa }],
      /takes Digital Signature by ECDSA/,
    ],
    [[{ method: ECDSA_SHA256_P256, link: 0 }], /takes ECDSA with SHA-256 on the P-256 curve/],
    [[{ method: DIGITAL_SIGNATURE, link: 0, algorithm: Uint8Array.of(48, 0) }], /do not know/],
    // The responder's CERTREQ names one authority only, so that there is none for the link 2.
    [
      [{ method: DIGITAL_SIGNATURE, link: 2 }],
      /without a certificate of an authority that it links/,
    ],
    [[], /the peer takes  ?\(SUPPORTED_AUTH_METHODS\)/],
  ];
  for (const [announced, why] of cases) {
    const end = await told({ own: signsRsa, peer: psk }, announced);
    assert.equal(end.sa.phase, "closed");
    assert.match(end.failures[0]!, why);
    assert.equal(end.said.length, 1, "nothing is sent after IKE_SA_INIT");
  }
});

Deno.test("an authority that an announcement links must be above the certificate", async () => {
  const linked = [{ method: DIGITAL_SIGNATURE, link: 1 }];
  const below = { own: { ...signsRsa, known: [root.certificate] }, peer: psk };
  assert.deepEqual((await told(below, linked)).failures, []);
  const foreign = { own: { ...signsRsa, known: [other.certificate] }, peer: psk };
  const { initiator } = await setUp(crypto, {
    initiator: { ...HASHES, auth: foreign },
    responder: {
      ...HASHES,
      auth: { own: psk, peer: verifies(other, DIGITAL_SIGNATURE, anyIdentity) },
    },
    keyed: (sa) => sa.setup!.announced = linked,
  });
  assert.match(initiator.failures[0]!, /without a certificate of an authority that it links/);
});

Deno.test("a gateway sends the certificate whose algorithm the peer announces", async () => {
  const credentials = [rsa, ec].map(({ certificate, keys }) => ({
    certificate,
    privateKey: keys.privateKey,
  }));
  const algorithm = encodeSignatureAlgorithm({
    algorithm: "ecdsa",
    hash: "sha256",
    encoding: "der",
  });
  const { signatureHashes } = HASHES;
  const { responder, initiator } = await setUp(crypto, {
    initiator: { signatureHashes, auth: { own: psk, peer: verifiesAll } },
    responder: { signatureHashes, auth: { own: { ...signsRsa, credentials }, peer: psk } },
    keyedThere: (sa) => sa.setup!.announced = [{ method: DIGITAL_SIGNATURE, link: 0, algorithm }],
  });
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.equal(responder.sa.peer.ownScheme?.algorithm, "ecdsa");
});

Deno.test("the announcement is in the last IKE_INTERMEDIATE response if there is one", async () => {
  const additional = [[KeGroup.ECP_256], [KeGroup.ECP_384]];
  const algorithms = { ...SUITES[0]!, additional };
  const auth = { own: signsRsa, ownOthers: [psk], peer: psk };
  const { initiator, responder } = await ends(auth, auth, { ...HASHES, algorithms });
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  const sizes = responder.said.map((payloads) =>
    findNotify(payloads, SUPPORTED_AUTH_METHODS)?.data.length
  );
  assert.deepEqual(sizes, [0, undefined, 2, undefined]);
  assert.equal(initiator.sa.peer.ownAuth, SHARED_KEY_MIC);
});

Deno.test("an announcement names every algorithm that its sender verifies", async () => {
  const auth = { own: psk, peer: verifies(root, RSA_DIGITAL_SIGNATURE, anyIdentity) };
  const hashes = [HashAlgorithm.SHA2_256, HashAlgorithm.IDENTITY];
  const { responder } = await ends(auth, auth, { ...HASHES, signatureHashes: hashes });
  const { data } = findNotify(responder.said[0]!, SUPPORTED_AUTH_METHODS)!;
  const algorithms = [
    { algorithm: "rsa-pss", hash: "sha256", saltOctets: 32 },
    { algorithm: "rsa-pkcs1", hash: "sha256" },
    { algorithm: "ecdsa", hash: "sha256", encoding: "der" },
    { algorithm: "ed25519" },
    { algorithm: "ed448" },
  ] as const;
  const expected = algorithms.map((scheme) => {
    const algorithm = encodeSignatureAlgorithm(scheme);
    return linkedAnnouncement({ method: DIGITAL_SIGNATURE, link: 0, algorithm });
  });
  assert.deepEqual(data, concat(Uint8Array.of(3, 1, 0), ...expected));
});
