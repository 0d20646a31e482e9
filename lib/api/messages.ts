/**
 * Makes the messages of the Test API from the records of a test run, with the names and widths of
 * the API. A field is left out when its event has not happened or when it does not apply.
 * `proto/myikev2/api/api.proto` describes the meaning of each value.
 * @module
 */
import type {
  CHILDSADump,
  CHILDSADumpTS,
  IKESADump,
  IKESASummary,
  MyIKEv2Event,
  PingResult,
  SummaryResp,
} from "@/api/proto/api.ts";
import type { Duration, Timestamp } from "@/api/proto/well_known.ts";
import type { PingTaskView } from "@/engine/show/ping_table.ts";
import { isUnspecified, showAddress } from "@/base/address.ts";
import type { RunEvent } from "@/engine/show/event_hub.ts";
import {
  type ChildSaDump,
  type IkeKeys,
  type IkeSaDump,
  type IkeSaSummary,
  IkeStateNumber,
  RoleNumber,
  type RunSummary,
  type TrafficSelectorView,
} from "@/engine/show/view.ts";

/** The settings of the setup that the dump of an IKE SA shows. */
export interface IkeSettings {
  readonly psk: string;
  readonly initiateDpd: boolean;
  readonly forceDpd: boolean;
  readonly dpdIntervalMs: number;
  readonly lifetimeMs: number;
  readonly marginMs: number;
  readonly jitter: boolean;
  readonly installFastpath: boolean;
  readonly keepChildHistory: boolean;
  readonly keepIkeHistory: boolean;
  readonly enableNatt: boolean;
  /** Milliseconds between two NAT keepalives; 0: none are sent. */
  readonly nattKeepaliveMs: number;
}

/** IANA Authentication Method "Digital Signature" (RFC 7427). */
const DIGITAL_SIGNATURE = 14;

/** The Timestamp of a time in milliseconds since 1970; undefined stays undefined. */
export function timestamp(epochMs: number | undefined): Timestamp | undefined {
  return epochMs === undefined ? undefined : secondsAndNanos(epochMs);
}

/** The Duration of a number of milliseconds; undefined stays undefined. */
export function duration(ms: number | undefined): Duration | undefined {
  return ms === undefined ? undefined : secondsAndNanos(ms);
}

/** Both well-known types hold whole seconds, and the rest in nanoseconds. */
function secondsAndNanos(ms: number): Timestamp & Duration {
  // The time is rounded to whole microseconds, as a double holds the time since 1970 no more
  // precisely.
  const us = Math.round(ms * 1e3);
  const seconds = Math.floor(us / 1e6);
  return { seconds, nanos: (us - seconds * 1e6) * 1e3 };
}

/** The message `SummaryResp`. */
export function summaryMessage(summary: RunSummary): SummaryResp {
  const states = summary.ikeSasByState;
  return {
    Role: RoleNumber[summary.role],
    StartTime: timestamp(summary.startEpochMs),
    TestEndTime: timestamp(summary.testEndEpochMs),
    ActualTestEndTime: timestamp(summary.actualEndEpochMs),
    CreationStartTime: timestamp(summary.creationStartEpochMs),
    CreationFinishTime: timestamp(summary.creationFinishEpochMs),
    CreateDuration: duration(summary.createDurationMs),
    SetupFileName: summary.setupFileName,
    NumOfCreatedTunnel: summary.createdTunnels,
    SetupRate: summary.setupRate ?? 0,
    Ikesa_state_init: states[IkeStateNumber.INIT],
    Ikesa_state_created: states[IkeStateNumber.CREATED],
    Ikesa_state_established: states[IkeStateNumber.ESTABLISHED],
    Ikesa_state_updatingaddr: states[IkeStateNumber.UPDATING_ADDRESS],
    Ikesa_state_rekeying: states[IkeStateNumber.REKEYING],
    Ikesa_state_rekeyed: states[IkeStateNumber.REKEYED],
    Ikesa_state_closed: states[IkeStateNumber.CLOSED],
    Ikesa_state_closing: states[IkeStateNumber.CLOSING],
    Ikesa_state_dpd: states[IkeStateNumber.DPD],
    Ikesa_state_child_rekeying: states[IkeStateNumber.CHILD_REKEYING],
    Ikesa_total: summary.ikeSasTotal,
    Live_count: summary.live,
    Has_Child: summary.hasChild,
    Created_live_count: summary.createdLive,
    Configured_count: summary.configured,
    Flapping_count: summary.flapping,
    Result: summary.result,
    LastErrMsg: summary.lastErrMsg,
  };
}

