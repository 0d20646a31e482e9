/**
 * The interface `RunView`, by which the API, the command line and the reports ask a test run, and its plain
 * types. Numbers of states, roles and results are those of the API.
 *
 * Times with names ending in `EpochMs` are milliseconds since 1970; an absent time means that the event has
 * not happened.
 * @module
 */
import type { Slice } from "@/base/slice.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import type { PingTaskView } from "@/engine/show/ping_table.ts";
import type { IpAddress } from "@/base/address.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import type { EspEncapsulation } from "@/ike/path/nat.ts";
import type { Setup } from "@/setup/setup.ts";

/** The API's numbers of roles. */
export const RoleNumber = { client: 1, gateway: 2 } as const;

/** The API's numbers of results; 3 means stopped by request while nothing had failed. */
export const RunResult = { RUNNING: 0, PASSED: 1, FAILED: 2, STOPPED: 3 } as const;
/** A member of {@linkcode RunResult}. */
export type RunResult = typeof RunResult[keyof typeof RunResult];

/** Names of results in JSON, by {@linkcode RunResult}. */
export const RUN_RESULT_NAMES = ["running", "passed", "failed", "stopped"] as const;

/** The API's numbers of an IKE SA's state. 3, 4, 5, 9 and 10 are live. */
export const IkeStateNumber = {
  INIT: 1,
  CREATED: 2,
  ESTABLISHED: 3,
  UPDATING_ADDRESS: 4,
  REKEYING: 5,
  REKEYED: 6,
  CLOSED: 7,
  CLOSING: 8,
  DPD: 9,
  CHILD_REKEYING: 10,
} as const;

/** Names of the states of IKE SAs by number, for people; index 0 is unused. */
export const IKE_STATE_NAMES = [
  "",
  "init",
  "created",
  "established",
  "updatingaddr",
  "rekeying",
  "rekeyed",
  "closed",
  "closing",
  "dpd",
  "child_rekeying",
] as const;

/** The API's numbers of a CHILD_SA's state. */
export const ChildStateNumber = {
  CREATING: 1,
  ESTABLISHED: 2,
  REKEYING: 3,
  REKEYED: 4,
  CLOSING: 5,
  CLOSED: 6,
} as const;

/** Names of the states of CHILD_SAs by number, for people; index 0 is unused. */
export const CHILD_STATE_NAMES = [
  "",
  "creating",
  "established",
  "rekeying",
  "rekeyed",
  "closing",
  "closed",
] as const;

/** The figures of the API's SummaryResp. */
export interface RunSummary {
  readonly role: "client" | "gateway";
  readonly startEpochMs: number;
  /** The start time plus the running time; undefined without a running time. */
  readonly testEndEpochMs: number | undefined;
  /** When the run ended. */
  readonly actualEndEpochMs: number | undefined;
  /** When the first IKE_SA_INIT request was sent (gateway: received). */
  readonly creationStartEpochMs: number | undefined;
  /** When the last configured tunnel was established or given up. */
  readonly creationFinishEpochMs: number | undefined;
  /** The time from start to finish, or until now; undefined before the first IKE_SA_INIT. */
  readonly createDurationMs: number | undefined;
  readonly setupFileName: string;
  /** Number of tunnels ever established; a rekeyed or rebuilt one does not count again. */
  readonly createdTunnels: number;
  /** Configured tunnels that were created, per second of `createDurationMs`; undefined if there are none. */
  readonly setupRate: number | undefined;
  /** Number of IKE SAs by state; the index is the API's state number, 1 to 10; index 0 is unused. */
  readonly ikeSasByState: readonly number[];
  readonly ikeSasTotal: number;
  readonly live: number;
  /** Number of live IKE SAs with an established CHILD_SA. */
  readonly hasChild: number;
  /** Number of tunnels of `createdTunnels` that are live at present. */
  readonly createdLive: number;
  /** `numberoftunnels`, or how many of them this slice has. */
  readonly configured: number;
  /** The slice of the tunnels that this run makes; absent: all. */
  readonly slice?: Slice;
  /** Number of tunnels that are down on purpose at present. */
  readonly flapping: number;
  readonly result: RunResult;
  /** The first reason of a failure; empty if there is none. */
  readonly lastErrMsg: string;
}

