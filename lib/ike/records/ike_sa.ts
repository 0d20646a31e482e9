/**
 * The IKE_SA as plain data, and the table of its legal phases. `handle.ts` moves it; what it does is
 * in `tasks/`.
 * @module
 */
import type { Path } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { removeChild } from "@/ike/records/child_sa.ts";
import type { ChildSa } from "@/ike/records/child_sa.ts";
import { type AuthRounds, closeRounds } from "@/ike/records/auth_rounds.ts";
import type { IkeConfig, IkeEnv } from "@/ike/records/config.ts";
import type { Failure, Outbox } from "@/ike/records/event.ts";
import { giveBack, type InnerConfiguration } from "@/ike/negotiate/pool.ts";
import { emptyWindow, type MessageWindow, newWindow } from "@/ike/records/window.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";
import { newPeerRecord, type PeerRecord } from "@/ike/records/peer.ts";
import type { Answering, Received, Task } from "@/ike/records/task.ts";

/**
 * Where an SA stands: nothing sent yet · IKE_SA_INIT under way · keys, not yet authenticated ·
 * authenticated · our Delete is out · gone, but still repeating its last answer.
 */
export type Phase = "idle" | "init" | "created" | "established" | "closing" | "closed";

/** The legal moves. */
const MOVES: Readonly<Record<Phase, readonly Phase[]>> = {
  idle: ["init", "established", "closed"],
  init: ["created", "closed"],
  created: ["established", "closing", "closed"],
  established: ["closing", "closed"],
  closing: ["closed"],
  closed: [],
};

/** What an IKE SA is among those that its rekeys make (RFC 7296 §2.8). */
export type Succession =
  /** It is the tunnel. */
  | { readonly kind: "current" }
  /** The peer's crossing rekey of `predecessor` made it, and the nonces have not decided yet (§2.8.2). */
  | { readonly kind: "undecided"; readonly predecessor: IkeSa }
  /** It lost against another of a crossing rekey: its creator deletes it. */
  | { readonly kind: "redundant" }
  /** `by` took over its CHILD_SAs: it only waits for its Delete. */
  | { readonly kind: "replaced"; readonly by: IkeSa };

/** Of an SA that is the tunnel; all of them share it. */
export const CURRENT: Succession = { kind: "current" };
/** Of an SA that lost; all of them share it. */
export const REDUNDANT: Succession = { kind: "redundant" };

/** A task whose time is yet to come. */
export interface Postponed {
  readonly task: Task;
  readonly dueMs: number;
}

/** One IKE SA, at either end. Shared surroundings by reference; all else is its own. */
export interface IkeSa {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  /** Initiator: the tunnel, from 0. Responder: the order of arrival, from 0. */
  readonly index: number;
  /** Whether this end sent the first IKE_SA_INIT: the I flag, SK_ei or SK_er. */
  readonly originalInitiator: boolean;
  /** Whether this end dialled the tunnel, and so knows its index; a rekey by the peer leaves it. */
  dialled: boolean;
  phase: Phase;
  /** uint64; 0n until known. */
  spiI: bigint;
  /** uint64; 0n until known. */
  spiR: bigint;
  /** Where we send: moves to the NAT-T ports, and with the mapping of a NAT before the peer. */
  path: Path;
  suite: IkeSuite | undefined;
  /** SK_d ‖ SK_ai ‖ SK_ar ‖ SK_ei ‖ SK_er ‖ SK_pi ‖ SK_pr (RFC 7296 §2.14), one buffer. */
  keys: Uint8Array | undefined;
  /** What only the set-up needs; dropped once established. */
  setup: SetupState | undefined;
  /** What this end has settled with its peer and learnt of it; a rekey passes it on. */
  peer: PeerRecord;
  children: ChildSa[];
  /** Of remote access: what was assigned to the client, at either end. Moves with a rekey. */
  inner: InnerConfiguration | undefined;
  readonly queue: Task[];
  /** Tasks that the peer cannot do for the moment, and when to ask again (RFC 7296 §2.25). */
  postponed: readonly Postponed[];
  /** The task of ours that computes, or whose request is out. */
  active: Task | undefined;
  /** Requests in flight, repeats and fragments. */
  readonly window: MessageWindow;
  /** The peer's request that waits for a `computed`. */
  answering: Answering | undefined;
  /** Responder: the hash of the IKE_SA_INIT request that made the SA; empty where none of a peer's did. */
  initHash: string;
  /** In TCP: the connection is no more, and how often another was asked for since the peer spoke. */
  connectionLost: boolean;
  connectionTries: number;
  /** The last IKE_SA_INIT or IKE_AUTH that failed with words; for the closing report. */
  failure: Failure | undefined;
  /** Why it ended, as the API's CloseCode; 0 open. */
  closeCode: number;
  /** Messages sealed so far: the explicit IV of counter-mode ciphers. */
  sealed: number;
  nextTicket: number;
  /** Whether it is the tunnel, or what its rekeys have made of it. */
  succession: Succession;
  /** The close code of a close that was asked for while something else was under way; 0: none. */
  closeAsked: number;
  /** When we rekey it; Infinity: not by ourselves. */
  rekeyMs: number;
  /** Why our last rekey of it came to nothing, for the report of its loss. */
  rekeyRefusal: string | undefined;
  /** When its lifetime ends, or its overtime; Infinity: it has no end. */
  expireMs: number;
  /** When a responder gives up a peer that has not authenticated. */
  halfOpenEndMs: number;
  /** When a closed SA no longer repeats its last response. */
  forgetMs: number;
  /** Milliseconds on the caller's clock; Infinity when nothing is awaited. */
  deadlineMs: number;
  /** First IKE_SA_INIT sent or received. */
  startedMs: number;
  establishedMs: number | undefined;
  lastReceivedMs: number | undefined;
  /** Anything at all, keepalives too. */
  lastSentMs: number | undefined;
  lastLivenessMs: number | undefined;
  forgotten: boolean;
}

