/**
 * The messages of `proto/myikev2/api/ike.proto` as they are sent, and its calls.
 *
 * Written by scripts/api_types.ts: change the proto file, and run that.
 * @module
 */
import type { UnaryCall } from "@/api/call_types.ts";
import type {
  KeyExchangesReqRead,
  KeyExchangesRespRead,
  RekeyIKESAReqRead,
  RekeyIKESARespRead,
} from "@/api/proto/ikeapi_read.ts";

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

/** Whose key exchanges are wanted. */
export interface KeyExchangesReq {
  /** Our SPI of the IKE SA. */
  readonly OwnSPI?: number | string | undefined;
}

/** One CHILD_SA. */
export interface KeyExchangesRespChild {
  /** The SPI of packets that we receive. */
  readonly OwnSPI?: number | undefined;
  /** The method of its own key exchange; 0: it had none. */
  readonly Method?: number | undefined;
  /** Methods of the additional key exchanges in their order. */
  readonly Additional?: readonly number[] | undefined;
}

/** By which key exchanges an IKE SA and its CHILD_SAs were made. */
export interface KeyExchangesResp {
  /**
   * The method of IKE_SA_INIT, or of the rekey that made it (transform type 4, 31 Curve25519,
   * 35/36/37 ML-KEM-512/768/1024); 0 until negotiated.
   */
  readonly Method?: number | undefined;
  /** Methods of the additional key exchanges in their order (RFC 9370). */
  readonly Additional?: readonly number[] | undefined;
  /** Its CHILD_SAs, in the order of GetCHILDList. */
  readonly Children?: readonly KeyExchangesRespChild[] | undefined;
  /** PPK_ID of the post-quantum pre-shared key that is in its keys (RFC 8784); empty: none. */
  readonly PPKID?: string | undefined;
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
  /** By which key exchanges an IKE SA and its CHILD_SAs were made. NOT_FOUND: unknown SPI. */
  readonly GetKeyExchanges: UnaryCall<
    KeyExchangesReq,
    KeyExchangesReqRead,
    KeyExchangesResp,
    KeyExchangesRespRead
  >;
}
