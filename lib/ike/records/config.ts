/**
 * The configuration of the core: one record that all SAs of a test share, so that an SA stays small. Values
 * that differ by tunnel are computed from the tunnel's index.
 * @module
 */
import type { IpPrefix } from "@/base/address.ts";
import type { PrivateKey, PublicKey, SignatureHash, SigningKeyPair } from "@/crypto/signature.ts";
import type { EapPeer, EapServer } from "@/eap/conversation.ts";
import type { AggfragConfig } from "@/ike/records/aggfrag.ts";
import type { CrashDetectionConfig } from "@/ike/records/crash_detection.ts";
import type { MobikeConfig } from "@/ike/records/mobility.ts";
import type { PuzzleConfig } from "@/ike/records/puzzle.ts";
import type { RedirectConfig } from "@/ike/records/redirect.ts";
import type { ResumptionConfig } from "@/ike/records/ticket_issuing.ts";
import type { PoolPlans } from "@/ike/records/pool.ts";
import type { Certificate } from "@/pki/certificate.ts";
import type { IssuingAuthority } from "@/pki/issuing.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";
import type { CertificateLookup } from "@/pki/received.ts";
import type { PathQuestion, RevocationMode, TrustStore } from "@/pki/verdict.ts";
import type { ConfigurationAttribute } from "@/wire/payloads/configuration.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/**
 * An encryption transform: its IANA type 1 number, and its Key Length attribute in bits (0: no attribute).
 */
export interface EncryptionChoice {
  readonly id: number;
  readonly keyBits: number;
}

/** Transforms in order of preference, by IANA number; AEAD and other ciphers may be mixed. */
export interface IkeAlgorithms {
  readonly encryption: readonly EncryptionChoice[];
  readonly integrity: readonly number[];
  readonly prf: readonly number[];
  readonly groups: readonly number[];
  /**
   * Methods of each additional key exchange (RFC 9370): the first list is ADDKE1, the last at most
   * ADDKE7; an empty list leaves its type out, and 0 (NONE) among the methods makes it optional.
   * Absent: none.
   */
  readonly additional?: readonly (readonly number[])[];
}

/** An identity as it is sent (RFC 7296 §3.5). */
export interface Identity {
  readonly idType: number;
  readonly data: Uint8Array;
  /** The peer's RESERVED octets, uint24, if they are not 0. They do not belong to the identity. */
  readonly reserved?: number;
}

/**
 * How an identity is determined: an address of the path, octets, or a text in which `&d` is the index of the
 * tunnel.
 */
export type IdentityRule =
  | { readonly kind: "own-address" }
  | { readonly kind: "peer-address" }
  | { readonly kind: "fixed"; readonly identity: Identity }
  /** Identities of the tunnels in order; a single one is that of all tunnels. */
  | { readonly kind: "listed"; readonly identities: readonly Identity[] }
  | { readonly kind: "template" } & WrittenIdentity;

/** An identity as a text, and the form of that text. */
export interface WrittenIdentity {
  readonly idType: number;
  /** The text in UTF-8, hex digits, the DER of a distinguished name, or an address. */
  readonly form: "text" | "hex" | "dn" | "address";
  readonly text: string;
}

/** The configuration of a CHILD_SA. */
export interface ChildConfig {
  /** IANA Security Protocol Identifier: 3 for ESP, 2 for AH. */
  readonly protocol: number;
  readonly encryption: readonly EncryptionChoice[];
  readonly integrity: readonly number[];
  /** True: only extended sequence numbers; false: only 32-bit ones. */
  readonly esn: boolean;
  /** True: only tunnel mode; false: only transport mode. */
  readonly tunnelMode: boolean;
  /** Whether TFC padding is accepted; false: the peer is told not to send it. Only for ESP. */
  readonly tfc: boolean;
  /** Whether IPComp with DEFLATE is offered, and accepted if the peer offers it (RFC 3173). */
  readonly ipcomp: boolean;
  /** Absent: packets are neither aggregated nor fragmented in ESP (RFC 9347). Only for ESP in tunnel mode. */
  readonly aggfrag?: AggfragConfig;
  /**
   * The most CHILD_SAs with the same selectors beside the first one, each for a resource such as a CPU (RFC 9611).
   * A client asks for so many. Absent, 0: none.
   */
  readonly resources?: number;
  readonly lifetimeMs: number;
  /** Groups of a key exchange of its own, when it is rekeyed or not the first CHILD_SA; empty: none. */
  readonly pfsGroups: readonly number[];
  /** Additional key exchanges of the same exchanges, as in {@linkcode IkeAlgorithms}; absent: none. */
  readonly pfsAdditional?: readonly (readonly number[])[];
  /** Whether a rekey proposes the configured selectors instead of those in use. */
  readonly useProvisionedTs: boolean;
  /** The replay window in packets. */
  readonly replayWindow: number;
  /** Selectors of tunnel 0; see `ownTsStep`. */
  readonly ownTs: readonly TrafficSelector[];
  readonly peerTs: readonly TrafficSelector[];
  /**
   * Number of addresses by which the selectors of each following tunnel are shifted, except those for the
   * whole space.
   */
  readonly ownTsStep: number;
  readonly peerTsStep: number;
}

