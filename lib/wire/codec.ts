/**
 * The interface of every payload in `payloads/`: an encoder and a decoder that must round-trip.
 * @module
 */
import type { Reader, Writer } from "@/base/bytes.ts";

/**
 * Encodes and decodes the body of one payload type, after the generic payload header (RFC 7296 §3.2).
 * `decode` checks all that the RFC says about octets and must consume the whole body. `encode` checks
 * nothing, so that a setup can send what no RFC allows.
 */
export interface PayloadCodec<P> {
  /** Next Payload number. */
  readonly type: number;
  /** Decodes the body; slices are views of it. @throws {WireError} if the body breaks the RFC. */
  decode(body: Reader): P;
  /** Appends the body; a value that is too large for its field loses its higher bits. */
  encode(payload: P, body: Writer): void;
}

/** Properties of every payload beside its body. */
export interface PayloadFlags {
  /**
   * The critical bit of the generic header (RFC 7296 §2.5); absent if it is zero. A receiver that knows the
   * type ignores it.
   */
  readonly critical?: boolean;
}
