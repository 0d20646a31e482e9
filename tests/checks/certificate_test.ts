// Certificates and signatures of a peer that are wrong in a way that only a program makes: each fails its
// IKE SA with a sentence that names the certificate and the rule. RFC 7296 §3.6, RFC 7427 §3, RFC 5280 §6.
import assert from "node:assert/strict";
import { contextTag, der, derBitString, derOid, derSequenceOf } from "@/base/der.ts";
import { portableBackend } from "@/crypto/portable.ts";
import type { PublicKey, SigningKeyPair } from "@/crypto/signature.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType } from "@/iana/id_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { bothByPsk } from "@/ike/auth/psk.ts";
import { rawKeyTable } from "@/ike/auth/raw_key_table.ts";
import type { IdentityRule, IkeConfig, VerifyingAuth } from "@/ike/records/config.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { encodeDigitalSignature } from "@/pki/digital_signature.ts";
import { type AltName, type ExtensionTemplate, issueCertificate } from "@/pki/issue.ts";
import { Algorithm, Extension } from "@/pki/oid.ts";
import { trustStoreOf } from "@/pki/trust.ts";
import { WORLD_EPOCH_MS } from "@/sim/keys.ts";
import type { Payload } from "@/wire/message.ts";
import { Bench } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { both } = checksOf(import.meta.url);
const crypto = portableBackend();
const { IKE_AUTH } = ExchangeType;
const DAY_MS = 24 * 3600_000;

/** The result of a computation with keys of Ed448, which backends do synchronously. */
function atOnce<T>(value: T | Promise<T>): T {
  assert.ok(!(value instanceof Promise));
  return value;
}

/** A certificate and its key. */
interface Holder {
  readonly certificate: Certificate;
  readonly keys: SigningKeyPair;
}

/** The differences from a plain certificate. */
interface Wish {
  readonly authority?: boolean;
  readonly keys?: SigningKeyPair;
  readonly altNames?: readonly AltName[];
  readonly extensions?: readonly ExtensionTemplate[];
  readonly expired?: boolean;
}

function issue(name: string, issuer: Holder | undefined, wish: Wish = {}): Holder {
  const { authority, altNames, extensions, expired } = wish;
  const keys = wish.keys ?? atOnce(crypto.signatures.generate("ed448"));
  const signer = issuer
    ? { certificate: issuer.certificate, privateKey: issuer.keys.privateKey }
    : { privateKey: keys.privateKey };
  const template = {
    subject: [["2.5.4.3", name]] as const,
    publicKey: keys.publicKey,
    notBeforeMs: WORLD_EPOCH_MS - 20 * DAY_MS,
    notAfterMs: WORLD_EPOCH_MS + (expired ? -1 : 20) * DAY_MS,
    ...(authority ? { authority: {} } : {}),
    ...(altNames ? { altNames } : {}),
    ...(extensions ? { extensions } : {}),
  };
  const means = { backend: crypto, random: crypto.randomOctets };
  return { certificate: atOnce(issueCertificate(template, signer, means)), keys };
}

const root = issue("Root", undefined, { authority: true });
const peer = issue("hostile.test", root);

const { own } = bothByPsk("a secret of the world");
const trust = trustStoreOf({ authorities: [root.certificate] });
const verifying: VerifyingAuth = {
  kind: "signature",
  method: AuthMethod.DIGITAL_SIGNATURE,
  trust,
  revocation: "off",
  purpose: "ike",
  asksOcsp: false,
  idMustBeInCertificate: false,
  requested: trust.anchors,
};

function config(change: Partial<VerifyingAuth> = {}): Partial<IkeConfig> {
  return {
    auth: { own, peer: { ...verifying, ...change } },
    signatureHashes: [HashAlgorithm.SHA2_256, HashAlgorithm.IDENTITY],
  };
}

