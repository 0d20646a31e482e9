/**
 * Encodes and decodes echo messages: ICMP (RFC 792), ICMPv6 (RFC 4443 §4), and UDP, which an echo server
 * returns (RFC 862). Messages have the form in which sockets send and receive them: for ICMP the message from
 * its type on, for UDP the payload.
 *
 *     ICMP   type | code | checksum | identifier | sequence | pattern …
 *     UDP                             identifier | sequence | "ping" or "pong" | tag | pattern …
 *
 * In UDP only the payload tells a request from a reply. The echo server of myikev2 replaces "ping" by "pong",
 * and never answers a "pong", so that two of them cannot be made to answer each other. The tag, uint16, tells
 * an unchanged echo (RFC 862) from a request of another host.
 * @module
 */
import { foldSum, sumWords } from "@/esp/ip_packet.ts";

/** Types of echo messages. */
export const EchoType = { REQUEST_4: 8, REPLY_4: 0, REQUEST_6: 128, REPLY_6: 129 } as const;

/** What all requests of a test have in common. */
export interface EchoShape {
  readonly protocol: "icmp" | "udp";
  /** Port of both ends; only used for UDP. */
  readonly port: number;
  /** Octets after the header of ICMP or UDP; for UDP at least {@linkcode UDP_PAYLOAD_MIN}. */
  readonly payloadOctets: number;
  /** Identifies requests of this test, uint16; only used for UDP. */
  readonly tag: number;
}

/** Octets of a UDP payload before its pattern: identifier, sequence number, mark and tag. */
export const UDP_PAYLOAD_MIN = 10;
/** Offsets of the mark ("ping" or "pong") and of the tag in a UDP payload. */
const MARK_AT = 4;
const TAG_AT = 8;
/** "ping" and "pong" as uint32. */
const REQUEST_MARK = 0x70696e67;
const REPLY_MARK = 0x706f6e67;
const ICMP_HEADER_OCTETS = 8;
/** Offset of the identifier in an ICMP message; the sequence number follows it. */
const ICMP_IDENTIFIER_AT = 4;

/** Writes requests of one shape. */
export class EchoWriter {
  readonly #isIcmp: boolean;
  readonly #message: Uint8Array;
  /** Sum of the 16-bit words after the sequence number. */
  readonly #patternSum: number;

