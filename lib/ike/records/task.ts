/**
 * The errands of an IKE SA. A task is a plain record in the SA's queue; its kind holds what we ask,
 * how we take the answer, and how we answer the same request.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { WireError } from "@/base/errors.ts";
import type { KeyPair } from "@/crypto/backend.ts";
import type { ChildSa } from "@/ike/records/child_sa.ts";
import type { ComputeResult, Failure } from "@/ike/records/event.ts";
import type { IkeSa, Turn } from "@/ike/records/ike_sa.ts";
import type { PeerError } from "@/ike/records/notify.ts";
import type { Choice } from "@/ike/negotiate/proposal.ts";
import type { ChildCandidate } from "@/ike/tasks/child_candidates.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";
import type { IkeHeader, KnownPayload, Payload } from "@/wire/message.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** A message that arrived for an SA: decoded, decrypted, verified. */
export interface Received {
  readonly header: IkeHeader;
  readonly payloads: readonly Payload[];
  /** As it was on the wire; of a message in fragments, the one that came last. */
  readonly octets: Uint8Array;
  /** Of an IKE_INTERMEDIATE message, what AUTH will prove of it; see `clearForm()`. */
  readonly clear?: Uint8Array | undefined;
  readonly path: Path;
  /** `messageHash` of the message; of one in fragments, of fragment number 1. */
  readonly hash: string;
  /** How many fragments it came in; 1: it was whole. */
  readonly fragments: number;
  /** Authentic, but its payloads are not as they must be; `payloads` is empty then. */
  readonly fault: WireError | PeerError | undefined;
}

/** One key exchange of an exchange of ours. */
export interface KeyExchangeRound {
  /** Transform Type 4 number, also of an additional key exchange (RFC 9370). */
  readonly method: number;
  /** Ours, once it is generated. */
  pair: KeyPair | undefined;
}

/** What a task with key exchanges keeps of them; what is done with it is in `tasks/key_exchange.ts`. */
export interface KeyExchange {
  /** Our key pair is generated; our request is out; the shared secret is computed. */
  stage: "generating" | "sent" | "deriving";
  /** Of the computation that is waited for. */
  ticket: number;
  /** In their order, the last one is under way; none: the exchange has no key exchange. */
  rounds: readonly KeyExchangeRound[];
  /** How often it was begun anew as the peer wished. */
  restarts: number;
}

/** IKE_SA_INIT as initiator: through cookies and INVALID_KE_PAYLOAD to the keys. */
export interface IkeInitTask extends KeyExchange {
  readonly kind: "ike_init";
  cookie: Uint8Array | undefined;
  suite: IkeSuite | undefined;
}

/** IKE_INTERMEDIATE as initiator: one additional key exchange (RFC 9242, RFC 9370). */
export interface IntermediateTask extends KeyExchange {
  readonly kind: "intermediate";
}

/** IKE_AUTH as initiator, with the first CHILD_SA: one exchange, or as many as the methods need. */
export interface IkeAuthTask {
  readonly kind: "ike_auth";
  stage: "computing" | "sent";
  ticket: number;
  child: ChildSa | undefined;
  /** The last response of the responder; undefined before the first. */
  response: Received | undefined;
}

/** What all tasks with nonces of their own keep. */
interface NoncedExchange extends KeyExchange {
  nonce: Uint8Array;
  peerNonce: Uint8Array;
}

/** CREATE_CHILD_SA for one more CHILD_SA, or for one that replaces `old` (RFC 7296 §1.3.1, §1.3.3). */
export interface CreateChildTask extends NoncedExchange {
  readonly kind: "create_child";
  readonly configIndex: number;
  readonly old: ChildSa | undefined;
  child: ChildSa | undefined;
  /** What the peer's answer settled, while the key exchange is computed. */
  agreed: ChildAgreement | undefined;
  /**
   * SPIs of CHILD_SAs unknown here that the peer deleted while our request was out: a Delete of the new
   * CHILD_SA may overtake the response that names it. At most {@linkcode OVERTAKING_MAX}.
   */
  deletedSpis: readonly number[];
  /** The peer rekeyed `old` too, meanwhile: its CHILD_SA, and the lower nonce of its exchange. */
  rival: { readonly child: ChildSa; readonly lowest: Uint8Array } | undefined;
  /** The peer deleted `old` while our request was out: it is lost if that comes to nothing. */
  oldDeleted: boolean;
}

