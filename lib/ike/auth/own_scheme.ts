/**
 * By which signature scheme this end signs: by its configuration, by the hashes that the peer announced
 * (RFC 7427 §4), and by what it announced of methods and algorithms (RFC 9593).
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
 * All hash algorithms that a peer could announce (IANA IKEv2 Hash Algorithms), for the planted
 * fault.
 */
const ALL_HASHES = Object.values(HashAlgorithm);

/** What this end would sign by. */
export interface OwnKey {
  readonly kind: KeyKind;
  /** Undefined: the key is shown without a certificate. */
  readonly certificate: Certificate | undefined;
}

/** The signature scheme of this end, or a text that says why it cannot sign. */
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
 * The peer's announcements of this method that count for the key; undefined: it announced nothing. A
 * Cert Link counts where the peer has sent CERTREQ (RFC 9593 §3.2.2).
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
    // Who stands above the issuer is not known without its certificate.
    return known.length === 0 || isBelow(sa, { certificate, known }, [linked]);
  });
}

/** Whether an announcement is of a scheme: only those of Digital Signature name an algorithm. */
function isOf(
  { algorithm }: AuthAnnouncement,
  scheme: SignatureScheme,
  { method }: SigningAuth,
): boolean {
  if (method !== AuthMethod.DIGITAL_SIGNATURE || !algorithm) return true;
  return sameOctets(algorithm, encodeSignatureAlgorithm(scheme));
}

/** A method from before RFC 7427, which has one scheme. */
function ofMethod({ method }: SigningAuth, { kind }: OwnKey): SignatureScheme | string {
  const { name } = SIGNATURE_METHODS.get(method)!;
  return schemeOfMethod(method, kind) ??
    `authownmethod is ${name}, and our key is ${showKind(kind)}`;
}

/** RFC 7427 §4; of RSA's two paddings the one that is not configured too, if the peer announces it alone. */
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
