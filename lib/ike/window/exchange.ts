/**
 * Exchanges messages of one SA: encrypts and decrypts them, sends and repeats requests, and answers the
 * peer's and remembers the answer (RFC 7296 §2.1–2.4, §3.14), whole or in fragments (RFC 7383).
 * @module
 */
import { type Path, samePath } from "@/base/address.ts";
import { must, WireError } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { ComputeJob, IkeEffect, Turn } from "@/ike/records/event.ts";
import { puzzleFault } from "@/ike/window/auth_puzzle.ts";
import { hashOfFirst, takeFragment } from "@/ike/window/fragments.ts";
import { spareMessageIds } from "@/ike/window/lifetime.ts";
import { PeerError } from "@/ike/records/notify.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { requestDueMs } from "@/ike/window/patience.ts";
import { encryptedPayload, openWhole, seal } from "@/ike/window/protection.ts";
import { answeredRequest, countRepeat, messageHash } from "@/ike/window/repeats.ts";
import { checkExchange, isInClear } from "@/wire/exchange_rules.ts";
import {
  decodeHeader,
  encodeMessage,
  type IkeHeader,
  type MessageHeader,
  type Payload,
  payloadsOf,
} from "@/wire/message.ts";
import type { SkfPayload } from "@/wire/payloads/encrypted.ts";
import { clearForm, type Inside } from "@/wire/protected.ts";

type Trace = Extract<IkeEffect, { kind: "trace" }>;

/** Asks for an asymmetric computation; its result will have the ticket that is returned. */
export function requestCompute({ sa, out }: Turn, job: ComputeJob): number {
  const ticket = sa.nextTicket++;
  out.push({ kind: "compute", ticket, job }, sa);
  return ticket;
}

/** The longest time until a Delete at the end of a test is repeated, as the end does not wait for long. */
const LAST_REPEAT_MS = 2_000;

/** Sends a new request, whose response is awaited; returns its datagrams. */
export function sendRequest(
  turn: Turn,
  exchange: number,
  payloads: readonly Payload[],
): readonly Uint8Array[] {
  const { sa, nowMs } = turn;
  must(sa.window.request === undefined, "the window holds one request (RFC 7296 §2.3)");
  const header = headerOf(sa, exchange, sa.window.nextRequestId, false);
  const datagrams = encode(sa, header, payloads);
  traceSent(turn, datagrams, { path: sa.path, payloads });
  sa.window.request = {
    exchange,
    messageId: sa.window.nextRequestId,
    datagrams,
    firstSentMs: nowMs,
    transmissions: 1,
    nextMs: sa.path.tcp ? requestDueMs(sa, nowMs, nowMs) : nowMs + repeatIntervalMs(sa),
  };
  sendAll(turn, datagrams, { path: sa.path, transmission: 1 });
  return datagrams;
}

/** Sends the same datagrams again (RFC 7296 §2.1), and sets when that happens next. */
export function retransmit(turn: Turn): void {
  const { sa, nowMs } = turn;
  const request = sa.window.request!;
  const { retransmitBackoff } = sa.config;
  request.nextMs = nowMs + repeatIntervalMs(sa) * retransmitBackoff ** request.transmissions;
  repeatRequest(turn);
}

/** Milliseconds until a request is sent a second time: sooner for a Delete at the end of a test. */
function repeatIntervalMs({ config: { retransmitIntervalMs }, phase, closeCode }: IkeSa): number {
  const isLast = phase === "closing" && closeCode === CloseCode.STOPPED;
  return isLast ? Math.min(retransmitIntervalMs, LAST_REPEAT_MS) : retransmitIntervalMs;
}

/** Sends the same datagrams again by the present path. */
export function repeatRequest(turn: Turn): void {
  const { sa } = turn;
  const request = sa.window.request!;
  request.transmissions++;
  const isLeft = sa.env.broken.has("repeat_by_old_path") && sa.closeAsked;
  const path = isLeft ? sa.peer.mobility?.settled ?? sa.path : sa.path;
  sendAll(turn, request.datagrams, { path, transmission: request.transmissions });
}

/**
 * Sends the response to where the request came from (RFC 7296 §2.11), keeps it for repeats, and advances the
 * window. Returns the datagrams of the response.
 */
