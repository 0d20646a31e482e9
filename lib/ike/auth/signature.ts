/**
 * Authentication by a signature and a certificate: RSA Digital Signature (RFC 7296 §2.15), ECDSA
 * (RFC 4754), and Digital Signature with the algorithm that it names itself (RFC 7427).
 * @module
 */
import { must, WireError } from "@/base/errors.ts";
import {
  fits,
  hashAlgorithmOf,
  type KeyKind,
  showKind,
  showScheme,
  type SignatureScheme,
} from "@/crypto/signature.ts";
import { AuthMethod, nameOfAuthMethod } from "@/iana/auth_method.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { nameOfHashAlgorithm } from "@/iana/hash_algorithm.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import {
  authBy,
  type AuthMethodPair,
  type AuthStep,
  done,
  refuses,
  waits,
} from "@/ike/auth/authenticator.ts";
import {
  certificatePayloads,
  certificateRequests,
  certificatesIn,
  isAskedFor,
  ocspPayloads,
} from "@/ike/auth/certificate_payloads.ts";
import { signedOctetsOf } from "@/ike/auth/signed_octets.ts";
import { showIdentity } from "@/ike/negotiate/identity.ts";
import type { AuthSide } from "@/ike/records/auth_rounds.ts";
import type { Credential, SigningAuth, VerifyingAuth } from "@/ike/records/config.ts";
import { type Certificate, showCertificate } from "@/pki/certificate.ts";
import {
  chooseScheme,
  decodeDigitalSignature,
  type DigitalSignature,
  encodeDigitalSignature,
  schemeOfMethod,
} from "@/pki/digital_signature.ts";
import { placeOfIdentity } from "@/pki/identity.ts";
import type { PathVerdict } from "@/pki/verdict.ts";
import type { Payload } from "@/wire/message.ts";
import type { AuthPayload } from "@/wire/payloads/authentication.ts";

/** The kinds of keys that the methods before RFC 7427 are for, and how options name the methods. */
const METHODS: ReadonlyMap<number, { readonly name: string; readonly kind?: KeyKind }> = new Map<
  number,
  { readonly name: string; readonly kind?: KeyKind }
>([
  [AuthMethod.RSA_DIGITAL_SIGNATURE, { name: "rsa", kind: "rsa" }],
  [AuthMethod.ECDSA_SHA256_P256, { name: "ecdsa-sha256-p256", kind: "p-256" }],
  [AuthMethod.ECDSA_SHA384_P384, { name: "ecdsa-sha384-p384", kind: "p-384" }],
  [AuthMethod.ECDSA_SHA512_P521, { name: "ecdsa-sha512-p521", kind: "p-521" }],
  [AuthMethod.DIGITAL_SIGNATURE, { name: "digital-signature" }],
]);

/** See {@linkcode AuthMethodPair}. */
export const signature: AuthMethodPair<SigningAuth, VerifyingAuth> = {
  nameOf: ({ method }) => METHODS.get(method)!.name,

  own: {
    begin(turn, side) {
      const { sa } = turn, { privateKey } = credentialOf(sa, side.config);
      const scheme = ownScheme(sa, side.config, privateKey.kind);
      if (typeof scheme === "string") return refuses(scheme);
      sa.peer.ownScheme = scheme;
      const data = signedOctetsOf(sa, "own");
      return { kind: "computes", job: { op: "sign", key: privateKey, scheme, data } };
    },

    take: () => done(),

    computed({ sa }, { config }, result) {
      if (result.op === "refused") return refuses(`our key cannot sign: ${result.why}`);
      must(result.op === "sign", "the own authenticator asked for a signature");
      const { method } = config, { signature } = result, scheme = sa.peer.ownScheme!;
      sa.peer.ownAuth = method;
      const data = method === AuthMethod.DIGITAL_SIGNATURE
        ? encodeDigitalSignature({ scheme, signature })
        : signature;
      const certificates = [credentialOf(sa, config).certificate, ...config.authorities];
      const responses = isAskedFor(sa, CertEncoding.OCSP_CONTENT) ? config.ocsp : [];
      return done([
        ...certificatePayloads(certificates),
        ...ocspPayloads(responses, certificates, sa.env.crypto),
        { type: PayloadType.AUTH, method, data },
      ]);
    },
  },

  peer: {
    // A responder's wish stands in its IKE_SA_INIT response.
    begin: ({ sa }, { config }) => waits(certificateRequests(sa.env.crypto, config)),

    take(turn, side, payloads) {
      const auth = authBy(turn, payloads, {
        methods: acceptedMethods(turn.sa, side.config),
        wanted: METHODS.get(side.config.method)!.name,
      });
      if (typeof auth === "string") return refuses(auth);
      return judgeCertificates(side, auth, payloads);
    },

    computed(turn, side, result) {
      if (result.op === "refused") return refuses(result.why);
      if (result.op === "verify_chain") return certified(turn, side, result.verdict);
      must(result.op === "verify", "the peer's authenticator asked for a verification");
      const { auth, certificate } = progressOf(side), name = showCertificate(certificate!);
      if (!result.valid && !turn.sa.env.broken.has("accept_any_auth")) {
        return refuses(`its signature is not that of the key of its certificate ${name}`);
      }
      turn.sa.peer.auth = auth.method;
      return done();
    },
  },
};