/** Authentication by a pre-shared key. */
export interface PskAuth {
  readonly kind: "psk";
  /** The secret for identities that the table does not have; absent: there is no secret for them. */
  readonly secret?: Uint8Array;
  /** Secrets by the identity of the initiator; absent: there is no table. */
  readonly table?: PskTable;
}

/** Pre-shared keys by identity; see `auth/psk_table.ts`. */
export interface PskTable {
  /** By identityKey() of `negotiate/identity.ts`. */
  readonly exact: ReadonlyMap<string, Uint8Array>;
  readonly numbered: readonly PskByNumber[];
}

/** Secrets of identities that differ by a number, for which the text of the identity has `&d`. */
export interface PskByNumber {
  readonly identity: WrittenIdentity;
  readonly secretOf: (number: string) => Uint8Array;
}

/** A certificate of this end, and what is sent with it. */
export interface Credential {
  readonly certificate: Certificate;
  readonly privateKey: PrivateKey;
}

/** Where certificates of this end are published. */
export interface CertificateAddress {
  /** An http URL; `&d` is the tunnel. */
  readonly url: string;
  /** Whether a bundle is published there, of the certificate and those above it, and not it alone. */
  readonly isBundle: boolean;
}

/** Authentication of this end by a signature (RFC 7296 §2.15, RFC 4754, RFC 7427). */
export interface SigningAuth {
  readonly kind: "signature";
  /** IANA Authentication Method: 1, 9, 10, 11 or 14. */
  readonly method: number;
  /**
   * The certificates of the tunnels in order; a gateway chooses one of them, of which the first is preferred.
   * Empty only if `issuing` or `rawKeys` is set.
   */
  readonly credentials: readonly Credential[];
  /**
   * Keys that are sent without a certificate, of the tunnels in order (RFC 7670); absent: certificates are
   * sent.
   */
  readonly rawKeys?: readonly SigningKeyPair[];
  /** The authority that issues a certificate for each identity of this end; undefined: there is none. */
  readonly issuing: IssuingAuthority | undefined;
  /** Certificates of authorities that are sent after that of this end. */
  readonly authorities: readonly Certificate[];
  /** Certificates in which the chains of our own certificates are looked for; absent: there are none. */
  readonly known?: readonly Certificate[];
  /**
   * The URL at which peers find our certificate, if they look up certificates; absent: it is always sent as a
   * whole (RFC 7296 §3.6).
   */
  readonly address?: CertificateAddress;
  /** Hashes of method 14, in order of preference. */
  readonly hashes: readonly SignatureHash[];
  /** Whether method 14 uses RSASSA-PSS instead of PKCS#1 v1.5. */
  readonly pss: boolean;
  /** OCSP responses about certificates of this end, for a peer that asks for them (RFC 4806). */
  readonly ocsp: readonly OcspResponse[];
}

/**
 * Public keys that are trusted without certificates, and the identities that may use them, as nothing
 * else says whose key it is (RFC 7670); see `auth/raw_key_table.ts`.
 */
