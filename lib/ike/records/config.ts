/**
 * What the core must be told before it speaks: one record shared by every SA of a test, so that an
 * SA itself stays small. Values that differ by tunnel are computed from the tunnel's index.
 * @module
 */
import type { IpPrefix } from "@/base/address.ts";
import type { PrivateKey, SignatureHash } from "@/crypto/signature.ts";
import type { EapPeer, EapServer } from "@/eap/conversation.ts";
import type { PoolPlans } from "@/ike/records/pool.ts";
import type { Certificate } from "@/pki/certificate.ts";
import type { IssuingAuthority } from "@/pki/issuing.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";
import type { PathQuestion, RevocationMode, TrustStore } from "@/pki/verdict.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** An encryption transform: IANA type 1 id and its Key Length attribute (0: no attribute). */
export interface EncryptionChoice {
  readonly id: number;
  readonly keyBits: number;
}

/** Transforms in order of preference, IANA numbers; AEAD and other ciphers may be mixed. */
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

/** An identity as it goes on the wire (RFC 7296 §3.5). */
export interface Identity {
  readonly idType: number;
  readonly data: Uint8Array;
  /** A peer's RESERVED octets, uint24, where they are not 0: they are no part of who it is. */
  readonly reserved?: number;
}

/** How an identity is found: an address of the path, octets, or a text whose `&d` is the tunnel. */
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

/** One CHILD_SA to negotiate. */
export interface ChildConfig {
  /** IANA Security Protocol Identifier: 3 ESP, 2 AH. */
  readonly protocol: number;
  readonly encryption: readonly EncryptionChoice[];
  readonly integrity: readonly number[];
  /** Extended sequence numbers and no others; false: 32-bit ones and no others. */
  readonly esn: boolean;
  /** False: transport mode, and nothing else. */
  readonly tunnelMode: boolean;
  /** Whether TFC padding is taken; false: the peer is told not to send it. ESP only. */
  readonly tfc: boolean;
  /** Whether IPComp with DEFLATE is offered, and taken where it is offered (RFC 3173). */
  readonly ipcomp: boolean;
  readonly lifetimeMs: number;
  /** Groups of a key exchange of its own when it is rekeyed, or not the first; empty: none. */
  readonly pfsGroups: readonly number[];
  /** Additional key exchanges of the same exchanges, as in {@linkcode IkeAlgorithms}; absent: none. */
  readonly pfsAdditional?: readonly (readonly number[])[];
  /** Whether a rekey proposes the configured selectors instead of those in use. */
  readonly useProvisionedTs: boolean;
  /** Packets. */
  readonly replayWindow: number;
  /** Of tunnel 0; see `ownTsStep`. */
  readonly ownTs: readonly TrafficSelector[];
  readonly peerTs: readonly TrafficSelector[];
  /** Addresses that each following tunnel's selectors are shifted by; whole-space ones are not. */
  readonly ownTsStep: number;
  readonly peerTsStep: number;
}

/** Authentication by a pre-shared key. */
export interface PskAuth {
  readonly kind: "psk";
  readonly secret: Uint8Array;
}

/** A certificate that says who this end is, and what is sent with it. */
export interface Credential {
  readonly certificate: Certificate;
  readonly privateKey: PrivateKey;
}

/** This end signs (RFC 7296 §2.15, RFC 4754, RFC 7427). */
export interface SigningAuth {
  readonly kind: "signature";
  /** IANA Authentication Method: 1, 9, 10, 11 or 14. */
  readonly method: number;
  /** Of each tunnel in order; a gateway has one, for all of them. Empty only where `issuing` is there. */
  readonly credentials: readonly Credential[];
  /** The authority that makes the certificate of each identity of this end; undefined: none does. */
  readonly issuing: IssuingAuthority | undefined;
  /** Certificates of authorities that are sent behind the own one. */
  readonly authorities: readonly Certificate[];
  /** Hashes of method 14, the most wanted first. */
  readonly hashes: readonly SignatureHash[];
  /** RSASSA-PSS instead of PKCS#1 v1.5, of method 14. */
  readonly pss: boolean;
  /** Responses about certificates of this end, for a peer that asks for them (RFC 4806). */
  readonly ocsp: readonly OcspResponse[];
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
  /** Authorities that CERTREQ names. */
  readonly requested: readonly Certificate[];
  /** Whether an identity that the certificate does not hold fails the authentication. */
  readonly idMustBeInCertificate: boolean;
}

/** This end is the peer of EAP (RFC 7296 §2.16); it is an initiator. */
export interface EapPeerAuth {
  readonly kind: "eap";
  /** A new conversation of a tunnel. */
  readonly open: (tunnel: number) => EapPeer;
}

/** The peer is authenticated by EAP, whose server, or the relay to it, is this end: a responder. */
export interface EapServerAuth {
  readonly kind: "eap";
  /** A new conversation; `spi` is our own of the IKE SA. */
  readonly open: (login: { readonly spi: bigint }) => EapServer;
  /** Whether the peer is asked who it is though its IDi has said it. */
  readonly asksIdentity: boolean;
}

/** This end, a responder, is authenticated by the key of EAP alone (RFC 5998). */
export interface EapOnlyOwnAuth {
  readonly kind: "eap_only";
}

/** The responder may be authenticated by the key of EAP alone (RFC 5998). */
export interface EapOnlyPeerAuth {
  readonly kind: "eap_only";
  /** How a signature that it sends all the same is verified; undefined: it is refused. */
  readonly verifying: VerifyingAuth | undefined;
}

