/**
 * Encodes and decodes the stream of IKE and ESP in TCP (RFC 9329 §3, §4): a prefix of six octets from the end
 * that has opened the connection, then frames. The length counts its own octets; the content of a frame is
 * like a payload of the NAT-T port.
 *
 * ```text
 * | "IKETCP" |
 *     | length u16 | 0 u32 | IKE message |
 *     | length u16 | ESP packet |
 * ```
 * @module
 */
import { MARKER_OCTETS } from "@/transport/non_esp_marker.ts";

/**
 * The beginning of the stream of the end that opened the connection (RFC 9329 §4). It must not be changed.
 */
export const STREAM_PREFIX = new TextEncoder().encode("IKETCP");
/** Octets of a length field. */
export const LENGTH_OCTETS = 2;
/** Octets of the longest frame, its length field among them. */
export const FRAME_MAX = 65_535;
/** Octets of the longest IKE message in a frame. */
export const MESSAGE_MAX = FRAME_MAX - LENGTH_OCTETS - MARKER_OCTETS;
/** Octets of the longest ESP packet in a frame. */
export const PACKET_MAX = FRAME_MAX - LENGTH_OCTETS;

/** The reason why a stream cannot be read any further, so that its connection must be closed. */
export type StreamFault = "no stream prefix" | "a length that does not count itself";

/**
 * Takes the content of a frame: `octets` of the buffer from `at` on, which are valid until the function
 * returns.
 */
export type FrameTaker = (buffer: Uint8Array, at: number, octets: number) => void;

const NOTHING = new Uint8Array(0);

/** Splits a stream into frames, in whatever pieces it arrives. It keeps at most a part of one frame. */
export class FrameReader {
  #awaitsPrefix: boolean;
  /** The beginning of a frame, or of the prefix, whose end has not arrived. */
  #rest: Uint8Array = NOTHING;

  /**
   * `awaitsPrefix`: whether the sender has opened the connection, so that its stream begins with the prefix.
   */
  constructor(awaitsPrefix: boolean) {
    this.#awaitsPrefix = awaitsPrefix;
  }

  /** Whether the prefix has not arrived yet. */
  get awaitsPrefix(): boolean {
    return this.#awaitsPrefix;
  }

  /** Octets of the incomplete frame that are kept. */
  get kept(): number {
    return this.#rest.length;
  }

  /** Copies the incomplete frame to the start of a buffer, to be continued after it; returns its octets. */
  putKept(buffer: Uint8Array): number {
    buffer.set(this.#rest);
    return this.#rest.length;
  }

  /**
   * Reads the first `octets` of a buffer, which are those of {@linkcode FrameReader.putKept} and those that
   * arrived since, and passes on the content of every complete frame.
   */
  read(buffer: Uint8Array, octets: number, take: FrameTaker): StreamFault | undefined {
    let at = 0;
    this.#rest = NOTHING;
    if (this.#awaitsPrefix) {
      const there = Math.min(octets, STREAM_PREFIX.length);
      for (let i = 0; i < there; i++) {
        // RFC 9329 §4: a stream that begins otherwise carries neither IKE nor ESP.
        if (buffer[i] !== STREAM_PREFIX[i]) return "no stream prefix";
      }
      if (there < STREAM_PREFIX.length) return void (this.#rest = buffer.slice(0, octets));
      this.#awaitsPrefix = false;
      at = there;
    }
    while (octets - at >= LENGTH_OCTETS) {
      const length = buffer[at]! << 8 | buffer[at + 1]!;
      // RFC 9329 §3: the length counts its own two octets. With 0 or 1 the next frame cannot be found.
      if (length < LENGTH_OCTETS) return "a length that does not count itself";
      if (octets - at < length) break;
      take(buffer, at + LENGTH_OCTETS, length - LENGTH_OCTETS);
      at += length;
    }
    if (at < octets) this.#rest = buffer.slice(at, octets);
    return undefined;
  }
}

/**
 * A frame around a payload with `zeros` zero octets before it: the four octets of the marker for IKE, none
 * for ESP.
 */
export function frameOf(payload: Uint8Array, zeros: number): Uint8Array {
  const frame = new Uint8Array(LENGTH_OCTETS + zeros + payload.length);
  putFrame(frame, 0, payload, zeros);
  return frame;
}

/** Writes a frame into a buffer with room for it; returns the offset after it. */
export function putFrame(
  buffer: Uint8Array,
  at: number,
  payload: Uint8Array,
  zeros: number,
): number {
  const length = LENGTH_OCTETS + zeros + payload.length;
  buffer[at] = length >> 8;
  buffer[at + 1] = length & 0xff;
  buffer.fill(0, at + LENGTH_OCTETS, at + LENGTH_OCTETS + zeros);
  buffer.set(payload, at + LENGTH_OCTETS + zeros);
  return at + length;
}