/** One line of the list of IKE SAs. */
export interface IkeSaSummary {
  /** The own SPI, uint64. */
  readonly spi: bigint;
  readonly peerAddress: IpAddress;
  readonly peerPort: number;
  /** One of {@linkcode IkeStateNumber}. */
  readonly state: number;
  readonly establishedEpochMs: number | undefined;
}

/** All data of one IKE SA. Keys are views of the SA's own, which a caller must copy to keep them. */
export interface IkeSaDump extends IkeSaSummary {
  /** The peer's SPI, uint64; 0n until it is known. */
  readonly peerSpi: bigint;
  /** The SPIs of original initiator and responder, uint64. */
  readonly spiI: bigint;
  readonly spiR: bigint;
  readonly originalInitiator: boolean;
  /** Index of the tunnel from 0; at a gateway the order of arrival. */
  readonly tunnel: number;
  readonly ownAddress: IpAddress;
  readonly ownPort: number;
  /** IANA transform numbers; 0 until they are negotiated. */
  readonly encryption: number;
  /** Value of the Key Length attribute in bits; 0 for a cipher of fixed key length. */
  readonly keyBits: number;
  readonly integrity: number;
  readonly prf: number;
  /** Number of transform type 4; 0 until it is negotiated. */
  readonly group: number;
  /** The methods of the additional key exchanges in their order (RFC 9370); empty: none. */
  readonly additional: readonly number[];
  /** The post-quantum pre-shared key that is in its keys, by its PPK_ID; empty: none. */
  readonly ppkId: string;
  /** IANA Authentication Method; 0 not yet. */
  readonly ownAuth: number;
  readonly peerAuth: number;
  /** IANA IKEv2 Hash Algorithm by which this end signed; 0: it did not sign. */
  readonly ownSignatureHash: number;
  /** Whether this end signed by RSASSA-PSS. */
  readonly ownRsaPss: boolean;
  /** IANA ID types; 0 until they are known. */
  readonly ownIdType: number;
  readonly peerIdType: number;
  /** Identities as text for people; empty until they are known. */
  readonly ownId: string;
  readonly peerId: string;
  /**
   * The keys; undefined until there are any. For AEAD ciphers, encryption keys include the salt and SK_a* are
   * empty.
   */
  readonly keys: IkeSecrets | undefined;
  readonly lastReceivedEpochMs: number | undefined;
  readonly lastLivenessEpochMs: number | undefined;
  readonly closeCode: number;
}

/** The keys of an IKE SA that a decoder needs (RFC 7296 §2.14). */
export interface IkeKeys {
  readonly skEi: Uint8Array;
  readonly skEr: Uint8Array;
  readonly skAi: Uint8Array;
  readonly skAr: Uint8Array;
}

/** All seven keys of an IKE SA. */
export interface IkeSecrets extends IkeKeys {
  readonly skD: Uint8Array;
  readonly skPi: Uint8Array;
  readonly skPr: Uint8Array;
}

/** A traffic selector (RFC 7296 §3.13.1). */
export interface TrafficSelectorView {
  /** 7 is an IPv4 range, 8 an IPv6 range. */
  readonly type: number;
  /** IP protocol; 0 means any. */
  readonly protocol: number;
  readonly startAddress: IpAddress;
  readonly endAddress: IpAddress;
  readonly startPort: number;
  readonly endPort: number;
}

/** All data of one CHILD_SA. Keys are views of its own, which a caller must copy to keep them. */
export interface ChildSaDump {
  /** One of {@linkcode ChildStateNumber}. */
  readonly state: number;
  /** The own SPI, by which packets are received, uint32. */
  readonly spi: number;
  /** The peer's SPI, uint32; 0 until it is known. */
  readonly peerSpi: number;
  readonly ownAddress: IpAddress;
  readonly peerAddress: IpAddress;
  /** The own SPI of its IKE SA, uint64. */
  readonly parentSpi: bigint;
  readonly establishedEpochMs: number | undefined;
  /** 3 for ESP, 2 for AH. */
  readonly protocol: number;
  /** IANA transform numbers; 0 until they are negotiated. */
  readonly encryption: number;
  readonly keyBits: number;
  readonly integrity: number;
  readonly esn: boolean;
  /** Transform Type 4 of a key exchange of its own; 0: none. */
  readonly group: number;
  /** The methods of the additional key exchanges after it, in their order; empty: none. */
  readonly additional: readonly number[];
  readonly tunnelMode: boolean;
  /** The ports of ESP in UDP (RFC 3948); undefined: ESP is not encapsulated. */
  readonly encapsulation: EspEncapsulation | undefined;
  /** The configured lifetime. */
  readonly lifetimeMs: number;
  /** The configured replay window, in packets. */
  readonly replayWindow: number;
  /** Keys by the roles of the exchange that made it; undefined until there are any. */
  readonly keys: IkeKeys | undefined;
  /** Whether this end initiated that exchange, so that it sends with the keys of the initiator. */
  readonly initiatedHere: boolean;
  readonly ownTs: readonly TrafficSelectorView[];
  readonly peerTs: readonly TrafficSelectorView[];
}

