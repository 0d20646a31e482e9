/**
 * The fuzzer of certificates: every reader of DER gets mutated certificates, lists, responses and keys. It
 * must refuse by a WireError; what it accepts must be the same when it is read again; and a certificate that
 * differs from the original must not be trusted.
 *
 * Run: deno run -A tests/fuzz/pki.ts [--cases N] [--seed N]
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { SeededRandom } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { SignatureError } from "@/crypto/signature.ts";
import { decodeSignatureAlgorithm, encodeSignatureAlgorithm } from "@/pki/algorithm.ts";
import { parseCertificate, showCertificate } from "@/pki/certificate.ts";
import { parseCrl } from "@/pki/crl.ts";
import { decodeDigitalSignature, encodeDigitalSignature } from "@/pki/digital_signature.ts";
import { placeOfIdentity } from "@/pki/identity.ts";
import { parseName, showName } from "@/pki/name.ts";
import { parseOcspResponse } from "@/pki/ocsp.ts";
import { parsePkcs1, parsePkcs8, parseSec1 } from "@/pki/private_key.ts";
import { parsePublicKey } from "@/pki/public_key.ts";
import { trustStoreOf } from "@/pki/trust.ts";
import { validatePath } from "@/pki/validate.ts";
import { mutateOctets, Scratch } from "./mutate.ts";

/** Everything that is mutated, base64 of DER. */
interface CorpusFile {
  readonly certificates: readonly string[];
  readonly crls: readonly string[];
  readonly ocsp: readonly string[];
  readonly pkcs8: readonly string[];
  readonly pkcs1: readonly string[];
  readonly sec1: readonly string[];
  readonly spki: readonly string[];
  /** The end entity first, the root last. */
  readonly chain: readonly string[];
}

/** A reader, and the octets from which it is fuzzed. */
interface Target {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Reads octets. @throws {Error} if an accepted result is inconsistent. */
  readonly read: (octets: Uint8Array) => void;
}

/** The calls of one reader. */
export interface PkiTally {
  readonly name: string;
  calls: number;
  accepted: number;
  refused: number;
}

/** A time at which the chain of the corpus is valid. */
const NOW_MS = Date.UTC(2026, 5, 1);

/**
 * Tries, if `exhaustive`, every truncation and every bit flip of the octets of each reader, then `cases`
 * random mutations. @throws {Error} at the first violation, with the octets that caused it.
 */
export async function fuzzPki(
  { cases, seed, exhaustive, backend }: {
    readonly cases: number;
    readonly seed: number;
    readonly exhaustive: boolean;
    readonly backend: CryptoBackend;
  },
): Promise<PkiTally[]> {
  const corpus = readCorpus();
  const targets = targetsOf(corpus);
  const random = new SeededRandom(seed);
  const tallies = targets.map(({ name }): PkiTally => ({
    name,
    calls: 0,
    accepted: 0,
    refused: 0,
  }));
  for (const [i, target] of targets.entries()) {
    for (const octets of exhaustive ? target.seeds : []) {
      for (const changed of smallChanges(octets)) call(target, tallies[i]!, changed);
    }
  }
  const scratch = new Scratch();
  for (let n = 0; n < cases; n++) {
    const i = random.below(targets.length);
    const target = targets[i]!;
    scratch.length = 0;
    scratch.put(random.pick(target.seeds));
    for (let k = random.pick([1, 1, 1, 2, 4]); k > 0; k--) mutateOctets(scratch, 0, random);
    call(target, tallies[i]!, scratch.view().slice());
  }
  return [...tallies, await fuzzTrust(corpus, { random, backend, cases: cases / 50 })];
}

/** All truncations of octets, and all changes of a single bit. */
function* smallChanges(octets: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < octets.length; length++) yield octets.slice(0, length);
  for (let bit = 0; bit < 8 * octets.length; bit++) {
    const flipped = octets.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
  }
}

function call({ name, read }: Target, tally: PkiTally, octets: Uint8Array): void {
  tally.calls++;
  try {
    read(octets);
    tally.accepted++;
  } catch (e) {
    if (!(e instanceof WireError)) {
      throw new Error(`${name}: ${e} by ${octets.toBase64()}`, { cause: e });
    }
    tally.refused++;
  }
}

