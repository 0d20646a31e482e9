/**
 * What the API, the command line and the reports may ask of a test run: plain types, and the
 * interface `RunView`. Numbers of states, roles and results are those of the API.
 *
 * Times named `…EpochMs` are milliseconds since 1970; absent means that it has not happened.
 * @module
 */
import type { RunFigures } from "@/engine/show/figures.ts";
import type { PingTaskView } from "@/engine/show/ping_table.ts";
import type { IpAddress } from "@/base/address.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import type { EspEncapsulation } from "@/ike/path/nat.ts";
import type { Setup } from "@/setup/setup.ts";

/** Who a run is, as the API counts. */
export const RoleNumber = { client: 1, gateway: 2 } as const;

/** How a run stands, as the API counts: 3 is stopped by request with nothing failed. */
export const RunResult = { RUNNING: 0, PASSED: 1, FAILED: 2, STOPPED: 3 } as const;
/** A member of {@linkcode RunResult}. */
export type RunResult = typeof RunResult[keyof typeof RunResult];

/** The words of the JSON result, by {@linkcode RunResult}. */
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

/** Names of the IKE states by number, for people; index 0 is none. */
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

/** Names of the CHILD states by number, for people; index 0 is none. */
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
  /** Start + runningtime; undefined without a running time. */
  readonly testEndEpochMs: number | undefined;
  /** When it ended. */
  readonly actualEndEpochMs: number | undefined;
  /** First IKE_SA_INIT sent (gateway: received). */
  readonly creationStartEpochMs: number | undefined;
  /** Last configured tunnel up, or given up. */
  readonly creationFinishEpochMs: number | undefined;
  /** Finish (or now) − start; undefined before the first IKE_SA_INIT. */
  readonly createDurationMs: number | undefined;
  readonly setupFileName: string;
  /** Tunnels ever established; a rekeyed or rebuilt one does not count again. */
  readonly createdTunnels: number;
  /** Configured tunnels among those created, per second of `createDurationMs`; null without any. */
  readonly setupRate: number | null;
  /** IKE SAs by state: index is the API's state number, 1–10; index 0 is unused. */
  readonly ikeSasByState: readonly number[];
  readonly ikeSasTotal: number;
  readonly live: number;
  /** Live IKE SAs with an established CHILD_SA. */
  readonly hasChild: number;
  /** Tunnels of `createdTunnels` that are live now. */
  readonly createdLive: number;
  /** `numberoftunnels`. */
  readonly configured: number;
  /** Tunnels that are down on purpose now. */
  readonly flapping: number;
  readonly result: RunResult;
  /** First reason of a failure; empty when there is none. */
  readonly lastErrMsg: string;
}

/** One line of the list of IKE SAs. */
export interface IkeSaSummary {
  /** uint64, our own. */
  readonly spi: bigint;
  readonly peerAddress: IpAddress;
  readonly peerPort: number;
  /** See {@linkcode IkeStateNumber}. */
  readonly state: number;
  readonly establishedEpochMs: number | undefined;
}

/** Everything about one IKE SA. Keys are views of the SA's own: copy what is kept. */
export interface IkeSaDump extends IkeSaSummary {
  /** uint64; 0n until known. */
  readonly peerSpi: bigint;
  /** uint64s by who sent the first IKE_SA_INIT. */
  readonly spiI: bigint;
  readonly spiR: bigint;
  readonly originalInitiator: boolean;
  /** The tunnel, from 0; at a gateway the order of arrival. */
  readonly tunnel: number;
  readonly ownAddress: IpAddress;
  readonly ownPort: number;
  /** IANA transform numbers, 0 until negotiated. */
  readonly encryption: number;
  /** The Key Length attribute in bits; 0: a cipher of fixed length. */
  readonly keyBits: number;
  readonly integrity: number;
  readonly prf: number;
  /** Transform Type 4; 0 until negotiated. */
  readonly group: number;
  /** IANA Authentication Method; 0 not yet. */
  readonly ownAuth: number;
  readonly peerAuth: number;
  /** IANA IKEv2 Hash Algorithm by which this end signed; 0: it did not. */
  readonly ownSignatureHash: number;
  /** Whether it signed by RSASSA-PSS. */
  readonly ownRsaPss: boolean;
  /** IANA ID types; 0 not yet. */
  readonly ownIdType: number;
  readonly peerIdType: number;
  /** Identities for people: text where it is text; empty until known. */
  readonly ownId: string;
  readonly peerId: string;
  /** `undefined` until there are keys. AEAD: salt included, SK_a* empty. */
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
  /** 7 IPv4 range, 8 IPv6 range. */
  readonly type: number;
  /** IP protocol; 0 any. */
  readonly protocol: number;
  readonly startAddress: IpAddress;
  readonly endAddress: IpAddress;
  readonly startPort: number;
  readonly endPort: number;
}

