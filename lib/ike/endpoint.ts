/**
 * All IKE SAs of one configuration: finds the SA of a datagram, makes one for a new peer, and limits the cost
 * of peers that are not authenticated: half-open SAs are bounded, and cookies come before state (RFC 7296
 * §2.6).
 * @module
 */
import { type Path, showEndpoint } from "@/base/address.ts";
import { WireError } from "@/base/errors.ts";
import { ExchangeType, nameOfExchange } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import {
  type Admission,
  admit,
  INIT_OCTETS_MAX,
  newAdmission,
  spend as spendSolution,
} from "@/ike/admission.ts";
import type { IkeEffect, IkeEvent, Outbox } from "@/ike/records/event.ts";
import { CRASH_ANSWERS_MAX, type CrashAnswers } from "@/ike/records/crash_detection.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { forgetEnded, keepEnded } from "@/ike/ended.ts";
import { handle } from "@/ike/handle.ts";
import { drawSpi } from "@/ike/negotiate/ike_spi.ts";
import { puzzleNotify } from "@/ike/negotiate/puzzle.ts";
import { identityKey, resolveIdentity } from "@/ike/negotiate/identity.ts";
import {
  enter,
  inheritorOf,
  isCurrent,
  isStranger,
  newIkeSa,
  ownSpi,
  peerSpi,
} from "@/ike/records/ike_sa.ts";
import { notify } from "@/ike/records/notify.ts";
import type { RedirectTrail } from "@/ike/records/redirect.ts";
import type { SessionTicket } from "@/ike/records/resumption.ts";
import { newPools } from "@/ike/records/pool.ts";
import {
  arrive,
  crowded,
  isHalfOpen,
  knownRequest,
  type Newcomers,
  newNewcomers,
  settle,
} from "@/ike/newcomers.ts";
import { crashToken } from "@/ike/window/crash_token.ts";
import { messageHash } from "@/ike/window/repeats.ts";
import { spend } from "@/ike/window/tickets.ts";
import { isInClear } from "@/wire/exchange_rules.ts";
import {
  decodeHeader,
  encodeMessage,
  HEADER_OCTETS,
  type IkeHeader,
  type Payload,
} from "@/wire/message.ts";

/** The most reasons that are counted apart, as some contain a number of the peer's choice. */
const DROP_REASONS_MAX = 200;
/**
 * Ends that this gateway decided on: nothing is resumed afterwards (RFC 5723 §4.3.2). A client that deletes
 * its IKE SA may come back by the ticket, which is how libreswan suspends a connection.
 */
const DELETED: ReadonlySet<number> = new Set([
  CloseCode.STOPPED,
  CloseCode.FLAPPED,
  CloseCode.REAUTHENTICATED,
  CloseCode.HARD_EXPIRY,
]);
const LATE_INIT = "a late copy of an IKE_SA_INIT request";
/**
 * The most INVALID_MAJOR_VERSION responses in a second, as the requests are not authenticated (RFC 7296
 * §2.4).
 */
const REFUSALS_MAX = 10;

/** The IKE SAs of one configuration in this process. */
export interface Endpoint {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  /** Whether it accepts IKE_SA_INIT requests. */
  readonly answers: boolean;
  /** IKE SAs by own SPI in the order of creation, including those of `ended` and `rekeyed`. */
  readonly bySpi: Map<bigint, IkeSa>;
  /**
   * Own SPIs of SAs that ended recently and are listed, oldest first, with the time at which they are
   * removed.
   */
  readonly ended: Map<bigint, number>;
  /** Own SPIs of rekeyed IKE SAs that have ended and stay listed, oldest first. */
  readonly rekeyed: Set<bigint>;
  /** Number of responder SAs that are not authenticated; `newcomers` has the SAs. */
  readonly halfOpen: number;
  readonly newcomers: Newcomers;
  /** Number of dropped datagrams, by reason. */
  readonly drops: Map<string, number>;
  /** SAs by the identity to which INITIAL_CONTACT refers, for SAs of either role. */
  readonly byIdentity: Map<string, Set<IkeSa>>;
  readonly admission: Admission;
  /** Number of SAs that peers have begun. */
  arrivals: number;
  /** Number of version refusals in the second that began at `sinceMs`. */
  readonly refusals: { sinceMs: number; count: number };
  readonly crashAnswers: CrashAnswers;
}