export function sendResponse(
  turn: Turn,
  request: Received,
  payloads: readonly Payload[],
): readonly Uint8Array[] {
  const { sa } = turn;
  const { path } = request;
  const { exchange, messageId } = request.header;
  const datagrams = encode(sa, headerOf(sa, exchange, messageId, true), payloads);
  traceSent(turn, datagrams, { path, payloads });
  sa.window.answered = answeredRequest(request, datagrams);
  sa.window.nextPeerId = messageId + 1;
  spareMessageIds(turn, sa.window.nextPeerId);
  sendAll(turn, datagrams, { path, transmission: 0 });
  return datagrams;
}

/**
 * Refuses an IKE_SA_INIT request unencrypted and with a responder SPI of zero; nothing of it is kept (RFC
 * 7296 §2.6).
 */
export function refuse(turn: Turn, request: Received, payloads: readonly Payload[]): void {
  const { sa } = turn;
  const { path } = request;
  const { spiI, exchange, messageId } = request.header;
  const header = { spiI, spiR: 0n, exchange, messageId, response: true, initiator: false };
  const datagrams = [encodeMessage(header, payloads)];
  traceSent(turn, datagrams, { path, payloads });
  sa.window.answered = undefined;
  sendAll(turn, datagrams, { path, transmission: 0 });
}

/**
 * Sends the last response again, to where the repeated request came from (RFC 7296 §2.1). As anybody can send
 * a copy of a request, it does not show where the peer is, and the number of answers is limited.
 */
export function repeatResponse(turn: Turn, path: Path): void {
  const { sa, nowMs, out } = turn;
  const answered = sa.window.answered!;
  if (countRepeat(answered, nowMs)) {
    return sendAll(turn, answered.response, { path, transmission: 0 });
  }
  out.push({ kind: "dropped", reason: "a request repeated too often within a second" }, sa);
}

function sendAll(
  { sa, nowMs, out }: Turn,
  datagrams: readonly Uint8Array[],
  to: { readonly path: Path; readonly transmission: number },
): void {
  // Without a connection nothing is sent; the request is repeated by the next connection.
  if (sa.connectionLost && samePath(to.path, sa.path)) return;
  sa.lastSentMs = nowMs;
  const total = datagrams.length;
  if (total === 1) return out.push({ kind: "send", octets: datagrams[0]!, ...to }, sa);
  const once = to.transmission > 1 && sa.env.broken.has("repeat_one_fragment");
  for (const [i, octets] of datagrams.entries()) {
    if (once && i > 0) return;
    out.push({ kind: "send", octets, ...to, fragment: { number: i + 1, total } }, sa);
  }
}

function headerOf(
  sa: IkeSa,
  exchange: number,
  messageId: number,
  response: boolean,
): MessageHeader {
  const { spiI, spiR, originalInitiator } = sa;
  return { spiI, spiR, exchange, messageId, response, initiator: originalInitiator };
}

/**
 * Encodes an unencrypted message. It is never fragmented, as nothing is negotiated before it (RFC 7383 §2).
 */
function encode(sa: IkeSa, header: MessageHeader, payloads: readonly Payload[]): Uint8Array[] {
  if (isInClear(header.exchange)) return [encodeMessage(header, payloads)];
  return seal(sa, header, payloads);
}

/**
 * Decodes a datagram; an encrypted message only if its ICV is right. A text is the reason why the datagram is
 * dropped; `fault` is set for an authentic message with wrong content, which is answered. Undefined: it is a
 * fragment, and others are missing.
 */
export function openReceived(
  turn: Turn,
  { octets, path, header }: Pick<Received, "octets" | "path" | "header">,
): Received | string | undefined {
  const { sa } = turn;
  try {
    if (isInClear(header.exchange)) {
      return complete(turn, { header, octets, path }, payloadsOf(octets, header));
    }
    if (!sa.keys) return "an encrypted message before there are keys";
    const inner = encryptedPayload(octets, header);
    if (typeof inner === "string") return inner;
    const unsolved = puzzleFault(sa, octets, { header, inner });
    if (unsolved) return unsolved;
    if (inner.type === PayloadType.SKF) {
      return openFragmented(turn, { header, octets, path }, inner);
    }
    const opened = openWhole(sa, octets, inner);
    if (typeof opened === "string") return opened;
    const { payloads, content } = opened;
    const { firstType } = inner;
    const clear = clearOf(header, octets, { firstType, content });
    const received = complete(turn, { header, octets, path, clear }, payloads);
    // The ICV also covers payloads before SK; they are skipped unless one is critical.
    const isFirst = header.nextPayload === PayloadType.SK;
    const fault = isFirst ? undefined : criticalFault(payloadsOf(octets, header));
    return fault ? { ...received, payloads: [], fault } : received;
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    const hash = hashOfRequest(sa, { header, octets });
    return { header, payloads: [], octets, path, hash, fragments: 1, fault: e };
  }
}

