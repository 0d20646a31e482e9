/**
 * A record of each tunnel, which is only kept if it is wanted (`--csv`).
 *
 * At a client a record is a tunnel, whatever number of tries it took; at a gateway it is an IKE SA whose peer
 * authenticated, with the SAs that its rekeys made.
 * @module
 */
import { indexInSlice, sizeOfSlice, type Slice } from "@/base/slice.ts";
import { showAddress } from "@/base/address.ts";
import { nameOfCloseCode } from "@/engine/run/close_code.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { FlowFigures } from "@/engine/show/flow_table.ts";
import type { ToEpoch } from "@/engine/show/sa_view.ts";
import { childSuiteWords, ikeSuiteWords } from "@/engine/show/suite_words.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { showIdentity } from "@/ike/negotiate/identity.ts";
import { isStranger } from "@/ike/records/ike_sa.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

/** The most records; further tunnels are only counted. */
export const RECORDS_MAX = 1_000_000;

/**
 * The state of a tunnel at the end of the run. `established`: it is established. `lost`: it was established,
 * and ended although this end did not ask for it. `closed`: it was established, and was closed on purpose (at
 * a gateway also by its client). `failed`: it was never established. `pending`: it was not begun, or was
 * being set up.
 */
export type TunnelOutcome = "established" | "lost" | "closed" | "failed" | "pending";

/** One tunnel. Times named `…EpochMs` are milliseconds since 1970, durations milliseconds. */
export interface TunnelRecord {
  /** Client: its number, from 0. Gateway: the order in which peers arrived. */
  readonly tunnel: number;
  readonly outcome: TunnelOutcome;
  /**
   * The cause of its failure or loss, as in `failures` of the result; empty: it is established, or was
   * closed.
   */
  readonly cause: string;
  /** The cause as a sentence. */
  readonly words: string;
  /** Number of IKE SAs that were begun for it, without rekeys. */
  readonly tries: number;
  /** How often it was lost. */
  readonly losses: number;
  readonly ownAddress: string;
  readonly ownPort: number;
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly ownId: string;
  readonly peerId: string;
  /** The SPIs of the last IKE SA, uint64; 0n until they are known. */
  readonly spiI: bigint;
  readonly spiR: bigint;
  readonly ikeSuite: string;
  /** The SPIs of the first CHILD_SA of the last IKE SA, at its establishment, uint32; 0: there was none. */
  readonly childSpiIn: number;
  readonly childSpiOut: number;
  readonly childSuite: string;
  /** Addresses that were assigned to the client. */
  readonly innerAddresses: readonly string[];
  readonly startedEpochMs: number | undefined;
  /**
   * The time of IKE_SA_INIT of the last try, from the first transmission to the response; undefined at a
   * responder.
   */
  readonly ikeSaInitMs: number | undefined;
  /** Whether the last IKE SA was resumed by a ticket (RFC 5723). */
  readonly resumed: boolean;
  /** The time of all IKE_INTERMEDIATE exchanges, and that of all IKE_AUTH exchanges, of the last try. */
  readonly ikeIntermediateMs: number | undefined;
  readonly ikeAuthMs: number | undefined;
  /** The time of IKE_SESSION_RESUME, which takes the place of IKE_SA_INIT (RFC 5723). */
  readonly ikeSessionResumeMs: number | undefined;
  /** The time of the last exchange of each kind that this end began once the tunnel was established. */
  readonly createChildMs: number | undefined;
  readonly followupKeMs: number | undefined;
  readonly informationalMs: number | undefined;
  /** The time from the first IKE_SA_INIT of the last try to the establishment. */
  readonly setupMs: number | undefined;
  readonly establishedEpochMs: number | undefined;
  /** When the last IKE SA ended; undefined: it is established at the end of the run. */
  readonly endedEpochMs: number | undefined;
  /** Number of retransmissions. */
  readonly retransmissions: number;
  readonly ikeRekeys: number;
  readonly childRekeys: number;
  /** Its test traffic; undefined: it had none. */
  readonly traffic?: FlowFigures | undefined;
}

