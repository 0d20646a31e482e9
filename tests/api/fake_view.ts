/**
 * A run that never ran: every figure that the API can return has a value of its own, which no default and no
 * other figure has. The tests that read it have the expected values.
 * @module
 */
import type { RunFigures } from "@/engine/show/figures.ts";
import type { PingTaskView } from "@/engine/show/ping_table.ts";
import { fromHex } from "@/base/bytes.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import type {
  ChildSaDump,
  FinalResult,
  IkeSaDump,
  IkeSaSummary,
  PoolsUsage,
  RekeyIkeOutcome,
  RekeyOutcome,
  RunSummary,
  RunView,
} from "@/engine/show/view.ts";
import { RunResult } from "@/engine/show/view.ts";
import type { Setup } from "@/setup/setup.ts";
import { fakeSetup } from "./fake_setup.ts";

/** 2023-11-14 22:13:20.250 UTC. */
const START = 1_700_000_000_250;

/** A run that ends when its test says so. */
export class FakeRun implements RunView {
  readonly setup: Setup = fakeSetup();
  readonly events = new EventHub();
  readonly finalResult: Promise<FinalResult>;
  /** The arguments of the calls of `stop`, in order. */
  readonly stops: boolean[] = [];
  /** Whether `clearPings` was called. */
  pingsCleared = false;
  /** The list for `listIkeSas`; a test may replace it. */
  list: IkeSaSummary[] = [FIRST, SECOND, { ...SECOND, spi: 3n, state: 7 }];
  #summary: RunSummary = SUMMARY;
  #resolve: (result: FinalResult) => void = () => {};

  constructor() {
    this.finalResult = new Promise((resolve) => this.#resolve = resolve);
  }
  summary(): Promise<RunSummary> {
    return Promise.resolve(this.#summary);
  }
  figures(): Promise<RunFigures> {
    throw new Error("The API does not ask for figures");
  }
  listIkeSas(start: number, len: number): Promise<IkeSaSummary[]> {
    return Promise.resolve(this.list.slice(start, len === 0 ? undefined : start + len));
  }
  ikeSa(spi: bigint): Promise<IkeSaDump | undefined> {
    return Promise.resolve([FIRST, SECOND].find((sa) => sa.spi === spi));
  }
  childSas(ikeSpi: bigint): Promise<number[] | undefined> {
    if (ikeSpi === FIRST.spi) return Promise.resolve([CHILD.spi, AH_CHILD.spi]);
    return Promise.resolve(ikeSpi === SECOND.spi ? [] : undefined);
  }
  childSa(spi: number): Promise<ChildSaDump | undefined> {
    return Promise.resolve([CHILD, AH_CHILD].find((child) => child.spi === spi));
  }
  poolUsage(): Promise<PoolsUsage> {
    return Promise.resolve({ v4: undefined, v6: undefined });
  }

  pings(start: number, len: number): Promise<PingTaskView[]> {
    return Promise.resolve(PINGS.slice(start, len === 0 ? undefined : start + len));
  }
  pingTotals(): Promise<{ readonly sent: number; readonly received: number }> {
    const sent = this.pingsCleared ? 0 : 9_007_199_254_740_991;
    return Promise.resolve({ sent, received: 4_294_967_297 });
  }
  clearPings(): Promise<void> {
    this.pingsCleared = true;
    return Promise.resolve();
  }
  rekeyChild(spi: number): Promise<RekeyOutcome> {
    if (spi === CHILD.spi) return Promise.resolve({ kind: "done" });
    if (spi !== AH_CHILD.spi) return Promise.resolve({ kind: "unknown" });
    const text = "Peer refused CREATE_CHILD_SA (NO_ADDITIONAL_SAS)";
    return Promise.resolve({ kind: "refused", cause: "NO_ADDITIONAL_SAS", text });
  }
  rekeyIke(spi: bigint): Promise<RekeyIkeOutcome> {
    if (spi === FIRST.spi) return Promise.resolve({ kind: "done", spi: 0xabcdef0123456789n });
    if (spi === SECOND.spi) return Promise.resolve({ kind: "not_established" });
    if (spi !== 3n) return Promise.resolve({ kind: "unknown" });
    const text = "Peer refused to rekey the IKE SA (TEMPORARY_FAILURE)";
    return Promise.resolve({ kind: "refused", cause: "TEMPORARY_FAILURE", text });
  }
  stop(gracefully: boolean): void {
    this.stops.push(gracefully);
  }
  /** Ends the run as failed. */
  end(): void {
    this.#summary = {
      ...SUMMARY,
      result: RunResult.FAILED,
      actualEndEpochMs: START + 9_001,
      lastErrMsg: "Tunnel 4: no answer",
    };
    this.events.publish(4, "The last event");
    this.events.end();
    this.#resolve({
      result: RunResult.FAILED,
      summary: this.#summary,
      figures: undefined as unknown as RunFigures,
    });
  }
}

function octets(hex: string): Uint8Array {
  return fromHex(hex)!;
}

const PINGS: readonly PingTaskView[] = [
  { own: Uint8Array.of(10, 1, 0, 1), peer: Uint8Array.of(10, 2, 0, 1), sent: 5, received: 3 },
  {
    own: new Uint8Array(16),
    peer: octets("20010db8000000000000000000000007"),
    sent: 4_294_967_296,
    received: 4_294_967_295,
  },
];

