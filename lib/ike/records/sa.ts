/**
 * The records that refer to each other: an IKE SA, its CHILD_SAs, its tasks, and their environment. They are
 * plain data; their functions are in the files named after them, and in the other wings.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { Shard } from "@/base/shard.ts";
import type { CryptoBackend, KeyPair } from "@/crypto/backend.ts";
import type { Aggfrag } from "@/ike/records/aggfrag.ts";
import type { ChildState, ChildSuite, Ipcomp } from "@/ike/records/child_suite.ts";
import type { ChildCandidate, Choice } from "@/ike/records/choice.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { Failure } from "@/ike/records/failure.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import type { PeerRecord } from "@/ike/records/peer.ts";
import type { AddressPools, InnerConfiguration } from "@/ike/records/pool.ts";
import type { PuzzleInWork } from "@/ike/records/puzzle.ts";
import type { SpentTickets } from "@/ike/records/resumption.ts";
import type { Received } from "@/ike/records/received.ts";
import type { SetupState } from "@/ike/records/setup_state.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";
import type { MessageWindow } from "@/ike/records/window.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** The environment of every SA in this process. Randomness is an argument, as time is. */
export interface IkeEnv {
  readonly crypto: CryptoBackend;
  readonly random: RandomOctets;
  /** All CHILD_SAs of the process by inbound SPI (uint32), of ESP and AH. */
  readonly childrenBySpi: Map<number, ChildSa>;
  /**
   * Milliseconds since the last authentic packet of a CHILD_SA that was no replay; undefined: there was none,
   * or the time is unknown. Absent: it is always unknown. It is asked before a liveness check is sent (RFC
   * 7296 §2.4).
   */
  readonly silenceMs?: (child: ChildSa) => number | undefined;
  /** Inner addresses of one endpoint; absent if it assigns none. */
  readonly pools?: AddressPools;
  /**
   * Tickets of one endpoint by which nothing is resumed any more; absent: the endpoint begins without any.
   */
  readonly spentTickets?: SpentTickets;
  /** Milliseconds since 1970 at a time of the core's clock; absent: that clock is taken for it. */
  readonly epochMs?: (nowMs: number) => number;
  /** The worker to which our SPIs must belong; absent: any SPI will do. */
  readonly shard?: Shard;
  /** Octets of fragments of one endpoint that wait for others; the endpoint sets it. */
  readonly reassembly?: { octets: number };
  /** The planted faults of a simulation: rules that are broken on purpose. Empty in real runs. */
  readonly broken: ReadonlySet<FaultName>;
}

/**
 * The phase of an SA: nothing sent yet; IKE_SA_INIT in progress; keys, but not authenticated; authenticated;
 * our Delete is sent; closed, but still repeating its last response.
 */
export type Phase = "idle" | "init" | "created" | "established" | "closing" | "closed";

/** The state of an IKE SA among those that its rekeys make (RFC 7296 §2.8). */
export type Succession =
  /** It has the tunnel. */
  | { readonly kind: "current" }
  /** The peer's crossing rekey of `predecessor` made it, and the nonces have not decided yet (§2.8.2). */
  | { readonly kind: "undecided"; readonly predecessor: IkeSa }
  /**
   * It lost against another one of a crossing rekey, and its creator deletes it. If that is the peer and it
   * does not, the SA is removed at `untilMs` without a Delete; Infinity: this end is the creator.
   */
  | { readonly kind: "redundant"; readonly untilMs: number }
  /** `by` has taken over its CHILD_SAs, and only its Delete is still to come. */
  | { readonly kind: "replaced"; readonly by: IkeSa };

/**
 * One IKE SA, at either end. Configuration and environment are shared by reference; the other records are its
 * own.
 */