/** The use of one address pool. */
export interface PoolUsage {
  /** The first address of the pool. */
  readonly start: IpAddress;
  /** Number of addresses that are leased at present. */
  readonly assigned: number;
}

/** The use of a gateway's pools; undefined if it has none. */
export interface PoolsUsage {
  readonly v4: PoolUsage | undefined;
  readonly v6: PoolUsage | undefined;
}

/** The outcome of a run. */
export interface FinalResult {
  /** The result, which is never RUNNING. */
  readonly result: RunResult;
  readonly summary: RunSummary;
  readonly figures: RunFigures;
}

/**
 * A rekey that the peer refused or did not answer; `cause` is the notify's IANA name, or NO_ANSWER and the
 * like.
 */
export interface RefusedRekey {
  readonly kind: "refused";
  readonly cause: string;
  readonly text: string;
}

/** There is no such SA, or it cannot be rekeyed at present. */
interface NoRekey {
  readonly kind: "not_established" | "unknown";
}

/** The outcome of a requested rekey of a CHILD_SA. */
export type RekeyOutcome = { readonly kind: "done" } | RefusedRekey | NoRekey;

/** The outcome of a requested rekey of an IKE SA; `spi` (uint64) is the own SPI of the new one. */
export type RekeyIkeOutcome =
  | { readonly kind: "done"; readonly spi: bigint }
  | RefusedRekey
  | NoRekey;

/** A test that is running or has ended. Answers describe the moment in which they are given. */
export interface RunView {
  readonly setup: Setup;
  readonly events: EventHub;
  /** Resolves once, at the end; never rejects. */
  readonly finalResult: Promise<FinalResult>;
  summary(): Promise<RunSummary>;
  figures(): Promise<RunFigures>;
  /**
   * IKE SAs in the order of creation from index `start` on, at most `len` of them (0: all). An SA that has
   * ended disappears; the order of the others stays.
   */
  listIkeSas(start: number, len: number): Promise<IkeSaSummary[]>;
  /** An IKE SA by its own SPI. */
  ikeSa(spi: bigint): Promise<IkeSaDump | undefined>;
  /**
   * Own SPIs of the CHILD_SAs of an IKE SA: first those that carry traffic, last rekeyed ones that are kept;
   * undefined if there is no such IKE SA.
   */
  childSas(ikeSpi: bigint): Promise<number[] | undefined>;
  /** A CHILD_SA by its own SPI (uint32). */
  childSa(spi: number): Promise<ChildSaDump | undefined>;
  /** The gateway's address pools; undefined if it has none, and for a client. */
  poolUsage(): Promise<PoolsUsage>;
  /** Ping tasks in the order of creation from index `start` on, at most `len` of them (0: all). */
  pings(start: number, len: number): Promise<PingTaskView[]>;
  /** Number of requests and replies of all ping tasks; zeros if there are none. */
  pingTotals(): Promise<{ readonly sent: number; readonly received: number }>;
  /** Sets the counters of all ping tasks to zero. */
  clearPings(): Promise<void>;
  /** Rekeys the CHILD_SA with an own SPI (uint32); resolves when that has succeeded or failed. */
  rekeyChild(spi: number): Promise<RekeyOutcome>;
  /** Rekeys the IKE SA with an own SPI (uint64); resolves when that has succeeded or failed. */
  rekeyIke(spi: bigint): Promise<RekeyIkeOutcome>;
  /**
   * Begins to end the test. If gracefully, Deletes are sent and the end comes by `stoptimeout`; a second call, or
   * one that is not graceful, ends it at once.
   */
  stop(gracefully: boolean): void;
}