/** The differences of the peer's IKE_AUTH from a right one. */
interface Said {
  readonly certificates?: readonly Uint8Array[];
  /** SubjectPublicKeyInfos that are sent in place of certificates. */
  readonly rawKeys?: readonly Uint8Array[];
  /** Hash and URL, in place of certificates. */
  readonly addresses?: readonly Uint8Array[];
  readonly keys?: SigningKeyPair;
  readonly data?: (right: Uint8Array) => Uint8Array;
}

/** The peer's IKE_AUTH message with its certificates and a signature by Ed448. */
function payloads(bench: Bench, said: Said): Payload[] {
  const { keys = peer.keys, rawKeys, addresses, data = (right) => right } = said;
  const { certificates = rawKeys || addresses ? [] : [peer.certificate.der] } = said;
  const [id, , ...child] = bench.peer.authPayloads();
  const octets = bench.peer.signedOctets();
  const scheme = { algorithm: "ed448" } as const;
  const signature = atOnce(crypto.signatures.sign(keys.privateKey, scheme, octets));
  return [
    id!,
    ...certificates.map((one) => cert(CertEncoding.X509_SIGNATURE, one)),
    ...(addresses ?? []).map((one) => cert(CertEncoding.HASH_AND_URL_X509, one)),
    ...(rawKeys ?? []).map((one) => cert(CertEncoding.RAW_PUBLIC_KEY, one)),
    {
      type: PayloadType.AUTH,
      method: AuthMethod.DIGITAL_SIGNATURE,
      data: data(encodeDigitalSignature({ scheme, signature })),
    },
    ...child,
  ];
}

function cert(encoding: number, data: Uint8Array): Payload {
  return { type: PayloadType.CERT, encoding, data };
}

function say(role: Role, said: Said, change: Partial<VerifyingAuth> = {}): Bench {
  const bench = Bench.keyed(role, config(change));
  const message = payloads(bench, said);
  if (role === "responder") bench.ask(IKE_AUTH, message);
  else bench.answer(message);
  return bench;
}

/** Checks that the core refuses the peer's IKE_AUTH with this message, and keeps nothing. */
function distrusts(
  role: Role,
  said: Said,
  words: RegExp,
  change: Partial<VerifyingAuth> = {},
): void {
  const bench = Bench.keyed(role, config(change));
  const message = payloads(bench, said);
  if (role === "responder") bench.refuses(NotifyType.AUTHENTICATION_FAILED, IKE_AUTH, message);
  else {
    bench.answer(message);
    bench.answer([]);
  }
  bench.over();
  assert.match(bench.failure, words);
}

both("§2.15", "A right certificate and signature are taken", (role) => {
  say(role, {}).stands();
});

both("§3.6", "Two hundred CERT payloads are more than are looked at", (role) => {
  const certificates = Array<Uint8Array>(200).fill(Uint8Array.of(0x30, 0));
  distrusts(role, { certificates }, /it sent 200 CERT payloads, at most 100 are looked at/);
});

both("§3.6", "A certificate that is cut, or no DER, is refused with a sentence", (role) => {
  for (const one of [peer.certificate.der.slice(0, -7), Uint8Array.of(0x30, 0x80, 0, 0)]) {
    distrusts(role, { certificates: [one] }, /Cannot read a certificate/);
  }
});

both("RFC 5280 §6.1", "Authorities that certify each other in a circle lead nowhere", (role) => {
  const first = issue("First", undefined, { authority: true });
  const second = issue("Second", first, { authority: true });
  const back = issue("First", second, { authority: true, keys: first.keys });
  const leaf = issue("hostile.test", second);
  const certificates = [leaf, second, back].map(({ certificate }) => certificate.der);
  const words = /CN=First in its chain is issued by CN=Second.*the chain seen is CN=hostile\.test/;
  distrusts(role, { certificates, keys: leaf.keys }, words);
});