/** How this end is authenticated (RFC 7296 §2.15), with what the method needs. */
export type OwnAuthConfig = PskAuth | SigningAuth | EapPeerAuth | EapOnlyOwnAuth;
/** How its peer is. */
export type PeerAuthConfig = PskAuth | VerifyingAuth | EapServerAuth | EapOnlyPeerAuth;
/** How an end is authenticated. */
export type AuthConfig = OwnAuthConfig | PeerAuthConfig;

/** How both ends are authenticated, once or twice (RFC 4739). */
export interface BothAuthConfigs {
  /** How this end proves who it is. */
  readonly own: OwnAuthConfig;
  /** How its peer must. */
  readonly peer: PeerAuthConfig;
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

/** Tell of it alone; make it anew after a second or more; or end the tunnel as failed. */
export type ChildLostAction = "note" | "recreate" | "fail";

/** What an end does about NATs (RFC 7296 §2.23, RFC 3948). */
export interface NatTraversal {
  /** The ports that an initiator goes on at once a NAT shows, uint16. */
  readonly ownPort: number;
  readonly peerPort: number;
  /** Whether ESP goes in UDP though there is no NAT: the peer is made to see one. */
  readonly forced: boolean;
  /** Silence after which an end behind a NAT sends a keepalive; 0: never. */
  readonly keepaliveMs: number;
}

/** Everything an SA of this test follows; plain data, shared, never changed. */
export interface IkeConfig {
  readonly algorithms: IkeAlgorithms;
  readonly children: readonly ChildConfig[];
  readonly ownId: IdentityRule;
  /** What the initiator sends as IDr; absent: none is sent. */
  readonly peerId: IdentityRule | undefined;
  /** Initiator: fail when the received IDr differs from `peerId`. */
  readonly matchPeerId: boolean;
  /** How this end proves who it is, and how its peer must. */
  readonly auth: BothAuthConfigs;
  /**
   * What SIGNATURE_HASH_ALGORITHMS announces, IANA IKEv2 Hash Algorithms (RFC 7427 §4); empty: it is
   * not sent, and no peer may sign by the method Digital Signature.
   */
  readonly signatureHashes: readonly number[];
  readonly initialContact: boolean;
  /** NAT traversal; absent: NAT_DETECTION_*_IP are neither sent nor looked at (RFC 7296 §2.23). */
  readonly natt: NatTraversal | undefined;
  /** Initiator: NO_NATS_ALLOWED in IKE_AUTH, and a NAT that shows ends the SA (RFC 4555 §3.9). */
  readonly refuseNat: boolean;
  /**
   * Half-open SAs from which on cookies are demanded (RFC 7296 §2.6); < 0: never, 0: always. `auto`:
   * when half of `halfOpenMax`, or an eighth of `computingMax`, is in use.
   */
  readonly cookieThreshold: number | "auto";
  /** Half-open SAs a responder holds at most; more requests are dropped and counted. */
  readonly halfOpenMax: number;
  /** Half-open SAs whose key exchange waits to be computed, at most; more requests are dropped and counted. */
  readonly computingMax: number;
  /** How long a responder keeps an SA that is not authenticated. */
  readonly halfOpenTimeoutMs: number;
  readonly retransmitIntervalMs: number;
  /** Each interval is this many times the one before; 1 keeps it constant. */
  readonly retransmitBackoff: number;
  /** Transmissions of one request in all, the first included. */
  readonly transmissionsMax: number;
  /** Of an IKE SA; 0: it lives until it is deleted. */
  readonly ikeLifetimeMs: number;
  /** An SA is rekeyed this long before its lifetime ends (at most half of it). */
  readonly marginMs: number;
  /** Whether the margin is drawn from (0, margin]. */
  readonly jitter: boolean;
  /**
   * Whether an SA may outlive its lifetime while an exchange that replaces it is under way, at most for as
   * long as a request is repeated.
   */
  readonly lifetimeOvertime: boolean;
  /** What is done when the peer deletes a CHILD_SA and puts none in its place. */
  readonly childLost: ChildLostAction;
  /** Seconds of silence after which the peer is asked whether it is there; 0: never. */
  readonly livenessIntervalMs: number;
  /** Ask also when the peer was heard within the interval. */
  readonly livenessForced: boolean;
  /** Initiator: ask for an inner address, and fail without one (RFC 7296 §2.19). */
  readonly remoteAccess: boolean;
  /**
   * Initiator: networks of this host, of which no peer may assign an inner address, as that would divert
   * the host's own traffic; absent: assigned addresses are put on no interface.
   */
  readonly hostNetworks?: readonly IpPrefix[];
  /** Responder: what CFG_REQUESTs are answered from; absent: they are passed over. */
  readonly pools: PoolPlans | undefined;
  /**
   * Octets of clear payloads that one message holds before it is cut, and one fragment holds at most;
   * 0: fragmentation is not negotiated (RFC 7383).
   */
  readonly fragmentOctets: number;
  /** How long fragments wait for the others of their message. */
  readonly reassembleTimeoutMs: number;
  /** IKE SAs that were rekeyed and stay listed when they are gone, at most; 0: none. */
  readonly rekeyedKeptMax: number;
  /** How long an ended IKE SA stays listed; 0: it is gone at once. Rekeyed ones may stay longer. */
  readonly endedKeptMs: number;
  /** Whether decoded messages are handed out as `trace` effects. */
  readonly trace: boolean;
}
