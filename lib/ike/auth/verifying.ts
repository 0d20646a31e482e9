/**
 * Verifies the signature of a peer: whether its certificate or raw key is trusted and belongs to its
 * identity, and whether the signature is valid (RFC 7296 §2.15, RFC 4754, RFC 7427, RFC 7670).
 * @module
 */
import { must, WireError } from "@/base/errors.ts";
import {
  fits,
  hashAlgorithmOf,
  type KeyKind,
  type PublicKey,
  showKind,
  showScheme,
} from "@/crypto/signature.ts";
import { AuthMethod, nameOfAuthMethod } from "@/iana/auth_method.ts";
import { nameOfHashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType } from "@/iana/id_type.ts";
import {
  authBy,
  type Authenticator,
  type AuthStep,
  done,
  refuses,
  waits,
} from "@/ike/auth/authenticator.ts";
import { certificateRequests, certificatesIn } from "@/ike/auth/certificate_payloads.ts";
import { rawKeysOf } from "@/ike/auth/raw_keys.ts";
import { SIGNATURE_METHODS } from "@/ike/auth/signature_methods.ts";
import { signedOctetsOf } from "@/ike/auth/signed_octets.ts";
import { resolveIdentity, sameIdentity, showIdentity } from "@/ike/negotiate/identity.ts";
import type { AuthSide } from "@/ike/records/auth_rounds.ts";
import type { VerifyingAuth } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { type Certificate, showCertificate } from "@/pki/certificate.ts";
import {
  decodeDigitalSignature,
  type DigitalSignature,
  schemeOfMethod,
} from "@/pki/digital_signature.ts";
import { identityOfCommonName, placeOfIdentity } from "@/pki/identity.ts";
import type { PathVerdict } from "@/pki/verdict.ts";
import type { Payload } from "@/wire/message.ts";
import type { AuthPayload } from "@/wire/payloads/authentication.ts";

/** The authenticator of the peer for the methods by signature. */
export const verifying: Authenticator<VerifyingAuth> = {
  // A responder has sent its CERTREQ in the IKE_SA_INIT response.
  begin: ({ sa }, { config }) => waits(certificateRequests(sa.env.crypto, config)),

  take(turn, side, payloads) {
    const auth = authBy(turn, payloads, {
      methods: acceptedMethods(turn.sa, side.config),
      wanted: SIGNATURE_METHODS.get(side.config.method)!.name,
    });
    if (typeof auth === "string") return refuses(auth);
    const keys = rawKeysOf(turn, side.config, payloads);
    if (typeof keys === "string") return refuses(keys);
    return keys ? tryKeys(turn, side, auth, keys) : judgeCertificates(side, auth, payloads);
  },

  computed(turn, side, result) {
    if (result.op === "refused") return refuses(result.why);
    if (result.op === "verify_chain") return certified(turn, side, result.verdict);
    must(result.op === "verify", "the peer's authenticator asked for a verification");
    const { auth, certificate, keys } = progressOf(side);
    if (!result.valid && !turn.sa.env.broken.has("accept_any_auth")) {
      if (!certificate) return tryKeys(turn, side, auth, keys.slice(1));
      const name = showCertificate(certificate);
      return refuses(`its signature is not that of the key of its certificate ${name}`);
    }
    turn.sa.peer.auth = auth.method;
    return done();
  },
};

/** The state of a peer's authentication while its certificate and signature are verified. */
interface Verifying {
  readonly auth: AuthPayload;
  /** Undefined until it is validated, and if the peer uses a raw key. */
  certificate: Certificate | undefined;
  /** Raw public keys by which the peer may have signed; the first one is being tried. */
  readonly keys: readonly PublicKey[];
}

function progressOf(side: AuthSide<VerifyingAuth>): Verifying {
  return side.progress as Verifying;
}

/**
 * RFC 7427 §4: an end that announces hash algorithms supports Digital Signature, so its peer may
 * use that method with any kind of key.
 */
export function acceptedMethods(
  { config: { signatureHashes } }: IkeSa,
  { method }: VerifyingAuth,
): readonly number[] {
  return signatureHashes.length > 0 ? [method, AuthMethod.DIGITAL_SIGNATURE] : [method];
}

/** The step that validates the peer's certificates. */
function judgeCertificates(
  side: AuthSide<VerifyingAuth>,
  auth: AuthPayload,
  payloads: readonly Payload[],
): AuthStep {
  const { trust, revocation, purpose, lookup } = side.config;
  const sent = readCertificates(payloads, lookup !== undefined);
  if (typeof sent === "string") return refuses(sent);
  side.progress = { auth, certificate: undefined, keys: [] } satisfies Verifying;
  return {
    kind: "computes",
    job: { op: "verify_chain", ...sent, trust, revocation, purpose, lookup },
  };
}

function readCertificates(payloads: readonly Payload[], looksUp: boolean) {
  try {
    return certificatesIn(payloads, looksUp);
  } catch (e) {
    if (e instanceof WireError) return `its certificate cannot be looked up: ${e.message}`;
    throw e;
  }
}

const NO_KEY_FITS =
  "its signature is of no raw public key that its identity may use (peerrawkey, peerrawkeyfile)";