export interface IkeSa {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  /** Initiator: index of the tunnel, from 0. Responder: the order of arrival, from 0. */
  readonly index: number;
  /** Whether this end sent the first IKE_SA_INIT: the I flag, SK_ei or SK_er. */
  readonly originalInitiator: boolean;
  /** Whether this end dialled the tunnel, and so knows its index; a rekey by the peer does not change it. */
  dialled: boolean;
  phase: Phase;
  /** Initiator's SPI, uint64; 0n until it is known. */
  spiI: bigint;
  /** Responder's SPI, uint64; 0n until it is known. */
  spiR: bigint;
  /**
   * The path by which we send. It changes to the NAT-T ports, and with the mapping of a NAT before the peer.
   */
  path: Path;
  suite: IkeSuite | undefined;
  /** SK_d ‖ SK_ai ‖ SK_ar ‖ SK_ei ‖ SK_er ‖ SK_pi ‖ SK_pr (RFC 7296 §2.14), one buffer. */
  keys: Uint8Array | undefined;
  /** The token by which the peer can tell that it has lost the IKE SA (RFC 6290); undefined: it gave none. */
  crashToken: Uint8Array | undefined;
  /** The state that is only needed during set-up; undefined once established. */
  setup: SetupState | undefined;
  /** What this end has agreed with its peer and learnt of it; a rekey passes it on. */
  peer: PeerRecord;
  children: ChildSa[];
  /** The addresses that were assigned to a remote-access client, at either end. A rekey passes them on. */
  inner: InnerConfiguration | undefined;
  readonly queue: Task[];
  /** Tasks that the peer has refused temporarily, and when to try again (RFC 7296 §2.25). */
  postponed: readonly Postponed[];
  /** The task of ours that computes, or whose request is outstanding. */
  active: Task | undefined;
  /** Requests in flight, repeats and fragments. */
  readonly window: MessageWindow;
  /** The peer's request that waits for a `computed`. */
  answering: Answering | undefined;
  /** CREATE_CHILD_SA exchanges of the peer that IKE_FOLLOWUP_KE exchanges have to complete. */
  followups: readonly AwaitedFollowup[];
  /**
   * Responder: the hash of the IKE_SA_INIT request that made the SA; empty if a rekey made it, or this end is
   * the initiator.
   */
  initHash: string;
  /**
   * In TCP: whether the connection is lost, and how often another was asked for since the last message of the
   * peer.
   */
  connectionLost: boolean;
  connectionTries: number;
  /** The last failure of IKE_SA_INIT or IKE_AUTH with a text, for the closing report. */
  failure: Failure | undefined;
  /** The reason why it ended, as the API's CloseCode; 0: it has not ended. */
  closeCode: number;
  /** Number of messages encrypted so far, which is the explicit IV of counter-mode ciphers. */
  sealed: number;
  nextTicket: number;
  /** Whether it has the tunnel, or which IKE SA of its rekeys has. */
  succession: Succession;
  /**
   * Client: the IKE SA that this one replaces after it has authenticated again, while both exist; undefined:
   * there is none, or the caller was already told to delete it.
   */
  renews: IkeSa | undefined;
  /** Close code of a requested close that waits for another exchange; 0: none. */
  closeAsked: number;
  /** When this end rekeys it; Infinity: never by itself. */
  rekeyMs: number;
  /** Why our last rekey of it failed, for the report if it is lost. */
  rekeyRefusal: string | undefined;
  /** When its lifetime, or its overtime, ends; Infinity: never. */
  expireMs: number;
  /** When a responder gives up a peer that has not authenticated. */
  halfOpenEndMs: number;
  /** When a closed SA no longer repeats its last response. */
  forgetMs: number;
  /** The next deadline in milliseconds on the caller's clock; Infinity: there is none. */
  deadlineMs: number;
  /** When the first IKE_SA_INIT was sent or received. */
  startedMs: number;
  establishedMs: number | undefined;
  lastReceivedMs: number | undefined;
  /** When anything was last sent, including keepalives. */
  lastSentMs: number | undefined;
  lastLivenessMs: number | undefined;
  forgotten: boolean;
}

/**
 * The resource of a CHILD_SA, such as a CPU, by a number of this end from 1; `any`: the first one, for packets of
 * all resources that have none of their own (RFC 9611).
 */
export type ChildResource = number | "any";