/** SPIs that {@linkcode CreateChildTask.deletedSpis} holds at most. */
export const OVERTAKING_MAX = 16;

/** What both ends of a CHILD_SA agreed on, its keys aside. */
export interface ChildAgreement {
  readonly choice: Choice;
  readonly ownTs: readonly TrafficSelector[];
  readonly peerTs: readonly TrafficSelector[];
}

/** CREATE_CHILD_SA for a new IKE SA that replaces this one (RFC 7296 §1.3.2). */
export interface RekeyIkeTask extends NoncedExchange {
  readonly kind: "rekey_ike";
  /** uint64: our SPI of the new SA. */
  spi: bigint;
  peerSpi: bigint;
  suite: IkeSuite | undefined;
  /** The peer rekeyed the IKE SA too, meanwhile: its SA, and the lower nonce of its exchange. */
  rival: { readonly sa: IkeSa; readonly lowest: Uint8Array } | undefined;
  /**
   * The peer deleted the old IKE SA while the new one's keys were computed here: it needs no Delete of
   * ours. The new one stands all the same, unless the peer's own rekey made another.
   */
  deletedMeanwhile: boolean;
}

/** INFORMATIONAL {D} for the IKE SA. */
export interface DeleteIkeTask {
  readonly kind: "delete_ike";
  readonly closeCode: number;
}

/** INFORMATIONAL {D} for one CHILD_SA. */
export interface DeleteChildTask {
  readonly kind: "delete_child";
  readonly child: ChildSa;
  /** It could send no more while its rekey was under way: why the tunnel is lost where that fails. */
  readonly expired?: Failure;
  /** It is gone here already, as its time was over; the peer is told all the same. */
  readonly isGone?: boolean;
}

/** An empty INFORMATIONAL. */
export interface LivenessTask {
  readonly kind: "liveness_check";
}

/** INFORMATIONAL {N(error)}: tells the peer why its IKE_AUTH response ended the SA (§2.21.2). */
export interface ReportErrorTask {
  readonly kind: "report_error";
  readonly notify: number;
  readonly closeCode: number;
}

/** Any errand of ours. */
export type Task =
  | IkeInitTask
  | IntermediateTask
  | IkeAuthTask
  | CreateChildTask
  | RekeyIkeTask
  | DeleteIkeTask
  | DeleteChildTask
  | LivenessTask
  | ReportErrorTask;

/** A request of the peer that waits for asymmetric work. */
export type Answering =
  | {
    readonly kind: "ike_init" | "rekey_ike";
    readonly ticket: number;
    readonly request: Received;
    readonly suite: IkeSuite;
    readonly choice: Choice;
  }
  | {
    readonly kind: "ike_auth" | "intermediate";
    readonly ticket: number;
    readonly request: Received;
  }
  | {
    readonly kind: "create_child";
    readonly ticket: number;
    readonly request: Received;
    readonly list: readonly ChildCandidate[];
    readonly group: number;
    readonly old: ChildSa | undefined;
  };

/** What a kind of task does; `T` is its record. */
export interface TaskKind<T> {
  readonly exchange: number;
  /** Its turn has come: send the request, or ask for a computation first. */
  begin(turn: Turn, task: T): void;
  /** The computation it asked for. */
  computed?(turn: Turn, task: T, result: ComputeResult): void;
  /** Why a response is dropped as if it had never come; only what is not authenticated needs it. */
  doubts?(turn: Turn, task: T, response: Received): string | undefined;
  /** The peer's response to its request. */
  finish(turn: Turn, task: T, response: Received): void;
}

/** How an exchange of the peer is answered. */
export interface ResponderKind {
  readonly exchange: number;
  respond(turn: Turn, request: Received): void;
  /** The computation that `sa.answering` waits for. */
  computed?(turn: Turn, answering: Answering, result: ComputeResult): void;
}

/** What one feature answers to an INFORMATIONAL request. */
export interface InformationalAnswer {
  readonly payloads: readonly Payload[];
  /** The SA ends by this request: what is done once the response is sent, in place of all else. */
  readonly ends?: () => void;
}

/** One feature's part in answering INFORMATIONAL requests: the payloads `P` are its own. */
export interface InformationalPart<P extends KnownPayload = KnownPayload> {
  concerns(payload: KnownPayload): payload is P;
  /** Called where at least one payload of the request concerns it. */
  answer(turn: Turn, payloads: readonly P[], request: Received): InformationalAnswer;
}
