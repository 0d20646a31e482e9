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

/** `KeyExchangesReq` as it is read; its fields are described there. */
export interface KeyExchangesReqRead {
  readonly OwnSPI: string;
}

/** `KeyExchangesRespChild` as it is read; its fields are described there. */
export interface KeyExchangesRespChildRead {
  readonly OwnSPI: number;
  readonly Method: number;
  readonly Additional: readonly number[];
}

/** `KeyExchangesResp` as it is read; its fields are described there. */
export interface KeyExchangesRespRead {
  readonly Method: number;
  readonly Additional: readonly number[];
  readonly Children: readonly KeyExchangesRespChildRead[];
  readonly PPKID: string;
}