/** A pair of ESP or AH SAs that were negotiated together. */
export interface ChildSa {
  state: ChildState;
  /** The IKE SA to which it belongs at present. */
  parent: IkeSa;
  /** Index of its entry in the configured CHILD_SAs. */
  readonly configIndex: number;
  /** The inbound SPI, uint32; the API names the CHILD_SA by it. */
  readonly spiIn: number;
  /** The outbound SPI, uint32; 0 until the peer has sent it. */
  spiOut: number;
  suite: ChildSuite | undefined;
  /** Whether this end initiated the exchange that made it, and so is "i" of the keys. */
  readonly initiatedHere: boolean;
  /** SK_ei ‖ SK_ai ‖ SK_er ‖ SK_ar, in the order of KEYMAT (RFC 7296 §2.17). */
  keys: Uint8Array | undefined;
  tunnelMode: boolean;
  /** Whether the peer accepts TFC padding (RFC 4303 §2.7). */
  peerTakesTfc: boolean;
  /** The CPI of received packets, uint16, once it is offered or negotiated; 0: none. */
  cpiIn: number;
  ipcomp: Ipcomp | undefined;
  /** Whether packets are aggregated and fragmented in ESP (RFC 9347); undefined: they are not. */
  aggfrag: Aggfrag | undefined;
  /** Which of several CHILD_SAs with the same selectors it is (RFC 9611); undefined: it is none of several. */
  resource: ChildResource | undefined;
  ownTs: readonly TrafficSelector[];
  peerTs: readonly TrafficSelector[];
  /**
   * The CHILD_SA that it replaces, as long as our packets still leave by that one: the end that answers a
   * rekey only knows that the peer has the new one when it deletes the old one (RFC 7296 §2.8).
   */
  behind: ChildSa | undefined;
  /** Whether a rekey has replaced it, or it lost against another one, which is why it is closed. */
  replaced: boolean;
  /** The path of the IKE SA when it was made. */
  readonly path: Path;
  /** Transform Type 4 of a key exchange of its own; 0: none. */
  group: number;
  /** The methods of the additional key exchanges after it, in their order (RFC 9370); empty: none. */
  additional: readonly number[];
  establishedMs: number | undefined;
  /** When we rekey it; Infinity: not by ourselves. */
  rekeyMs: number;
  /** When it is removed, whether it is rekeyed or not; later than its lifetime while it is being replaced. */
  expireMs: number;
  /** Why our last rekey of it failed, for the report of its loss. */
  rekeyRefusal: string | undefined;
}

/**
 * What a responder keeps between a CREATE_CHILD_SA exchange and the IKE_FOLLOWUP_KE exchanges that have to
 * follow before an SA is made (RFC 9370 §2.2.4).
 */
interface AwaitedKeys {
  /** The content of ADDITIONAL_KEY_EXCHANGE in our last response, by which the next request is known. */
  link: Uint8Array;
  /** Methods of the exchanges that are still to come, Transform Type 4 numbers in their order. */
  methods: readonly number[];
  /** The shared secrets so far, that of CREATE_CHILD_SA first. */
  secrets: readonly Uint8Array[];
  readonly nonceI: Uint8Array;
  readonly nonceR: Uint8Array;
  /** Until when the peer's next request is awaited. */
  untilMs: number;
}

/** A CHILD_SA of the peer's CREATE_CHILD_SA whose key exchanges are not complete. */
export interface AwaitedChild extends AwaitedKeys {
  readonly kind: "create_child";
  /** It is in the state `creating`: it has an SPI of ours, and no keys. */
  readonly child: ChildSa;
  readonly agreed: ChildAgreement;
  /** Transform Type 4 of the first key exchange. */
  readonly group: number;
  readonly old: ChildSa | undefined;
}

/** An IKE SA of the peer's rekey whose key exchanges are not complete. */
export interface AwaitedIkeSa extends AwaitedKeys {
  readonly kind: "rekey_ike";
  /** The SPIs of the new IKE SA, uint64. */
  readonly spiI: bigint;
  readonly spiR: bigint;
  readonly suite: IkeSuite;
}

/** A CREATE_CHILD_SA exchange of the peer that waits for IKE_FOLLOWUP_KE. */
export type AwaitedFollowup = AwaitedChild | AwaitedIkeSa;

/** A task that is begun later. */
export interface Postponed {
  readonly task: Task;
  readonly dueMs: number;
}

/** One key exchange of an exchange of ours. */
export interface KeyExchangeRound {
  /** Transform Type 4 number, also of an additional key exchange (RFC 9370). */
  readonly method: number;
  /** Our key pair, once it is generated. */
  pair: KeyPair | undefined;
  /** The shared secret, once it is computed. */
  shared: Uint8Array | undefined;
}

