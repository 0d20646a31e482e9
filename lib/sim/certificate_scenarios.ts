/**
 * Scenarios in which both ends sign: with valid certificates and raw public keys, with those that the
 * peer does not trust, with an identity that the certificate lacks, and to a peer that did not announce
 * the hash of the signature (RFC 7427 §4). All keys are Ed448 keys, with which every backend signs
 * synchronously. They are new in each process, but always have the same length.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { SigningKeyPair } from "@/crypto/signature.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType } from "@/iana/id_type.ts";
import { signing, verifying } from "@/ike/auth/one_authority.ts";
import { rawKeyTable } from "@/ike/auth/raw_key_table.ts";
import type { Credential, IkeConfig, VerifyingAuth } from "@/ike/records/config.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { issueCertificate, type Issuer } from "@/pki/issue.ts";
import { authorityTemplate, endEntityTemplate } from "@/pki/templates.ts";
import { WORLD_EPOCH_MS } from "@/sim/keys.ts";
import { pair, PATIENT, type Scenario } from "@/sim/scenarios.ts";
import type { World } from "@/sim/world.ts";

/** The certificates of all worlds of one process. */
interface WorldPki {
  readonly root: Certificate;
  /** The certificates of host a and host b, which the root has issued. */
  readonly a: Credential;
  readonly b: Credential;
  /** A certificate with the name of host a, of an authority that no host trusts. */
  readonly stranger: Credential;
}

const MADE = new WeakMap<CryptoBackend, WorldPki>();

/** A scenario that must end without an IKE SA, and the rule that says so. */
interface Refusal {
  readonly check?: (world: World) => string | undefined;
}

const bothSign: Scenario = {
  name: "certificates",
  start(world) {
    // With certificates, or with the same keys as raw public keys.
    const how = world.random.pick([own, bare]);
    const { a, b } = signers(world, ({ a, b }) => ({ a: how(a, b), b: how(b, a) }));
    world.dial(a, b);
    return { stands: true };
  },
};

const strangeKey: Scenario = {
  name: "strange_key",
  start(world) {
    // A certificate of an authority that nobody trusts, or a raw public key that nobody trusts.
    const how = world.random.pick([own, bare]);
    const { a, b } = signers(
      world,
      ({ stranger, a, b }) => ({ a: how(stranger, b), b: how(b, a) }),
    );
    world.dial(a, b);
    return { stands: false };
  },
};

const unannounced = refused("unannounced_hash", ({ a, b }) => ({ a: own(a), b: own(b) }), {
  b: { signatureHashes: [HashAlgorithm.SHA2_256] },
}, {
  check: ({ ladder }) =>
    ladder.some((line) => line.includes("IKE_AUTH"))
      ? "nothing is signed by a hash that the peer did not announce (RFC 7427 §4)"
      : undefined,
});

/** The identity of another host, with a key that the peer trusts, but only for the other identity. */
const keyOfAnother = refused("raw_key_of_another", ({ a, b }) => ({
  a: { ...bare(a, b), ownId: nameOf("c") },
  b: bare(b, a),
}));

const wrongIdentity = refused("identity_not_in_certificate", ({ a, b }) => ({
  a: { ...own(a), ownId: nameOf("c") },
  b: own(b),
}));

/** All scenarios of this file. */
export const CERTIFICATE_SCENARIOS: readonly Scenario[] = [
  bothSign,
  strangeKey,
  unannounced,
  wrongIdentity,
  keyOfAnother,
];

/** The credential that an end uses in a scenario. */
interface Own {
  readonly credential: Credential;
  readonly ownId?: IkeConfig["ownId"];
  /** The end sends its key without a certificate, and trusts only this key of its peer (RFC 7670). */
  readonly bareTo?: Credential;
}

function own(credential: Credential, _peer?: Credential): Own {
  return { credential };
}

function bare(credential: Credential, peer: Credential): Own {
  return { credential, bareTo: peer };
}

