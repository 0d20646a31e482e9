/**
 * The configuration of the core: one record that all SAs of a test share, so that an SA stays small. Values
 * that differ by tunnel are computed from the tunnel's index.
 * @module
 */
import type { IpPrefix } from "@/base/address.ts";
import type { PrivateKey, PublicKey, SignatureHash, SigningKeyPair } from "@/crypto/signature.ts";
import type { EapPeer, EapServer } from "@/eap/conversation.ts";
import type { MobikeConfig } from "@/ike/records/mobility.ts";
import type { RedirectConfig } from "@/ike/records/redirect.ts";
import type { ResumptionConfig } from "@/ike/records/ticket_issuing.ts";
import type { PoolPlans } from "@/ike/records/pool.ts";
import type { Certificate } from "@/pki/certificate.ts";
import type { IssuingAuthority } from "@/pki/issuing.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";
import type { CertificateLookup } from "@/pki/received.ts";
import type { PathQuestion, RevocationMode, TrustStore } from "@/pki/verdict.ts";
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
  /** Of each tunnel in order; a single one is that of all. */
  | { readonly kind: "listed"; readonly identities: readonly Identity[] }
  | { readonly kind: "template" } & WrittenIdentity;

/** An identity in words, and how its octets follow from them. */
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
  /** Of whoever the table does not name; absent: nobody else has one. */
  readonly secret?: Uint8Array;
  /** Secrets by the identity of the initiator; absent: there are none. */
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

/** This end signs (RFC 7296 §2.15, RFC 4754, RFC 7427). */
export interface SigningAuth {
  readonly kind: "signature";
  /** IANA Authentication Method: 1, 9, 10, 11 or 14. */
  readonly method: number;
  /**
   * Of each tunnel in order; a gateway has those it may choose from, the first being the best. Empty only
   * where `issuing` or `rawKeys` is there.
   */
  readonly credentials: readonly Credential[];
  /** Keys that are shown without a certificate, of each tunnel in order (RFC 7670); absent: certificates are. */
  readonly rawKeys?: readonly SigningKeyPair[];
  /** The authority that makes the certificate of each identity of this end; undefined: none does. */
  readonly issuing: IssuingAuthority | undefined;
  /** Certificates of authorities that are sent behind the own one. */
  readonly authorities: readonly Certificate[];
  /** Certificates that chains of the own ones may have, to find out who stands above them; absent: none. */
  readonly known?: readonly Certificate[];
  /** Where peers that look certificates up find ours; absent: it is always sent whole (RFC 7296 §3.6). */
  readonly address?: CertificateAddress;
  /** Hashes of method 14, the most wanted first. */
  readonly hashes: readonly SignatureHash[];
  /** RSASSA-PSS instead of PKCS#1 v1.5, of method 14. */
  readonly pss: boolean;
  /** Responses about certificates of this end, for a peer that asks for them (RFC 4806). */
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

/** The peer signs, and its certificate leads up to an authority that is trusted here. */
export interface VerifyingAuth {
  readonly kind: "signature";
  /** IANA Authentication Method: 1, 9, 10, 11 or 14. */
  readonly method: number;
  readonly trust: TrustStore;
  readonly revocation: RevocationMode;
  /** Whether usages of the peer's certificate are looked at (RFC 4945 §5.1.3). */
  readonly purpose: PathQuestion["purpose"];
  /** Whether the peer is asked for an OCSP response about its certificate (RFC 4806). */
  readonly asksOcsp: boolean;
  /** The identity that the peer's certificate must hold, whatever its ID payload says; absent: none. */
  readonly mustHold?: IdentityRule;
  /** The part of its certificate that the peer's ID payload must be; absent: any identity will do. */
  readonly idFrom?: "cert-dn" | "cert-subject-cn";
  /** Finds certificates of which the peer only tells the address (RFC 7296 §3.6); absent: nobody does. */
  readonly lookup?: CertificateLookup;
  /** Keys of peers that are trusted without a certificate (RFC 7670); absent: none is. */
  readonly rawKeys?: RawKeyTable;
  /** Authorities that CERTREQ names; absent: the peer is asked for no certificate, only for its raw key. */
  readonly requested: readonly Certificate[] | undefined;
  /** Whether an identity that the certificate does not hold fails the authentication. */
  readonly idMustBeInCertificate: boolean;
}

/** This end, an initiator, is the peer of EAP (RFC 7296 §2.16). */
export interface EapPeerAuth {
  readonly kind: "eap";
  /** Opens a new conversation for a tunnel. */
  readonly open: (tunnel: number) => EapPeer;
}

/** The peer is authenticated by EAP; this end, a responder, is the server, or relays to it. */
export interface EapServerAuth {
  readonly kind: "eap";
  /** Opens a new conversation; `spi` is the own SPI of the IKE SA. */
  readonly open: (login: { readonly spi: bigint }) => EapServer;
  /** Whether the peer is asked for its identity although its IDi has one. */
  readonly asksIdentity: boolean;
}

/** This end, a responder, is only authenticated by the key of EAP (RFC 5998). */
export interface EapOnlyOwnAuth {
  readonly kind: "eap_only";
}

/** The responder may be authenticated by only the key of EAP (RFC 5998). */
export interface EapOnlyPeerAuth {
  readonly kind: "eap_only";
  /** How a signature is verified that it sends nevertheless; undefined: it is refused. */
  readonly verifying: VerifyingAuth | undefined;
}

/** An end is not authenticated, and proves only that the keys are its own (RFC 7619). */
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
/** How its peer is. */
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
  /** How this end proves who it is. */
  readonly own: OwnAuthConfig;
  /** How its peer must. */
  readonly peer: PeerAuthConfig;
  /**
   * Other methods of this end, the most wanted first, for a peer that announces that it takes one of
   * them, and not `own` (RFC 9593); absent: none.
   */
  readonly ownOthers?: readonly OwnAuthConfig[];
  /** Other methods by which the peer may authenticate in place of `peer`; absent: none. */
  readonly peerOthers?: readonly PeerAuthConfig[];
  /** How this end proves a second identity behind the first; absent: it is authenticated once. */
  readonly own2?: SecondOwnAuth | undefined;
  /** How the peer must authenticate behind its first authentication; absent: it must not. */
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
  /** Whether there is no IKE SA without it. */
  readonly required: boolean;
  /** Whether it goes into the keys before IKE_AUTH, by IKE_INTERMEDIATE, where the peer can (RFC 9867). */
  readonly intermediate: boolean;
}