/** The state of the key exchanges of a task; `tasks/key_exchange.ts` has the functions. */
export interface KeyExchange {
  /**
   * Our key pair is being generated; our request is sent; the shared secret is being computed; or a puzzle is
   * being solved.
   */
  stage: "generating" | "sent" | "deriving" | "solving";
  /** Ticket of the computation that is waited for. */
  ticket: number;
  /**
   * The rounds in their order, of which the last one is in progress; empty: the exchange has no key exchange.
   */
  rounds: readonly KeyExchangeRound[];
  /** How often it was begun again because the peer asked for another group. */
  restarts: number;
}

/** IKE_SA_INIT as initiator, through cookies and INVALID_KE_PAYLOAD up to the keys. */
export interface IkeInitTask extends KeyExchange {
  readonly kind: "ike_init";
  cookie: Uint8Array | undefined;
  /** The puzzle that is being solved (RFC 8019). */
  solving: PuzzleInWork | undefined;
  /** The solution of the puzzle that came with the cookie; undefined: there was none, or it is not solved. */
  solution: Uint8Array | undefined;
  suite: IkeSuite | undefined;
}

/** IKE_INTERMEDIATE as initiator, for one additional key exchange (RFC 9242, RFC 9370). */
export interface IntermediateTask extends KeyExchange {
  readonly kind: "intermediate";
}

/** IKE_SESSION_RESUME as initiator (RFC 5723 §4.3). */
export interface ResumeTask {
  readonly kind: "resume";
  readonly stage: "sent";
  /** The content of TICKET_OPAQUE. */
  readonly opaque: Uint8Array;
  cookie: Uint8Array | undefined;
  /** How often it was begun again with a cookie. */
  restarts: number;
}

/** INFORMATIONAL {N(QCD_TOKEN)} (RFC 6290 §4.3). */
export interface CrashTokenTask {
  readonly kind: "crash_token";
}

/** INFORMATIONAL {N(TICKET_REQUEST)} of a client (RFC 5723 §4.1). */
export interface TicketRequestTask {
  readonly kind: "ticket_request";
}

/** IKE_AUTH as initiator, with the first CHILD_SA, in as many exchanges as the methods need. */
export interface IkeAuthTask {
  readonly kind: "ike_auth";
  stage: "computing" | "sent";
  ticket: number;
  child: ChildSa | undefined;
  /** The last response of the responder; undefined before the first. */
  response: Received | undefined;
}

/** The state of all tasks with nonces of their own. */
interface NoncedExchange extends KeyExchange {
  nonce: Uint8Array;
  peerNonce: Uint8Array;
  /**
   * Methods of the additional key exchanges that the answer to CREATE_CHILD_SA settled, in their order;
   * each has an IKE_FOLLOWUP_KE (RFC 9370 §2.2.4). Empty before that answer, and where there are none.
   */
  additional: readonly number[];
  /** The content of the peer's last ADDITIONAL_KEY_EXCHANGE, which our next request sends back. */
  link: Uint8Array | undefined;
}

/** CREATE_CHILD_SA for an additional CHILD_SA, or for one that replaces `old` (RFC 7296 §1.3.1, §1.3.3). */
export interface CreateChildTask extends NoncedExchange {
  readonly kind: "create_child";
  readonly configIndex: number;
  readonly old: ChildSa | undefined;
  /** The resource that the request names (RFC 9611); undefined: it names none. */
  readonly resource: ChildResource | undefined;
  child: ChildSa | undefined;
  /** What the peer's response has agreed, while the key exchange is computed. */
  agreed: ChildAgreement | undefined;
  /**
   * SPIs of CHILD_SAs unknown here that the peer deleted while our request was out: a Delete of the new
   * CHILD_SA may overtake the response that names it. At most {@linkcode DELETED_SPIS_MAX}.
   */
  deletedSpis: readonly number[];
  /**
   * The CHILD_SA with which the peer rekeyed `old` meanwhile, and the lower nonce of its exchange. The
   * CHILD_SA is in the state `creating` while additional key exchanges of the peer are awaited.
   */
  rival: { readonly child: ChildSa; readonly lowest: Uint8Array } | undefined;
  /**
   * Whether the peer deleted `old` while our request was outstanding, so that it is lost if the rekey fails.
   */
  oldDeleted: boolean;
}