/** Tries the first of the raw keys that may be the peer's. */
function tryKeys(
  turn: Turn,
  side: AuthSide<VerifyingAuth>,
  auth: AuthPayload,
  keys: readonly PublicKey[],
): AuthStep {
  const { sa } = turn;
  const [key] = keys;
  // The last key has been tried, and the signature is not by it.
  if (!key) return refuses(NO_KEY_FITS);
  const signed = peerScheme(sa, side.config, auth, key.kind);
  if (typeof signed === "string") {
    return keys.length > 1 ? tryKeys(turn, side, auth, keys.slice(1)) : refuses(signed);
  }
  side.progress = { auth, certificate: undefined, keys } satisfies Verifying;
  const { scheme, signature } = signed;
  const data = signedOctetsOf(sa, "peer");
  return { kind: "computes", job: { op: "verify", key, scheme, data, signature } };
}

/**
 * Takes the verdict about the certificate, checks the identity in it, and asks for the verification
 * of the signature.
 */
function certified(turn: Turn, side: AuthSide<VerifyingAuth>, verdict: PathVerdict): AuthStep {
  const { sa, out } = turn;
  const { config } = side;
  const progress = progressOf(side);
  const trustsAll = sa.env.broken.has("trust_any_chain");
  if (!verdict.accepted && !trustsAll) return refuses(refusalOf(verdict));
  for (const { text, alike } of verdict.accepted ? verdict.notes : []) {
    out.push({ kind: "note", level: 4, text, alike }, sa);
  }
  const [certificate] = verdict.chain;
  progress.certificate = certificate!;
  if (!certificate!.publicKey) return refuses(`its key cannot be used: ${certificate!.keyFault}`);
  const id = sa.peer.id!;
  const wrong = identityFault(sa, config, certificate!);
  if (wrong) return refuses(wrong);
  if (!placeOfIdentity(certificate!, id.idType, id.data)) {
    const text = `${showIdentity(id)} is not in its certificate ${showCertificate(certificate!)}`;
    if (config.idMustBeInCertificate) return refuses(`its identity ${text} (idincert: fail)`);
    const alike = "The identity of a peer is not in its certificate (idincert: note)";
    out.push({ kind: "note", level: 4, text: `The identity ${text}`, alike }, sa);
  }
  const signed = peerScheme(sa, config, progress.auth, certificate!.publicKey.kind);
  if (typeof signed === "string") return refuses(signed);
  const { scheme, signature } = signed;
  const key = certificate!.publicKey!;
  const data = signedOctetsOf(sa, "peer");
  return { kind: "computes", job: { op: "verify", key, scheme, data, signature } };
}

/**
 * Why the certificate does not have the identity that `matchpeerid` asks for; undefined if it does.
 */
function identityFault(
  { peer, path, index }: IkeSa,
  { mustHold, idFrom }: VerifyingAuth,
  certificate: Certificate,
): string | undefined {
  const name = showCertificate(certificate);
  if (mustHold) {
    const wanted = resolveIdentity(mustHold, path, index);
    if (placeOfIdentity(certificate, wanted.idType, wanted.data)) return undefined;
    return `its certificate ${name} does not hold ${showIdentity(wanted)} (matchpeerid: cert)`;
  }
  if (!idFrom) return undefined;
  const data = certificate.subject.der;
  const common = identityOfCommonName(certificate);
  const wanted = idFrom === "cert-dn"
    ? { idType: IdType.ID_DER_ASN1_DN, data }
    : common && { idType: common.type, data: common.data };
  if (!wanted) return `its certificate ${name} has no common name, peerid asks for ${idFrom}`;
  if (sameIdentity(wanted, peer.id!)) return undefined;
  return `it is ${showIdentity(peer.id!)}, peerid ${idFrom} asks for ${showIdentity(wanted)}`;
}

/** The refused certificate, the rule that refused it, and the chain that was found. */
function refusalOf({ why, chain }: Extract<PathVerdict, { accepted: false }>): string {
  const seen = chain.map(showCertificate).join(" issued by ");
  const refused = why.replace("Cannot trust the certificate of ", "");
  return `its chain holds a certificate that is refused, of ${refused}; the chain seen is ${seen}`;
}

/** The signature scheme of the peer, or a text with the reason why it is not accepted. */
function peerScheme(
  { config: { signatureHashes } }: IkeSa,
  { method: wanted }: VerifyingAuth,
  { method, data }: AuthPayload,
  kind: KeyKind,
): DigitalSignature | string {
  const asked = SIGNATURE_METHODS.get(wanted)!;
  if (asked.kind && asked.kind !== kind) {
    return `its key is ${showKind(kind)}, authpeermethod asks for ${asked.name}`;
  }
  if (method !== AuthMethod.DIGITAL_SIGNATURE) {
    const scheme = schemeOfMethod(method, kind);
    if (scheme) return { scheme, signature: data };
    return `it authenticates by ${nameOfAuthMethod(method)}, and its key is ${showKind(kind)}`;
  }
  try {
    const signed = decodeDigitalSignature(data);
    const { scheme } = signed;
    if (!fits(kind, scheme)) {
      return `it signs by ${showScheme(scheme)}, and its key is ${showKind(kind)}`;
    }
    const hash = hashAlgorithmOf(scheme);
    if (signatureHashes.includes(hash)) return signed;
    const announced = signatureHashes.map(nameOfHashAlgorithm).join(", ");
    return `it signs by ${showScheme(scheme)}, we announced ${announced} (dshashalg)`;
  } catch (e) {
    if (e instanceof WireError) return `its signature is malformed: ${e.message}`;
    throw e;
  }
}
