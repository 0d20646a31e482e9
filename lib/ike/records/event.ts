/**
 * The events that enter the core and the effects that leave it: plain records, so that a run is a list that
 * can be recorded, replayed and printed as a ladder.
 * @module
 */
import type { Failure } from "@/ike/records/failure.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { GatewayIdentity, RedirectTrail } from "@/ike/records/redirect.ts";
import type { PuzzleInWork, PuzzleSearch } from "@/ike/records/puzzle.ts";
import type { SessionTicket, TicketRefusal } from "@/ike/records/resumption.ts";
import type { Path } from "@/base/address.ts";
import type { KeyPair } from "@/crypto/backend.ts";
import type { PrivateKey, PublicKey, SignatureScheme } from "@/crypto/signature.ts";
import type { EapAnswer, EapPeer, EapServer } from "@/eap/conversation.ts";
import type { HolderIdentity, IssuedCredential, IssuingAuthority } from "@/pki/issuing.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";
import type { CertificateLookup, HashAndUrl } from "@/pki/received.ts";
import type { PathQuestion, PathVerdict, RevocationMode, TrustStore } from "@/pki/verdict.ts";
import type { IkeHeader, Payload } from "@/wire/message.ts";

/** An event for an SA: something that has happened, or a command. */
export type IkeEvent =
  /** A datagram for this SA, without a non-ESP marker, and its header. */
  | {
    readonly kind: "datagram";
    readonly octets: Uint8Array;
    readonly path: Path;
    readonly header: IkeHeader;
  }
  /** The time `sa.deadlineMs` has come. */
  | { readonly kind: "deadline" }
  /** The answer to a `compute` effect, matched by `ticket`. */
  | { readonly kind: "computed"; readonly ticket: number; readonly result: ComputeResult }
  | IkeCommand;

/** A command of the owner of an SA, or a report to it. */
export type IkeCommand =
  /** Begins with IKE_SA_INIT; only for a new SA of an initiator. */
  | {
    readonly kind: "initiate";
    readonly initialContact: boolean;
    /** Begins with IKE_SESSION_RESUME instead; with IKE_SA_INIT where the peer refuses the ticket. */
    readonly ticket?: SessionTicket | undefined;
  }
  /** Deletes the IKE SA and waits for the response; `closeCode` is the reason (API: CloseCode). */
  | { readonly kind: "close"; readonly closeCode: number }
  /** Drops the SA at once without telling the peer. */
  | { readonly kind: "abandon"; readonly closeCode: number; readonly why: string }
  /** Ends the SA of a peer that has not authenticated, to make room for others. */
  | { readonly kind: "crowded_out" }
  /** Deletes a CHILD_SA. */
  | { readonly kind: "delete_child"; readonly child: ChildSa }
  /** Rekeys a CHILD_SA now (RFC 7296 §1.3.3). */
  | { readonly kind: "rekey_child"; readonly child: ChildSa }
  /** Rekeys the IKE SA now (RFC 7296 §1.3.2). */
  | { readonly kind: "rekey_ike" }
  /** Makes another CHILD_SA by an entry of the configuration (RFC 7296 §1.3.1). */
  | { readonly kind: "create_child"; readonly configIndex: number }
  /** An empty INFORMATIONAL request: is the peer there? (RFC 7296 §2.4) */
  | { readonly kind: "liveness_check" }
  /** Client under MOBIKE: go on by this path, or by the next one (RFC 4555 §3.5). */
  | { readonly kind: "move"; readonly path?: Path }
  /**
   * The data path cannot send by this CHILD_SA any more, as its sequence numbers or its octets are used up.
   */
  | { readonly kind: "child_spent"; readonly child: ChildSa }
  /**
   * An authentic ESP packet of a CHILD_SA of this SA came in UDP by `path`, which is another one than that of
   * the SA.
   */
  | { readonly kind: "esp_moved"; readonly path: Path }
  /** The TCP connection of the SA's path is lost (RFC 9329 §6.1). */
  | { readonly kind: "connection_lost" }
  /** The answer to a `reconnect` effect: another connection is being made. */
  | { readonly kind: "reconnected"; readonly path: Path }
  /** An `install` effect could not be performed. */
  | { readonly kind: "install_failed"; readonly child: ChildSa; readonly why: string };