/** The properties of a run that its log needs. */
export interface TunnelLogRun {
  readonly role: "client" | "gateway";
  /** `numberoftunnels`. */
  readonly tunnels: number;
  /** Which of them a client makes. */
  readonly slice: Slice;
  /** Whether the end has begun, from which on closed tunnels are not lost. */
  readonly isEnding: () => boolean;
  readonly toEpoch: ToEpoch;
  /** The test traffic of a tunnel, by its number; absent: no tunnel has any. */
  readonly trafficOf?: (tunnel: number) => FlowFigures | undefined;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Writable<TunnelRecord>;

/** Where the time of an exchange is kept, of which that of the last one counts. */
const TIMES: ReadonlyMap<number, ExchangeTime> = new Map<number, ExchangeTime>([
  [ExchangeType.IKE_SA_INIT, "ikeSaInitMs"],
  [ExchangeType.IKE_SESSION_RESUME, "ikeSessionResumeMs"],
  [ExchangeType.CREATE_CHILD_SA, "createChildMs"],
  [ExchangeType.IKE_FOLLOWUP_KE, "followupKeMs"],
  [ExchangeType.INFORMATIONAL, "informationalMs"],
]);
type ExchangeTime =
  | "ikeSaInitMs"
  | "ikeSessionResumeMs"
  | "createChildMs"
  | "followupKeMs"
  | "informationalMs";

/** Close codes of IKE SAs that are no loss, by role. */
const ASKED_FOR: Readonly<Record<"client" | "gateway", ReadonlySet<number>>> = {
  client: new Set([CloseCode.STOPPED, CloseCode.FLAPPED, CloseCode.REAUTHENTICATED]),
  gateway: new Set([
    ...[CloseCode.STOPPED, CloseCode.DELETED_BY_PEER, CloseCode.INITIAL_CONTACT],
    ...[CloseCode.REAUTHENTICATED, CloseCode.REDIRECTED, CloseCode.RESUMED],
  ]),
};

/** The records of one run. */
export class TunnelLog {
  /** The records: at a client by tunnel, at a gateway in the order of authentication. */
  readonly #records: (Draft | undefined)[] = [];
  /** Gateway: the record of each IKE SA. */
  readonly #bySa = new Map<IkeSa, Draft>();
  /** The records of other runs. */
  readonly #taken: TunnelRecord[] = [];
  #run: TunnelLogRun | undefined;
  /** Number of tunnels without a record. */
  leftOut = 0;

