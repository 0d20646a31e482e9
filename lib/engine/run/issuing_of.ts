/**
 * The authority that issues certificates of this end while a test runs (`issuercert`, `issuerkey`), and the
 * key that all these certificates share.
 * @module
 */
import { SetupError, type SetupPosition, systemWords, WireError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { type KeyKind, showKind, SignatureError } from "@/crypto/signature.ts";
import {
  type Certificate,
  isSelfIssued,
  readCertificates,
  showCertificate,
} from "@/pki/certificate.ts";
import { KeyUsage } from "@/pki/extension.ts";
import type { IssuingAuthority } from "@/pki/issuing.ts";
import { readPrivateKey } from "@/pki/private_key.ts";
import { type KeyType, parseKeyType } from "@/pki/templates.ts";
import { pairFault } from "@/engine/run/key_pair.ts";
import { everyOwnMethod, isSignature } from "@/setup/auth_methods.ts";
import type { Setup } from "@/setup/setup.ts";

/** An authority that issues certificates, and the authorities above it whose certificates are sent too. */
export interface Issuing {
  readonly authority: IssuingAuthority;
  /** Its certificate and those that follow it in `issuercert`, without roots. */
  readonly sent: readonly Certificate[];
}

/** The most octets of a file of certificates, or of a key. */
const FILE_OCTETS_MAX = 1_048_576;
/** Bits of an RSA key if the setup does not give their number. */
const RSA_BITS = 2048;

/** The type of key that each method from before RFC 7427 needs. */
const KIND_OF_METHOD: Readonly<Record<string, KeyKind>> = {
  "rsa": "rsa",
  "ecdsa-sha256-p256": "p-256",
  "ecdsa-sha384-p384": "p-384",
  "ecdsa-sha512-p521": "p-521",
};

/**
 * Reads the authority, and generates the key that its certificates share. @throws {SetupError} if a file
 * cannot be read, or cannot be used to issue certificates.
 */
export async function readIssuing(
  { ikeconf }: Setup,
  crypto: CryptoBackend,
  positionOf?: (path: string) => SetupPosition,
): Promise<Issuing> {
  const fault = (option: string, words: string) =>
    new SetupError(`ikeconf.${option}: ${words}`, positionOf?.(`ikeconf.${option}`));
  const read = <T>(option: "issuercert" | "issuerkey", parse: (file: Uint8Array) => T): T => {
    const path = ikeconf[option];
    try {
      const { size, isFile } = Deno.statSync(path);
      if (!isFile || size > FILE_OCTETS_MAX) {
        throw fault(option, `${path} is no file of at most ${FILE_OCTETS_MAX} octets`);
      }
      return parse(Deno.readFileSync(path));
    } catch (e) {
      if (e instanceof SetupError) throw e;
      if (e instanceof WireError) throw fault(option, `${path}: ${e.message}`);
      throw fault(option, `cannot read ${path}: ${systemWords(e)}`);
    }
  };
  const [certificate, ...above] = read("issuercert", readCertificates);
  if (!certificate) throw fault("issuercert", `${ikeconf.issuercert} has no certificate`);
  const unfit = authorityFault(certificate);
  if (unfit) throw fault("issuercert", `${showCertificate(certificate)} ${unfit}`);
  const privateKey = read("issuerkey", readPrivateKey);
  const wrong = await pairFault({ certificate, privateKey }, crypto);
  if (wrong) throw fault("issuerkey", `${ikeconf.issuerkey} ${wrong}`);
  const keyType = keyTypeOf(ikeconf, privateKey.kind);
  if (!crypto.signatures.has(keyType.kind)) {
    const words = `the ${crypto.name} crypto backend has no ${showKind(keyType.kind)} keys`;
    throw fault("issuekeytype", words);
  }
  const sharedPair = ikeconf.issuekeys === "one" ? await makePair(keyType, crypto) : undefined;
  const lifetimeMs = ikeconf.issuelifetime;
  return {
    authority: { certificate, privateKey, sharedPair, keyType, lifetimeMs },
    sent: [certificate, ...above].filter((one) => !isSelfIssued(one)),
  };
}

/** The reason why a certificate is not that of an authority; undefined: it is. */
function authorityFault({ extensions }: Certificate): string | undefined {
  const { basicConstraints, keyUsage } = extensions;
  if (!basicConstraints?.ca) return "is not an authority: it has no basicConstraints with cA";
  const signs = keyUsage === undefined || keyUsage & KeyUsage.KEY_CERT_SIGN;
  return signs ? undefined : "may not sign certificates: its keyUsage has no keyCertSign";
}

/** The type of key that the method needs; for Digital Signature that of the issuer's key. */
function keyTypeOf(ikeconf: Setup["ikeconf"], issuer: KeyKind): KeyType {
  const { issuekeytype } = ikeconf;
  if (issuekeytype !== "auto") return parseKeyType(issuekeytype)!;
  const kind = KIND_OF_METHOD[everyOwnMethod(ikeconf).find(isSignature) ?? ""] ?? issuer;
  return kind === "rsa" ? { kind, rsaBits: RSA_BITS } : { kind };
}

async function makePair({ kind, rsaBits }: KeyType, { signatures }: CryptoBackend) {
  try {
    return await signatures.generate(kind, rsaBits);
  } catch (e) {
    if (e instanceof SignatureError) throw new SetupError(`ikeconf.issuekeytype: ${e.message}`);
    throw e;
  }
}