/**
 * An asymmetric computation that is done elsewhere. Each takes 0.04 to 9 ms, a chain of certificates several
 * times that.
 */
export type ComputeJob =
  /** Generates a key pair of the group. */
  | { readonly op: "ke_generate"; readonly group: number }
  /** Computes the shared secret of an own pair and the peer's public value. */
  | { readonly op: "ke_derive"; readonly pair: KeyPair; readonly peerPublic: Uint8Array }
  /** Both for a responder: answers the peer's public value, and computes the shared secret. */
  | { readonly op: "ke_respond"; readonly group: number; readonly peerPublic: Uint8Array }
  /** Signs `data`. */
  | {
    readonly op: "sign";
    readonly key: PrivateKey;
    readonly scheme: SignatureScheme;
    readonly data: Uint8Array;
  }
  /** Verifies a signature over `data`. */
  | {
    readonly op: "verify";
    readonly key: PublicKey;
    readonly scheme: SignatureScheme;
    readonly data: Uint8Array;
    readonly signature: Uint8Array;
  }
  /** Validates a chain of certificates for the present time (RFC 5280 §6.1). */
  | {
    readonly op: "verify_chain";
    /**
     * What the peer sent: its own certificate first, then others in any order; DER, or where it is to be
     * fetched from (RFC 7296 §3.6).
     */
    readonly certificates: readonly (Uint8Array | HashAndUrl)[];
    /** Fetches certificates by URL; absent: there are no URLs among them. */
    readonly lookup?: CertificateLookup | undefined;
    /** DER of revocation lists, and of OCSP responses, that it sent. */
    readonly crls: readonly Uint8Array[];
    readonly ocsp: readonly Uint8Array[];
    readonly trust: TrustStore;
    readonly revocation: RevocationMode;
    readonly purpose: PathQuestion["purpose"];
  }
  /** Issues a certificate of this end for an identity, with an OCSP response if `withOcsp` is set. */
  | {
    readonly op: "issue";
    readonly authority: IssuingAuthority;
    readonly holder: HolderIdentity;
    readonly withOcsp: boolean;
  }
  /** Tries some more keys of a puzzle (RFC 8019 §7.1.3). */
  | { readonly op: "solve_puzzle"; readonly work: PuzzleInWork }
  /** The first packet of an EAP server. */
  | {
    readonly op: "eap_start";
    readonly server: EapServer;
    readonly identity: string | undefined;
  }
  /**
   * What one end of an EAP conversation answers to a packet of the other; the answer may have to wait for a
   * server.
   */
  | { readonly op: "eap_step"; readonly end: EapPeer | EapServer; readonly octets: Uint8Array };

/**
 * The result of a {@linkcode ComputeJob}; `refused` if a public value, a key or a certificate cannot be used
 * at all.
 */
export type ComputeResult =
  | { readonly op: "ke_generate"; readonly pair: KeyPair }
  | { readonly op: "ke_derive"; readonly shared: Uint8Array }
  | { readonly op: "ke_respond"; readonly publicValue: Uint8Array; readonly shared: Uint8Array }
  | { readonly op: "sign"; readonly signature: Uint8Array }
  | { readonly op: "verify"; readonly valid: boolean }
  | {
    readonly op: "issue";
    readonly credential: IssuedCredential;
    readonly ocsp: readonly OcspResponse[];
  }
  | { readonly op: "verify_chain"; readonly verdict: PathVerdict }
  | { readonly op: "solve_puzzle"; readonly search: PuzzleSearch }
  | { readonly op: "eap"; readonly answer: EapAnswer }
  | { readonly op: "refused"; readonly why: string };