const SUMMARY: RunSummary = {
  role: "gateway",
  startEpochMs: START,
  testEndEpochMs: START + 3_600_000,
  actualEndEpochMs: undefined,
  creationStartEpochMs: START + 1_500,
  creationFinishEpochMs: undefined,
  createDurationMs: 2_345.678,
  setupFileName: "examples/größe.yaml",
  createdTunnels: 4_294_967_295,
  setupRate: 12.5,
  ikeSasByState: [0, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110],
  ikeSasTotal: 1_055,
  live: 531,
  hasChild: 529,
  createdLive: 527,
  configured: 9_007_199_254_740_991,
  flapping: 523,
  result: RunResult.RUNNING,
  lastErrMsg: "",
};

const FIRST: IkeSaDump = {
  spi: 0xfedcba9876543210n,
  peerAddress: Uint8Array.of(192, 0, 2, 7),
  peerPort: 4_501,
  state: 3,
  establishedEpochMs: START + 2_000.125,
  peerSpi: 0x8000000000000001n,
  spiI: 0xfedcba9876543210n,
  spiR: 0x8000000000000001n,
  originalInitiator: true,
  tunnel: 0,
  ownAddress: octets("20010db8000000000000000000000009"),
  ownPort: 500,
  encryption: 20,
  keyBits: 256,
  integrity: 0,
  prf: 7,
  group: 31,
  additional: [36],
  ppkId: "quantum-1",
  ownAuth: 14,
  peerAuth: 2,
  ownSignatureHash: 3,
  ownRsaPss: true,
  ownIdType: 2,
  peerIdType: 1,
  ownId: "client.example",
  peerId: "192.0.2.7",
  keys: {
    skD: octets("dd".repeat(48)),
    skEi: octets("11".repeat(36)),
    skEr: octets("22".repeat(36)),
    skAi: new Uint8Array(0),
    skAr: new Uint8Array(0),
    skPi: octets("b1".repeat(48)),
    skPr: octets("b2".repeat(48)),
  },
  lastReceivedEpochMs: START + 2_500,
  lastLivenessEpochMs: START + 2_750,
  closeCode: 24,
};

/** An IKE SA of which little is known yet. */
const SECOND: IkeSaDump = {
  spi: 2n,
  peerAddress: octets("20010db80000000000000000000000aa"),
  peerPort: 500,
  state: 1,
  establishedEpochMs: undefined,
  peerSpi: 0n,
  spiI: 0n,
  spiR: 2n,
  originalInitiator: false,
  tunnel: 1,
  ownAddress: Uint8Array.of(203, 0, 113, 1),
  ownPort: 500,
  encryption: 12,
  keyBits: 128,
  integrity: 12,
  prf: 5,
  group: 14,
  additional: [],
  ppkId: "",
  ownAuth: 0,
  peerAuth: 0,
  ownSignatureHash: 0,
  ownRsaPss: false,
  ownIdType: 0,
  peerIdType: 0,
  ownId: "",
  peerId: "",
  keys: undefined,
  lastReceivedEpochMs: undefined,
  lastLivenessEpochMs: undefined,
  closeCode: 65_547,
};

export const CHILD: ChildSaDump = {
  state: 2,
  spi: 0xc0ffee01,
  peerSpi: 0x80000002,
  ownAddress: Uint8Array.of(198, 51, 100, 3),
  peerAddress: Uint8Array.of(192, 0, 2, 7),
  parentSpi: FIRST.spi,
  establishedEpochMs: START + 2_000.5,
  protocol: 3,
  encryption: 12,
  keyBits: 192,
  integrity: 14,
  group: 14,
  additional: [37],
  esn: true,
  tunnelMode: true,
  encapsulation: undefined,
  lifetimeMs: 301_500,
  replayWindow: 1_024,
  keys: {
    skEi: octets("33".repeat(24)),
    skEr: octets("44".repeat(24)),
    skAi: octets("55".repeat(64)),
    skAr: octets("66".repeat(64)),
  },
  initiatedHere: true,
  ownTs: [{
    type: 7,
    protocol: 17,
    startAddress: Uint8Array.of(10, 1, 0, 0),
    endAddress: Uint8Array.of(10, 1, 0, 255),
    startPort: 53,
    endPort: 5_353,
  }],
  peerTs: [
    {
      type: 8,
      protocol: 0,
      startAddress: octets("fd00" + "00".repeat(14)),
      endAddress: octets("fd00" + "ff".repeat(14)),
      startPort: 0,
      endPort: 65_535,
    },
    {
      type: 7,
      protocol: 6,
      startAddress: Uint8Array.of(10, 2, 0, 1),
      endAddress: Uint8Array.of(10, 2, 0, 1),
      startPort: 65_535,
      endPort: 0,
    },
  ],
};

/** A CHILD_SA by AH in transport mode, which is not established yet. */
export const AH_CHILD: ChildSaDump = {
  ...CHILD,
  state: 1,
  spi: 0x00000102,
  peerSpi: 0,
  establishedEpochMs: undefined,
  protocol: 2,
  encryption: 0,
  keyBits: 0,
  esn: false,
  tunnelMode: false,
  replayWindow: 0,
  keys: undefined,
};
