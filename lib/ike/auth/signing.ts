/**
 * Signs for this end, and sends what the peer needs to verify the signature: a certificate of a file, one
 * that is issued for the identity, or a raw key (RFC 7296 §2.15, RFC 4754, RFC 7427, RFC 7670).
 * @module
 */
import { must } from "@/base/errors.ts";
import type { PrivateKey } from "@/crypto/signature.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { type Authenticator, type AuthStep, done, refuses } from "@/ike/auth/authenticator.ts";
import {
  addressPayload,
  certificatePayloads,
  ocspPayloads,
  rawKeyPayload,
  wishesOf,
} from "@/ike/auth/certificate_payloads.ts";
import { chosenCredential, tellUnwanted } from "@/ike/auth/certificate_choice.ts";
import { schemeOf } from "@/ike/auth/own_scheme.ts";
import { signedOctetsOf } from "@/ike/auth/signed_octets.ts";
import type { AuthSide } from "@/ike/records/auth_rounds.ts";
import type { Credential, SigningAuth } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { encodeDigitalSignature } from "@/pki/digital_signature.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";
import { encodeBundle } from "@/pki/received.ts";
import type { CertPayload } from "@/wire/payloads/certificate.ts";

/** The key of this end, and the payloads that are sent with its signature. */
interface Signing {
  readonly privateKey: PrivateKey;
  /** Undefined if a raw public key is sent. */
  readonly certificate: Certificate | undefined;
  /** The payloads by which the peer verifies: certificates and responses about them, or a raw public key. */
  readonly shown: readonly CertPayload[];
}

/** The authenticator of this end for the methods by signature. */
export const signing: Authenticator<SigningAuth> = {
  begin(turn, side) {
    const { sa } = turn;
    const { issuing: authority, rawKeys, ocsp } = side.config;
    if (rawKeys) {
      const { privateKey, publicKey } = rawKeys[sa.index] ?? rawKeys.at(-1)!;
      return sign(turn, side, {
        privateKey,
        certificate: undefined,
        shown: [rawKeyPayload(publicKey)],
      });
    }
    const withOcsp = wishesOf(sa).encodings.includes(CertEncoding.OCSP_CONTENT);
    if (authority) {
      const job = { op: "issue", authority, holder: sa.peer.ownId!, withOcsp } as const;
      return { kind: "computes", job };
    }
    const credential = chosenCredential(sa, side.config);
    tellUnwanted(turn, credential.certificate, side.config);
    return sign(turn, side, certified(turn, side, credential, withOcsp ? ocsp : []));
  },

  take: () => done(),

  computed(turn, side, result) {
    if (result.op === "issue") {
      return sign(turn, side, certified(turn, side, result.credential, result.ocsp));
    }
    if (result.op === "refused") return refuses(`our key cannot sign: ${result.why}`);
    must(result.op === "sign", "the own authenticator asked for a signature");
    const { sa } = turn;
    const { method } = side.config;
    const { signature } = result;
    const scheme = sa.peer.ownScheme!;
    sa.peer.ownAuth = method;
    const data = method === AuthMethod.DIGITAL_SIGNATURE
      ? encodeDigitalSignature({ scheme, signature })
      : signature;
    const { shown } = side.progress as Signing;
    return done([...shown, { type: PayloadType.AUTH, method, data }]);
  },
};

/**
 * Signs by the key of a certificate, which is sent with those of authorities and with OCSP responses.
 */
function certified(
  { sa }: Turn,
  { config: { authorities, address } }: AuthSide<SigningAuth>,
  { certificate, privateKey }: Credential,
  ocsp: readonly OcspResponse[],
): Signing {
  const certificates = [certificate, ...authorities];
  const { crypto } = sa.env;
  const responses = ocspPayloads(ocsp, certificates, crypto);
  if (!address || !wishesOf(sa).looksUp) {
    const shown = [...certificatePayloads(certificates), ...responses];
    return { privateKey, certificate, shown };
  }
  // RFC 7296 §3.6: the first certificate must be the one by which AUTH is verified.
  const octets = address.isBundle ? encodeBundle(certificates) : certificate.der;
  const tunnel = sa.originalInitiator ? sa.index : 0;
  const beside = address.isBundle ? [] : certificatePayloads(authorities);
  const pointer = addressPayload(address, octets, { crypto, tunnel });
  return { privateKey, certificate, shown: [pointer, ...beside, ...responses] };
}

/** Chooses the scheme, and asks for the signature. */
function sign({ sa }: Turn, side: AuthSide<SigningAuth>, signing: Signing): AuthStep {
  const { privateKey, certificate } = signing;
  const scheme = schemeOf(sa, side.config, { kind: privateKey.kind, certificate });
  if (typeof scheme === "string") return refuses(scheme);
  side.progress = signing;
  sa.peer.ownScheme = scheme;
  const data = signedOctetsOf(sa, "own");
  return { kind: "computes", job: { op: "sign", key: privateKey, scheme, data } };
}
