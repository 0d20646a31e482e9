/**
 * Checks that a private key belongs to a certificate.
 * @module
 */
import type { CryptoBackend } from "@/crypto/backend.ts";
import { showKind, SignatureError } from "@/crypto/signature.ts";
import type { Credential } from "@/ike/records/config.ts";
import { schemeOfIssuer } from "@/pki/issue.ts";

const PROBE = new TextEncoder().encode("Does the certificate belong to the key?");

/**
 * The reason why a key does not belong to a certificate, as a part of a sentence; undefined: it does, as the
 * certificate's key verifies its signature.
 */
export async function pairFault(
  { certificate, privateKey }: Credential,
  { signatures, name }: CryptoBackend,
): Promise<string | undefined> {
  const { publicKey, keyFault } = certificate;
  const { kind } = privateKey;
  if (!publicKey) return `cannot be used with its certificate: ${keyFault}`;
  if (publicKey.kind !== kind) {
    return `is ${showKind(kind)}, the key of its certificate is ${showKind(publicKey.kind)}`;
  }
  if (!signatures.has(kind)) {
    return `is ${showKind(kind)}, which the ${name} crypto backend cannot sign with`;
  }
  try {
    const scheme = schemeOfIssuer(kind);
    const signature = await signatures.sign(privateKey, scheme, PROBE);
    const fits = await signatures.verify(publicKey, scheme, PROBE, signature);
    return fits ? undefined : "is not the key of its certificate";
  } catch (e) {
    if (e instanceof SignatureError) return `cannot be used: ${e.message}`;
    throw e;
  }
}