  constructor({ protocol, payloadOctets, tag }: EchoShape) {
    this.#isIcmp = protocol === "icmp";
    const header = this.#isIcmp ? ICMP_HEADER_OCTETS : 0;
    this.#message = new Uint8Array(header + payloadOctets);
    for (let i = 0; i < payloadOctets; i++) this.#message[header + i] = patternAt(i);
    if (!this.#isIcmp) {
      writeMark(this.#message, 0, REQUEST_MARK);
      write16(this.#message, TAG_AT, tag);
    }
    const behind = this.#isIcmp ? header : UDP_PAYLOAD_MIN;
    this.#patternSum = sumWords(this.#message, behind, this.#message.length - behind);
  }

  /**
   * A request to an address of `addressOctets` octets; identifier and sequence are uint16. It is valid until
   * the next request is made. The checksum of ICMPv6 stays zero, as it covers the addresses (RFC 4443 §2.3).
   */
  request(addressOctets: number, identifier: number, sequence: number): Uint8Array {
    const message = this.#message;
    const at = this.#isIcmp ? ICMP_IDENTIFIER_AT : 0;
    write16(message, at, identifier);
    write16(message, at + 2, sequence);
    if (!this.#isIcmp) return message;
    const isV4 = addressOctets === 4;
    message[0] = isV4 ? EchoType.REQUEST_4 : EchoType.REQUEST_6;
    const sum = (EchoType.REQUEST_4 << 8) + identifier + sequence + this.#patternSum;
    write16(message, 2, isV4 ? foldSum(sum) : 0);
    return message;
  }
}

/** What octets are that may be a reply: a reply, an altered one, or something else. */
export type EchoVerdict = "reply" | "altered" | "other";

/** Reads replies to requests of one shape. */
export class EchoReader {
  /** Identifier of the last reply that was read, uint16. */
  identifier = 0;
  /** Sequence number of the last reply that was read, uint16. */
  sequence = 0;
  readonly #isIcmp: boolean;
  readonly #payloadOctets: number;
  readonly #tag: number;

  constructor({ protocol, payloadOctets, tag }: EchoShape) {
    this.#isIcmp = protocol === "icmp";
    this.#payloadOctets = payloadOctets;
    this.#tag = tag;
  }

  /**
   * Reads the message at `at`, which came from an address of `addressOctets` octets. `altered`: it is a reply
   * with a wrong checksum or a changed payload. Checksums of ICMPv6 and UDP are verified by the caller.
   */
  read(buffer: Uint8Array, at: number, octets: number, addressOctets: number): EchoVerdict {
    const header = this.#isIcmp ? ICMP_HEADER_OCTETS : 0;
    if (octets < header || this.#isIcmp && !isReply(buffer, at, addressOctets)) return "other";
    const marks = at + (this.#isIcmp ? ICMP_IDENTIFIER_AT : 0);
    if (!this.#isIcmp && !this.#isEchoOfOurs(buffer, at, octets)) return "other";
    this.identifier = read16(buffer, marks);
    this.sequence = read16(buffer, marks + 2);
    if (octets !== header + this.#payloadOctets) return "altered";
    const isSummed = this.#isIcmp && addressOctets === 4;
    if (isSummed && foldSum(sumWords(buffer, at, octets)) !== 0) return "altered";
    const from = this.#isIcmp ? 0 : UDP_PAYLOAD_MIN;
    for (let i = from; i < this.#payloadOctets; i++) {
      if (buffer[at + header + i] !== patternAt(i)) return "altered";
    }
    return "reply";
  }

  /**
   * Whether a UDP payload echoes a request of this test: with the mark changed by an echo server of myikev2,
   * or unchanged by any other.
   */
  #isEchoOfOurs(payload: Uint8Array, at: number, octets: number): boolean {
    return udpKind(payload, at, octets) !== "plain" && read16(payload, at + TAG_AT) === this.#tag;
  }
}

/** The kind of a UDP payload: a request of a pinger of myikev2, the reply to one, or neither. */
export type UdpEchoKind = "request" | "reply" | "plain";

/** The kind of the UDP payload at `at`. */
export function udpKind(payload: Uint8Array, at: number, octets: number): UdpEchoKind {
  if (octets < UDP_PAYLOAD_MIN) return "plain";
  const mark = (read16(payload, at + MARK_AT) << 16 | read16(payload, at + MARK_AT + 2)) >>> 0;
  return mark === REQUEST_MARK ? "request" : mark === REPLY_MARK ? "reply" : "plain";
}

/** Turns the request at `at`, as {@linkcode udpKind} found it, into its reply, in place. */
export function markAsReply(payload: Uint8Array, at: number): void {
  writeMark(payload, at, REPLY_MARK);
}

/** Turns an ICMP or ICMPv6 echo request into its reply, in place; false: it is no echo request. */
export function answerEcho(message: Uint8Array, addressOctets: number): boolean {
  const isV4 = addressOctets === 4;
  const [type, code] = message;
  if (message.length < ICMP_HEADER_OCTETS || code !== 0) return false;
  if (type !== (isV4 ? EchoType.REQUEST_4 : EchoType.REQUEST_6)) return false;
  message[0] = isV4 ? EchoType.REPLY_4 : EchoType.REPLY_6;
  write16(message, 2, 0);
  if (isV4) write16(message, 2, foldSum(sumWords(message, 0, message.length)));
  return true;
}

function isReply(buffer: Uint8Array, at: number, addressOctets: number): boolean {
  const type = addressOctets === 4 ? EchoType.REPLY_4 : EchoType.REPLY_6;
  return buffer[at] === type && buffer[at + 1] === 0;
}

/** An octet of the pattern, chosen so that a link which swaps, shifts or cuts octets changes it. */
function patternAt(i: number): number {
  return i * 31 + 7 & 255;
}

function read16(octets: Uint8Array, at: number): number {
  return octets[at]! << 8 | octets[at + 1]!;
}

function writeMark(payload: Uint8Array, at: number, mark: number): void {
  write16(payload, at + MARK_AT, mark >>> 16);
  write16(payload, at + MARK_AT + 2, mark);
}

function write16(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >> 8;
  octets[at + 1] = value;
}