/** What is known of a peer's authentication while its certificate and signature are verified. */
interface Verifying {
  readonly auth: AuthPayload;
  certificate: Certificate | undefined;
}

function progressOf(side: AuthSide<VerifyingAuth>): Verifying {
  return side.progress as Verifying;
}

function credentialOf({ index }: IkeSa, { credentials }: SigningAuth): Credential {
  return credentials[index] ?? credentials.at(-1)!;
}

/** How this end signs; a text says why it may not. */
function ownScheme(sa: IkeSa, config: SigningAuth, kind: KeyKind): SignatureScheme | string {
  const { method, hashes, pss } = config, announced = sa.setup!.signatureHashes;
  if (method !== AuthMethod.DIGITAL_SIGNATURE) {
    const name = METHODS.get(method)!.name;
    return schemeOfMethod(method, kind) ??
      `authownmethod is ${name}, and our key is ${showKind(kind)}`;
  }
  if (announced.length === 0) {
    return "authownmethod is digital-signature, and the peer announced no " +
      "SIGNATURE_HASH_ALGORITHMS: it does not verify them (RFC 7427)";
  }
  const names = announced.map(nameOfHashAlgorithm).join(", ");
  return chooseScheme(kind, { hashes, announced, pss }) ??
    `the peer announced ${names} (SIGNATURE_HASH_ALGORITHMS), and we sign by ${showKind(kind)} ` +
      `with dshashalg ${hashes.join(", ")}`;
}

/**
 * RFC 7427 §4: who announces hash algorithms supports Digital Signature, so that its peer may choose
 * it for whatever key it has.
 */
function acceptedMethods({ config: { signatureHashes } }: IkeSa, { method }: VerifyingAuth) {
  return signatureHashes.length > 0 ? [method, AuthMethod.DIGITAL_SIGNATURE] : [method];
}

/** Asks whether the peer's certificate may be trusted. */
function judgeCertificates(
  side: AuthSide<VerifyingAuth>,
  auth: AuthPayload,
  payloads: readonly Payload[],
): AuthStep {
  const sent = certificatesIn(payloads);
  if (typeof sent === "string") return refuses(sent);
  const { trust, revocation, purpose } = side.config;
  side.progress = { auth, certificate: undefined } satisfies Verifying;
  return { kind: "computes", job: { op: "verify_chain", ...sent, trust, revocation, purpose } };
}

/** The certificate is judged: its identity, then its signature. */
function certified(turn: Turn, side: AuthSide<VerifyingAuth>, verdict: PathVerdict): AuthStep {
  const { sa, out } = turn, { config } = side, progress = progressOf(side);
  if (!verdict.accepted) return refuses(refusalOf(verdict));
  for (const text of verdict.notes) out.push({ kind: "note", level: 4, text }, sa);
  const [certificate] = verdict.chain;
  progress.certificate = certificate!;
  if (!certificate!.publicKey) return refuses(`its key cannot be used: ${certificate!.keyFault}`);
  const id = sa.peer.id!;
  if (!placeOfIdentity(certificate!, id.idType, id.data)) {
    const text = `${showIdentity(id)} is not in its certificate ${showCertificate(certificate!)}`;
    if (config.idMustBeInCertificate) return refuses(`its identity ${text} (idincert: fail)`);
    out.push({ kind: "note", level: 4, text: `The identity ${text}` }, sa);
  }
  const signed = peerScheme(sa, config, progress.auth, certificate!);
  if (typeof signed === "string") return refuses(signed);
  const { scheme, signature } = signed, key = certificate!.publicKey!;
  const data = signedOctetsOf(sa, "peer");
  return { kind: "computes", job: { op: "verify", key, scheme, data, signature } };
}

/** Which certificate, which rule, and the chain as it was seen. */
function refusalOf({ why, chain }: Extract<PathVerdict, { accepted: false }>): string {
  const seen = chain.map(showCertificate).join(" issued by ");
  const refused = why.replace("Cannot trust the certificate of ", "");
  return `its chain holds a certificate that is refused, of ${refused}; the chain seen is ${seen}`;
}

/** How the peer says it signed; a text says why that is not taken. */
function peerScheme(
  { config: { signatureHashes } }: IkeSa,
  { method: wanted }: VerifyingAuth,
  { method, data }: AuthPayload,
  { publicKey }: Certificate,
): DigitalSignature | string {
  const { kind } = publicKey!, asked = METHODS.get(wanted)!;
  if (asked.kind && asked.kind !== kind) {
    return `its key is ${showKind(kind)}, authpeermethod asks for ${asked.name}`;
  }
  if (method !== AuthMethod.DIGITAL_SIGNATURE) {
    const scheme = schemeOfMethod(method, kind);
    if (scheme) return { scheme, signature: data };
    return `it authenticates by ${nameOfAuthMethod(method)}, and its key is ${showKind(kind)}`;
  }
  try {
    const signed = decodeDigitalSignature(data), { scheme } = signed;
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