/** A scenario in which the authentication is refused. */
function refused(
  name: string,
  choose: (pki: WorldPki) => { readonly a: Own; readonly b: Own },
  change: { readonly b?: Partial<IkeConfig> } = {},
  { check }: Refusal = {},
): Scenario {
  return {
    name,
    start(world) {
      const { a, b } = signers(world, choose, change.b);
      world.dial(a, b);
      return { stands: false, ...(check ? { check: () => check(world) } : {}) };
    },
  };
}

/** Two hosts that authenticate by signatures and trust the root. */
function signers(
  world: World,
  choose: (pki: WorldPki) => { readonly a: Own; readonly b: Own },
  changeB: Partial<IkeConfig> = {},
) {
  const pki = pkiOf(world.crypto);
  const { a, b } = choose(pki);
  const peer = verifying(pki.root);
  const signatureHashes = [HashAlgorithm.IDENTITY];
  const config = (name: string, { credential, ownId = nameOf(name), bareTo }: Own) => ({
    ownId,
    auth: bareTo
      ? bareAuth(name, { credential, bareTo }, peer)
      : { own: signing({ credentials: [credential] }), peer },
    signatureHashes,
  });
  return pair(world, PATIENT, { a: config("a", a), b: { ...config("b", b), ...changeB } });
}

/** Authentication of both ends by raw keys, which are those of the certificates. */
function bareAuth(
  host: string,
  { credential: { certificate, privateKey }, bareTo }: Required<Pick<Own, "credential" | "bareTo">>,
  verifying: VerifyingAuth,
): IkeConfig["auth"] {
  const text = `${host === "a" ? "b" : "a"}.world`;
  const identity = { idType: IdType.ID_FQDN, form: "text", text } as const;
  const trusted = rawKeyTable({ named: [{ identity, key: bareTo.certificate.publicKey! }] });
  const own = signing({ credentials: [{ certificate, privateKey }] });
  return {
    own: { ...own, rawKeys: [{ privateKey, publicKey: certificate.publicKey! }] },
    peer: { ...verifying, rawKeys: trusted, requested: undefined },
  };
}

/** The identity in the certificate of a host. */
export function nameOf(host: string): IkeConfig["ownId"] {
  const data = new TextEncoder().encode(`${host}.world`);
  return { kind: "fixed", identity: { idType: IdType.ID_FQDN, data } };
}

/** The certificates of all worlds with this backend. */
export function pkiOf(crypto: CryptoBackend): WorldPki {
  const made = MADE.get(crypto) ?? makePki(crypto);
  MADE.set(crypto, made);
  return made;
}

function makePki(crypto: CryptoBackend): WorldPki {
  const authority = (commonName: string) => {
    const keys = pairOf(crypto);
    const holder = { commonName, publicKey: keys.publicKey, nowMs: WORLD_EPOCH_MS };
    const { privateKey } = keys;
    const certificate = atOnce(issueCertificate(authorityTemplate(holder), { privateKey }, {
      backend: crypto,
      random: crypto.randomOctets,
    }));
    return { certificate, privateKey };
  };
  const issue = (commonName: string, issuer: Issuer): Credential => {
    const { publicKey, privateKey } = pairOf(crypto);
    const holder = { commonName, publicKey, nowMs: WORLD_EPOCH_MS };
    const means = { backend: crypto, random: crypto.randomOctets };
    const certificate = atOnce(issueCertificate(endEntityTemplate(holder), issuer, means));
    return { certificate, privateKey };
  };
  const root = authority("Root of the world");
  const other = authority("Nobody's root");
  return {
    root: root.certificate,
    a: issue("a.world", root),
    b: issue("b.world", root),
    stranger: issue("a.world", other),
  };
}

function pairOf(crypto: CryptoBackend): SigningKeyPair {
  return atOnce(crypto.signatures.generate("ed448"));
}

function atOnce<T>(value: T | Promise<T>): T {
  must(!(value instanceof Promise), "keys of Ed448 answer at once");
  return value;
}
