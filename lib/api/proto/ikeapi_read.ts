/**
 * The messages of `proto/myikev2/api/ike.proto` as they are read.
 *
 * Written by scripts/api_types.ts: change the proto file, and run that.
 * @module
 */

/** `RekeyIKESAReq` as it is read; its fields are described there. */
export interface RekeyIKESAReqRead {
  readonly OwnSPI: string;
}

/** `RekeyIKESAResp` as it is read; its fields are described there. */
export interface RekeyIKESARespRead {
  readonly NewOwnSPI: string;
}