both(
  "RFC 5280 §6.1",
  "A name that an authority may not certify is refused, hidden or not",
  (role) => {
    const dns = (name: string) => der(contextTag(2, "primitive"), new TextEncoder().encode(name));
    const value = derSequenceOf(der(contextTag(0, "constructed"), derSequenceOf(dns("lab.test"))));
    const limits = { oid: Extension.NAME_CONSTRAINTS, critical: true, value };
    const sub = issue("Lab only", root, { authority: true, extensions: [limits] });
    for (const text of ["evil.test", "lab.test.evil.test", "xlab.test"]) {
      const leaf = issue("gw.lab.test", sub, { altNames: [{ form: "dns", text }] });
      const certificates = [leaf, sub].map(({ certificate }) => certificate.der);
      distrusts(
        role,
        { certificates, keys: leaf.keys },
        /CN=gw\.lab\.test.*breaks the name constraints/,
      );
    }
  },
);

both("RFC 5280 §6.1", "A certificate that has expired is refused by name and time", (role) => {
  const old = issue("hostile.test", root, { expired: true });
  const said = { certificates: [old.certificate.der], keys: old.keys };
  distrusts(role, said, /CN=hostile\.test: it has expired at 2026-05-31/);
});

both(
  "RFC 7427 §3",
  "A signature that is shorter or longer than its algorithm's is wrong",
  (role) => {
    const cut = (right: Uint8Array) => right.slice(0, -1);
    const long = (right: Uint8Array) => Uint8Array.from([...right, 0]);
    const words = /its signature is not that of the key of its certificate CN=hostile\.test/;
    for (const data of [cut, long]) distrusts(role, { data }, words);
    distrusts(role, { data: (right) => right.slice(0, 1 + right[0]!) }, /has no value/);
  },
);

const ECDSA = derSequenceOf(derOid(Algorithm.ECDSA_SHA256));

/** The same signature under another AlgorithmIdentifier. */
function lie(algorithm: Uint8Array): (right: Uint8Array) => Uint8Array {
  return (right) =>
    Uint8Array.from([algorithm.length, ...algorithm, ...right.subarray(1 + right[0]!)]);
}

both("RFC 7427 §3", "An AlgorithmIdentifier that lies about the key is refused by name", (role) => {
  distrusts(role, { data: lie(ECDSA) }, /it signs by ECDSA with SHA-256, and its key is Ed448/);
  const unknown = derSequenceOf(derOid("1.2.3.4"));
  distrusts(role, { data: lie(unknown) }, /its signature is malformed: .*1\.2\.3\.4/);
  // Its length is larger than the rest of the octets.
  distrusts(role, { data: () => Uint8Array.of(255, 0x30) }, /its signature is malformed/);
});

both("RFC 5280 §4.1.2.7", "A key that cannot be one, or lies off its curve, is refused", (role) => {
  const keys = atOnce(crypto.signatures.generate("p-224"));
  const { publicKey } = keys;
  const off = publicKey.spki.slice();
  off[off.length - 1]! ^= 1;
  const odd = issue("hostile.test", root, {
    keys: { ...keys, publicKey: { ...publicKey, spki: off } },
  });
  const rsa = derSequenceOf(
    derSequenceOf(derOid(Algorithm.RSA)),
    derBitString(derSequenceOf(Uint8Array.of(2, 1, 6), Uint8Array.of(2, 1, 3))),
  );
  const small = issue("hostile.test", root, {
    keys: { ...keys, publicKey: { kind: "rsa", bits: 3, spki: rsa } },
  });
  distrusts(
    role,
    { certificates: [small.certificate.der] },
    /CN=hostile\.test.*key of no use: .*RSA key/,
  );
  const said = { certificates: [odd.certificate.der], data: lie(ECDSA) };
  distrusts(role, said, /not that of the key of its certificate CN=hostile\.test/);
});

const strangers = atOnce(crypto.signatures.generate("ed448")).publicKey;
const small = atOnce(crypto.signatures.generate("p-224")).publicKey;
/** The identity of the scripted peer. */
const PEER_ID: IdentityRule = {
  kind: "fixed",
  identity: { idType: IdType.ID_FQDN, data: new TextEncoder().encode("hostile.test") },
};

/** These keys, which only the peer's identity may use. */
const ofPeer = (...unnamed: PublicKey[]) => ({
  rawKeys: rawKeyTable({ named: [], unnamed, unnamedId: PEER_ID }),
});
const trusted = ofPeer(strangers, small, peer.keys.publicKey);

