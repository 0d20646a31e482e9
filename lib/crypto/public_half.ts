/**
 * The public key of a private one, as files hold the private key alone. It is asked for before a run
 * begins, so one way serves both backends: `node:crypto`, and WebCrypto for ML-DSA.
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { type PrivateKey, SignatureError } from "@/crypto/signature.ts";
import { unusableKey } from "@/crypto/signature_rules.ts";

/**
 * The octets of the public key: SubjectPublicKeyInfo, or of ML-DSA the bare key of FIPS 204.
 * @throws {SignatureError} (rejects) where the parts of the private key contradict each other.
 */
export async function publicHalf(
  key: PrivateKey,
): Promise<{ readonly spki: Uint8Array } | { readonly bare: Uint8Array }> {
  try {
    if (key.kind.startsWith("ml-dsa")) return { bare: await mlDsaHalf(key) };
    const privateKey = createPrivateKey({
      key: Buffer.from(key.pkcs8),
      format: "der",
      type: "pkcs8",
    });
    // The types of node:crypto lack that a private key is taken; its documentation has it.
    const publicKey = createPublicKey(privateKey as unknown as string);
    return { spki: new Uint8Array(publicKey.export({ format: "der", type: "spki" })) };
  } catch (e) {
    if (e instanceof SignatureError) throw e;
    throw unusableKey(key);
  }
}

async function mlDsaHalf({ kind, pkcs8 }: PrivateKey): Promise<Uint8Array> {
  const name = kind.toUpperCase();
  const octets = pkcs8 as Uint8Array<ArrayBuffer>;
  const loaded = await crypto.subtle.importKey("pkcs8", octets, { name }, true, ["sign"]);
  const { pub } = await crypto.subtle.exportKey("jwk", loaded) as { readonly pub?: string };
  if (pub === undefined) throw unusableKey({ kind });
  return new Uint8Array(Buffer.from(pub, "base64url"));
}