/** An endpoint without SAs; `answers`: whether it is a responder too. */
export function newEndpoint(env: IkeEnv, config: IkeConfig, answers: boolean): Endpoint {
  const newcomers = newNewcomers();
  return {
    env: {
      ...env,
      reassembly: { octets: 0 },
      spentTickets: env.spentTickets ?? { untilMs: new Map() },
      ...(config.pools && !env.pools ? { pools: newPools(config.pools) } : {}),
    },
    config,
    answers,
    bySpi: new Map(),
    ended: new Map(),
    rekeyed: new Set(),
    get halfOpen() {
      return newcomers.halfOpen.size;
    },
    newcomers,
    drops: new Map(),
    byIdentity: new Map(),
    admission: newAdmission(env),
    arrivals: 0,
    refusals: { sinceMs: -Infinity, count: 0 },
    crashAnswers: { sinceMs: -Infinity, count: 0, total: 0 },
  };
}

/** A tunnel to dial. */
export interface Dial {
  /** Index of the tunnel. */
  readonly index: number;
  readonly path: Path;
  /** False: INITIAL_CONTACT is not sent, whatever the configuration says. */
  readonly introduce?: boolean;
  /**
   * The IKE SA of the same tunnel in whose place the new one authenticates again, while that goes on (make
   * before break). INITIAL_CONTACT, which would end it at the peer, is not sent.
   */
  readonly renews?: IkeSa;
  /** How the tunnel was redirected to here (RFC 5685); absent: it was not. */
  readonly trail?: RedirectTrail;
  /** The ticket by which it is resumed (RFC 5723), if it has not expired; absent: it is set up as a whole. */
  readonly ticket?: SessionTicket | undefined;
  /** The configuration of the tunnel; absent: that of the endpoint. */
  readonly config?: IkeConfig | undefined;
}

/** Makes an SA that dials. */
export function initiate(
  endpoint: Endpoint,
  { index, path, introduce = true, renews, trail, ticket, config = endpoint.config }: Dial,
  nowMs: number,
  out: Outbox,
): IkeSa {
  const { env } = endpoint;
  const spi = freeSpi(endpoint);
  const sa = newIkeSa({ env, config, index, path, originalInitiator: true, spi });
  endpoint.bySpi.set(spi, sa);
  // INITIAL_CONTACT means "my only SA with this identity" (RFC 7296 §2.4), which is only true for the first.
  // Another SA that is being set up counts too: if it is established first, the peer would close it.
  sa.peer.ownId = resolveIdentity(config.ownId, path, index);
  sa.peer.trail = trail;
  const first = !endpoint.byIdentity.has(identityKey(sa.peer.ownId));
  sa.renews = renews;
  const alone = first && !renews || env.broken.has("introduce_again");
  const isGood = ticket && ticket.expiresMs > nowMs ? ticket : undefined;
  const initialContact = config.initialContact && introduce && alone;
  remember(endpoint, sa);
  const event = { kind: "initiate", initialContact, ticket: isGood } as const;
  dispatch(endpoint, { sa, event }, nowMs, out);
  return sa;
}

/** Gives an event to an SA, and updates the endpoint's tables. */
export function dispatch(
  endpoint: Endpoint,
  { sa, event }: { readonly sa: IkeSa; readonly event: IkeEvent },
  nowMs: number,
  out: Outbox,
): void {
  if (sa.forgotten) return;
  const wasUp = sa.phase === "established";
  const wasOver = isOver(sa);
  const tap = new Tap(endpoint, nowMs, out);
  handle(sa, event, nowMs, tap);
  if (!wasUp && sa.establishedMs !== undefined && sa.phase === "established") {
    remember(endpoint, sa);
  }
  if (!wasOver && isOver(sa)) {
    if (!isStranger(sa)) recall(endpoint, sa);
    // A client that was not told of the end may come back, as after a crash.
    const isTold = event.kind !== "abandon";
    if (isTold && isCurrent(sa) && sa.peer.ticket && DELETED.has(sa.closeCode)) {
      spend(sa, sa.peer.ticket, nowMs);
    }
    keepEnded(endpoint, sa, nowMs);
  }
  if (sa.forgotten) forgetEnded(endpoint, sa);
  const oldest = settle(endpoint.newcomers, sa, nowMs);
  if (oldest) forgetAtOnce(endpoint, oldest);
}

/** Ends the oldest half-open SAs beyond the limits of number and octets. */
function crowdOut(endpoint: Endpoint, nowMs: number, out: Outbox): void {
  const { newcomers, config } = endpoint;
  for (let sa = crowded(newcomers, config); sa; sa = crowded(newcomers, config)) {
    dispatch(endpoint, { sa, event: { kind: "crowded_out" } }, nowMs, out);
  }
}