export interface RawKeyTable {
  /** All keys, by `octetsKey()` of their SubjectPublicKeyInfo, with their identities in words. */
  readonly owners: ReadonlyMap<string, readonly string[]>;
  /** Keys by identityKey() of `negotiate/identity.ts`. */
  readonly exact: ReadonlyMap<string, readonly PublicKey[]>;
  /** Keys of identities that differ by a number, for which the text of the identity has `&d`. */
  readonly numbered: readonly { readonly identity: WrittenIdentity; readonly key: PublicKey }[];
  /** Keys without an identity of their own: only the identity `unnamedId` may use them. */
  readonly unnamed: readonly PublicKey[];
  /** The one identity that the configuration expects of the peer; absent: it expects none. */
  readonly unnamedId?: IdentityRule;
}

/**
 * Authentication of the peer by a signature, with a certificate whose chain ends at an authority that is
 * trusted here.
 */
export interface VerifyingAuth {
  readonly kind: "signature";
  /** IANA Authentication Method: 1, 9, 10, 11 or 14. */
  readonly method: number;
  readonly trust: TrustStore;
  readonly revocation: RevocationMode;
  /** Whether usages of the peer's certificate are checked (RFC 4945 §5.1.3). */
  readonly purpose: PathQuestion["purpose"];
  /** Whether the peer is asked for an OCSP response about its certificate (RFC 4806). */
  readonly asksOcsp: boolean;
  /**
   * The identity that the peer's certificate must hold, or to which its raw public key must belong, whatever
   * its ID payload says; absent: none.
   */
  readonly mustHold?: IdentityRule;
  /** The part of its certificate that the peer's ID payload must be; absent: any identity will do. */
  readonly idFrom?: "cert-dn" | "cert-subject-cn";
  /** Fetches certificates of which the peer only sends the URL (RFC 7296 §3.6); absent: they are refused. */
  readonly lookup?: CertificateLookup;
  /** Keys of peers that are trusted without a certificate (RFC 7670); absent: there are none. */
  readonly rawKeys?: RawKeyTable;
  /** Authorities that CERTREQ names; absent: the peer is asked for no certificate, only for its raw key. */
  readonly requested: readonly Certificate[] | undefined;
  /** Whether an identity that the certificate does not hold fails the authentication. */
  readonly idMustBeInCertificate: boolean;
}

/** Authentication of this end, an initiator, as the peer of EAP (RFC 7296 §2.16). */
export interface EapPeerAuth {
  readonly kind: "eap";
  /** Opens a new conversation for a tunnel. */
  readonly open: (tunnel: number) => EapPeer;
}

/** Authentication of the peer by EAP; this end, a responder, is the EAP server, or relays to one. */
export interface EapServerAuth {
  readonly kind: "eap";
  /** Opens a new conversation; `spi` is the own SPI of the IKE SA. */
  readonly open: (login: { readonly spi: bigint }) => EapServer;
  /** Whether the peer is asked for its identity although its IDi has one. */
  readonly asksIdentity: boolean;
}

/** Authentication of this end, a responder, by the key of EAP alone (RFC 5998). */
export interface EapOnlyOwnAuth {
  readonly kind: "eap_only";
}

/** Authentication of the responder by the key of EAP alone (RFC 5998). */
export interface EapOnlyPeerAuth {
  readonly kind: "eap_only";
  /** How a signature is verified if the responder sends one nevertheless; undefined: it is refused. */
  readonly verifying: VerifyingAuth | undefined;
}

/** NULL authentication: an end only proves that it has the keys of the IKE SA (RFC 7619). */
export interface NullAuth {
  readonly kind: "null_auth";
}

/** An end proves that it has the keys of an IKE SA that is resumed (RFC 5723 §5.1). */
export interface ResumedAuth {
  readonly kind: "resumed";
}

/** How this end is authenticated (RFC 7296 §2.15), with what the method needs. */
export type OwnAuthConfig =
  | PskAuth
  | SigningAuth
  | EapPeerAuth
  | EapOnlyOwnAuth
  | NullAuth
  | ResumedAuth;
/** How the peer is authenticated. */
export type PeerAuthConfig =
  | PskAuth
  | VerifyingAuth
  | EapServerAuth
  | EapOnlyPeerAuth
  | NullAuth
  | ResumedAuth;
/** How an end is authenticated. */
export type AuthConfig = OwnAuthConfig | PeerAuthConfig;

