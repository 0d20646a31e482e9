/**
 * The contents of the certificates that this program makes: authorities and end entities of `createpki`,
 * and end entities that are issued while a test runs.
 * @module
 */
import { parseAddress } from "@/base/address.ts";
import { CURVE_BITS, type KeyKind, type PublicKey } from "@/crypto/signature.ts";
import type { AltName, CertificateTemplate } from "@/pki/issue.ts";
import { AttributeType } from "@/pki/oid.ts";

/** Certificates are valid since an hour before they are made, as clocks differ, and for ten years. */
const BEFORE_MS = 3600_000;
const LIFETIME_MS = 3650 * 24 * 3600_000;

/** A kind of key, and the bits of an RSA key. */
export interface KeyType {
  readonly kind: KeyKind;
  readonly rsaBits?: number;
}

/** The holder of a certificate, and the time at which it is made. */
export interface Holder {
  readonly commonName: string;
  readonly publicKey: PublicKey;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** An authority, which may sign certificates and revocation lists. */
export function authorityTemplate(holder: Holder): CertificateTemplate {
  return { ...template(holder), authority: {} };
}

/**
 * An end entity whose common name is its subjectAltName as well, by what it looks like: an address, an
 * e-mail address, or else a host (RFC 4945 §5.1.3.6: what IKE identifies by is there).
 */
export function endEntityTemplate(holder: Holder): CertificateTemplate {
  return { ...template(holder), altNames: altNamesOf(holder.commonName) };
}

/** `rsa:2048`, `ecdsa:p-256`, `ed25519`; undefined if the text names no key that can be made. */
export function parseKeyType(text: string): KeyType | undefined {
  const [family, detail] = text.toLowerCase().split(":") as [string, string?];
  if (family === "rsa") {
    const rsaBits = Number(detail);
    const isGood = /^\d+$/.test(detail ?? "") && rsaBits >= 1024 && rsaBits <= 16_384 &&
      rsaBits % 8 === 0;
    return isGood ? { kind: "rsa", rsaBits } : undefined;
  }
  if (family === "ecdsa") {
    return detail && detail in CURVE_BITS ? { kind: detail as KeyKind } : undefined;
  }
  const isFixed = FIXED.includes(family as KeyKind) && detail === undefined;
  return isFixed ? { kind: family as KeyKind } : undefined;
}

/** The texts that {@linkcode parseKeyType} accepts, for messages. */
export const KEY_TYPES = "rsa:BITS (1024 to 16384), ecdsa:p-224, ecdsa:p-256, ecdsa:p-384, " +
  "ecdsa:p-521, ed25519, ed448, ml-dsa-44, ml-dsa-65, ml-dsa-87";

const FIXED: readonly KeyKind[] = ["ed25519", "ed448", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"];

function template({ commonName, publicKey, nowMs }: Holder): CertificateTemplate {
  return {
    subject: [[AttributeType.COMMON_NAME, commonName]],
    publicKey,
    notBeforeMs: nowMs - BEFORE_MS,
    notAfterMs: nowMs + LIFETIME_MS,
  };
}

/**
 * The subjectAltName of a text by what it looks like: an address, an e-mail address, or else a host; none
 * for what is not ASCII, which a name there cannot be.
 */
export function altNamesOf(name: string): AltName[] {
  const octets = parseAddress(name);
  if (octets) return [{ form: "ip", octets }];
  if (!/^[\x21-\x7e]+$/.test(name)) return [];
  return [{ form: name.includes("@") ? "email" : "dns", text: name }];
}