/** The additional key exchanges of an IKE SA that is being set up (RFC 9370). */
export interface Intermediate {
  /** Transform Type 4 numbers in the order of the exchanges, ADDKE1 first. */
  readonly methods: readonly number[];
  /** How many of them are done. */
  done: number;
  /** The last links of what AUTH proves of the messages (RFC 9242 §3.3.2); undefined before the first. */
  linkI: Uint8Array | undefined;
  linkR: Uint8Array | undefined;
}

/** The part of an SA that IKE_SA_INIT and IKE_AUTH need and nobody after them. */
export interface SetupState {
  nonceI: Uint8Array | undefined;
  nonceR: Uint8Array | undefined;
  /** The IKE_SA_INIT messages as they were on the wire: what AUTH signs (RFC 7296 §2.15). */
  initRequest: Uint8Array | undefined;
  initResponse: Uint8Array | undefined;
  /** The IKE_INTERMEDIATE exchanges that were negotiated; undefined: none. */
  intermediate: Intermediate | undefined;
  /** The peer's SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4), IANA numbers; empty: it announced none. */
  signatureHashes: readonly number[];
  /** IntAuth of RFC 9242 §3.3.2; undefined where no IKE_INTERMEDIATE exchange took place. */
  intAuth: Uint8Array | undefined;
  /** Octets of the peer's messages that are kept here. */
  keptOctets: number;
  /** Whether the first IKE_AUTH carries INITIAL_CONTACT. */
  initialContact: boolean;
  /** Undefined until IKE_AUTH begins. */
  auth: AuthRounds | undefined;
  /** Responder: the first IKE_AUTH request, which names the CHILD_SA of the last one's answer. */
  authRequest: Received | undefined;
}

/** What every step of the core is given: the SA, the time, where wishes go. */
export interface Turn {
  readonly sa: IkeSa;
  readonly nowMs: number;
  readonly out: Outbox;
}

/** Who a new SA is. */
export interface IkeSaOrigin {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  readonly index: number;
  readonly originalInitiator: boolean;
  readonly spi: bigint;
  readonly path: Path;
}

