/**
 * Makes the configuration of authentication from a checked setup and the files that it names.
 * @module
 */
import type { SignatureHash } from "@/crypto/signature.ts";
import { HASH_ALGORITHMS } from "@/crypto/signature.ts";
import type { CertificateFiles } from "@/engine/run/certificate_files.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import type {
  IdentityRule,
  IkeConfig,
  OwnAuthConfig,
  PeerAuthConfig,
  PskAuth,
  VerifyingAuth,
} from "@/ike/records/config.ts";
import { must } from "@/base/errors.ts";
import { rawKeyTable } from "@/ike/auth/raw_key_table.ts";
import { trustsRawKeys } from "@/setup/check_certificates.ts";
import { peerIdentity } from "@/engine/run/identity_of.ts";
import { pskAuth } from "@/engine/run/psk_of.ts";
import type { EapEnd } from "@/engine/run/eap_of.ts";
import { sameCertificate } from "@/pki/certificate.ts";
import type { CertificateLookup } from "@/pki/received.ts";
import { trustStoreOf } from "@/pki/trust.ts";
import type { TicketStore } from "@/engine/run/ticket_file.ts";
import type { SpentTickets } from "@/ike/records/resumption.ts";
import type { GatewaySecrets } from "@/engine/run/resumption_of.ts";
import {
  everyOwnMethod,
  everyPeerMethod,
  isSignature,
  ownMethods,
  peerMethods,
} from "@/setup/auth_methods.ts";
import type { Setup } from "@/setup/setup.ts";

/** IANA numbers of the methods by signature, as `authownmethod` and `authpeermethod` name them. */
const SIGNATURES: ReadonlyMap<string, number> = new Map<string, number>([
  ["rsa", AuthMethod.RSA_DIGITAL_SIGNATURE],
  ["ecdsa-sha256-p256", AuthMethod.ECDSA_SHA256_P256],
  ["ecdsa-sha384-p384", AuthMethod.ECDSA_SHA384_P384],
  ["ecdsa-sha512-p521", AuthMethod.ECDSA_SHA512_P521],
  ["digital-signature", AuthMethod.DIGITAL_SIGNATURE],
]);

/** Suffixes of the files of authorities that are named in CERTREQ, or sent in CERT. */
const MARKS = { requested: "reqp", sent: "certp" } as const;

/** What authentication needs in addition to the setup. */
export interface AuthMaterial {
  /** The result of `readCertificateFiles`. */
  readonly certificates: CertificateFiles;
  /** Looks up certificates by their URL; absent: `certlookup` is off. */
  readonly lookup?: CertificateLookup | undefined;
  /** The result of `openEap`. */
  readonly eap?: EapEnd | undefined;
  /** What `openSecrets` gave; absent: a gateway makes its secrets anew. */
  readonly secrets?: GatewaySecrets | undefined;
  /** What `openSpent` gave; absent: the spent tickets of a gateway are in memory only. */
  readonly spent?: SpentTickets | undefined;
  /** What `openTickets` gave; absent: the tickets of a client are in memory only. */
  readonly tickets?: TicketStore | undefined;
}

/**
 * The configuration of the authentication of both ends; `eap` is needed if one of them uses EAP. `ownId2` is
 * the identity of this end in its second authentication.
 */
export function authOf(
  setup: Setup,
  { certificates: files, eap, lookup }: AuthMaterial,
  ownId2: IdentityRule,
): IkeConfig["auth"] {
  // If both directions have the same secret they share one record, so that what is derived from it is stored
  // once.
  const { ikeconf } = setup;
  const material = { psk: pskAuth(setup, files.psks), files, eap, lookup };
  const [own, own2] = ownMethods(ikeconf).map((method) => ownAuth(setup, method, material));
  const methods = peerMethods(ikeconf);
  // The option matchpeerid refers to the first certificate, as a second authentication is that of another
  // identity.
  const matched = methods.findIndex(isSignature);
  const [peer, peer2] = methods.map((method, i) =>
    peerAuth(setup, method, { ...material, isMatched: i === matched || matched < 0 })
  );
  const ownOthers = ikeconf.authownothers.map((method) => ownAuth(setup, method, material));
  const peerOthers = ikeconf.authpeerothers.map((method) =>
    peerAuth(setup, method, { ...material, isMatched: true })
  );
  return {
    own: own!,
    peer: peer!,
    ...(ownOthers.length > 0 ? { ownOthers } : {}),
    ...(peerOthers.length > 0 ? { peerOthers } : {}),
    ...(own2 ? { own2: { config: own2, id: ownId2 } } : {}),
    ...(peer2 ? { peer2 } : {}),
  };
}

/** The sources of the configuration of one end. */
interface Material {
  readonly psk: PskAuth;
  readonly files: CertificateFiles;
  readonly eap: EapEnd | undefined;
  readonly lookup: CertificateLookup | undefined;
}

/** The same for the peer; and whether `matchpeerid` refers to this certificate. */
interface PeerMaterial extends Material {
  readonly isMatched: boolean;
}

