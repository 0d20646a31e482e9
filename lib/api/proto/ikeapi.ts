/**
 * The messages of `proto/myikev2/api/ike.proto` as they are sent, and its calls.
 *
 * Written by scripts/api_types.ts: change the proto file, and run that.
 * @module
 */
import type { UnaryCall } from "@/api/call_types.ts";
import type { RekeyIKESAReqRead, RekeyIKESARespRead } from "@/api/proto/ikeapi_read.ts";

/** Which IKE SA is rekeyed. */
export interface RekeyIKESAReq {
  /** Our SPI. */
  readonly OwnSPI?: number | string | undefined;
}

/** The IKE SA that took over. */
export interface RekeyIKESAResp {
  /** Our SPI of it. */
  readonly NewOwnSPI?: number | string | undefined;
}

/** IKE SAs of one running test. */
export interface MyIKEv2IKESvc {
  /**
   * Rekeys an IKE SA (RFC 7296 section 1.3.2); returns when the new one is up and has its CHILD_SAs.
   * ABORTED names the notify of a peer that refused; FAILED_PRECONDITION: not established;
   * NOT_FOUND: unknown SPI.
   */
  readonly RekeyIKESA: UnaryCall<
    RekeyIKESAReq,
    RekeyIKESAReqRead,
    RekeyIKESAResp,
    RekeyIKESARespRead
  >;
}