/** Everything about one CHILD_SA. Keys are views of its own: copy what is kept. */
export interface ChildSaDump {
  /** See {@linkcode ChildStateNumber}. */
  readonly state: number;
  /** uint32, our own: what we receive on. */
  readonly spi: number;
  /** uint32; 0 until known. */
  readonly peerSpi: number;
  readonly ownAddress: IpAddress;
  readonly peerAddress: IpAddress;
  /** uint64: our own SPI of the IKE SA it belongs to. */
  readonly parentSpi: bigint;
  readonly establishedEpochMs: number | undefined;
  /** 3 ESP, 2 AH. */
  readonly protocol: number;
  /** IANA transform numbers, 0 until negotiated. */
  readonly encryption: number;
  readonly keyBits: number;
  readonly integrity: number;
  readonly esn: boolean;
  readonly tunnelMode: boolean;
  /** The ports of ESP in UDP (RFC 3948); undefined: its packets stand for themselves. */
  readonly encapsulation: EspEncapsulation | undefined;
  /** As configured. */
  readonly lifetimeMs: number;
  /** As configured, in packets. */
  readonly replayWindow: number;
  /** i and r of the exchange that made it; undefined until there are keys. */
  readonly keys: IkeKeys | undefined;
  /** Whether that exchange was initiated here: whether "i" is what we send with. */
  readonly initiatedHere: boolean;
  readonly ownTs: readonly TrafficSelectorView[];
  readonly peerTs: readonly TrafficSelectorView[];
}

/** Use of one address pool. */
export interface PoolUsage {
  /** First address. */
  readonly start: IpAddress;
  /** Addresses leased now. */
  readonly assigned: number;
}

/** Use of a gateway's pools; undefined where there is none. */
export interface PoolsUsage {
  readonly v4: PoolUsage | undefined;
  readonly v6: PoolUsage | undefined;
}

/** How a run ended. */
export interface FinalResult {
  /** Never RUNNING. */
  readonly result: RunResult;
  readonly summary: RunSummary;
  readonly figures: RunFigures;
}

/** By the peer, or because it did not answer: `cause` is the notify's IANA name, or NO_ANSWER, …. */
export interface RefusedRekey {
  readonly kind: "refused";
  readonly cause: string;
  readonly text: string;
}

/** What is no SA of ours, or none that could be rekeyed now. */
interface NoRekey {
  readonly kind: "not_established" | "unknown";
}

/** What became of the rekey of a CHILD_SA that was asked for. */
export type RekeyOutcome = { readonly kind: "done" } | RefusedRekey | NoRekey;

/** What became of the rekey of an IKE SA: `spi` (uint64) is our own of the new one. */
export type RekeyIkeOutcome =
  | { readonly kind: "done"; readonly spi: bigint }
  | RefusedRekey
  | NoRekey;

/** A test that runs, or has run. Every answer is of the moment in which it is given. */
export interface RunView {
  readonly setup: Setup;
  readonly events: EventHub;
  /** Resolves once, at the end; never rejects. */
  readonly finalResult: Promise<FinalResult>;
  summary(): Promise<RunSummary>;
  figures(): Promise<RunFigures>;
  /**
   * IKE SAs in order of creation from the `start`th (from 0), at most `len` of them, 0: all. An
   * ended SA goes away; the order of the others stays.
   */
  listIkeSas(start: number, len: number): Promise<IkeSaSummary[]>;
  /** By our own SPI. */
  ikeSa(spi: bigint): Promise<IkeSaDump | undefined>;
  /**
   * Our own SPIs of the CHILD_SAs of an IKE SA, those that carry traffic first, rekeyed ones that
   * are kept last; undefined where there is no such IKE SA.
   */
  childSas(ikeSpi: bigint): Promise<number[] | undefined>;
  /** By our own SPI (uint32). */
  childSa(spi: number): Promise<ChildSaDump | undefined>;
  /** The gateway's address pools; undefined where there is none, and at a client. */
  poolUsage(): Promise<PoolsUsage>;
  /** Ping tasks in order of creation from the `start`th (from 0), at most `len` of them, 0: all. */
  pings(start: number, len: number): Promise<PingTaskView[]>;
  /** What all ping tasks together sent and received; zeros without any. */
  pingTotals(): Promise<{ readonly sent: number; readonly received: number }>;
  /** Sets the counters of all ping tasks to zero. */
  clearPings(): Promise<void>;
  /** Rekeys the CHILD_SA of our own SPI (uint32); resolves when the new one is up, or will not be. */
  rekeyChild(spi: number): Promise<RekeyOutcome>;
  /** Rekeys the IKE SA of our own SPI (uint64); resolves when the new one is up, or will not be. */
  rekeyIke(spi: bigint): Promise<RekeyIkeOutcome>;
  /**
   * Ends the test and returns at once. Gracefully: deletes are sent, the end comes within 10 s; a
   * second call, or one that is not graceful, ends it now.
   */
  stop(gracefully: boolean): void;
}
