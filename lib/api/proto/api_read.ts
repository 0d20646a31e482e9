/**
 * The messages of `proto/myikev2/api/api.proto` as they are read.
 *
 * Written by scripts/api_types.ts: change the proto file, and run that.
 * @module
 */
import type { DurationRead, TimestampRead } from "@/api/proto/well_known.ts";

/** `Empty` as it is read; its fields are described there. */
export type EmptyRead = Readonly<Record<string, never>>;

/** `SummaryResp` as it is read; its fields are described there. */
export interface SummaryRespRead {
  readonly Role: number;
  readonly StartTime: TimestampRead | null;
  readonly TestEndTime: TimestampRead | null;
  readonly ActualTestEndTime: TimestampRead | null;
  readonly CreationStartTime: TimestampRead | null;
  readonly CreationFinishTime: TimestampRead | null;
  readonly CreateDuration: DurationRead | null;
  readonly SetupFileName: string;
  readonly NumOfCreatedTunnel: number;
  readonly SetupRate: number;
  readonly Ikesa_state_init: string;
  readonly Ikesa_state_created: string;
  readonly Ikesa_state_established: string;
  readonly Ikesa_state_updatingaddr: string;
  readonly Ikesa_state_rekeying: string;
  readonly Ikesa_state_rekeyed: string;
  readonly Ikesa_state_closed: string;
  readonly Ikesa_state_closing: string;
  readonly Ikesa_state_dpd: string;
  readonly Ikesa_state_child_rekeying: string;
  readonly Ikesa_total: string;
  readonly Live_count: string;
  readonly Has_Child: string;
  readonly Created_live_count: string;
  readonly Configured_count: string;
  readonly Flapping_count: string;
  readonly Result: number;
  readonly LastErrMsg: string;
}

/** `ListIKESAQuery` as it is read; its fields are described there. */
export interface ListIKESAQueryRead {
  readonly Start: number;
  readonly Len: number;
}

/** `IKESASummary` as it is read; its fields are described there. */
export interface IKESASummaryRead {
  readonly PeerAddr: Uint8Array;
  readonly PeerPort: number;
  readonly OwnSPI: string;
  readonly State: number;
  readonly EstabTime: TimestampRead | null;
}

/** `ListIKESAResp` as it is read; its fields are described there. */
export interface ListIKESARespRead {
  readonly SummaryList: readonly IKESASummaryRead[];
}

/** `ListCHILDSAQuery` as it is read; its fields are described there. */
export interface ListCHILDSAQueryRead {
  readonly IKEOwnSPI: string;
}

/** `ListCHILDSAResp` as it is read; its fields are described there. */
export interface ListCHILDSARespRead {
  readonly OwnSPIList: readonly number[];
}

/** `CHILDSAQuery` as it is read; its fields are described there. */
export interface CHILDSAQueryRead {
  readonly OwnSPI: number;
}

/** `CHILDSADumpTS` as it is read; its fields are described there. */
export interface CHILDSADumpTSRead {
  readonly Type: number;
  readonly Protocol: number;
  readonly StartAddr: Uint8Array;
  readonly EndAddr: Uint8Array;
  readonly StartPort: number;
  readonly EndPort: number;
}

/** `CHILDSADump` as it is read; its fields are described there. */
export interface CHILDSADumpRead {
  readonly State: number;
  readonly OwnSPI: number;
  readonly PeerSPI: number;
  readonly OwnAddr: Uint8Array;
  readonly PeerAddr: Uint8Array;
  readonly ParentIKESA: string;
  readonly EstabTime: TimestampRead | null;
  readonly EncAlg: number;
  readonly KeyLen: number;
  readonly IntAlg: number;
  readonly LifeTime: DurationRead | null;
  readonly SKei: Uint8Array;
  readonly SKer: Uint8Array;
  readonly SKai: Uint8Array;
  readonly SKar: Uint8Array;
  readonly ESN: boolean;
  readonly TunnelMode: boolean;
  readonly ReplayWindowSize: number;
  readonly OwnTS: readonly CHILDSADumpTSRead[];
  readonly PeerTS: readonly CHILDSADumpTSRead[];
}

/** `IKESAQuery` as it is read; its fields are described there. */
export interface IKESAQueryRead {
  readonly OwnSPI: string;
}

/** `IKESADump` as it is read; its fields are described there. */
export interface IKESADumpRead {
  readonly State: number;
  readonly OwnSPI: string;
  readonly PeerSPI: string;
  readonly EstabTime: TimestampRead | null;
  readonly OwnAddr: Uint8Array;
  readonly PeerAddr: Uint8Array;
  readonly PeerPort: number;
  readonly EncAlg: number;
  readonly KeyLen: number;
  readonly IntAlg: number;
  readonly PrfAlg: number;
  readonly OwnAuth: number;
  readonly PeerAuth: number;
  readonly MyIdType: number;
  readonly HashAlgDS: number;
  readonly RSAPSS: boolean;
  readonly PSK: string;
  readonly InitiateDPD: boolean;
  readonly ForceDPD: boolean;
  readonly DPDInterval: DurationRead | null;
  readonly LifeTime: DurationRead | null;
  readonly MarginTime: DurationRead | null;
  readonly Jitter: boolean;
  readonly InstallFastpath: boolean;
  readonly KeepChildHist: boolean;
  readonly KeepIKEHist: boolean;
  readonly EnableNATT: boolean;
  readonly NATTKeepaliveInterval: DurationRead | null;
  readonly LastRcvPktTime: TimestampRead | null;
  readonly LastSendDPDTime: TimestampRead | null;
  readonly SKei: Uint8Array;
  readonly SKer: Uint8Array;
  readonly SKai: Uint8Array;
  readonly SKar: Uint8Array;
  readonly CloseCode: number;
}

/** `EventFilter` as it is read; its fields are described there. */
export interface EventFilterRead {
  readonly Level: number;
  readonly keyword: string;
}

/** `MyIKEv2Event` as it is read; its fields are described there. */
export interface MyIKEv2EventRead {
  readonly Level: number;
  readonly Msg: string;
  readonly EventTime: TimestampRead | null;
}

/** `PingResultQuery` as it is read; its fields are described there. */
export interface PingResultQueryRead {
  readonly Start: number;
  readonly Len: number;
}

/** `PingResult` as it is read; its fields are described there. */
export interface PingResultRead {
  readonly LocalAddr: string;
  readonly RemoteAddr: string;
  readonly TotalSentPkt: string;
  readonly TotalRecvPkt: string;
}

/** `ListPingResult` as it is read; its fields are described there. */
export interface ListPingResultRead {
  readonly ResultList: readonly PingResultRead[];
  readonly TotalSent: string;
  readonly TotalRecv: string;
}

/** `PoolUsageSummary` as it is read; its fields are described there. */
export interface PoolUsageSummaryRead {
  readonly V4StartAddr: Uint8Array;
  readonly V6StartAddr: Uint8Array;
  readonly V4Assigned: string;
  readonly V6Assigned: string;
}

/** `StopReq` as it is read; its fields are described there. */
export interface StopReqRead {
  readonly Gracefully: boolean;
}

/** `RekeyChildReq` as it is read; its fields are described there. */
export interface RekeyChildReqRead {
  readonly OwnSPI: number;
}
