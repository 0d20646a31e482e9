/**
 * The messages of `proto/myikev2/daemonapi/daemonapi.proto` as they are read.
 *
 * Written by scripts/api_types.ts: change the proto file, and run that.
 * @module
 */
import type { ListPingResultRead, SummaryRespRead } from "@/api/proto/api_read.ts";

/** `Empty` as it is read; its fields are described there. */
export type EmptyRead = Readonly<Record<string, never>>;

/** `DefineMyIKEv2TestReq` as it is read; its fields are described there. */
export interface DefineMyIKEv2TestReqRead {
  readonly Setup: string;
  readonly LogDir: string;
}

/** `DefineOtherTestReq` as it is read; its fields are described there. */
export interface DefineOtherTestReqRead {
  readonly SetupCMDs: string;
  readonly UpCMDs: string;
  readonly DestroyCMDs: string;
  readonly DataIf: string;
  readonly DataIfAddr: string;
}

/** `DefineGenericTestReq` as it is read; its fields are described there. */
export interface DefineGenericTestReqRead {
  readonly Type: number;
  readonly Name: string;
  readonly MyIKEv2Test: DefineMyIKEv2TestReqRead | null;
  readonly OtherTest: DefineOtherTestReqRead | null;
  readonly Override: boolean;
}

/** `StatusReq` as it is read; its fields are described there. */
export interface StatusReqRead {
  readonly Name: string;
}

/** `StatusResp` as it is read; its fields are described there. */
export interface StatusRespRead {
  readonly State: number;
}

/** `ListTestStatusEntry` as it is read; its fields are described there. */
export interface ListTestStatusEntryRead {
  readonly Name: string;
  readonly Type: number;
  readonly APIAddr: Uint8Array;
  readonly APIPort: number;
  readonly Status: SummaryRespRead | null;
  readonly PingResults: ListPingResultRead | null;
}

/** `ListTestStatusResp` as it is read; its fields are described there. */
export interface ListTestStatusRespRead {
  readonly results: readonly ListTestStatusEntryRead[];
}

/** `DestroyReq` as it is read; its fields are described there. */
export interface DestroyReqRead {
  readonly Name: string;
  readonly Gracefully: boolean;
}

/** `ClearPingStatsReq` as it is read; its fields are described there. */
export interface ClearPingStatsReqRead {
  readonly Name: string;
}