  /** Makes the part of a run that keeps the records; a log belongs to one run. */
  part(run: TunnelLogRun): RunPart {
    this.#run = run;
    return { handlers: this.#handlers(run) };
  }

  /** Takes the records of one of the runs that share a test. */
  take({ records, leftOut }: Pick<TunnelLog, "leftOut"> & {
    readonly records: readonly TunnelRecord[];
  }): void {
    const room = Math.max(0, RECORDS_MAX - this.#taken.length);
    for (const record of records.slice(0, room)) this.#taken.push(record);
    this.leftOut += leftOut + Math.max(0, records.length - room);
  }

  /** All records, in the order of tunnels; at a client also those of tunnels that were never begun. */
  *records(): IterableIterator<TunnelRecord> {
    if (!this.#run) return yield* this.#taken.sort((a, b) => a.tunnel - b.tunnel);
    const { role, tunnels, slice, trafficOf } = this.#run;
    const whole = (draft: Draft): TunnelRecord => {
      const traffic = trafficOf?.(draft.tunnel);
      return traffic ? { ...draft, traffic } : draft;
    };
    if (role === "gateway") {
      for (const draft of this.#records) yield whole(draft!);
      return;
    }
    for (let nth = 0; nth < sizeOfSlice(slice, tunnels); nth++) {
      const index = indexInSlice(slice, nth);
      if (index >= RECORDS_MAX) return;
      yield whole(this.#records[index] ?? newDraft(index));
    }
  }

  #handlers({ role, isEnding, toEpoch }: TunnelLogRun): EffectHandlers {
    return {
      answered: ({ exchange, latencyMs, transmissions }, sa) => {
        // The first effect of a try at a client is the answer to its IKE_SA_INIT.
        const isTry = role === "client" && (sa.phase === "init" || sa.phase === "created");
        if (isTry && this.#isBeside(sa)) return;
        const draft = isTry ? this.#ofTry(sa, toEpoch) : this.#known(sa);
        if (!draft) return;
        draft.retransmissions += transmissions - 1;
        const time = TIMES.get(exchange);
        if (time) draft[time] = latencyMs;
        if (exchange === ExchangeType.IKE_INTERMEDIATE) {
          draft.ikeIntermediateMs = (draft.ikeIntermediateMs ?? 0) + latencyMs;
        }
        if (exchange === ExchangeType.IKE_AUTH) {
          draft.ikeAuthMs = (draft.ikeAuthMs ?? 0) + latencyMs;
        }
      },
      established: (_, sa, nowMs) => {
        const draft = this.#ofTry(sa, toEpoch);
        if (!draft) return;
        draft.outcome = "established";
        draft.resumed = sa.peer.resumed;
        draft.cause = draft.words = "";
        draft.setupMs = nowMs - sa.startedMs;
        draft.establishedEpochMs = toEpoch(nowMs);
        draft.endedEpochMs = undefined;
        draft.innerAddresses = sa.inner?.addresses.map(showAddress) ?? [];
        const [child] = sa.children;
        draft.childSpiIn = child?.spiIn ?? 0;
        draft.childSpiOut = child?.spiOut ?? 0;
        draft.childSuite = child ? childSuiteWords(child) : "";
      },
      child_up: ({ by, old }) => {
        const draft = old && this.#known(by.parent);
        if (draft) draft.childRekeys++;
      },
      replaced: ({ by }, sa) => {
        const draft = this.#known(sa);
        if (!draft || this.#isBeside(sa)) return;
        draft.ikeRekeys++;
        if (this.#bySa.delete(sa)) this.#bySa.set(by, draft);
        describe(draft, by);
      },
      child_failed: ({ failure }, sa, nowMs) => {
        const draft = this.#ofTry(sa, toEpoch);
        if (draft) this.#ended(draft, "failed", { failure, endedEpochMs: toEpoch(nowMs) });
      },
      closed: (_, sa, nowMs) => this.#closed(sa, isEnding(), toEpoch(nowMs)),
    };
  }

  #closed(sa: IkeSa, isEnding: boolean, endedEpochMs: number): void {
    const { role, toEpoch } = this.#run!;
    if (sa.closeCode === CloseCode.REKEYED || this.#isBeside(sa)) return;
    const known = this.#known(sa);
    const isUp = known?.outcome === "established";
    this.#bySa.delete(sa);
    // At a gateway the record of a peer that got no CHILD_SA exists already, and a stranger has none.
    if (!isUp && (isEnding || role === "gateway" && (isStranger(sa) || known))) return;
    const draft = isUp ? known : this.#ofTry(sa, toEpoch);
    this.#bySa.delete(sa);
    if (!draft || isUp && isEnding) return;
    const cause = nameOfCloseCode(sa.closeCode);
    const failure = sa.failure ??
      { cause, closeCode: sa.closeCode, text: `Its IKE SA was closed (${cause})` };
    if (!isUp) return this.#ended(draft, "failed", { failure, endedEpochMs });
    if (ASKED_FOR[role].has(sa.closeCode)) return this.#ended(draft, "closed", { endedEpochMs });
    draft.losses++;
    this.#ended(draft, "lost", { failure, endedEpochMs });
  }

  #ended(
    draft: Draft,
    outcome: TunnelOutcome,
    { failure, endedEpochMs }: {
      readonly failure?: Failure;
      readonly endedEpochMs: number;
    },
  ): void {
    // A tunnel that was established once and could not be established again is lost, whatever the failure of
    // its last try.
    const wasUp = draft.establishedEpochMs !== undefined;
    draft.outcome = outcome === "failed" && wasUp ? "lost" : outcome;
    draft.cause = failure?.cause ?? "";
    draft.words = failure?.text ?? "";
    draft.endedEpochMs = endedEpochMs;
  }

  /** The record of an IKE SA, or of those from which rekeys made it. */
  #known(sa: IkeSa): Draft | undefined {
    return this.#run!.role === "gateway" ? this.#bySa.get(sa) : this.#records[sa.index];
  }

  /**
   * Client: whether the tunnel is established by another IKE SA, as while it authenticates again
   * (`reauthmode: make`), so that the end of this one does not concern the tunnel.
   */
  #isBeside(sa: IkeSa): boolean {
    if (this.#run!.role === "gateway") return false;
    const known = this.#records[sa.index];
    return known?.outcome === "established" && (known.spiI !== sa.spiI || known.spiR !== sa.spiR);
  }

  /** The record of a tunnel, updated to the try of `sa`. */
  #ofTry(sa: IkeSa, toEpoch: ToEpoch): Draft | undefined {
    const startedEpochMs = toEpoch(sa.startedMs);
    let draft = this.#known(sa);
    if (!draft) {
      const at = this.#run!.role === "gateway" ? this.#records.length : sa.index;
      if (at >= RECORDS_MAX) return void this.leftOut++;
      this.#records[at] = draft = newDraft(sa.index);
      if (this.#run!.role === "gateway") this.#bySa.set(sa, draft);
    }
    if (draft.startedEpochMs !== startedEpochMs) {
      draft.tries++;
      draft.startedEpochMs = startedEpochMs;
      draft.resumed = false;
      draft.ikeSaInitMs =
        draft.ikeSessionResumeMs =
        draft.ikeIntermediateMs =
        draft.ikeAuthMs =
        draft.createChildMs =
        draft.followupKeMs =
        draft.informationalMs =
        draft.setupMs =
          undefined;
    }
    describe(draft, sa);
    return draft;
  }
}

/** Records the properties of an IKE SA. */
function describe(draft: Draft, sa: IkeSa): void {
  const { ownAddress, ownPort, peerAddress, peerPort } = sa.path;
  const { ownId, id } = sa.peer;
  draft.ownAddress = showAddress(ownAddress);
  draft.ownPort = ownPort;
  draft.peerAddress = showAddress(peerAddress);
  draft.peerPort = peerPort;
  if (ownId) draft.ownId = showIdentity(ownId);
  if (id) draft.peerId = showIdentity(id);
  draft.spiI = sa.spiI;
  draft.spiR = sa.spiR;
  draft.ikeSuite = ikeSuiteWords(sa);
}

function newDraft(tunnel: number): Draft {
  return {
    tunnel,
    outcome: "pending",
    cause: "",
    words: "",
    tries: 0,
    losses: 0,
    ownAddress: "",
    ownPort: 0,
    peerAddress: "",
    peerPort: 0,
    ownId: "",
    peerId: "",
    spiI: 0n,
    spiR: 0n,
    ikeSuite: "",
    childSpiIn: 0,
    childSpiOut: 0,
    childSuite: "",
    innerAddresses: [],
    startedEpochMs: undefined,
    resumed: false,
    ikeSaInitMs: undefined,
    ikeSessionResumeMs: undefined,
    createChildMs: undefined,
    followupKeMs: undefined,
    informationalMs: undefined,
    ikeIntermediateMs: undefined,
    ikeAuthMs: undefined,
    setupMs: undefined,
    establishedEpochMs: undefined,
    endedEpochMs: undefined,
    retransmissions: 0,
    ikeRekeys: 0,
    childRekeys: 0,
  };
}
