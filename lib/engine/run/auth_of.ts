/**
 * From a checked setup, and the certificates it names, to how both ends are authenticated.
 * @module
 */
import type { SignatureHash } from "@/crypto/signature.ts";
import { HASH_ALGORITHMS } from "@/crypto/signature.ts";
import type { CertificateFiles } from "@/engine/run/certificate_files.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType } from "@/iana/id_type.ts";
import type {
  Credential,
  Identity,
  IkeConfig,
  OwnAuthConfig,
  PeerAuthConfig,
} from "@/ike/records/config.ts";
import { SetupError } from "@/base/errors.ts";
import { showCertificate } from "@/pki/certificate.ts";
import { identityOfCommonName } from "@/pki/identity.ts";
import { trustStoreOf } from "@/pki/trust.ts";
import type { Setup } from "@/setup/setup.ts";

/** IANA numbers of the methods by signature, as `authownmethod` and `authpeermethod` name them. */
const SIGNATURES: ReadonlyMap<string, number> = new Map<string, number>([
  ["rsa", AuthMethod.RSA_DIGITAL_SIGNATURE],
  ["ecdsa-sha256-p256", AuthMethod.ECDSA_SHA256_P256],
  ["ecdsa-sha384-p384", AuthMethod.ECDSA_SHA384_P384],
  ["ecdsa-sha512-p521", AuthMethod.ECDSA_SHA512_P521],
  ["digital-signature", AuthMethod.DIGITAL_SIGNATURE],
]);

/** Files of authorities whose suffix has this are named in CERTREQ, or sent in CERT. */
const MARKS = { requested: "reqp", sent: "certp" } as const;

/** How both ends are authenticated. @throws {SetupError} where a method is not there yet. */
export function authOf(setup: Setup, files: CertificateFiles): IkeConfig["auth"] {
  const { authownmethod, authpeermethod, psk } = setup.ikeconf;
  const secret = new TextEncoder().encode(psk);
  const own: OwnAuthConfig = authownmethod === "psk"
    ? { kind: "psk", secret }
    : signingAuth(setup, files);
  // One secret for both directions is one record, so that what is derived from it is kept once.
  const peer: PeerAuthConfig = authpeermethod !== "psk"
    ? verifyingAuth(setup, files)
    : own.kind === "psk"
    ? own
    : { kind: "psk", secret };
  return { own, peer };
}

/** What SIGNATURE_HASH_ALGORITHMS announces: nothing where neither end signs by that method. */
export function signatureHashesOf({ ikeconf }: Setup): number[] {
  const { authownmethod, authpeermethod, dshashalg } = ikeconf;
  if (![authownmethod, authpeermethod].includes("digital-signature")) return [];
  // RFC 8420 §2: Identity says that EdDSA can be verified, which both crypto backends can.
  return [HASH_ALGORITHMS[dshashalg as SignatureHash], HashAlgorithm.IDENTITY];
}

function signingAuth({ ikeconf }: Setup, files: CertificateFiles): OwnAuthConfig {
  const { credentials, authorities } = files;
  return {
    kind: "signature",
    method: methodNumber(ikeconf.authownmethod),
    credentials,
    authorities: ikeconf.sendingmarkedca
      ? marked(authorities, MARKS.sent).map(({ certificate }) => certificate)
      : [],
    hashes: [ikeconf.dshashalg as SignatureHash],
    pss: ikeconf.usersapss,
  };
}

function verifyingAuth({ ikeconf }: Setup, { authorities }: CertificateFiles): PeerAuthConfig {
  const trust = trustStoreOf({ authorities: authorities.map(({ certificate }) => certificate) });
  return {
    kind: "signature",
    method: methodNumber(ikeconf.authpeermethod),
    trust,
    revocation: "off",
    requested: ikeconf.sendingmarkedca
      ? marked(authorities, MARKS.requested).map(({ certificate }) => certificate)
      : trust.anchors,
    idMustBeInCertificate: ikeconf.idincert === "fail",
  };
}

/** The suffix is what follows the first dot of the name: `root.cert-reqp`, `sub.reqp.certp`. */
function marked(authorities: CertificateFiles["authorities"], mark: string) {
  return authorities.filter(({ file }) => file.split(".").slice(1).join(".").includes(mark));
}

function methodNumber(name: string): number {
  const method = SIGNATURES.get(name);
  if (method === undefined) throw new SetupError(`Cannot authenticate by ${name} yet`);
  return method;
}

/**
 * The identities of `cert-dn` and `cert-subject-cn`, of each pair in order.
 * @throws {SetupError} where a certificate has none.
 */
export function certificateIdentities(
  form: "cert-dn" | "cert-subject-cn",
  credentials: readonly Credential[],
): Identity[] {
  return credentials.map(({ certificate }) => {
    if (form === "cert-dn") {
      return { idType: IdType.ID_DER_ASN1_DN, data: certificate.subject.der };
    }
    const found = identityOfCommonName(certificate);
    if (found) return { idType: found.type, data: found.data };
    const name = showCertificate(certificate);
    throw new SetupError(`ikeconf.myid: cert-subject-cn needs a common name, ${name} has none`);
  });
}