/** How both ends are authenticated, once or twice (RFC 4739). */
export interface BothAuthConfigs {
  /** How this end is authenticated. */
  readonly own: OwnAuthConfig;
  /** How the peer must authenticate. */
  readonly peer: PeerAuthConfig;
  /**
   * Other methods of this end, the most wanted first, for a peer that announces that it takes one of
   * them, and not `own` (RFC 9593); absent: none.
   */
  readonly ownOthers?: readonly OwnAuthConfig[];
  /** Other methods by which the peer may authenticate in place of `peer`; absent: none. */
  readonly peerOthers?: readonly PeerAuthConfig[];
  /** The second authentication of this end; absent: it is authenticated once. */
  readonly own2?: SecondOwnAuth | undefined;
  /** The second authentication of the peer; absent: it must not have one. */
  readonly peer2?: PeerAuthConfig | undefined;
}

/** A second authentication of this end, under an identity of its own (RFC 4739). */
export interface SecondOwnAuth {
  readonly config: OwnAuthConfig;
  readonly id: IdentityRule;
}

/** A post-quantum pre-shared key (RFC 8784). */
export interface PpkConfig {
  /** PPK_ID, of the type PPK_ID_FIXED. */
  readonly id: Uint8Array;
  readonly key: Uint8Array;
  /** Whether an IKE SA without it is refused. */
  readonly required: boolean;
  /**
   * Whether it is mixed into the keys before IKE_AUTH, by IKE_INTERMEDIATE, if the peer supports that (RFC
   * 9867).
   */
  readonly intermediate: boolean;
}

/**
 * What is done when a CHILD_SA is lost: it is only reported, or made again after a second or more, or the
 * tunnel fails.
 */
export type ChildLostAction = "note" | "recreate" | "fail";

/** Authentication that has to be repeated (RFC 4478). */
export interface ReauthConfig {
  /** Responder: AUTH_LIFETIME in milliseconds; 0 at an initiator, which uses the time of the responder. */
  readonly lifetimeMs: number;
}

/** NAT traversal of this end (RFC 7296 §2.23, RFC 3948). */
export interface NatTraversal {
  /** The ports to which an initiator changes when it detects a NAT, uint16. */
  readonly ownPort: number;
  readonly peerPort: number;
  /** Whether ESP is encapsulated in UDP even without a NAT, because this end's NAT detection reports one. */
  readonly forced: boolean;
  /** Milliseconds of silence after which an end behind a NAT sends a keepalive; 0: never. */
  readonly keepaliveMs: number;
}