/** Tell of it alone; make it anew after a second or more; or end the tunnel as failed. */
export type ChildLostAction = "note" | "recreate" | "fail";

/** Authentication that has to be repeated (RFC 4478). */
export interface ReauthConfig {
  /** Responder: AUTH_LIFETIME, in milliseconds; 0 at an initiator, which follows what it is given. */
  readonly lifetimeMs: number;
}

/** NAT traversal of this end (RFC 7296 §2.23, RFC 3948). */
export interface NatTraversal {
  /** The ports to which an initiator changes when it detects a NAT, uint16. */
  readonly ownPort: number;
  readonly peerPort: number;
  /** Whether ESP is encapsulated in UDP without a NAT, by making the peer see one. */
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
  /** How this end proves who it is, and how its peer must. */
  readonly auth: BothAuthConfigs;
  /**
   * What SIGNATURE_HASH_ALGORITHMS announces, IANA IKEv2 Hash Algorithms (RFC 7427 §4); empty: it is
   * not sent, and no peer may sign by the method Digital Signature.
   */
  readonly signatureHashes: readonly number[];
  /** Whether SUPPORTED_AUTH_METHODS says how the peer may authenticate (RFC 9593); absent: it is not sent. */
  readonly announcesAuth?: boolean;
  /** The post-quantum pre-shared key; absent: none is offered or taken. */
  readonly ppk?: PpkConfig | undefined;
  readonly initialContact: boolean;
  /**
   * IKE SAs that are set up without a CHILD_SA (RFC 6023). An initiator does so where the responder can,
   * and with `force` has no IKE SA otherwise; a responder allows it, and with `force` makes no CHILD_SA in
   * IKE_AUTH. Absent: IKE_AUTH always makes one.
   */
  readonly childless?: "allow" | "force" | undefined;
  /** NAT traversal; absent: NAT_DETECTION_*_IP are neither sent nor looked at (RFC 7296 §2.23). */
  readonly natt: NatTraversal | undefined;
  /** Initiator: NO_NATS_ALLOWED is sent, and a NAT that shows ends the SA (RFC 4555 §3.9). */
  readonly refuseNat: boolean;
  /** Absent: no time is given to peers, and one that a peer gives is only told of (RFC 4478). */
  readonly reauth?: ReauthConfig;
  /** Absent: IKE SAs stay where they are, and MOBIKE_SUPPORTED is neither sent nor looked at. */
  readonly mobike?: MobikeConfig;
  /** Absent: REDIRECT_SUPPORTED is not said, and no peer is sent elsewhere (RFC 5685). */
  readonly redirect?: RedirectConfig;
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
  /** The pools from which a responder answers CFG_REQUESTs; absent: they are ignored. */
  readonly pools: PoolPlans | undefined;
  /**
   * The most octets of payloads of a message that is not fragmented, and of a fragment; 0: fragmentation is
   * not negotiated (RFC 7383).
   */
  readonly fragmentOctets: number;
  /** How long fragments wait for the others of their message, in milliseconds. */
  readonly reassembleTimeoutMs: number;
  /** The most rekeyed IKE SAs that stay listed when they are gone; 0: none. */
  readonly rekeyedKeptMax: number;
  /**
   * Milliseconds for which an ended IKE SA stays listed; 0: it is removed at once. Rekeyed ones may stay
   * longer.
   */
  readonly endedKeptMs: number;
  /** Whether decoded messages are reported as `trace` effects. */
  readonly trace: boolean;
}