/** A new SA in phase idle; `spi` is our own. */
export function newIkeSa(origin: IkeSaOrigin): IkeSa {
  const { env, config, index, originalInitiator, spi, path } = origin;
  return {
    env,
    config,
    index,
    originalInitiator,
    dialled: originalInitiator,
    phase: "idle",
    spiI: originalInitiator ? spi : 0n,
    spiR: originalInitiator ? 0n : spi,
    path,
    suite: undefined,
    keys: undefined,
    setup: {
      nonceI: undefined,
      nonceR: undefined,
      initRequest: undefined,
      initResponse: undefined,
      intermediate: undefined,
      signatureHashes: [],
      intAuth: undefined,
      keptOctets: 0,
      initialContact: false,
      auth: undefined,
      authRequest: undefined,
    },
    peer: newPeerRecord(),
    children: [],
    inner: undefined,
    queue: [],
    postponed: [],
    active: undefined,
    window: newWindow(),
    answering: undefined,
    initHash: "",
    connectionLost: false,
    connectionTries: 0,
    failure: undefined,
    closeCode: 0,
    sealed: 0,
    nextTicket: 1,
    succession: CURRENT,
    closeAsked: 0,
    rekeyMs: Infinity,
    rekeyRefusal: undefined,
    expireMs: Infinity,
    halfOpenEndMs: Infinity,
    forgetMs: Infinity,
    deadlineMs: Infinity,
    startedMs: 0,
    establishedMs: undefined,
    lastReceivedMs: undefined,
    lastSentMs: undefined,
    lastLivenessMs: undefined,
    forgotten: false,
  };
}

/** Whether the SA is the tunnel: not replaced, not redundant, and not undecided. */
export function isCurrent({ succession }: IkeSa): boolean {
  return succession.kind === "current";
}

/** Whether another SA has taken over its CHILD_SAs. */
export function isReplaced({ succession }: IkeSa): boolean {
  return succession.kind === "replaced";
}

/** Our own SPI of the IKE SA. */
export function ownSpi(sa: IkeSa): bigint {
  return sa.originalInitiator ? sa.spiI : sa.spiR;
}

/** The peer's SPI of the IKE SA; 0n until known. */
export function peerSpi(sa: IkeSa): bigint {
  return sa.originalInitiator ? sa.spiR : sa.spiI;
}

/**
 * Whether the SA is one that a peer began and in which no AUTH payload of it was verified so far. What
 * such a peer does is no part of the test.
 */
export function isStranger(sa: IkeSa): boolean {
  return !sa.originalInitiator && sa.peer.auth === 0;
}

/** Moves to a phase; an illegal move is a Bug. */
export function enter(sa: IkeSa, phase: Phase): void {
  must(MOVES[sa.phase].includes(phase), `an SA goes from ${sa.phase} to ${phase}`);
  sa.phase = phase;
}

/** The SA is set up, or will never be: what only that needed is no more. */
export function dropSetup(sa: IkeSa): void {
  if (sa.setup?.auth) closeRounds(sa.setup.auth);
  sa.setup = undefined;
}

/**
 * Ends an SA: children out, nothing in flight, its keys kept only as long as a repeated request may
 * still want its last response.
 */
export function endSa(turn: Turn, closeCode: number, failure?: Failure, unanswered = false): void {
  const { sa, out } = turn;
  if (sa.phase === "closed") return;
  enter(sa, "closed");
  sa.closeCode = closeCode;
  sa.queue.length = 0;
  sa.postponed = [];
  const freed = emptyWindow(sa.window);
  if (freed > 0) sa.env.reassembly!.octets -= freed;
  sa.active = sa.answering = undefined;
  dropSetup(sa);
  for (const child of [...sa.children]) removeChild(sa, child, out);
  releaseLeases(sa);
  // Anybody may claim an identity of any length: what failed says in its words who it was.
  if (isStranger(sa)) sa.peer.id = undefined;
  if (failure) {
    sa.failure = failure;
    out.push({ kind: "failed", failure }, sa);
  }
  // A peer that lost our last response repeats its request; a few intervals later it has given up.
  sa.forgetMs = sa.window.answered ? turn.nowMs + lingerMs(sa) : turn.nowMs;
  out.push({ kind: "closed", unanswered }, sa);
}

/** The SA needs its leases no more. A client's addresses belong to its gateway. */
export function releaseLeases(sa: IkeSa): void {
  const { inner } = sa, { pools } = sa.env;
  sa.inner = undefined;
  if (!inner || !pools || sa.env.broken.has("leak_lease")) return;
  giveBack(pools, inner);
}

function lingerMs(sa: IkeSa): number {
  const { retransmitIntervalMs, transmissionsMax } = sa.config;
  return Math.min(retransmitIntervalMs * Math.min(transmissionsMax, 3), 30_000);
}