/** Checks that no changed certificate is trusted, at any place of the chain, and that the original is. */
async function fuzzTrust(
  { chain }: CorpusFile,
  { random, backend, cases }: {
    readonly random: SeededRandom;
    readonly backend: CryptoBackend;
    readonly cases: number;
  },
): Promise<PkiTally> {
  const tally: PkiTally = { name: "trust", calls: 0, accepted: 0, refused: 0 };
  const octets = chain.map((text) => Uint8Array.fromBase64(text));
  const root = parseCertificate(octets[2]!);
  const store = trustStoreOf({ authorities: [root] });
  const scratch = new Scratch();
  for (let n = 0; n <= cases; n++) {
    const changed = octets.slice();
    const at = random.below(2);
    scratch.length = 0;
    scratch.put(octets[at]!);
    if (n > 0) mutateOctets(scratch, 0, random);
    changed[at] = scratch.view().slice();
    tally.calls++;
    try {
      const [certificate, above] = changed.map(parseCertificate);
      const verdict = await validatePath({
        certificate: certificate!,
        untrusted: [above!],
        store,
        nowMs: NOW_MS,
        revocation: "off",
        purpose: "ike",
      }, backend);
      const isSame = sameOctets(changed[at]!, octets[at]!);
      if (verdict.accepted !== isSame) {
        throw new Error(`trust: ${verdict.accepted} by ${changed[at]!.toBase64()}`);
      }
      if (!verdict.accepted && !/^Cannot trust the certificate of /.test(verdict.why)) {
        throw new Error(`trust: ${verdict.why}`);
      }
      if (verdict.accepted) tally.accepted++;
      else tally.refused++;
    } catch (e) {
      if (!(e instanceof WireError) && !(e instanceof SignatureError)) throw e;
      tally.refused++;
    }
  }
  return tally;
}

function targetsOf(corpus: CorpusFile): Target[] {
  const octets = (list: readonly string[]) => list.map((text) => Uint8Array.fromBase64(text));
  const certificates = octets(corpus.certificates);
  const parsed = certificates.map(parseCertificate);
  const algorithms = parsed.map(({ signature }) => encodeSignatureAlgorithm(signature.scheme!));
  const signed = parsed.map(({ signature }) =>
    encodeDigitalSignature({ scheme: signature.scheme!, signature: signature.value })
  );
  return [
    { name: "certificate", seeds: certificates, read: readCertificate },
    { name: "revocation list", seeds: octets(corpus.crls), read: (der) => void parseCrl(der) },
    {
      name: "OCSP response",
      seeds: octets(corpus.ocsp),
      read: (der) => void parseOcspResponse(der),
    },
    { name: "PKCS#8", seeds: octets(corpus.pkcs8), read: readPkcs8 },
    { name: "PKCS#1", seeds: octets(corpus.pkcs1), read: (der) => void parsePkcs1(der) },
    { name: "SEC1", seeds: octets(corpus.sec1), read: (der) => void parseSec1(der) },
    { name: "public key", seeds: octets(corpus.spki), read: (der) => void parsePublicKey(der) },
    { name: "name", seeds: parsed.map(({ subject }) => subject.der), read: readName },
    { name: "algorithm", seeds: algorithms, read: readAlgorithm },
    { name: "digital signature", seeds: signed, read: (data) => void decodeDigitalSignature(data) },
  ];
}

function readCertificate(der: Uint8Array): void {
  const certificate = parseCertificate(der);
  showCertificate(certificate);
  for (const type of [1, 2, 3, 5, 9, 10, 11]) placeOfIdentity(certificate, type, der);
  if (!certificate.publicKey && !certificate.keyFault) throw new Error("no key and no reason");
  if (!certificate.signature.scheme && !certificate.signature.fault) {
    throw new Error("no scheme and no reason");
  }
}

/** Reads a private key, and checks that reading the form for backends again gives the same. */
function readPkcs8(der: Uint8Array): void {
  const key = parsePkcs8(der);
  const again = parsePkcs8(key.pkcs8);
  if (!sameOctets(key.pkcs8, again.pkcs8) || key.kind !== again.kind) throw new Error("two forms");
}

function readName(der: Uint8Array): void {
  const name = parseName(der, "a name");
  if (parseName(name.der, "a name").key !== name.key) throw new Error("two names");
  if (showName(name).length > 450) throw new Error("shown at length");
}

function readAlgorithm(der: Uint8Array): void {
  const scheme = decodeSignatureAlgorithm(der);
  const again = decodeSignatureAlgorithm(encodeSignatureAlgorithm(scheme));
  if (JSON.stringify(again) !== JSON.stringify(scheme)) throw new Error("two schemes");
}

function readCorpus(): CorpusFile {
  const url = new URL("../vectors/pki_corpus.json", import.meta.url);
  return JSON.parse(Deno.readTextFileSync(url));
}

if (import.meta.main) {
  const option = (name: string, otherwise: number) => {
    const at = Deno.args.indexOf(name);
    return at < 0 ? otherwise : Number(Deno.args[at + 1]);
  };
  const { portableBackend } = await import("@/crypto/portable.ts");
  const tallies = await fuzzPki({
    cases: option("--cases", 1_000_000),
    seed: option("--seed", 1),
    exhaustive: true,
    backend: portableBackend(),
  });
  for (const { name, calls, accepted } of tallies) {
    console.log(`${name.padEnd(18)} ${calls} calls, ${accepted} accepted`);
  }
}
