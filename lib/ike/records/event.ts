/**
 * Facts that enter the core and wishes that leave it: plain records, so that a run is a list that
 * can be recorded, replayed and printed as a ladder.
 * @module
 */
import type { Failure } from "@/ike/records/failure.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { Path } from "@/base/address.ts";
import type { KeyPair } from "@/crypto/backend.ts";
import type { PrivateKey, PublicKey, SignatureScheme } from "@/crypto/signature.ts";
import type { EapAnswer, EapPeer, EapServer } from "@/eap/conversation.ts";
import type { HolderIdentity, IssuedCredential, IssuingAuthority } from "@/pki/issuing.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";
import type { PathQuestion, PathVerdict, RevocationMode, TrustStore } from "@/pki/verdict.ts";
import type { IkeHeader, Payload } from "@/wire/message.ts";

/** Something that happened, or a command. */
export type IkeEvent =
  /** A datagram for this SA, without a non-ESP marker. */
  | { readonly kind: "datagram"; readonly octets: Uint8Array; readonly path: Path }
  /** `sa.deadlineMs` has come. */
  | { readonly kind: "deadline" }
  /** The answer to a `compute` effect, matched by `ticket`. */
  | { readonly kind: "computed"; readonly ticket: number; readonly result: ComputeResult }
  | IkeCommand;

/** What the owner of an SA wants of it, or has to tell it. */
export type IkeCommand =
  /** Dial: begin with IKE_SA_INIT. Only for a new SA of an initiator. */
  | { readonly kind: "initiate"; readonly initialContact: boolean }
  /** Delete the IKE SA and wait for the answer; `closeCode` says why (api-meaning: CloseCode). */
  | { readonly kind: "close"; readonly closeCode: number }
  /** Forget the SA at once, without a word to the peer. */
  | { readonly kind: "abandon"; readonly closeCode: number; readonly why: string }
  /** The SA of a peer that has not authenticated is given up, as others came that this end has room for. */
  | { readonly kind: "crowded_out" }
  /** Delete one CHILD_SA of ours. */
  | { readonly kind: "delete_child"; readonly child: ChildSa }
  /** Rekey one CHILD_SA of ours now (RFC 7296 §1.3.3). */
  | { readonly kind: "rekey_child"; readonly child: ChildSa }
  /** Rekey the IKE SA now (RFC 7296 §1.3.2). */
  | { readonly kind: "rekey_ike" }
  /** Make one more CHILD_SA, of an entry of the child list (RFC 7296 §1.3.1). */
  | { readonly kind: "create_child"; readonly configIndex: number }
  /** An empty INFORMATIONAL request: is the peer there? (RFC 7296 §2.4) */
  | { readonly kind: "liveness_check" }
  /** The data path can send no more by this CHILD_SA: octets or packets have come to their end. */
  | { readonly kind: "child_spent"; readonly child: ChildSa }
  /**
   * An authentic ESP packet of this SA's CHILD_SA came in UDP by `path`; only where that is another than
   * the SA's own.
   */
  | { readonly kind: "esp_moved"; readonly path: Path }
  /** The TCP connection of the SA's path is no more (RFC 9329 §6.1). */
  | { readonly kind: "connection_lost" }
  /** The answer to a `reconnect` effect: another connection is begun. */
  | { readonly kind: "reconnected"; readonly path: Path }
  /** An `install` effect could not be performed. */
  | { readonly kind: "install_failed"; readonly child: ChildSa; readonly why: string };

/** Asymmetric work, done elsewhere: 0.04–9 ms each, a chain of certificates some times that. */
export type ComputeJob =
  /** A fresh key pair of the group. */
  | { readonly op: "ke_generate"; readonly group: number }
  /** The shared secret of our pair and the peer's public value. */
  | { readonly op: "ke_derive"; readonly pair: KeyPair; readonly peerPublic: Uint8Array }
  /** Both at once: what a responder does. */
  | { readonly op: "ke_respond"; readonly group: number; readonly peerPublic: Uint8Array }
  /** A signature over `data`. */
  | {
    readonly op: "sign";
    readonly key: PrivateKey;
    readonly scheme: SignatureScheme;
    readonly data: Uint8Array;
  }
  /** Whether a signature over `data` is right. */
  | {
    readonly op: "verify";
    readonly key: PublicKey;
    readonly scheme: SignatureScheme;
    readonly data: Uint8Array;
    readonly signature: Uint8Array;
  }
  /** Whether certificates may be trusted now (RFC 5280 §6.1). */
  | {
    readonly op: "verify_chain";
    /** What the peer sent: DER of its own certificate first, then others in any order. */
    readonly certificates: readonly Uint8Array[];
    /** DER of revocation lists, and of OCSP responses, that it sent. */
    readonly crls: readonly Uint8Array[];
    readonly ocsp: readonly Uint8Array[];
    readonly trust: TrustStore;
    readonly revocation: RevocationMode;
    readonly purpose: PathQuestion["purpose"];
  }
  /** A certificate of this end for an identity, and its issuer's OCSP response where `withOcsp`. */
  | {
    readonly op: "issue";
    readonly authority: IssuingAuthority;
    readonly holder: HolderIdentity;
    readonly withOcsp: boolean;
  }
  /** The first packet of an EAP server. */
  | {
    readonly op: "eap_start";
    readonly server: EapServer;
    readonly identity: string | undefined;
  }
  /** What an end of an EAP conversation says to a packet of the other; it may wait for others. */
  | { readonly op: "eap_step"; readonly end: EapPeer | EapServer; readonly octets: Uint8Array };

