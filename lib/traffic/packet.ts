/**
 * The payload of a UDP packet of test traffic. It has everything that its receiver has to know, so that nothing
 * is kept for a packet.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------------------------------------------------------+
 *     |                        sequence number                        |
 *     +---------------------------------------------------------------+
 *     |                  "ping", "pong" or "flow"                     |
 *     +-------------------------------+-------------------------------+
 *     |            tag                |            flow …             |
 *     +-------------------------------+-------------------------------+
 *     |          … flow               |            time …             |
 *     +-------------------------------+-------------------------------+
 *     |                            … time                             |
 *     +-------------------------------+-------------------------------+
 *     |           clock               |            "tf"               |
 *     +-------------------------------+-------------------------------+
 *     | pattern …
 *
 * The sequence number counts the packets of a flow from 0. The mark is that of UDP pings (`ping/echo.ts`), so
 * that the echo server returns a "ping" as a "pong"; a "flow" is not returned. "tf" tells traffic from pings. The tag is that of the run that
 * sent the packet, the flow its number there. The time is when it was sent, in microseconds since 1970, of
 * which there are the lower 48 bits. The clock tells the host by whose clock this was.
 * @module
 */

/** Octets of the payload before its pattern. */
export const TRAFFIC_HEADER_OCTETS = 24;

const MARK_AT = 4;
const TAG_AT = 8;
const FLOW_AT = 10;
const TIME_AT = 14;
const CLOCK_AT = 20;
const KIND_AT = 22;
/** "tf" as uint16. */
const TRAFFIC = 0x7466;
const TIME_RANGE = 2 ** 48;

/** What a packet is: one that is to be returned, one that was returned, or one that goes one way. */
export const TrafficMark = { REQUEST: 0x70696e67, REPLY: 0x706f6e67, ONE_WAY: 0x666c6f77 } as const;

/** The fields of a packet; one record serves for many packets. */
export interface TrafficFields {
  mark: number;
  /** uint32. */
  sequence: number;
  /** uint16. */
  tag: number;
  /** uint32. */
  flow: number;
  /** Microseconds, modulo 2^48. */
  sentUs: number;
  /** uint16. */
  clock: number;
}

/** Fields that are all zero. */
export function noFields(): TrafficFields {
  return { mark: 0, sequence: 0, tag: 0, flow: 0, sentUs: 0, clock: 0 };
}

/** Writes the fields to the start of a payload. */
export function writeFields(payload: Uint8Array, fields: TrafficFields): void {
  const { mark, sequence, tag, flow, clock } = fields;
  const sentUs = fields.sentUs % TIME_RANGE;
  write32(payload, 0, sequence);
  write32(payload, MARK_AT, mark);
  write16(payload, TAG_AT, tag);
  write32(payload, FLOW_AT, flow);
  write16(payload, TIME_AT, Math.floor(sentUs / 2 ** 32));
  write32(payload, TIME_AT + 2, sentUs % 2 ** 32);
  write16(payload, CLOCK_AT, clock);
  write16(payload, KIND_AT, TRAFFIC);
}

/** Reads the fields of the payload at `at`; false: it is no packet of test traffic. */
export function readFields(
  { buffer, at, octets }: TrafficPayload,
  into: TrafficFields,
): boolean {
  if (octets < TRAFFIC_HEADER_OCTETS || read16(buffer, at + KIND_AT) !== TRAFFIC) return false;
  into.mark = read32(buffer, at + MARK_AT);
  const { REQUEST, REPLY, ONE_WAY } = TrafficMark;
  if (into.mark !== REQUEST && into.mark !== REPLY && into.mark !== ONE_WAY) return false;
  into.sequence = read32(buffer, at);
  into.tag = read16(buffer, at + TAG_AT);
  into.flow = read32(buffer, at + FLOW_AT);
  into.sentUs = read16(buffer, at + TIME_AT) * 2 ** 32 + read32(buffer, at + TIME_AT + 2);
  into.clock = read16(buffer, at + CLOCK_AT);
  return true;
}

/** A UDP payload within a buffer. */
export interface TrafficPayload {
  readonly buffer: Uint8Array;
  readonly at: number;
  readonly octets: number;
}

/**
 * Microseconds from `sentUs` of a packet to `nowUs`, both modulo 2^48; negative where the clock of the sender
 * is ahead.
 */
export function elapsedUs(sentUs: number, nowUs: number): number {
  const forward = (nowUs % TIME_RANGE - sentUs + TIME_RANGE) % TIME_RANGE;
  return forward < TIME_RANGE / 2 ? forward : forward - TIME_RANGE;
}

function read16(octets: Uint8Array, at: number): number {
  return octets[at]! << 8 | octets[at + 1]!;
}

function read32(octets: Uint8Array, at: number): number {
  return (read16(octets, at) << 16 | read16(octets, at + 2)) >>> 0;
}

function write16(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >> 8;
  octets[at + 1] = value;
}

function write32(octets: Uint8Array, at: number, value: number): void {
  write16(octets, at, value >>> 16);
  write16(octets, at + 2, value);
}
