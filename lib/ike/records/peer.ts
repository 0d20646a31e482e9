/**
 * What an IKE SA has agreed with its peer and learnt of it, except keys and the message window. It belongs to
 * the two ends, not to one IKE SA: a new IKE SA of a rekey takes it over by reference, so that nothing of it
 * can be forgotten (RFC 7296 §2.18).
 * @module
 */
import type { SignatureScheme } from "@/crypto/signature.ts";
import type { Identity } from "@/ike/records/config.ts";
import type { RedirectTrail } from "@/ike/records/redirect.ts";
import type { ConfigurationAttribute } from "@/wire/payloads/configuration.ts";
import type { Mobility } from "@/ike/records/mobility.ts";

/** The peer of an IKE SA and all IKE SAs that replace it. */
export interface PeerRecord {
  /** The identity of this end. */
  ownId: Identity | undefined;
  /** The identity of the peer. */
  id: Identity | undefined;
  /** IANA Authentication Method of this end; 0: not yet authenticated. */
  ownAuth: number;
  /** The signature scheme of this end; undefined if its method has no signature. */
  ownScheme: SignatureScheme | undefined;
  /** The method by which the peer was authenticated, once its AUTH payload is verified; 0 before. */
  auth: number;
  /** The identity that the peer has proved by EAP, which may be another than IDi; undefined: by other methods. */
  eapIdentity: string | undefined;
  /** Whether a post-quantum pre-shared key is in the keys (RFC 8784). */
  ppk: boolean;
  /** Whether the IKE SA was resumed by a ticket (RFC 5723). */
  resumed: boolean;
  /** Responder: the ticket that was issued last, by its `id`, and when it expires; undefined: none was. */
  ticket: { readonly id: string; readonly expiresEpochMs: number } | undefined;
  /** Initiator: when it asks for another ticket, as the one it has expires; Infinity: never. */
  ticketDueMs: number;
  /** Whether NAT detection has found a NAT before this end (RFC 7296 §2.23). */
  natOwn: boolean;
  /** Whether NAT detection has found a NAT before the peer. */
  natPeer: boolean;
  /** Whether the peer took part in NAT detection. */
  natDetected: boolean;
  /** Whether ESP is encapsulated in UDP (RFC 3948). */
  encapsulated: boolean;
  /** Whether both ends said that they support fragments, in IKE_SA_INIT alone (RFC 7383 §2.3). */
  fragmentation: boolean;
  /**
   * How often in a row the peer had dropped the exchange that an IKE_FOLLOWUP_KE was to complete (RFC 9370
   * §2.2.4).
   */
  statesLost: number;
  /** Client: when it has to authenticate again; Infinity: never (RFC 4478). */
  reauthMs: number;
  /**
   * Gateway: when the peer has authenticated as a whole, which was for the IKE SA before if this one was resumed
   * (RFC 5723 §6.2); undefined: not yet.
   */
  authenticatedMs: number | undefined;
  /**
   * Gateway: when the time ends within which the peer has to authenticate again; Infinity: there is no such
   * time.
   */
  authEndMs: number;
  /** Whether IKE_AUTH made no CHILD_SA on purpose, and none has been made since (RFC 6023). */
  childless: boolean;
  /** Whether the peer said in IKE_SA_INIT that it follows REDIRECT (RFC 5685 §3). */
  redirectable: boolean;
  /** Client: the redirections that led the tunnel to this gateway; undefined: it was not redirected. */
  trail: RedirectTrail | undefined;
  /**
   * Gateway: when the peer is redirected, and then when an IKE SA ends that the peer did not delete;
   * Infinity: never.
   */
  redirectMs: number;
  redirectEndMs: number;
  /** What a CFG_REPLY assigned beside addresses and DNS servers, as this end gave or took it. */
  configured: readonly ConfigurationAttribute[];
  /**
   * Client: milliseconds of silence after which it checks the liveness of the gateway, as the gateway
   * assigned it (3GPP TS 24.302 §8.2.4.2); undefined: as it is configured.
   */
  livenessMs: number | undefined;
  /** Its Vendor IDs in hex (RFC 7296 §3.12), of which some are kept. */
  vendorIds: readonly string[];
  /** The state of MOBIKE; undefined: the two ends have not agreed on it (RFC 4555 §3.1). */
  mobility: Mobility | undefined;
}

const NO_IDS: readonly string[] = [];
const NONE: readonly ConfigurationAttribute[] = [];

/** Makes the record of a peer of which nothing is known. */
export function newPeerRecord(): PeerRecord {
  return {
    ownId: undefined,
    id: undefined,
    ownAuth: 0,
    ownScheme: undefined,
    auth: 0,
    eapIdentity: undefined,
    ppk: false,
    resumed: false,
    ticket: undefined,
    ticketDueMs: Infinity,
    natOwn: false,
    natPeer: false,
    natDetected: false,
    encapsulated: false,
    fragmentation: false,
    statesLost: 0,
    reauthMs: Infinity,
    authenticatedMs: undefined,
    authEndMs: Infinity,
    childless: false,
    redirectable: false,
    trail: undefined,
    redirectMs: Infinity,
    redirectEndMs: Infinity,
    configured: NONE,
    livenessMs: undefined,
    vendorIds: NO_IDS,
    mobility: undefined,
  };
}
