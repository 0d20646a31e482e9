/**
 * Runs `myikev2 createpki`: makes a root, authorities below it, and many end-entity certificates
 * with keys, as PEM files.
 * @module
 */
import { printLine } from "@/files/terminal.ts";
import { Progress } from "@/cli/progress.ts";
import { SetupError, systemWords } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { chooseBackend } from "@/crypto/choose.ts";
import type { PrivateKey } from "@/crypto/signature.ts";
import { makeDirectory } from "@/files/directory.ts";
import { writeNew } from "@/files/private_file.ts";
import { loadLibcrypto } from "@/native/libcrypto.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { type CertificateTemplate, issueCertificate, type Issuer } from "@/pki/issue.ts";
import { encodePem } from "@/pki/pem.ts";
import { encodeBundle } from "@/pki/received.ts";
import {
  authorityTemplate,
  endEntityTemplate,
  type Holder,
  type KeyType,
} from "@/pki/templates.ts";

/** Options of `createpki`. */
export interface CreatePkiOptions {
  readonly count: number;
  readonly cadir: string;
  readonly eedir: string;
  /** Where certificates and bundles in DER are written, for hash and URL; absent: nowhere. */
  readonly lookupdir?: string | undefined;
  /** Number of levels of authorities below the root. */
  readonly calvl: number;
  readonly cakeytype: KeyType;
  readonly eekeytype: KeyType;
  readonly caprefix: string;
  readonly eeprefix: string;
}

/** How many pairs are made at the same time; RSA keys are generated on threads. */
const CONCURRENCY = 4;
/** File modes of keys, of certificates, and of the directories of both. */
const OWNER_ONLY = 0o600;
const READABLE = 0o644;
const ENTERED_BY_ALL = 0o755;
/** Endings of files that are looked up by hash and URL (RFC 7296 §3.6), both in DER. */
const CERTIFICATE = ".cer";
const BUNDLE = ".bundle";

/** Makes all files; returns the exit status. @throws {SetupError} if a file cannot be written. */
export async function createPki(options: CreatePkiOptions): Promise<number> {
  const { count, cadir, eedir, calvl, cakeytype, eekeytype } = options;
  const backend = await chooseBackend(loadLibcrypto(), "auto");
  const nowMs = Date.now();
  const { lookupdir } = options;
  for (const directory of [cadir, eedir, lookupdir]) if (directory) enterDirectory(directory);
  refuseExistingFiles(options);
  const maker = { backend, nowMs };
  let issuer: Issuer | undefined;
  const belowRoot: Certificate[] = [];
  for (const name of authorityNames(calvl)) {
    const commonName = `${options.caprefix}${name}`;
    const made = await makePair(maker, cakeytype, {
      commonName,
      template: authorityTemplate,
      issuer,
    });
    write(`${cadir}/${name}`, made);
    if (issuer) belowRoot.push(made.certificate);
    issuer = made;
  }
  let done = 0;
  let next = 0;
  const progress = new Progress("createpki");
  const work = async () => {
    while (next < count) {
      const at = next++;
      const commonName = endEntityCommonName(options.eeprefix, at);
      const made = await makePair(maker, eekeytype, {
        commonName,
        template: endEntityTemplate,
        issuer,
      });
      write(`${eedir}/${endEntityName(at)}`, made);
      if (lookupdir) writeLookup(`${lookupdir}/${endEntityName(at)}`, made.certificate, belowRoot);
      progress.told(++done, count, "end entities");
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  } finally {
    progress.end();
  }
  printLine(`${calvl + 1} authorities in ${cadir}, ${count} end entities in ${eedir}`);
  return 0;
}

/** A certificate with its key. */
interface Pair {
  readonly certificate: Certificate;
  readonly privateKey: PrivateKey;
}

/** The description of a pair that is to be made. */
interface PairOptions {
  readonly commonName: string;
  readonly template: (holder: Holder) => CertificateTemplate;
  /** The authority that issues it; undefined: it is self-signed. */
  readonly issuer: Issuer | undefined;
}

async function makePair(
  { backend, nowMs }: { readonly backend: CryptoBackend; readonly nowMs: number },
  { kind, rsaBits }: KeyType,
  { commonName, template, issuer }: PairOptions,
): Promise<Pair> {
  const { privateKey, publicKey } = await backend.signatures.generate(kind, rsaBits);
  const means = { backend, random: backend.randomOctets };
  const certificate = await issueCertificate(
    template({ commonName, publicKey, nowMs }),
    issuer ?? { privateKey },
    means,
  );
  return { certificate, privateKey };
}

function authorityNames(levels: number): string[] {
  return ["rootca", ...Array.from({ length: levels }, (_, i) => `sub-lv-${i + 1}_myikev2`)];
}

function endEntityName(index: number): string {
  return `ee-${index}_myikev2`;
}

function endEntityCommonName(prefix: string, index: number): string {
  return prefix.includes("&d")
    ? prefix.replaceAll("&d", String(index))
    : `${prefix}${endEntityName(index)}`;
}

function enterDirectory(path: string): void {
  try {
    makeDirectory(path, "user", ENTERED_BY_ALL);
  } catch (e) {
    throw new SetupError(`Cannot make the directory ${path}: ${systemWords(e)}`);
  }
}

/**
 * Refuses to overwrite, before minutes are spent on keys. Only the first and the last file of each
 * kind are looked at.
 */
function refuseExistingFiles(options: CreatePkiOptions): void {
  const { count, cadir, eedir, calvl, lookupdir } = options;
  const names = authorityNames(calvl).map((name) => `${cadir}/${name}`);
  if (count > 0) names.push(...[0, count - 1].map((at) => `${eedir}/${endEntityName(at)}`));
  const paths = names.flatMap((name) => [`${name}.cert`, `${name}.key`]);
  for (const at of lookupdir && count > 0 ? [0, count - 1] : []) {
    paths.push(...[CERTIFICATE, BUNDLE].map((end) => `${lookupdir}/${endEntityName(at)}${end}`));
  }
  for (const path of paths) {
    try {
      Deno.lstatSync(path);
    } catch {
      continue;
    }
    throw new SetupError(
      `Cannot write ${path}: it exists already, and files are never overwritten`,
    );
  }
}

function write(path: string, { certificate, privateKey }: Pair): void {
  const key = encodePem({ label: "PRIVATE KEY", der: privateKey.pkcs8 });
  writeFile(`${path}.key`, key, OWNER_ONLY);
  writeFile(`${path}.cert`, encodePem({ label: "CERTIFICATE", der: certificate.der }), READABLE);
}

/** Writes what peers look up: the certificate, and a bundle of it and the authorities below the root. */
function writeLookup(
  path: string,
  certificate: Certificate,
  belowRoot: readonly Certificate[],
): void {
  writeFile(`${path}${CERTIFICATE}`, certificate.der, READABLE);
  writeFile(`${path}${BUNDLE}`, encodeBundle([certificate, ...belowRoot]), READABLE);
}

function writeFile(path: string, text: string | Uint8Array, mode: number): void {
  try {
    writeNew(path, text, "user", mode);
  } catch (e) {
    throw new SetupError(`Cannot write ${path}: ${systemWords(e)}`);
  }
}
