/**
 * The life of an IKE SA: a new record, the table of its phases and of the changes between them, and its end.
 * `handle.ts` gives it events; the tasks are in `tasks/`.
 * @module
 */
import type { Path } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { clipped } from "@/base/text.ts";
import type { IkeEnv, IkeSa, Phase, Succession } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";
import { removeChild } from "@/ike/records/child_sa.ts";
import { closeRounds } from "@/ike/records/auth_rounds.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import { returnLeases } from "@/ike/records/pool.ts";
import { emptyWindow, newWindow } from "@/ike/records/window.ts";
import { newPeerRecord } from "@/ike/records/peer.ts";

/** The phases that may follow each phase. */
const MOVES: Readonly<Record<Phase, readonly Phase[]>> = {
  idle: ["init", "established", "closed"],
  init: ["created", "closed"],
  created: ["established", "closing", "closed"],
  established: ["closing", "closed"],
  closing: ["closed"],
  closed: [],
};

/** An empty list that all SAs share, as it is never added to. */
const NONE: readonly never[] = [];
/** The succession of an SA that has the tunnel; all of them share this record. */
export const CURRENT: Succession = { kind: "current" };
/** The succession of an SA that lost against another of a crossing rekey; all of them share this record. */
export const REDUNDANT: Succession = { kind: "redundant", untilMs: Infinity };

/** The identity of a new SA. */
export interface IkeSaOrigin {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  readonly index: number;
  readonly originalInitiator: boolean;
  readonly spi: bigint;
  readonly path: Path;
}

/** Makes a new SA in phase idle; `spi` is our own. */
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
    crashToken: undefined,
    setup: {
      nonceI: undefined,
      nonceR: undefined,
      initRequest: undefined,
      initResponse: undefined,
      intermediate: undefined,
      signatureHashes: NONE,
      fullTranscript: false,
      announced: undefined,
      certificateWishes: undefined,
      multipleAuth: false,
      childless: false,
      intAuth: undefined,
      ppk: undefined,
      resumed: undefined,
      innerBefore: NONE,
      resumes: undefined,
      ticketAsked: false,
      puzzle: undefined,
      solution: undefined,
      puzzleBits: 0,
      keptOctets: 0,
      initialContact: false,
      auth: undefined,
      authRequest: undefined,
    },
    peer: newPeerRecord(),
    children: [],
    inner: undefined,
    queue: [],
    postponed: NONE,
    active: undefined,
    window: newWindow(),
    answering: undefined,
    followups: NONE,
    initHash: "",
    connectionLost: false,
    connectionTries: 0,
    failure: undefined,
    closeCode: 0,
    sealed: 0,
    nextTicket: 1,
    succession: CURRENT,
    renews: undefined,
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

/** The IKE SA that has the CHILD_SAs of `sa` now: itself, or the last one that its rekeys have made. */
export function inheritorOf(sa: IkeSa): IkeSa {
  let current = sa;
  while (current.succession.kind === "replaced") current = current.succession.by;
  return current;
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
 * Whether the SA was begun by a peer of which no AUTH payload was verified so far. What such a peer does has
 * no effect on the test.
 */
export function isStranger(sa: IkeSa): boolean {
  return !sa.originalInitiator && sa.peer.auth === 0;
}

/** Changes the phase; a change that the table does not have is a {@linkcode Bug}. */
export function enter(sa: IkeSa, phase: Phase): void {
  must(MOVES[sa.phase].includes(phase), `an SA goes from ${sa.phase} to ${phase}`);
  sa.phase = phase;
}

/** Drops what only the set-up needed, as the SA is established, or never will be. */
export function dropSetup(sa: IkeSa): void {
  if (sa.setup?.auth) closeRounds(sa.setup.auth);
  sa.setup = undefined;
}

/**
 * Ends an SA: removes its CHILD_SAs and its request. Its keys are kept only while a repeated request may need
 * the last response again.
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
  sa.followups = [];
  dropSetup(sa);
  for (const child of [...sa.children]) removeChild(sa, child, out);
  releaseLeases(sa);
  // Anybody may claim an identity of any length, so that it is dropped; the text of the failure has the
  // identity.
  if (isStranger(sa)) sa.peer.id = undefined;
  if (failure) {
    sa.failure = failure;
    out.push({ kind: "failed", failure }, sa);
  }
  // A peer that did not receive our last response repeats its request; after a few intervals it has given up.
  sa.forgetMs = sa.window.answered ? turn.nowMs + lingerMs(sa) : turn.nowMs;
  out.push({ kind: "closed", unanswered }, sa);
}

/** Returns the leases of the SA; those of a client belong to its gateway. */
export function releaseLeases(sa: IkeSa): void {
  const { inner } = sa;
  const { pools } = sa.env;
  sa.inner = undefined;
  if (!inner || !pools || sa.env.broken.has("leak_lease")) return;
  returnLeases(pools, inner);
}

function lingerMs(sa: IkeSa): number {
  const { retransmitIntervalMs, transmissionsMax } = sa.config;
  return Math.min(retransmitIntervalMs * Math.min(transmissionsMax, 3), 30_000);
}

/** The most characters of a failure's text, which may quote what a peer sent, and is kept. */
const WORDS_MAX = 1_000;

/** Ends the SA with a failure for the user, without telling the peer. */
export function fail(turn: Turn, failure: Failure): void {
  endSa(turn, failure.closeCode, { ...failure, text: clipped(failure.text, WORDS_MAX) });
}