/** What both ends of a CHILD_SA agreed on, except its keys. */
export interface ChildAgreement {
  readonly choice: Choice;
  readonly ownTs: readonly TrafficSelector[];
  readonly peerTs: readonly TrafficSelector[];
}

/** CREATE_CHILD_SA for a new IKE SA that replaces this one (RFC 7296 §1.3.2). */
export interface RekeyIkeTask extends NoncedExchange {
  readonly kind: "rekey_ike";
  /** Our SPI of the new SA, uint64. */
  spi: bigint;
  peerSpi: bigint;
  suite: IkeSuite | undefined;
  /** The new IKE SA of the peer, if it rekeyed this one too meanwhile. */
  rival: RivalIkeSa | undefined;
  /**
   * Whether the peer deleted the old IKE SA while the keys of the new one were computed, so that it needs no
   * Delete of ours. The new one remains, unless the peer's own rekey made another.
   */
  deletedMeanwhile: boolean;
  /** What the peer answered to TICKET_REQUEST (RFC 5723 §4.1); undefined: nothing. */
  ticketGiven: NotifyPayload | undefined;
}

/** The result of a rekey of the peer that crosses ours. */
export interface RivalIkeSa {
  /** The new IKE SA; undefined while additional key exchanges of the peer are awaited. */
  sa: IkeSa | undefined;
  /** The lower nonce of the peer's exchange. */
  readonly lowest: Uint8Array;
}

/** INFORMATIONAL {D} for the IKE SA. */
export interface DeleteIkeTask {
  readonly kind: "delete_ike";
  readonly closeCode: number;
}

/** INFORMATIONAL {D} for a CHILD_SA. */
export interface DeleteChildTask {
  readonly kind: "delete_child";
  readonly child: ChildSa;
  /**
   * The failure of the tunnel if the rekey fails, because the sequence numbers of the CHILD_SA were used up
   * while it was rekeyed.
   */
  readonly expired?: Failure;
  /** Whether it is already removed here, as its lifetime was over; the peer is told nevertheless. */
  readonly isGone?: boolean;
}

/** An empty INFORMATIONAL. */
export interface LivenessTask {
  readonly kind: "liveness_check";
}

/** INFORMATIONAL {N(UPDATE_SA_ADDRESSES)}: the IKE SA uses `sa.path` now (RFC 4555 §3.5). */
export interface UpdateAddressesTask {
  readonly kind: "update_addresses";
  /** The path by which the request was sent first; undefined before. */
  path: Path | undefined;
  cookie: Uint8Array;
}

/** INFORMATIONAL {N(COOKIE2)}: whether the peer is where its update came from (RFC 4555 §3.7). */
export interface CheckPathTask {
  readonly kind: "check_path";
  path: Path | undefined;
  cookie: Uint8Array;
}

/** INFORMATIONAL {N(ADDITIONAL_*_ADDRESS)…}: our addresses other than that of the path (RFC 4555 §3.6). */
export interface AnnounceAddressesTask {
  readonly kind: "announce_addresses";
  path: Path | undefined;
}

/** INFORMATIONAL {N(REDIRECT)} of a gateway (RFC 5685 §5). */
export interface RedirectTask {
  readonly kind: "redirect";
}

/** INFORMATIONAL {N(error)}: tells the peer why its IKE_AUTH response ended the SA (§2.21.2). */
export interface ReportErrorTask {
  readonly kind: "report_error";
  readonly notify: number;
  readonly closeCode: number;
}

/** Any task. */
export type Task =
  | IkeInitTask
  | ResumeTask
  | TicketRequestTask
  | CrashTokenTask
  | IntermediateTask
  | IkeAuthTask
  | CreateChildTask
  | RekeyIkeTask
  | DeleteIkeTask
  | DeleteChildTask
  | LivenessTask
  | UpdateAddressesTask
  | CheckPathTask
  | AnnounceAddressesTask
  | RedirectTask
  | ReportErrorTask;

/** A request of the peer whose response waits for an asymmetric computation. */
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
    readonly kind: "followup";
    readonly ticket: number;
    readonly request: Received;
    readonly awaited: AwaitedFollowup;
  }
  | {
    readonly kind: "create_child";
    readonly ticket: number;
    readonly request: Received;
    readonly list: readonly ChildCandidate[];
    readonly group: number;
    readonly old: ChildSa | undefined;
  };