/** Removes a closed SA that was crowded out at once, so that no response is repeated for its peer. */
function forgetAtOnce(endpoint: Endpoint, sa: IkeSa): void {
  sa.forgotten = true;
  sa.deadlineMs = Infinity;
  forgetEnded(endpoint, sa);
}

/** Passes on the effects of an SA, and handles those that concern the endpoint too. */
class Tap implements Outbox {
  readonly #endpoint: Endpoint;
  readonly #nowMs: number;
  readonly #out: Outbox;

  constructor(endpoint: Endpoint, nowMs: number, out: Outbox) {
    this.#endpoint = endpoint;
    this.#nowMs = nowMs;
    this.#out = out;
  }

  push(effect: IkeEffect, about: IkeSa | undefined): void {
    if (effect.kind === "dropped") count(this.#endpoint, effect.reason);
    else if (effect.kind === "adopted") adopt(this.#endpoint, about!);
    this.#out.push(effect, about);
    if (effect.kind === "resumed") {
      return supersede(this.#endpoint, effect.oldSpi, this.#nowMs, this.#out);
    }
    if (effect.kind !== "initial_contact") return;
    // This happens at once, so that the addresses of the displaced SAs are free before this one asks for its
    // own.
    if (this.#endpoint.env.broken.has("ignore_initial_contact")) return;
    displace(this.#endpoint, about!, this.#nowMs, this.#out);
  }
}

function isOver(sa: IkeSa): boolean {
  return sa.phase === "closed";
}

/** Handles a received datagram, without its non-ESP marker. */
export function receive(
  endpoint: Endpoint,
  datagram: { readonly octets: Uint8Array; readonly path: Path },
  nowMs: number,
  out: Outbox,
): void {
  const { octets, path } = datagram;
  const header = plausibleHeader(octets);
  if (typeof header === "string") return drop(endpoint, header, out);
  if (isInClear(header.exchange) && octets.length > INIT_OCTETS_MAX && !path.tcp) {
    const name = nameOfExchange(header.exchange);
    return drop(endpoint, `an ${name} message above ${INIT_OCTETS_MAX} octets in UDP`, out);
  }
  if (header.majorVersion !== 2) return refuseVersion(endpoint, header, datagram, { nowMs, out });
  // The I flag tells which of the two SPIs is ours (RFC 7296 §3.1).
  const spi = header.initiator ? header.spiR : header.spiI;
  if (spi === 0n) return newcomer(endpoint, header, datagram, { nowMs, out });
  const sa = endpoint.bySpi.get(spi);
  if (!sa || sa.forgotten) return unknownSa(endpoint, header, datagram, { nowMs, out });
  if (sa.originalInitiator === header.initiator) return drop(endpoint, "a wrong I flag", out);
  const peers = header.initiator ? header.spiI : header.spiR;
  if (peerSpi(sa) !== peers && !(sa.phase === "init" && sa.originalInitiator)) {
    return drop(endpoint, "a peer SPI that is not the SA's", out);
  }
  dispatch(endpoint, { sa, event: { kind: "datagram", octets, path, header } }, nowMs, out);
  if (isHalfOpen(sa)) crowdOut(endpoint, nowMs, out);
}

/**
 * A message of an IKE SA that this end does not have: a request is answered with INVALID_IKE_SPI and the token
 * of the SA, where this end makes tokens (RFC 6290 §4.5). An SPI of this end in the place of the peer's must
 * not give away the token of an SA that is there.
 */
function unknownSa(
  endpoint: Endpoint,
  header: IkeHeader,
  { path }: { readonly path: Path },
  { nowMs, out }: { readonly nowMs: number; readonly out: Outbox },
): void {
  drop(endpoint, "an SPI nobody has", out);
  const { config, env, bySpi, crashAnswers } = endpoint;
  const secret = config.crashDetection?.secret;
  if (!secret || header.response || isInClear(header.exchange)) return;
  const isHere = bySpi.has(header.spiI) || bySpi.has(header.spiR);
  if (isHere && !env.broken.has("token_for_live_sa")) return;
  if (nowMs >= crashAnswers.sinceMs + 1_000) {
    Object.assign(crashAnswers, { sinceMs: nowMs, count: 0 });
  }
  if (++crashAnswers.count > CRASH_ANSWERS_MAX) return;
  crashAnswers.total++;
  const token = notify(NotifyType.QUICK_CRASH_DETECTION, crashToken(env, secret, header));
  const initiator = !header.initiator;
  sendStateless(endpoint, header, [notify(NotifyType.INVALID_IKE_SPI), token], {
    path,
    out,
    initiator,
  });
}

/** Checks the header cheaply, so that most garbage is dropped here without an exception. */
function plausibleHeader(octets: Uint8Array): IkeHeader | string {
  if (octets.length < HEADER_OCTETS) return "shorter than an IKE header";
  const length = (octets[24]! << 24 | octets[25]! << 16 | octets[26]! << 8 | octets[27]!) >>> 0;
  if (length !== octets.length) return "a Length that is not the datagram's";
  try {
    return decodeHeader(octets);
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    return "a malformed header";
  }
}

/** Drops a message of a higher major version, and tells the sender the supported one (RFC 7296 §2.5). */
function refuseVersion(
  endpoint: Endpoint,
  header: IkeHeader,
  { path }: { readonly path: Path },
  { nowMs, out }: { readonly nowMs: number; readonly out: Outbox },
): void {
  drop(endpoint, `IKE version ${header.majorVersion}`, out);
  if (header.majorVersion < 2 || header.response || !endpoint.answers) return;
  const { refusals } = endpoint;
  if (nowMs >= refusals.sinceMs + 1_000) Object.assign(refusals, { sinceMs: nowMs, count: 0 });
  if (++refusals.count > REFUSALS_MAX) return;
  const refusal = [notify(NotifyType.INVALID_MAJOR_VERSION, Uint8Array.of(2))];
  sendStateless(endpoint, header, refusal, { path, out });
}

/** Handles an IKE_SA_INIT or IKE_SESSION_RESUME request, new or repeated; anything else without our SPI is dropped. */
function newcomer(
  endpoint: Endpoint,
  header: IkeHeader,
  { octets, path }: { readonly octets: Uint8Array; readonly path: Path },
  { nowMs, out }: { readonly nowMs: number; readonly out: Outbox },
): void {
  const { IKE_SA_INIT, IKE_SESSION_RESUME } = ExchangeType;
  const begins = header.exchange === IKE_SA_INIT ||
    header.exchange === IKE_SESSION_RESUME && endpoint.config.resumption?.issues !== undefined;
  const isFirst = begins && !header.response &&
    header.initiator && header.messageId === 0 && header.spiI !== 0n;
  if (!isFirst) return drop(endpoint, "no SPI of ours, and no IKE_SA_INIT request", out);
  if (!endpoint.answers) return drop(endpoint, "an IKE_SA_INIT request to an initiator", out);
  const hash = messageHash(endpoint.env, octets);
  const before = knownRequest(endpoint.newcomers, hash, nowMs);
  if (before === "passed over" && !endpoint.env.broken.has("answer_late_init")) {
    return drop(endpoint, LATE_INIT, out);
  }
  const known = before === "passed over" ? undefined : before;
  if (known) {
    const event = { kind: "datagram", octets, path, header } as const;
    return dispatch(endpoint, { sa: known, event }, nowMs, out);
  }
  const request = { header, octets, address: path.peerAddress };
  const verdict = admit(endpoint, request, nowMs);
  if (verdict.kind === "dropped") return drop(endpoint, verdict.reason, out);
  if (verdict.kind === "cookie") {
    if (verdict.stale) count(endpoint, "a cookie that is not ours, or too old");
    const cookie = notify(NotifyType.COOKIE, verdict.cookie);
    const puzzle = verdict.puzzle ? [puzzleNotify(verdict.puzzle)] : [];
    return sendStateless(endpoint, header, [cookie, ...puzzle], { path, out });
  }
  const { env, config } = endpoint;
  const spi = freeSpi(endpoint);
  const index = endpoint.arrivals++;
  const sa = newIkeSa({ env, config, index, originalInitiator: false, spi, path });
  sa.spiI = header.spiI;
  sa.initHash = hash;
  sa.setup!.puzzleBits = verdict.puzzleBits;
  const { solved } = verdict;
  if (solved) spendSolution(endpoint.admission, { cookie: solved, initHash: hash }, nowMs);
  sa.startedMs = nowMs;
  if (!env.broken.has("keep_half_open")) sa.halfOpenEndMs = nowMs + config.halfOpenTimeoutMs;
  enter(sa, "init");
  endpoint.bySpi.set(spi, sa);
  arrive(endpoint.newcomers, sa);
  dispatch(endpoint, { sa, event: { kind: "datagram", octets, path, header } }, nowMs, out);
  crowdOut(endpoint, nowMs, out);
}

/** Sends an unencrypted response without keeping state, with the request's SPIs and Message ID. */
function sendStateless(
  { config }: Endpoint,
  request: IkeHeader,
  payloads: readonly Payload[],
  { path, out, initiator = false }: {
    readonly path: Path;
    readonly out: Outbox;
    readonly initiator?: boolean;
  },
): void {
  const { spiI, spiR, exchange, messageId } = request;
  const octets = encodeMessage(
    { spiI, spiR, exchange, messageId, initiator, response: true },
    payloads,
  );
  if (config.trace) {
    const header = decodeHeader(octets);
    out.push({ kind: "trace", sent: true, path, header, payloads, fragments: 1 }, undefined);
  }
  out.push({ kind: "send", octets, path, transmission: 0 }, undefined);
}

/**
 * Ends the peer's other SAs under this identity, which are from before a crash of the peer (RFC 7296 §2.4).
 */
function displace(endpoint: Endpoint, sa: IkeSa, nowMs: number, out: Outbox): void {
  const same = endpoint.byIdentity.get(identityKeyOf(endpoint, sa));
  for (const other of [...same ?? []]) {
    if (other === sa) continue;
    const event = displacedFrom(showEndpoint(sa.path.peerAddress, sa.path.peerPort));
    dispatch(endpoint, { sa: other, event }, nowMs, out);
  }
}

/** Ends an IKE SA without a Delete, as its peer said INITIAL_CONTACT; `from`: its address and port. */
export function displacedFrom(from: string): IkeEvent {
  const why = `Displaced: the same identity said INITIAL_CONTACT from ${from}`;
  return { kind: "abandon", closeCode: CloseCode.INITIAL_CONTACT, why };
}

/**
 * Ends the IKE SA that its peer has resumed, with what its rekeys made of it, without a Delete (RFC 5723
 * §4.3.2).
 */
function supersede(endpoint: Endpoint, oldSpi: bigint, nowMs: number, out: Outbox): void {
  const old = endpoint.bySpi.get(oldSpi);
  if (!old || endpoint.env.broken.has("keep_resumed")) return;
  const why = "The peer has resumed it by its ticket as another IKE SA";
  const event = { kind: "abandon", closeCode: CloseCode.RESUMED, why } as const;
  dispatch(endpoint, { sa: inheritorOf(old), event }, nowMs, out);
}

/** Adds a new IKE SA that a rekey made. */
function adopt(endpoint: Endpoint, sa: IkeSa): void {
  endpoint.bySpi.set(ownSpi(sa), sa);
  remember(endpoint, sa);
}

function remember(endpoint: Endpoint, sa: IkeSa): void {
  const key = identityKeyOf(endpoint, sa);
  const same = endpoint.byIdentity.get(key);
  if (same) same.add(sa);
  else endpoint.byIdentity.set(key, new Set([sa]));
}

function recall(endpoint: Endpoint, sa: IkeSa): void {
  const key = identityKeyOf(endpoint, sa);
  const same = endpoint.byIdentity.get(key);
  if (same?.delete(sa) && same.size === 0) endpoint.byIdentity.delete(key);
}

/**
 * The identity by which SAs are told apart: for a client its own, for a gateway the peer's, whichever end
 * began the last rekey.
 */
function identityKeyOf({ answers }: Endpoint, sa: IkeSa): string {
  const identity = answers ? sa.peer.id : sa.peer.ownId;
  return identity ? identityKey(identity) : "";
}

/** A random SPI that is not zero and not in use here (RFC 7296 §2.6). */
function freeSpi(endpoint: Endpoint): bigint {
  for (;;) {
    const spi = drawSpi(endpoint.env);
    if (spi !== 0n && !endpoint.bySpi.has(spi)) return spi;
  }
}

function drop(endpoint: Endpoint, reason: string, out: Outbox): void {
  count(endpoint, reason);
  out.push({ kind: "dropped", reason }, undefined);
}

function count({ drops }: Endpoint, reason: string): void {
  const known = drops.has(reason) || drops.size < DROP_REASONS_MAX;
  const name = known ? reason : "other reasons";
  drops.set(name, (drops.get(name) ?? 0) + 1);
}
