/**
 * Messages of one SA: sealing and opening them, sending a request and repeating it, answering the
 * peer's and remembering the answer (RFC 7296 §2.1–2.4, §3.14).
 * @module
 */
import type { Path } from "@/base/address.ts";
import { must, WireError } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { ComputeJob } from "@/ike/event.ts";
import type { IkeSa, Turn } from "@/ike/ike_sa.ts";
import { PeerError } from "@/ike/notify.ts";
import { openSealed, seal } from "@/ike/protection.ts";
import type { Received } from "@/ike/task.ts";
import { checkExchange } from "@/wire/exchange_rules.ts";
import {
  decodeHeader,
  decodeMessage,
  encodeMessage,
  type IkeHeader,
  type MessageHeader,
  type Payload,
} from "@/wire/message.ts";

/** Asks for asymmetric work; its answer carries the ticket returned here. */
export function requestCompute({ sa, out }: Turn, job: ComputeJob): number {
  const ticket = sa.nextTicket++;
  out.push({ kind: "compute", ticket, job }, sa);
  return ticket;
}

/** Sends a new request and awaits its response; returns its octets. */
export function sendRequest(
  turn: Turn,
  exchange: number,
  payloads: readonly Payload[],
): Uint8Array {
  const { sa, nowMs, out } = turn;
  must(sa.request === undefined, "the window holds one request (RFC 7296 §2.3)");
  const header = headerOf(sa, exchange, sa.nextRequestId, false);
  const octets = encode(sa, header, payloads);
  trace(turn, { sent: true, path: sa.path, octets, payloads });
  sa.request = {
    exchange,
    messageId: sa.nextRequestId,
    octets,
    firstSentMs: nowMs,
    transmissions: 1,
    nextMs: nowMs + sa.config.retransmitIntervalMs,
  };
  out.push({ kind: "send", octets, path: sa.path, transmission: 1 }, sa);
  return octets;
}

/** The same octets again (RFC 7296 §2.1), and when to think of it next. */
export function retransmit({ sa, nowMs, out }: Turn): void {
  const request = sa.request!, { retransmitIntervalMs, retransmitBackoff } = sa.config;
  request.nextMs = nowMs + retransmitIntervalMs * retransmitBackoff ** request.transmissions;
  request.transmissions++;
  const { octets, transmissions } = request;
  out.push({ kind: "send", octets, path: sa.path, transmission: transmissions }, sa);
}

/**
 * Answers a request to where it came from (RFC 7296 §2.11), keeps the answer for a repeat, and moves
 * the window on. Returns the response's octets.
 */
export function sendResponse(
  turn: Turn,
  request: Received,
  payloads: readonly Payload[],
): Uint8Array {
  const { sa, out } = turn, { exchange, messageId } = request.header;
  const octets = encode(sa, headerOf(sa, exchange, messageId, true), payloads);
  trace(turn, { sent: true, path: request.path, octets, payloads });
  sa.lastResponse = octets;
  sa.nextPeerId = messageId + 1;
  out.push({ kind: "send", octets, path: request.path, transmission: 0 }, sa);
  return octets;
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

function encode(sa: IkeSa, header: MessageHeader, payloads: readonly Payload[]): Uint8Array {
  if (header.exchange === ExchangeType.IKE_SA_INIT) return encodeMessage(header, payloads);
  return seal(sa, header, payloads);
}

/**
 * Opens what arrived: an IKE_SA_INIT in clear, all else only if its ICV is right. A text is why the
 * datagram is dropped; a `fault` is an authentic message with a wrong content, which is answered.
 */
export function openReceived(
  turn: Turn,
  octets: Uint8Array,
  path: Path,
): Received | string {
  const { sa } = turn;
  const header = decodeHeader(octets);
  const inClear = header.exchange === ExchangeType.IKE_SA_INIT;
  if (!inClear && !sa.keys) return "an encrypted message before there are keys";
  try {
    const payloads = inClear ? decodeMessage(octets).payloads : openSealed(sa, octets);
    if (typeof payloads === "string") return payloads;
    trace(turn, { sent: false, path, octets, payloads });
    const fault = faultOf(header, payloads);
    return { header, payloads: fault ? [] : payloads, octets, path, fault };
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    return { header, payloads: [], octets, path, fault: e };
  }
}

/** What the content breaks: a critical payload nobody knows (RFC 7296 §2.5), or the exchange's rules. */
function faultOf(
  header: IkeHeader,
  payloads: readonly Payload[],
): WireError | PeerError | undefined {
  const critical = payloads.find((p) => "raw" in p && p.critical);
  if (critical) {
    const text = `Cannot ignore payload type ${critical.type}: it is critical, and unknown here`;
    const data = Uint8Array.of(critical.type);
    return new PeerError(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, text, data);
  }
  try {
    checkExchange(header.exchange, header.response, payloads);
    return undefined;
  } catch (e) {
    if (e instanceof WireError) return e;
    throw e;
  }
}

function trace(
  { sa, out }: Turn,
  message: {
    readonly sent: boolean;
    readonly path: Path;
    readonly octets: Uint8Array;
    readonly payloads: readonly Payload[];
  },
): void {
  if (!sa.config.trace) return;
  const { sent, path, octets, payloads } = message;
  out.push({ kind: "trace", sent, path, header: decodeHeader(octets), payloads }, sa);
}