both(
  "RFC 7670 §3",
  "A raw public key that is trusted is taken, also where none is shown",
  (role) => {
    say(role, { rawKeys: [peer.keys.publicKey.spki] }, trusted).stands();
    // Peers whose keys are only configured here send nothing: the trusted keys are tried in turn.
    say(role, { rawKeys: [] }, trusted).stands();
  },
);

both("RFC 7670 §3", "A raw public key that nobody trusts, or that is none, is refused", (role) => {
  const shows = (one: Uint8Array) => ({ rawKeys: [one] });
  const { spki } = peer.keys.publicKey;
  const stranger = ofPeer(strangers);
  distrusts(
    role,
    shows(spki),
    /its raw public key, Ed448 key with SHA-256 .* is none of peerrawkey and peerrawkeyfile/,
    stranger,
  );
  distrusts(role, shows(spki), /raw public key \(RFC 7670\), and peerrawkey and .* are not set/);
  distrusts(role, shows(strangers.spki), /its signature is of no raw public key/, trusted);
  distrusts(role, { rawKeys: [] }, /its signature is of no raw public key/, stranger);
  distrusts(role, { rawKeys: [spki, spki] }, /several raw public keys/, trusted);
  for (const one of [Uint8Array.of(5, 0), spki.slice(0, -1), Uint8Array.of(0x30, 0x80, 0, 0)]) {
    distrusts(role, shows(one), /its raw public key is of no use: Cannot/, trusted);
  }
});

both("RFC 7670 §3", "A raw public key of another identity is refused, shown or not", (role) => {
  const key = peer.keys.publicKey;
  const named = (text: string) => ({
    rawKeys: rawKeyTable({
      named: [{ identity: { idType: IdType.ID_FQDN, form: "text", text }, key }],
    }),
  });
  say(role, { rawKeys: [key.spki] }, named("hostile.test")).stands();
  const other = named("other.test");
  const belongs = /belongs to other\.test \(ID_FQDN\) and not to .*, which it says it is/;
  distrusts(role, { rawKeys: [key.spki] }, belongs, other);
  distrusts(role, { rawKeys: [] }, /shows no key, and no raw public key belongs to/, other);
  // No identity is configured that a key without an identity could belong to.
  const unnamed = { rawKeys: rawKeyTable({ named: [], unnamed: [key] }) };
  distrusts(role, { rawKeys: [key.spki] }, /belongs to no identity and not to/, unnamed);
});

both(
  "RFC 7670 §3",
  "Of a peer that shows no key only a few of the trusted ones are tried",
  (role) => {
    const many = ofPeer(...Array.from({ length: 17 }, () => strangers));
    distrusts(
      role,
      { rawKeys: [] },
      /shows no key, and .* has 17 raw public keys: at most 16/,
      many,
    );
  },
);

const hash = crypto.sha1(peer.certificate.der);
const at = (url: string, of = hash) => Uint8Array.from([...of, ...new TextEncoder().encode(url)]);

both(
  "§3.6",
  "The address of a certificate is taken where certificates are looked up alone",
  (role) => {
    const said = { addresses: [at("http://pki.test/peer.cer")] };
    distrusts(
      role,
      said,
      /sent the hash and URL of a certificate in place of it, and certlookup is off/,
    );
  },
);

both("§3.6", "An address that is none, and more of them than a few, are not looked up", (role) => {
  const lookup = { find: () => assert.fail("nothing is looked up") };
  for (
    const url of ["https://pki.test/x", "ftp://pki.test/x", "file:///etc/passwd", "http://a b/"]
  ) {
    const words = /its certificate cannot be looked up: .* it is no http URL/;
    distrusts(role, { addresses: [at(url)] }, words, { lookup });
  }
  distrusts(role, { addresses: [hash.subarray(1)] }, /cannot be looked up/, { lookup });
  const many = Array<Uint8Array>(9).fill(at("http://pki.test/x"));
  distrusts(role, { addresses: many }, /URLs of 9 certificates, and at most 8/, { lookup });
});
