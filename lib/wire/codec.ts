/**
 * What every payload of `payloads/` offers: a pair that must round-trip.
 * @module
 */
import type { Reader, Writer } from "@/base/bytes.ts";

/**
 * The body of one payload type, behind the generic payload header (RFC 7296 §3.2). `decode` checks
 * all that the RFC says about octets and must consume the body to its end; `encode` checks nothing,
 * so that a setup can say what no RFC allows.
 */
export interface PayloadCodec<P> {
  /** Next Payload number. */
  readonly type: number;
  /** Slices are views of the body. @throws {WireError} where the body breaks the RFC. */
  decode(body: Reader): P;
  /** Appends the body; values too large for their field lose their higher bits. */
  encode(payload: P, body: Writer): void;
}

/** What every payload may carry beside its body. */
export interface PayloadFlags {
  /**
   * The critical bit of the generic header (RFC 7296 §2.5); absent where it is zero. A receiver that
   * knows the type ignores it.
   */
  readonly critical?: boolean;
}