/** The configuration that all SAs of a test share; plain data that never changes. */
export interface IkeConfig {
  readonly algorithms: IkeAlgorithms;
  readonly children: readonly ChildConfig[];
  readonly ownId: IdentityRule;
  /** The IDr that an initiator sends; absent: none. */
  readonly peerId: IdentityRule | undefined;
  /** Whether an initiator fails if the received IDr differs from `peerId`. */
  readonly matchPeerId: boolean;
  /** How both ends are authenticated. */
  readonly auth: BothAuthConfigs;
  /**
   * What SIGNATURE_HASH_ALGORITHMS announces, IANA IKEv2 Hash Algorithms (RFC 7427 §4); empty: it is
   * not sent, and no peer may sign by the method Digital Signature.
   */
  readonly signatureHashes: readonly number[];
  /**
   * Whether AUTH covers both messages of IKE_SA_INIT where the peer says so too, or there is no IKE SA
   * otherwise (draft-ietf-ipsecme-ikev2-downgrade-prevention); absent: the peer is not told.
   */
  readonly fullTranscript?: "offer" | "require" | undefined;
  /** Whether SUPPORTED_AUTH_METHODS says how the peer may authenticate (RFC 9593); absent: it is not sent. */
  readonly announcesAuth?: boolean;
  /** The post-quantum pre-shared key; absent: none is offered or taken. */
  readonly ppk?: PpkConfig | undefined;
  readonly initialContact: boolean;
  /**
   * Whether IKE SAs are set up without a CHILD_SA (RFC 6023). An initiator does so if the responder supports
   * it, and with `force` refuses others; a responder allows it, and with `force` makes no CHILD_SA in
   * IKE_AUTH. Absent: IKE_AUTH always makes one.
   */
  readonly childless?: "allow" | "force" | undefined;
  /** NAT traversal; absent: NAT_DETECTION_*_IP are neither sent nor evaluated (RFC 7296 §2.23). */
  readonly natt: NatTraversal | undefined;
  /** Initiator: whether NO_NATS_ALLOWED is sent, and a NAT ends the SA (RFC 4555 §3.9). */
  readonly refuseNat: boolean;
  /**
   * Authentication that is repeated (RFC 4478); absent: peers get no time, and a time that a peer announces
   * is only reported.
   */
  readonly reauth?: ReauthConfig;
  /** MOBIKE; absent: IKE SAs do not move, and MOBIKE_SUPPORTED is neither sent nor evaluated. */
  readonly mobike?: MobikeConfig;
  /** Redirection (RFC 5685); absent: REDIRECT_SUPPORTED is not sent, and no peer is redirected. */
  readonly redirect?: RedirectConfig;
  /** Absent: no token of quick crash detection is made or taken (RFC 6290). */
  readonly crashDetection?: CrashDetectionConfig;
  /** Absent: puzzles are neither given nor solved (RFC 8019). */
  readonly puzzles?: PuzzleConfig;
  /** Absent: no ticket is asked for, issued or taken (RFC 5723). */
  readonly resumption?: ResumptionConfig;
  /**
   * Number of half-open SAs from which on cookies are requested (RFC 7296 §2.6); below 0: never, 0: always.
   * `auto`: when half of `halfOpenMax`, or an eighth of `computingMax`, is in use.
   */
  readonly cookieThreshold: number | "auto";
  /** The most half-open SAs of a responder; further requests are dropped and counted. */
  readonly halfOpenMax: number;
  /**
   * The most half-open SAs whose key exchange is not computed yet; further requests are dropped and counted.
   */
  readonly computingMax: number;
  /** Milliseconds for which a responder keeps an SA that is not authenticated. */
  readonly halfOpenTimeoutMs: number;
  readonly retransmitIntervalMs: number;
  /** Factor from each retransmission interval to the next; 1 keeps it constant. */
  readonly retransmitBackoff: number;
  /** The most transmissions of a request, including the first. */
  readonly transmissionsMax: number;
  /** Lifetime of an IKE SA; 0: unlimited. */
  readonly ikeLifetimeMs: number;
  /** How long before the end of its lifetime an SA is rekeyed (at most half of it). */
  readonly marginMs: number;
  /** Whether the margin is a random part of itself, above 0. */
  readonly jitter: boolean;
  /**
   * Whether an SA may exceed its lifetime while an exchange that replaces it is in progress, at most for as
   * long as a request is repeated.
   */
  readonly lifetimeOvertime: boolean;
  /** What happens when the peer deletes a CHILD_SA and makes no other in its place. */
  readonly childLost: ChildLostAction;
  /** Milliseconds of silence after which the peer is asked whether it is there; 0: never. */
  readonly livenessIntervalMs: number;
  /** Whether it is also asked if it was heard within the interval. */
  readonly livenessForced: boolean;
  /** Whether an initiator asks for an inner address, and fails without one (RFC 7296 §2.19). */
  readonly remoteAccess: boolean;
  /**
   * Networks of this host. An initiator accepts no inner address of them, as that would divert the host's own
   * traffic; absent: assigned addresses are added to no interface.
   */
  readonly hostNetworks?: readonly IpPrefix[];
  /**
   * Attributes of the configuration payload beside addresses and DNS servers: an initiator asks for them,
   * with the values as its wishes, and a responder gives them to who asks; absent: none.
   */
  readonly cfgAttributes?: readonly ConfigurationAttribute[];
  /** The pools from which a responder answers CFG_REQUESTs; absent: they are ignored. */
  readonly pools: PoolPlans | undefined;
  /**
   * The most octets of payloads of a message that is not fragmented, and of a fragment; 0: fragmentation is
   * not negotiated (RFC 7383).
   */
  readonly fragmentOctets: number;
  /** How long fragments wait for the others of their message, in milliseconds. */
  readonly reassembleTimeoutMs: number;
  /** The most rekeyed IKE SAs that stay listed after their end; 0: none. */
  readonly rekeyedKeptMax: number;
  /**
   * Milliseconds for which an ended IKE SA stays listed; 0: it is removed at once. Rekeyed ones may stay
   * longer.
   */
  readonly endedKeptMs: number;
  /** Whether decoded messages are reported as `trace` effects. */
  readonly trace: boolean;
}
