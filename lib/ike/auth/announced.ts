/**
 * SUPPORTED_AUTH_METHODS (RFC 9593): the methods by which this end lets its peer authenticate, and those
 * that the peer has announced. A responder sends the announcement in the IKE_SA_INIT response or, if there
 * are IKE_INTERMEDIATE exchanges, in the last response of these, so that the unencrypted response remains
 * small (§3.1). An initiator sends it in IKE_AUTH.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import {
  HASH_ALGORITHMS,
  HASH_OCTETS,
  showScheme,
  type SignatureHash,
} from "@/crypto/signature.ts";
import { AuthMethod, nameOfAuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeConfig, PeerAuthConfig } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { decodeSignatureAlgorithm, encodeSignatureAlgorithm } from "@/pki/algorithm.ts";
import {
  type AuthAnnouncement,
  decodeAnnouncements,
  linkedAnnouncement,
  plainAnnouncement,
} from "@/wire/auth_announcements.ts";
import type { Payload } from "@/wire/message.ts";

const { SUPPORTED_AUTH_METHODS } = NotifyType;
/** The most announcements that a text names. */
const SHOWN_MAX = 12;

/**
 * The notify that announces how the peer may authenticate. There is none if the configuration does not ask
 * for it, or if the peer may authenticate by EAP only.
 */
export function announcement({ config }: IkeSa): Payload[] {
  if (!config.announcesAuth) return [];
  const data = concat(...methodsOfPeer(config).flatMap((auth) => announcementsOf(auth, config)));
  return data.length === 0 ? [] : [notify(SUPPORTED_AUTH_METHODS, data)];
}

/** The empty notify, which means that the methods follow in IKE_INTERMEDIATE. */
export function announcementFollows(): Payload {
  return notify(SUPPORTED_AUTH_METHODS);
}

/** The methods by which the peer may authenticate, the preferred one first. */
function methodsOfPeer({ auth: { peer, peerOthers = [] } }: IkeConfig): readonly PeerAuthConfig[] {
  return [peer, ...peerOthers];
}

/** The announcements of a method. EAP has no number, as its initiator sends no AUTH payload at first. */
function announcementsOf(auth: PeerAuthConfig, config: IkeConfig): readonly Uint8Array[] {
  switch (auth.kind) {
    case "psk":
      return [plainAnnouncement(AuthMethod.SHARED_KEY_MIC)];
    case "null_auth":
      return [plainAnnouncement(AuthMethod.NULL_AUTHENTICATION)];
    case "signature": {
      const { method } = auth;
      const older = method === AuthMethod.DIGITAL_SIGNATURE
        ? []
        : [linkedAnnouncement({ method, link: 0 })];
      return [...older, ...digitalSignatures(config)];
    }
    default:
      return [];
  }
}

/** An announcement for each algorithm that is verified by the method Digital Signature. */
function digitalSignatures({ signatureHashes }: IkeConfig): Uint8Array[] {
  return signatureHashes.flatMap(algorithmsOf).map((algorithm) =>
    linkedAnnouncement({ method: AuthMethod.DIGITAL_SIGNATURE, link: 0, algorithm })
  );
}

/** The AlgorithmIdentifiers of the schemes whose hash algorithm has this IANA number. */
function algorithmsOf(number: number): Uint8Array[] {
  if (number === HashAlgorithm.IDENTITY) {
    return [{ algorithm: "ed25519" }, { algorithm: "ed448" }].map((scheme) =>
      encodeSignatureAlgorithm(scheme as { algorithm: "ed25519" })
    );
  }
  const found = Object.entries(HASH_ALGORITHMS).find(([, value]) => value === number);
  if (!found) return [];
  const hash = found[0] as SignatureHash;
  const saltOctets = HASH_OCTETS[hash];
  return [
    encodeSignatureAlgorithm({ algorithm: "rsa-pss", hash, saltOctets }),
    encodeSignatureAlgorithm({ algorithm: "rsa-pkcs1", hash }),
    encodeSignatureAlgorithm({ algorithm: "ecdsa", hash, encoding: "der" }),
  ];
}

/** Keeps the methods that a message of the peer announces. An empty notify announces nothing yet. */
export function hearAnnouncement({ sa, out }: Turn, payloads: readonly Payload[]): void {
  const data = findNotify(payloads, SUPPORTED_AUTH_METHODS)?.data;
  if (!data || data.length === 0) return;
  const announced = decodeAnnouncements(data);
  sa.setup!.announced = announced;
  const text = `The peer takes ${showAnnounced(announced)} (SUPPORTED_AUTH_METHODS)`;
  out.push({ kind: "note", level: 4, text }, sa);
}

/** The methods that the peer has announced; undefined: it has announced none, and any may be tried. */
export function announcedTo({ setup, env }: IkeSa): readonly AuthAnnouncement[] | undefined {
  return env.broken.has("ignore_announced_methods") ? undefined : setup!.announced;
}

/** Announced methods as text for users. */
export function showAnnounced(announced: readonly AuthAnnouncement[]): string {
  const shown = announced.slice(0, SHOWN_MAX).map(showAnnouncement).join(", ");
  return announced.length > SHOWN_MAX ? `${shown}, … (${announced.length})` : shown;
}

function showAnnouncement({ method, link, algorithm }: AuthAnnouncement): string {
  const by = algorithm ? ` by ${showAlgorithm(algorithm)}` : "";
  return nameOfAuthMethod(method) + by + (link === 0 ? "" : ` of authority ${link}`);
}

function showAlgorithm(der: Uint8Array): string {
  try {
    return showScheme(decodeSignatureAlgorithm(der));
  } catch (e) {
    if (e instanceof WireError) return "an algorithm that we do not know";
    throw e;
  }
}