/** The message `IKESASummary`. */
export function ikeSummaryMessage(sa: IkeSaSummary): IKESASummary {
  return {
    PeerAddr: sa.peerAddress,
    PeerPort: sa.peerPort,
    OwnSPI: String(sa.spi),
    State: sa.state,
    EstabTime: timestamp(sa.establishedEpochMs),
  };
}

/** The message `PingResult`. */
export function pingMessage(task: PingTaskView): PingResult {
  return {
    LocalAddr: isUnspecified(task.own) ? "" : showAddress(task.own),
    RemoteAddr: showAddress(task.peer),
    TotalSentPkt: task.sent,
    TotalRecvPkt: task.received,
  };
}

/** The message `IKESADump`; it has keys and PSK only if `secrets` is set. */
export function ikeDumpMessage(sa: IkeSaDump, settings: IkeSettings, secrets: boolean): IKESADump {
  const signs = sa.ownAuth === DIGITAL_SIGNATURE;
  return {
    State: sa.state,
    OwnSPI: String(sa.spi),
    PeerSPI: String(sa.peerSpi),
    EstabTime: timestamp(sa.establishedEpochMs),
    OwnAddr: sa.ownAddress,
    PeerAddr: sa.peerAddress,
    PeerPort: sa.peerPort,
    EncAlg: sa.encryption,
    KeyLen: sa.keyBits,
    IntAlg: sa.integrity,
    PrfAlg: sa.prf,
    OwnAuth: sa.ownAuth,
    PeerAuth: sa.peerAuth,
    MyIdType: sa.ownIdType,
    HashAlgDS: signs ? sa.ownSignatureHash : -1,
    RSAPSS: signs && sa.ownRsaPss,
    PSK: secrets ? settings.psk : "",
    InitiateDPD: settings.initiateDpd,
    ForceDPD: settings.forceDpd,
    DPDInterval: duration(settings.initiateDpd ? settings.dpdIntervalMs : undefined),
    LifeTime: duration(settings.lifetimeMs),
    MarginTime: duration(settings.marginMs),
    Jitter: settings.jitter,
    InstallFastpath: settings.installFastpath,
    KeepChildHist: settings.keepChildHistory,
    KeepIKEHist: settings.keepIkeHistory,
    EnableNATT: settings.enableNatt,
    NATTKeepaliveInterval: duration(
      settings.enableNatt ? settings.nattKeepaliveMs || undefined : undefined,
    ),
    LastRcvPktTime: timestamp(sa.lastReceivedEpochMs),
    LastSendDPDTime: timestamp(sa.lastLivenessEpochMs),
    ...keyFields(sa.keys, secrets),
    CloseCode: sa.closeCode,
  };
}

/** The message `CHILDSADump`; it has keys only if `secrets` is set. */
export function childDumpMessage(child: ChildSaDump, secrets: boolean): CHILDSADump {
  return {
    State: child.state,
    OwnSPI: child.spi,
    PeerSPI: child.peerSpi,
    OwnAddr: child.ownAddress,
    PeerAddr: child.peerAddress,
    ParentIKESA: String(child.parentSpi),
    EstabTime: timestamp(child.establishedEpochMs),
    EncAlg: child.encryption,
    KeyLen: child.keyBits,
    IntAlg: child.integrity,
    LifeTime: duration(child.lifetimeMs),
    ...keyFields(child.keys, secrets),
    ESN: child.esn,
    TunnelMode: child.tunnelMode,
    ReplayWindowSize: child.replayWindow,
    OwnTS: child.ownTs.map(selectorMessage),
    PeerTS: child.peerTs.map(selectorMessage),
  };
}

/** The message `MyIKEv2Event`. */
export function eventMessage(event: RunEvent): MyIKEv2Event {
  return { Level: event.level, Msg: event.msg, EventTime: timestamp(event.epochMs) };
}

/** The fields of a dump that hold keys. */
type KeyFields = Pick<IKESADump, "SKei" | "SKer" | "SKai" | "SKar">;

function keyFields(keys: IkeKeys | undefined, secrets: boolean): KeyFields {
  if (!secrets || !keys) return {};
  return { SKei: keys.skEi, SKer: keys.skEr, SKai: keys.skAi, SKar: keys.skAr };
}

function selectorMessage(ts: TrafficSelectorView): CHILDSADumpTS {
  return {
    Type: ts.type,
    Protocol: ts.protocol,
    StartAddr: ts.startAddress,
    EndAddr: ts.endAddress,
    StartPort: ts.startPort,
    EndPort: ts.endPort,
  };
}