function ownAuth(setup: Setup, method: string, { psk, files, eap }: Material): OwnAuthConfig {
  switch (method) {
    case "psk":
      return psk;
    case "eap":
      must(eap?.own !== undefined, "EAP of this end is open");
      return eap.own;
    case "eap-only":
      return { kind: "eap_only" };
    case "null-auth":
      return { kind: "null_auth" };
    default:
      return signingAuth(setup, method, files);
  }
}

function peerAuth(setup: Setup, wanted: string, material: PeerMaterial): PeerAuthConfig {
  const { psk, files, eap } = material;
  switch (wanted) {
    case "psk":
      return psk;
    case "eap":
      must(eap?.peer !== undefined, "EAP of the peer is open");
      return eap.peer;
    case "null-auth":
      return { kind: "null_auth" };
    case "eap-only": {
      // Any signature is accepted here, as none is required.
      const method = AuthMethod.DIGITAL_SIGNATURE;
      const verifying = files.authorities.length > 0
        ? { ...verifyingAuth(setup, wanted, material), method }
        : undefined;
      return { kind: "eap_only", verifying };
    }
    default:
      return verifyingAuth(setup, wanted, material);
  }
}

/** The hashes that SIGNATURE_HASH_ALGORITHMS announces: none if neither end signs by that method. */
export function signatureHashesOf({ ikeconf }: Setup): number[] {
  const { dshashalg } = ikeconf;
  const methods = [...everyOwnMethod(ikeconf), ...everyPeerMethod(ikeconf)];
  if (!methods.includes("digital-signature")) return [];
  // RFC 8420 §2: Identity says that EdDSA can be verified, which both crypto backends can.
  return [HASH_ALGORITHMS[dshashalg as SignatureHash], HashAlgorithm.IDENTITY];
}

function signingAuth({ ikeconf }: Setup, name: string, files: CertificateFiles): OwnAuthConfig {
  const { credentials, authorities, issuing, rawKeys } = files;
  const marks = ikeconf.sendingmarkedca
    ? marked(authorities, MARKS.sent).map(({ certificate }) => certificate)
    : [];
  const above = issuing?.sent ?? [];
  return {
    kind: "signature",
    method: SIGNATURES.get(name) ?? 0,
    credentials,
    issuing: issuing?.authority,
    authorities: [...above, ...marks.filter((one) => !above.some((a) => sameCertificate(a, one)))],
    hashes: [ikeconf.dshashalg as SignatureHash],
    pss: ikeconf.usersapss,
    ocsp: files.ocsp,
    ...(rawKeys.length > 0 ? { rawKeys } : {}),
    known: [...above, ...authorities.map(({ certificate }) => certificate)],
    ...(ikeconf.certurl === ""
      ? {}
      : { address: { url: ikeconf.certurl, isBundle: ikeconf.certurlbundle } }),
  };
}

function verifyingAuth(
  { role, ikeconf }: Setup,
  name: string,
  { files: { authorities, crls, ocsp, peerRawKeys }, lookup, isMatched }: PeerMaterial,
): VerifyingAuth {
  const certificates = authorities.map(({ certificate }) => certificate);
  const trust = trustStoreOf({ authorities: certificates, crls, ocsp });
  const trustsKeys = trustsRawKeys(ikeconf);
  // A second authentication is of somebody else, whose identity peerid does not name.
  const unnamedId = role === "client" && isMatched ? peerIdentity(ikeconf.peerid) : undefined;
  return {
    kind: "signature",
    method: SIGNATURES.get(name) ?? 0,
    trust,
    revocation: ikeconf.revocation,
    purpose: ikeconf.certpurpose,
    asksOcsp: ikeconf.ocsprequest,
    requested: trustsKeys && authorities.length === 0
      ? undefined
      : ikeconf.sendingmarkedca
      ? marked(authorities, MARKS.requested).map(({ certificate }) => certificate)
      : trust.anchors,
    ...(trustsKeys ? { rawKeys: rawKeyTable({ ...peerRawKeys, unnamedId }) } : {}),
    ...(lookup ? { lookup } : {}),
    idMustBeInCertificate: ikeconf.idincert === "fail",
    ...(role === "client" && isMatched ? wantedPeer(ikeconf) : {}),
  };
}

/** What `matchpeerid` demands of the peer's certificate. */
function wantedPeer(
  { peerid, matchpeerid }: Setup["ikeconf"],
): Pick<VerifyingAuth, "mustHold" | "idFrom"> {
  if (matchpeerid === true && (peerid === "cert-dn" || peerid === "cert-subject-cn")) {
    return { idFrom: peerid };
  }
  const mustHold = matchpeerid === "cert" ? peerIdentity(peerid) : undefined;
  return mustHold ? { mustHold } : {};
}

/** The suffix is what follows the first dot of the name: `root.cert-reqp`, `sub.reqp.certp`. */
function marked(authorities: CertificateFiles["authorities"], mark: string) {
  return authorities.filter(({ file }) => file.split(".").slice(1).join(".").includes(mark));
}