/** An effect: something that the core wants to be done, or reports. */
export type IkeEffect =
  /**
   * Sends to the peer of `path`, from its own end. `transmission` counts from 1; 0: it is no request.
   * `fragment` is set if the datagram is not the whole message.
   */
  | {
    readonly kind: "send";
    readonly octets: Uint8Array;
    readonly path: Path;
    readonly transmission: number;
    readonly fragment?: FragmentPlace;
  }
  /** Sends a NAT-T keepalive, the single octet 0xff, to the peer of `path` (RFC 3948 §2.3). */
  | { readonly kind: "keepalive"; readonly path: Path }
  /** Begins another TCP connection between the ends of `sa.path`, which is answered by `reconnected`. */
  | { readonly kind: "reconnect" }
  /**
   * The path of the CHILD_SAs' packets is `sa.path` now: a peer behind a NAT has another address, the TCP
   * connection is another one, or both ends have agreed on another path (RFC 4555). `sinceMs`: when this end
   * began to move, or heard that its peer does; absent if it is no move of MOBIKE.
   */
  | { readonly kind: "moved"; readonly from: Path; readonly sinceMs?: number }
  /** A move has failed, as it was refused or not answered. The tunnel continues by the previous path. */
  | { readonly kind: "move_failed"; readonly failure: Failure }
  /** Performs a computation asynchronously, which is answered by `computed`. */
  | { readonly kind: "compute"; readonly ticket: number; readonly job: ComputeJob }
  /** The keys of the IKE SA exist: `sa.suite`, `sa.keys` (for key files). */
  | { readonly kind: "keyed" }
  /**
   * Adds a CHILD_SA to the data path: what is received by it, and what is sent as well, unless `child.behind`
   * says that our packets still leave by the one that it replaces. `old` is that one, or one that was
   * replaced at once.
   */
  | { readonly kind: "install"; readonly child: ChildSa; readonly old: ChildSa | undefined }
  /** The CHILD_SA `child.behind` is gone, so that our packets leave by this one from now on. */
  | { readonly kind: "send_by"; readonly child: ChildSa }
  /** Removes both directions from the data path. */
  | { readonly kind: "uninstall"; readonly child: ChildSa }
  /** A response was received; the duration is from the first transmission of the request to the response. */
  | {
    readonly kind: "answered";
    readonly exchange: number;
    readonly latencyMs: number;
    readonly transmissions: number;
  }
  /** The responder demands a cookie before it answers IKE_SA_INIT (RFC 7296 §2.6). */
  | { readonly kind: "cookie_asked" }
  /** Initiator: a puzzle of this many zero bits is solved, after `tries` keys (RFC 8019). */
  | { readonly kind: "puzzle_solved"; readonly difficulty: number; readonly tries: number }
  /** Initiator: a puzzle of IKE_SA_INIT is not solved, so that the request goes out without a solution. */
  | { readonly kind: "puzzle_declined" }
  /** The CHILD_SA `by` is established; `old` is the one that it replaces, if any. */
  | { readonly kind: "child_up"; readonly by: ChildSa; readonly old: ChildSa | undefined }
  /** A CREATE_CHILD_SA exchange of ours has failed; existing SAs are not affected. */
  | {
    readonly kind: "create_child_failed";
    readonly old: ChildSa | undefined;
    readonly failure: Failure;
  }
  /** Client: the time has come to authenticate again, by another IKE SA (RFC 4478). */
  | { readonly kind: "reauth_due" }
  /**
   * Client: this IKE SA, with its CHILD_SAs, has taken the place of `old`, which is to be deleted now
   * (`Dial.renews`).
   */
  | { readonly kind: "renewed"; readonly old: IkeSa }
  /**
   * Client: the gateway redirects it to another one (RFC 5685); `trail` is passed to the next IKE SA. This
   * IKE SA is closed, or will be once its Delete is answered.
   */
  | { readonly kind: "redirected"; readonly to: GatewayIdentity; readonly trail: RedirectTrail }
  /** Client: a ticket by which the tunnel may be resumed, in place of any before (RFC 5723). */
  | { readonly kind: "ticket_given"; readonly ticket: SessionTicket }
  /** Responder: a ticket was issued. */
  | { readonly kind: "ticket_issued" }
  /** Client: the gateway refuses the ticket, so that the set-up goes on by IKE_SA_INIT. */
  | { readonly kind: "resumption_refused"; readonly cause: string }
  /** Responder: the ticket of a request is refused. */
  | { readonly kind: "ticket_refused"; readonly cause: TicketRefusal }
  /**
   * Responder: the peer has proved that it resumes the IKE SA whose own SPI was `oldSpi`, so that this one,
   * and what its rekeys made of it, are to be dropped without a Delete (RFC 5723 §4.3.2).
   */
  | { readonly kind: "resumed"; readonly oldSpi: bigint }
  /** A rekey of this IKE SA by us has failed; the SA is not affected. */
  | { readonly kind: "rekey_ike_failed"; readonly failure: Failure }
  /**
   * A CHILD_SA that carried traffic is gone without a replacement. `left`: others of its IKE SA still carry
   * traffic.
   */
  | {
    readonly kind: "child_lost";
    readonly child: ChildSa;
    readonly failure: Failure;
    readonly left: boolean;
  }
  /** A rekey of the peer crosses ours, of the IKE SA or of its `child` (RFC 7296 §2.8.1, §2.8.2). */
  | { readonly kind: "crossed"; readonly child?: ChildSa }
  /** The SA, or its `child`, exceeds its lifetime while an exchange that replaces it is in progress. */
  | { readonly kind: "overtime"; readonly child?: ChildSa }
  /** A request of an authenticated peer was refused by an error notify of this name. */
  | { readonly kind: "refused"; readonly exchange: number; readonly failure: Failure }
  /** This is a new IKE SA made by a rekey, which the endpoint has to add. */
  | { readonly kind: "adopted" }
  /**
   * The deadline of this SA has changed although the event was for another SA, or has not led to anything
   * yet.
   */
  | { readonly kind: "rearmed" }
  /** The SA `by` has taken over the CHILD_SAs of this one, and is the tunnel now. */
  | { readonly kind: "replaced"; readonly by: IkeSa }
  /** Both ends are authenticated without a CHILD_SA (RFC 6023); `established` comes with the first one. */
  | { readonly kind: "childless" }
  /** The IKE SA is authenticated and has its first CHILD_SA. */
  | { readonly kind: "established" }
  /** The SA will not be, or is no longer, established; the failure is that of the tunnel. */
  | { readonly kind: "failed"; readonly failure: Failure }
  /** Responder: the peer is authenticated, but its CHILD_SA was refused; the IKE SA stays. */
  | { readonly kind: "child_failed"; readonly failure: Failure }
  /**
   * The SA is closed (also after `failed`); `sa.closeCode` is the reason. `unanswered`: our Delete was not
   * answered. It may still repeat its last response until `sa.forgotten`.
   */
  | { readonly kind: "closed"; readonly unanswered: boolean }
  /** The peer has sent INITIAL_CONTACT, so that its other SAs with this identity are dead (RFC 7296 §2.4). */
  | { readonly kind: "initial_contact" }
  /** A message was dropped, and is only counted. */
  | { readonly kind: "dropped"; readonly reason: string }
  /**
   * A decoded message, if `config.trace` is set; encrypted payloads are shown decrypted. `fragments` is their
   * number; 1 means that it was not fragmented.
   */
  | {
    readonly kind: "trace";
    readonly sent: boolean;
    readonly path: Path;
    readonly header: IkeHeader;
    readonly payloads: readonly Payload[];
    readonly fragments: number;
  }
  /** A sentence for the log. Levels are 1 critical, 2 error, 3 warning, 4 info. */
  | {
    readonly kind: "note";
    readonly level: 1 | 2 | 3 | 4;
    readonly text: string;
    /**
     * The sentence for all notes of this kind, which many tunnels may have: only the first is logged, and
     * the number of all at the end. Absent: each is logged.
     */
    readonly alike?: string;
  };

/** The number of a fragment and of all fragments, both from 1 (RFC 7383 §2.5). */
export interface FragmentPlace {
  readonly number: number;
  readonly total: number;
}

/** Receives effects in order. `sa` is undefined if there is no SA (stateless answers). */
export interface Outbox {
  push(effect: IkeEffect, sa: IkeSa | undefined): void;
}

/** What every function of the core gets: the SA, the time, and the receiver of effects. */
export interface Turn {
  readonly sa: IkeSa;
  readonly nowMs: number;
  readonly out: Outbox;
}