/** A message that has arrived, before its payloads are decoded. */
type Arrived = Pick<Received, "header" | "octets" | "path" | "clear">;

/**
 * The part of an IKE_INTERMEDIATE message that AUTH will authenticate (RFC 9242 §3.3.2); undefined for
 * others.
 */
function clearOf(header: IkeHeader, octets: Uint8Array, inside: Inside): Uint8Array | undefined {
  return header.exchange === ExchangeType.IKE_INTERMEDIATE ? clearForm(octets, inside) : undefined;
}

/** The form in which a whole message arrived; see {@linkcode Received}. */
type Form = Pick<Received, "hash" | "fragments">;

/** The hash of a request; a response needs none. */
function hashOfRequest(sa: IkeSa, { header, octets }: Pick<Arrived, "header" | "octets">): string {
  return header.response ? "" : messageHash(sa.env, octets);
}

function openFragmented(
  turn: Turn,
  { header, octets, path }: Arrived,
  skf: SkfPayload,
): Received | string | undefined {
  const { sa } = turn;
  const hash = hashOfFirst(sa, { header, octets, skf });
  const fragments = skf.total;
  try {
    const result = takeFragment(turn, { header, octets, skf });
    switch (result.kind) {
      case "kept":
        return undefined;
      case "dropped":
        return result.reason;
      case "fragmented_again":
        Object.assign(sa.window.answered!, { hash, fragments });
        return void repeatResponse(turn, path);
      case "whole": {
        const clear = clearOf(header, octets, result.inside);
        const whole = { header: { ...header, length: result.octets }, octets, path, clear };
        return complete(turn, whole, result.payloads, { hash, fragments });
      }
    }
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    return { header, payloads: [], octets, path, hash, fragments, fault: e };
  }
}

function complete(
  turn: Turn,
  arrived: Arrived,
  payloads: readonly Payload[],
  form: Form = { hash: hashOfRequest(turn.sa, arrived), fragments: 1 },
): Received {
  const { header, path } = arrived;
  const { hash, fragments } = form;
  trace(turn, { sent: false, path, header, payloads, fragments });
  const fault = faultOf(header, payloads);
  return { ...arrived, payloads: fault ? [] : payloads, hash, fragments, fault };
}

/**
 * The rule that the content breaks: an unknown critical payload (RFC 7296 §2.5), or a rule of the exchange.
 */
function faultOf(
  header: IkeHeader,
  payloads: readonly Payload[],
): WireError | PeerError | undefined {
  const critical = criticalFault(payloads);
  if (critical) return critical;
  try {
    checkExchange(header.exchange, header.response, payloads);
    return undefined;
  } catch (e) {
    if (e instanceof WireError) return e;
    throw e;
  }
}

/** The refusal of an unknown critical payload. */
function criticalFault(payloads: readonly Payload[]): PeerError | undefined {
  const critical = payloads.find((p) => "raw" in p && p.critical);
  if (!critical) return undefined;
  const text = `Cannot ignore payload type ${critical.type}: it is critical, and unknown here`;
  const data = Uint8Array.of(critical.type);
  return new PeerError(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, text, data);
}

/** Reports a sent message as a whole, also if it is fragmented. */
function traceSent(
  turn: Turn,
  datagrams: readonly Uint8Array[],
  { path, payloads }: { readonly path: Path; readonly payloads: readonly Payload[] },
): void {
  if (!turn.sa.config.trace) return;
  const length = datagrams.reduce((sum, { length }) => sum + length, 0);
  const header = { ...decodeHeader(datagrams[0]!), length };
  trace(turn, { sent: true, path, header, payloads, fragments: datagrams.length });
}

function trace({ sa, out }: Turn, message: Omit<Trace, "kind">): void {
  if (sa.config.trace) out.push({ kind: "trace", ...message }, sa);
}
