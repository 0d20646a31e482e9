/**
 * What the API, the command line and the reports may ask of a test run: plain types, and the
 * interface `RunView`. Numbers of states, roles and results are those of the API.
 *
 * Times named `…EpochMs` are milliseconds since 1970; absent means that it has not happened.
 * @module
 */
import type { DataPathKind, DataPathTotals } from "@/datapath/data_path.ts";
import type { IpAddress } from "@/base/address.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import type { EspEncapsulation } from "@/ike/path/nat.ts";
import type { Setup } from "@/setup/setup.ts";
import type { NeighbourOverflow } from "@/engine/run/neighbour_watch.ts";
import type { ImpairmentCounts } from "@/transport/impairment.ts";
import type { ConnectionCounters } from "@/transport/transport.ts";

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
  /** `createdTunnels` per second of `createDurationMs`; undefined when there is none. */
  readonly setupRate: number | undefined;
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

/** Percentiles in milliseconds. */
export interface LatencyFigures {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly samples: number;
}

/** A ping task. */
export interface PingTaskView {
  /** Unspecified: left to the system, and no reply has told it yet. */
  readonly own: IpAddress;
  readonly peer: IpAddress;
  /** Requests since the counters were cleared. */
  readonly sent: number;
  /** Requests among them that were answered in time. */
  readonly received: number;
}

/** A ping task with all that is known of it. */
export interface PingTaskFigures extends PingTaskView {
  readonly lost: number;
  /** Most requests lost one after the other. */
  readonly burstMax: number;
  /** Percentiles 20 % more or less; null without a reply. */
  readonly latencyMs: LatencyFigures | null;
  /** From its tunnel's being up to the first reply; null: not known, or none. */
  readonly firstPacketMs: number | null;
}

/** What the ping test has counted, over all its tasks. */
export interface PingFigures {
  /** Tasks that have begun. */
  readonly tasks: number;
  readonly sent: number;
  /** Requests answered in time. */
  readonly received: number;
  /** Requests that nobody answered in time. */
  readonly lost: number;
  /** Of those answered or lost; null before the first. */
  readonly lossPercent: number | null;
  /** Most requests of one task lost one after the other. */
  readonly burstMax: number;
  /** Tasks that lose more than `maxlossrate`. */
  readonly tasksAbove: number;
  /** Second replies, and replies to requests that were given up. */
  readonly duplicates: number;
  readonly late: number;
  /** Replies that came after a reply to a later request. */
  readonly reordered: number;
  /** Replies that are not what was sent. */
  readonly altered: number;
  /** Requests that nothing took: no tunnel for them, or refused by the system; they are lost too. */
  readonly unsent: number;
  readonly latencyMs: LatencyFigures | null;
  /** From a tunnel's being up to the first reply that came through it. */
  readonly firstPacketMs: LatencyFigures | null;
  /** Tasks that lose most, at most ten. */
  readonly worst: readonly PingTaskFigures[];
}

/** Failed tunnels, or strangers, of one cause. */
export interface FailureFigures {
  /** A notify's IANA name, NO_ANSWER, … */
  readonly cause: string;
  readonly count: number;
  /** The first of them in words, with its tunnel or address. */
  readonly example: string;
}

/** How often, and by which causes, most frequent first. */
export interface CountedCauses {
  readonly count: number;
  readonly causes: readonly FailureFigures[];
}

/** What happened to SAs that were up. */
export interface SaFigures {
  /** Rekeys of ours that came to nothing, of IKE SAs and of CHILD_SAs. */
  readonly rekeysRefused: {
    readonly ike: number;
    readonly child: number;
    readonly causes: readonly FailureFigures[];
  };
  /** SAs that outlived their lifetime, as an exchange that replaces them was under way. */
  readonly overtime: { readonly ike: number; readonly child: number };
  /** CHILD_SAs beside the first that could not be made. */
  readonly childrenRefused: CountedCauses;
  /** CHILD_SAs that carried traffic and are gone, with none in their place. */
  readonly childrenLost: CountedCauses;
  /** Requests of authenticated peers that this end refused. */
  readonly refusals: readonly FailureFigures[];
  /** IKE SAs that ended because their peer came back and said INITIAL_CONTACT. */
  readonly displaced: number;
}