/**
 * What a {@linkcode ComputeJob} gave; `refused` where a public value, a key or a certificate cannot be
 * used at all.
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
  | { readonly op: "eap"; readonly answer: EapAnswer }
  | { readonly op: "refused"; readonly why: string };

/** Something the core wants done, or wants known. */
export type IkeEffect =
  /**
   * Send to the peer of `path`, from its own end. `transmission` counts from 1; 0: not a request.
   * `fragment` is there where the datagram is not the whole message.
   */
  | {
    readonly kind: "send";
    readonly octets: Uint8Array;
    readonly path: Path;
    readonly transmission: number;
    readonly fragment?: FragmentPlace;
  }
  /** Send the one octet 0xff to the peer of `path`: no IKE message (RFC 3948 §2.3). */
  | { readonly kind: "keepalive"; readonly path: Path }
  /** Begin another TCP connection between the ends of `sa.path`, and come back with `reconnected`. */
  | { readonly kind: "reconnect" }
  /**
   * The peer, behind a NAT, is at `sa.path` now, or the TCP connection is another; the packets of the
   * CHILD_SAs go there too.
   */
  | { readonly kind: "moved"; readonly from: Path }
  /** Do the work off this stack and come back with `computed`. */
  | { readonly kind: "compute"; readonly ticket: number; readonly job: ComputeJob }
  /** The keys of the IKE SA exist: `sa.suite`, `sa.keys` (for key files). */
  | { readonly kind: "keyed" }
  /**
   * Put a CHILD_SA into the data path: what is received by it; and what is sent as well, unless
   * `child.behind` says that our packets still leave by the one it replaces. `old` is that one, or the
   * one that was replaced at once.
   */
  | { readonly kind: "install"; readonly child: ChildSa; readonly old: ChildSa | undefined }
  /** What `child.behind` was is gone: our packets leave by this one from now on. */
  | { readonly kind: "send_by"; readonly child: ChildSa }
  /** Take both directions out again. */
  | { readonly kind: "uninstall"; readonly child: ChildSa }
  /** A response of ours was awaited and came: first transmission to answer. */
  | {
    readonly kind: "answered";
    readonly exchange: number;
    readonly latencyMs: number;
    readonly transmissions: number;
  }
  /** `by` is a CHILD_SA that is up; `old`, if any, is the one it replaces. */
  | { readonly kind: "child_up"; readonly by: ChildSa; readonly old: ChildSa | undefined }
  /** A CREATE_CHILD_SA of ours came to nothing; what was there before still stands. */
  | {
    readonly kind: "create_child_failed";
    readonly old: ChildSa | undefined;
    readonly failure: Failure;
  }
  /** A rekey of ours of this IKE SA came to nothing; it still stands. */
  | { readonly kind: "rekey_ike_failed"; readonly failure: Failure }
  /**
   * A CHILD_SA that carried traffic is gone, and none is in its place. `left`: others of its IKE SA carry
   * traffic still.
   */
  | {
    readonly kind: "child_lost";
    readonly child: ChildSa;
    readonly failure: Failure;
    readonly left: boolean;
  }
  /** The SA, or its `child`, outlives its lifetime, as an exchange that replaces it is under way. */
  | { readonly kind: "overtime"; readonly child?: ChildSa }
  /** A request of the peer, whose identity is verified, was refused with an error notify of this name. */
  | { readonly kind: "refused"; readonly exchange: number; readonly failure: Failure }
  /** This is a new IKE SA, made by a rekey: an endpoint keeps it from now on. */
  | { readonly kind: "adopted" }
  /** The deadline of this SA has moved, though the event was another SA's, or led to nothing yet. */
  | { readonly kind: "rearmed" }
  /** `by` has taken over this SA's CHILD_SAs: it is the tunnel now. */
  | { readonly kind: "replaced"; readonly by: IkeSa }
  /** The IKE SA is authenticated and its first CHILD_SA (if any was asked) is up. */
  | { readonly kind: "established" }
  /** The SA will never be, or is no more, established: the tunnel's failure. */
  | { readonly kind: "failed"; readonly failure: Failure }
  /** Responder: authenticated, but its CHILD_SA was refused; the IKE SA stands. */
  | { readonly kind: "child_failed"; readonly failure: Failure }
  /**
   * The SA is gone (after `failed`, too); `sa.closeCode` says why. `unanswered`: our Delete was never
   * answered. It may still repeat its last response until `sa.forgotten`.
   */
  | { readonly kind: "closed"; readonly unanswered: boolean }
  /** The peer said INITIAL_CONTACT: its other SAs with this identity are dead (RFC 7296 §2.4). */
  | { readonly kind: "initial_contact" }
  /** A message cost a counter and nothing else. */
  | { readonly kind: "dropped"; readonly reason: string }
  /**
   * A decoded message, when `config.trace` asks for it; encrypted payloads are in clear. `fragments`
   * is how many it came or went in; 1: it was whole.
   */
  | {
    readonly kind: "trace";
    readonly sent: boolean;
    readonly path: Path;
    readonly header: IkeHeader;
    readonly payloads: readonly Payload[];
    readonly fragments: number;
  }
  /** Worth a line in the log. Level: 1 critical, 2 error, 3 warning, 4 info. */
  | { readonly kind: "note"; readonly level: 1 | 2 | 3 | 4; readonly text: string };

/** Which fragment of how many, both from 1 (RFC 7383 §2.5). */
export interface FragmentPlace {
  readonly number: number;
  readonly total: number;
}

/** Where wishes go, in order. `sa` is undefined where no SA exists (stateless answers). */
export interface Outbox {
  push(effect: IkeEffect, sa: IkeSa | undefined): void;
}

/** What every step of the core is given: the SA, the time, where wishes go. */
export interface Turn {
  readonly sa: IkeSa;
  readonly nowMs: number;
  readonly out: Outbox;
}
