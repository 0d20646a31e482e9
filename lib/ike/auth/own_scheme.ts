/**
 * Chooses the signature scheme by which this end signs. It depends on the configuration, on the hash
 * algorithms that the peer has announced (RFC 7427 §4), and on the methods and algorithms that the peer has
 * announced (RFC 9593).
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { type KeyKind, showKind, showScheme, type SignatureScheme } from "@/crypto/signature.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm, nameOfHashAlgorithm } from "@/iana/hash_algorithm.ts";
import { announcedTo, showAnnounced } from "@/ike/auth/announced.ts";
import { isBelow } from "@/ike/auth/authorities_above.ts";
import { wishesOf } from "@/ike/auth/certificate_payloads.ts";
import { SIGNATURE_METHODS } from "@/ike/auth/signature_methods.ts";
import type { SigningAuth } from "@/ike/records/config.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { encodeSignatureAlgorithm } from "@/pki/algorithm.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { chooseScheme, schemeOfMethod } from "@/pki/digital_signature.ts";
import type { AuthAnnouncement } from "@/wire/auth_announcements.ts";

/**
 * All hash algorithms that a peer could announce (IANA IKEv2 Hash Algorithms), for tests in which this end
 * deliberately ignores the announcement.
 */
const ALL_HASHES = Object.values(HashAlgorithm);

/** The key by which this end would sign. */
export interface OwnKey {
  readonly kind: KeyKind;
  /** The certificate of the key; undefined: the key is sent without one. */
  readonly certificate: Certificate | undefined;
}

/** The signature scheme of this end, or the reason why it cannot sign. */
export function schemeOf(sa: IkeSa, config: SigningAuth, key: OwnKey): SignatureScheme | string {
  const takes = announcedFor(sa, config, key);
  const scheme = config.method === AuthMethod.DIGITAL_SIGNATURE
    ? digitalSignature(sa, config, { key, takes })
    : ofMethod(config, key);
  if (typeof scheme === "string" || !takes) return scheme;
  const fits = takes.some((one) => isOf(one, scheme, config));
  if (fits) return scheme;
  const what = `${SIGNATURE_METHODS.get(config.method)!.name} (${showScheme(scheme)})`;
  const linked = takes.length === 0 && announcedTo(sa)!.some((one) => one.method === config.method)
    ? " of an authority that it links with it"
    : "";
  return `the peer takes ${
    showAnnounced(announcedTo(sa)!)
  } (SUPPORTED_AUTH_METHODS), and we sign ` +
    `by ${what}${linked ? `, without a certificate${linked}` : ""}`;
}

/**
 * The peer's announcements of this method that apply to the key; undefined: the peer has announced nothing. A
 * Cert Link is evaluated only if the peer has sent authorities in CERTREQ (RFC 9593 §3.2.2).
 */
function announcedFor(
  sa: IkeSa,
  { method, known = [] }: SigningAuth,
  { certificate }: OwnKey,
): readonly AuthAnnouncement[] | undefined {
  const { authorities } = wishesOf(sa);
  return announcedTo(sa)?.filter((one) => {
    if (one.method !== method) return false;
    if (one.link === 0 || authorities.length === 0) return true;
    const linked = authorities[one.link - 1];
    if (!certificate || !linked) return false;
    // Without the certificates of authorities it is unknown which of them are above the issuer.
    return known.length === 0 || isBelow(sa, { certificate, known }, [linked]);
  });
}

/** Whether an announcement covers a scheme. Only announcements of Digital Signature name an algorithm. */
function isOf(
  { algorithm }: AuthAnnouncement,
  scheme: SignatureScheme,
  { method }: SigningAuth,
): boolean {
  if (method !== AuthMethod.DIGITAL_SIGNATURE || !algorithm) return true;
  return sameOctets(algorithm, encodeSignatureAlgorithm(scheme));
}

/** The scheme of a method that is older than RFC 7427, and has only one, or why the key does not fit. */
function ofMethod({ method }: SigningAuth, { kind }: OwnKey): SignatureScheme | string {
  const { name } = SIGNATURE_METHODS.get(method)!;
  return schemeOfMethod(method, kind) ??
    `authownmethod is ${name}, and our key is ${showKind(kind)}`;
}

/**
 * The scheme of the method Digital Signature (RFC 7427 §4), or the reason why there is none. With an RSA key
 * the padding that is not configured is used if it is the only one that the peer announces.
 */
function digitalSignature(
  sa: IkeSa,
  config: SigningAuth,
  { key: { kind }, takes }: {
    readonly key: OwnKey;
    readonly takes: readonly AuthAnnouncement[] | undefined;
  },
): SignatureScheme | string {
  const { hashes, pss } = config;
  const isBlind = sa.env.broken.has("ignore_announced_hashes");
  const announced = isBlind ? ALL_HASHES : sa.setup!.signatureHashes;
  if (announced.length === 0) {
    return "authownmethod is digital-signature, and the peer announced no " +
      "SIGNATURE_HASH_ALGORITHMS: it does not verify them (RFC 7427)";
  }
  const configured = chooseScheme(kind, { hashes, announced, pss });
  const other = takes && chooseScheme(kind, { hashes, announced, pss: !pss });
  const taken = [configured, other].find((one) =>
    one && takes?.some((announcement) => isOf(announcement, one, config))
  );
  const names = announced.map(nameOfHashAlgorithm).join(", ");
  return taken ?? configured ??
    `the peer announced ${names} (SIGNATURE_HASH_ALGORITHMS), and we sign by ${showKind(kind)} ` +
      `with dshashalg ${hashes.join(", ")}`;
}