/** What the live view, the closing report and the JSON result show. */
export interface RunFigures {
  /** Tunnels that were begun: first tries sent (gateway: each time one was established). */
  readonly created: number;
  /** Tunnels ever established. */
  readonly established: number;
  /**
   * Client: tunnels given up. Gateway: peers that authenticated and were given no CHILD_SA. Lost ones
   * count at both.
   */
  readonly failed: number;
  /** Tries of tunnels that failed and were, or will be, tried again. */
  readonly retries: number;
  /**
   * Established, then gone though nobody asked for it; part of `failed`. A peer's Delete is a loss to
   * a client, who alone is to end its tunnels, and none to a gateway. A tunnel that a later try
   * brings back stays counted.
   */
  readonly lost: number;
  /** IKE SAs on the way now. */
  readonly halfOpen: number;
  readonly live: number;
  /** Requests sent again. */
  readonly retransmissions: number;
  /** IKE SAs, and CHILD_SAs, that were replaced, by whichever end. */
  readonly ikeRekeys: number;
  readonly childRekeys: number;
  readonly sas: SaFigures;
  /** How often a tunnel was torn down on purpose (flapping), and how often one was rebuilt then. */
  readonly flaps: number;
  readonly rebuilds: number;
  /** Tunnels per second over the whole creation; null before the first. */
  readonly setupRate: number | null;
  /** Tunnels established in the last second. */
  readonly recentRate: number;
  /** Undefined without a running time. */
  readonly timeLeftMs: number | undefined;
  /** Since the start; to the end once it ended. */
  readonly elapsedMs: number;
  /** First transmission to answer, as the initiator of the exchange; null without a sample. */
  readonly ikeSaInitMs: LatencyFigures | null;
  readonly ikeAuthMs: LatencyFigures | null;
  /** First IKE_SA_INIT of a try to established. */
  readonly setupMs: LatencyFigures | null;
  /** Most frequent first. */
  readonly failures: readonly FailureFigures[];
  /**
   * Gateway: peers that began an IKE SA and did not authenticate, by cause, the most frequent first.
   * They are no tunnels, and do not count in `failed`.
   */
  readonly strangers: readonly FailureFigures[];
  /**
   * Gateway: IKE_SA_INIT requests that were answered with a cookie (RFC 7296 §2.6), and those of them
   * for which the load alone asked (`numoftunneltoenablecookie: auto`).
   */
  readonly cookies: { readonly asked: number; readonly automatic: number };
  /** Datagrams that cost a counter and nothing else, by reason. */
  readonly drops: ReadonlyMap<string, number>;
  /** What carries the CHILD_SAs' packets. */
  readonly dataPath: DataPathKind;
  /** All packets of CHILD_SAs; null where the kernel keeps the books, or nothing carries any. */
  readonly packets: DataPathTotals | null;
  /** IKE messages that left, and that came. */
  readonly datagramsSent: number;
  readonly datagramsReceived: number;
  /**
   * Datagrams of any kind that the system refused to send, and those of which ICMP says that they came
   * to nothing, by cause, the most frequent first.
   */
  readonly sendErrors: readonly FailureFigures[];
  /** The kernel's neighbour table where it was full while the test ran; null: it was not, or runs still. */
  readonly neighbourOverflow: NeighbourOverflow | null;
  /** What the rules of `impairment` did to messages, in their order; empty: none does any. */
  readonly impairment: readonly ImpairmentCounts[];
  /** TCP connections by what became of them (RFC 9329); null where there is only UDP. */
  readonly connections: ConnectionCounters | null;
  /** NAT-T keepalives (RFC 3948 §2.3), which count as no datagram. */
  readonly keepalivesSent: number;
  readonly keepalivesReceived: number;
  /** The ping test; null without `pingconf.destaddr`. */
  readonly ping: PingFigures | null;
  /** Pings of the other ends through tunnels without a device, answered here. */
  readonly pingsAnswered: number;
  /** Deletes of a graceful stop that no peer answered; null when none was sent. */
  readonly deletesUnanswered: number | null;
  /** Processor time of the whole process since the start, milliseconds. */
  readonly cpuMs: number;
  /** `cpuMs` by established tunnel, up to the end of creation; null before the first. */
  readonly cpuMsPerTunnel: number | null;
  /** Resident memory of the process, octets. */
  readonly rssBytes: number;
  readonly transport: string;
  readonly crypto: string;
  /** What the setup leaves at its default although the feature is not there yet. */
  readonly notYet: readonly string[];
}

/** Use of one address pool. */
export interface PoolUsage {
  /** First address. */
  readonly start: IpAddress;
  /** Addresses leased now. */
  readonly assigned: number;
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

/** A test that runs, or has run. Every answer is of this moment. */
export interface RunView {
  readonly setup: Setup;
  readonly events: EventHub;
  /** Resolves once, at the end; never rejects. */
  readonly finalResult: Promise<FinalResult>;
  summary(): RunSummary;
  figures(): RunFigures;
  /**
   * IKE SAs in order of creation from the `start`th (from 0), at most `len` of them, 0: all. An
   * ended SA goes away; the order of the others stays.
   */
  listIkeSas(start: number, len: number): IkeSaSummary[];
  /** By our own SPI. */
  ikeSa(spi: bigint): IkeSaDump | undefined;
  /**
   * Our own SPIs of the CHILD_SAs of an IKE SA, rekeyed ones that are kept first; undefined where
   * there is no such IKE SA.
   */
  childSas(ikeSpi: bigint): number[] | undefined;
  /** By our own SPI (uint32). */
  childSa(spi: number): ChildSaDump | undefined;
  /** The gateway's address pools; undefined where there is none, and at a client. */
  poolUsage(): { readonly v4: PoolUsage | undefined; readonly v6: PoolUsage | undefined };
  /** Ping tasks in order of creation from the `start`th (from 0), at most `len` of them, 0: all. */
  pings(start: number, len: number): PingTaskView[];
  /** What all ping tasks together sent and received; zeros without any. */
  pingTotals(): { readonly sent: number; readonly received: number };
  /** Sets the counters of all ping tasks to zero. */
  clearPings(): void;
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
