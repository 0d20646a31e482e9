/**
 * All IKE SAs behind one configuration: finds the SA a datagram is for, makes one for a newcomer, and
 * keeps strangers cheap: half-open SAs are bounded and cookies come before state (RFC 7296 §2.6).
 * @module
 */
import { type Path, showEndpoint } from "@/base/address.ts";
import { WireError } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { type Admission, admit, INIT_OCTETS_MAX, newAdmission } from "@/ike/admission.ts";
import type { IkeEffect, IkeEvent, Outbox } from "@/ike/records/event.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { forgetEnded, keepEnded } from "@/ike/ended.ts";
import { handle } from "@/ike/handle.ts";
import { identityKey, resolveIdentity } from "@/ike/negotiate/identity.ts";
import { enter, isStranger, newIkeSa, ownSpi, peerSpi } from "@/ike/records/ike_sa.ts";
import { notify } from "@/ike/records/notify.ts";
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
import { messageHash } from "@/ike/window/repeats.ts";
import {
  decodeHeader,
  encodeMessage,
  HEADER_OCTETS,
  type IkeHeader,
  type Payload,
} from "@/wire/message.ts";

/** Reasons that are counted apart: some name a number of the peer's choice. */
const DROP_REASONS_MAX = 200;
const LATE_INIT = "a late copy of an IKE_SA_INIT request";
/** INVALID_MAJOR_VERSION a second at most: nothing vouches for what it answers (RFC 7296 §2.4). */
const REFUSALS_MAX = 10;

/** The IKE SAs of one configuration in this process. */
export interface Endpoint {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  /** Whether it takes IKE_SA_INIT requests. */
  readonly answers: boolean;
  /** By own SPI, in order of creation; those of `ended` and `rekeyed` among them. */
  readonly bySpi: Map<bigint, IkeSa>;
  /** Own SPIs of SAs that ended a short while ago and are listed, oldest first: the time they go. */
  readonly ended: Map<bigint, number>;
  /** Own SPIs of rekeyed IKE SAs that are gone and stay listed, oldest first. */
  readonly rekeyed: Set<bigint>;
  /** Responder SAs that are not authenticated: how many, and which, among what is known of newcomers. */
  readonly halfOpen: number;
  readonly newcomers: Newcomers;
  /** Datagrams that cost a counter, by reason. */
  readonly drops: Map<string, number>;
  /** SAs by the identity that INITIAL_CONTACT is about: those dialled, and those let in. */
  readonly byIdentity: Map<string, Set<IkeSa>>;
  readonly admission: Admission;
  /** SAs that newcomers made so far. */
  arrivals: number;
  /** Refusals of versions in the second that began at `sinceMs`. */
  readonly refusals: { sinceMs: number; count: number };
}

/** An endpoint without SAs; `answers` makes it a responder too. */
export function newEndpoint(env: IkeEnv, config: IkeConfig, answers: boolean): Endpoint {
  const newcomers = newNewcomers();
  return {
    env: {
      ...env,
      reassembly: { octets: 0 },
      ...(config.pools ? { pools: newPools(config.pools) } : {}),
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
  };
}

/** A tunnel to dial. */
export interface Dial {
  /** The tunnel. */
  readonly index: number;
  readonly path: Path;
  /** False: INITIAL_CONTACT is not said, whatever the configuration says. */
  readonly introduce?: boolean;
}

/** A new SA that dials. */
export function initiate(
  endpoint: Endpoint,
  { index, path, introduce = true }: Dial,
  nowMs: number,
  out: Outbox,
): IkeSa {
  const { env, config } = endpoint;
  const spi = freeSpi(endpoint);
  const sa = newIkeSa({ env, config, index, path, originalInitiator: true, spi });
  endpoint.bySpi.set(spi, sa);
  // INITIAL_CONTACT says "my only SA with this identity" (RFC 7296 §2.4): true for the first alone.
  // A sibling on its way counts too: established at the peer first, it would be displaced there.
  sa.peer.ownId = resolveIdentity(config.ownId, path, index);
  const first = !endpoint.byIdentity.has(identityKey(sa.peer.ownId));
  const initialContact = config.initialContact && introduce && first;
  remember(endpoint, sa);
  dispatch(endpoint, { sa, event: { kind: "initiate", initialContact } }, nowMs, out);
  return sa;
}

/** Hands an event to an SA, and keeps the endpoint's books. */
export function dispatch(
  endpoint: Endpoint,
  { sa, event }: { readonly sa: IkeSa; readonly event: IkeEvent },
  nowMs: number,
  out: Outbox,
): void {
  if (sa.forgotten) return;
  const wasUp = sa.phase === "established", wasOver = isOver(sa);
  const tap = new Tap(endpoint, nowMs, out);
  handle(sa, event, nowMs, tap);
  if (!wasUp && sa.establishedMs !== undefined && sa.phase === "established") {
    remember(endpoint, sa);
  }
  if (!wasOver && isOver(sa)) {
    if (!isStranger(sa)) recall(endpoint, sa);
    keepEnded(endpoint, sa, nowMs);
  }
  if (sa.forgotten) forgetEnded(endpoint, sa);
  const oldest = settle(endpoint.newcomers, sa, nowMs);
  if (oldest) forgetAtOnce(endpoint, oldest);
}

/** Half-open SAs beyond what this end holds, in number or in octets, are ended: the oldest first. */
function crowdOut(endpoint: Endpoint, nowMs: number, out: Outbox): void {
  const { newcomers, config } = endpoint;
  for (let sa = crowded(newcomers, config); sa; sa = crowded(newcomers, config)) {
    dispatch(endpoint, { sa, event: { kind: "crowded_out" } }, nowMs, out);
  }
}

/** A closed SA that others have crowded out: its peer gets no repeated answer any more. */
function forgetAtOnce(endpoint: Endpoint, sa: IkeSa): void {
  sa.forgotten = true;
  sa.deadlineMs = Infinity;
  forgetEnded(endpoint, sa);
}

/** Reads along what an SA wishes: some of it is the endpoint's business too. */
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
    if (effect.kind !== "initial_contact") return;
    // At once: the addresses that the displaced SAs held are free before this one asks for its own.
    if (this.#endpoint.env.broken.has("ignore_initial_contact")) return;
    displace(this.#endpoint, about!, this.#nowMs, this.#out);
  }
}

function isOver(sa: IkeSa): boolean {
  return sa.phase === "closed";
}

/** A datagram from the wire, without its non-ESP marker. */
export function receive(
  endpoint: Endpoint,
  datagram: { readonly octets: Uint8Array; readonly path: Path },
  nowMs: number,
  out: Outbox,
): void {
  const { octets, path } = datagram;
  const header = plausibleHeader(octets);
  if (typeof header === "string") return drop(endpoint, header, out);
  const isInit = header.exchange === ExchangeType.IKE_SA_INIT;
  if (isInit && octets.length > INIT_OCTETS_MAX && !path.tcp) {
    return drop(endpoint, `an IKE_SA_INIT message above ${INIT_OCTETS_MAX} octets in UDP`, out);
  }
  if (header.majorVersion !== 2) return refuseVersion(endpoint, header, datagram, { nowMs, out });
  // RFC 7296 §3.1: the I flag tells whose SPI is whose.
  const spi = header.initiator ? header.spiR : header.spiI;
  if (spi === 0n) return newcomer(endpoint, header, datagram, { nowMs, out });
  const sa = endpoint.bySpi.get(spi);
  if (!sa || sa.forgotten) return drop(endpoint, "an SPI nobody has", out);
  if (sa.originalInitiator === header.initiator) return drop(endpoint, "a wrong I flag", out);
  const peers = header.initiator ? header.spiI : header.spiR;
  if (peerSpi(sa) !== peers && !(sa.phase === "init" && sa.originalInitiator)) {
    return drop(endpoint, "a peer SPI that is not the SA's", out);
  }
  dispatch(endpoint, { sa, event: { kind: "datagram", octets, path } }, nowMs, out);
  if (isHalfOpen(sa)) crowdOut(endpoint, nowMs, out);
}

/** Cheap checks first: most garbage ends here, without a throw. */
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

/** RFC 7296 §2.5: a higher major version is dropped, and the sender told what we speak. */
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

/** An IKE_SA_INIT request, first or repeated; anything else without our SPI is dropped. */
function newcomer(
  endpoint: Endpoint,
  header: IkeHeader,
  { octets, path }: { readonly octets: Uint8Array; readonly path: Path },
  { nowMs, out }: { readonly nowMs: number; readonly out: Outbox },
): void {
  const isInit = header.exchange === ExchangeType.IKE_SA_INIT && !header.response &&
    header.initiator && header.messageId === 0 && header.spiI !== 0n;
  if (!isInit) return drop(endpoint, "no SPI of ours, and no IKE_SA_INIT request", out);
  if (!endpoint.answers) return drop(endpoint, "an IKE_SA_INIT request to an initiator", out);
  const hash = messageHash(endpoint.env, octets);
  const before = knownRequest(endpoint.newcomers, hash, nowMs);
  if (before === "passed over" && !endpoint.env.broken.has("answer_late_init")) {
    return drop(endpoint, LATE_INIT, out);
  }
  const known = before === "passed over" ? undefined : before;
  if (known) {
    const event = { kind: "datagram", octets, path } as const;
    return dispatch(endpoint, { sa: known, event }, nowMs, out);
  }
  const request = { header, octets, address: path.peerAddress };
  const verdict = admit(endpoint, request, nowMs);
  if (verdict.kind === "dropped") return drop(endpoint, verdict.reason, out);
  if (verdict.kind === "cookie") {
    if (verdict.stale) count(endpoint, "a cookie that is not ours, or too old");
    const cookie = notify(NotifyType.COOKIE, verdict.cookie);
    return sendStateless(endpoint, header, [cookie], { path, out });
  }
  const { env, config } = endpoint, spi = freeSpi(endpoint);
  const index = endpoint.arrivals++;
  const sa = newIkeSa({ env, config, index, originalInitiator: false, spi, path });
  sa.spiI = header.spiI;
  sa.initHash = hash;
  sa.startedMs = nowMs;
  if (!env.broken.has("keep_half_open")) sa.halfOpenEndMs = nowMs + config.halfOpenTimeoutMs;
  enter(sa, "init");
  endpoint.bySpi.set(spi, sa);
  arrive(endpoint.newcomers, sa);
  dispatch(endpoint, { sa, event: { kind: "datagram", octets, path } }, nowMs, out);
  crowdOut(endpoint, nowMs, out);
}

/** A response that leaves nothing behind: the request's SPIs and Message ID, in clear. */
function sendStateless(
  { config }: Endpoint,
  request: IkeHeader,
  payloads: readonly Payload[],
  { path, out }: { readonly path: Path; readonly out: Outbox },
): void {
  const { spiI, spiR, exchange, messageId } = request;
  const octets = encodeMessage(
    { spiI, spiR, exchange, messageId, initiator: false, response: true },
    payloads,
  );
  if (config.trace) {
    const header = decodeHeader(octets);
    out.push({ kind: "trace", sent: true, path, header, payloads, fragments: 1 }, undefined);
  }
  out.push({ kind: "send", octets, path, transmission: 0 }, undefined);
}

/** RFC 7296 §2.4: the peer's other SAs under this identity are of a former life. */
function displace(endpoint: Endpoint, sa: IkeSa, nowMs: number, out: Outbox): void {
  const same = endpoint.byIdentity.get(identityKeyOf(endpoint, sa));
  for (const other of [...same ?? []]) {
    if (other === sa) continue;
    const at = showEndpoint(sa.path.peerAddress, sa.path.peerPort);
    const why = `Displaced: the same identity said INITIAL_CONTACT from ${at}`;
    const event = { kind: "abandon", closeCode: CloseCode.INITIAL_CONTACT, why } as const;
    dispatch(endpoint, { sa: other, event }, nowMs, out);
  }
}

/** A new IKE SA that a rekey made. */
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
 * A client's SAs are told apart by its own identity, a gateway's by the peer's; whichever end began
 * the last rekey.
 */
function identityKeyOf({ answers }: Endpoint, sa: IkeSa): string {
  const identity = answers ? sa.peer.id : sa.peer.ownId;
  return identity ? identityKey(identity) : "";
}

/** A random SPI that is not zero and nobody here has (RFC 7296 §2.6). */
function freeSpi(endpoint: Endpoint): bigint {
  for (;;) {
    const octets = endpoint.env.random(8);
    const spi = new DataView(octets.buffer, octets.byteOffset).getBigUint64(0);
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
