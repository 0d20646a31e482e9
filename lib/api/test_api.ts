/**
 * The Test API (`proto/myikev2/api/api.proto`), by which a running test is queried and controlled
 * over gRPC. Every call is answered from the live state of a {@linkcode RunView}; this file makes
 * no decisions of its own.
 * @module
 */
import { Metadata, type ServerWritableStream, status } from "@grpc/grpc-js";
import { ikeService } from "@/api/ike_api.ts";
import {
  changeHandler,
  decodedRequest,
  notRekeyed,
  queryHandler,
  statusOfRefusal,
} from "@/api/calls.ts";
import {
  type Caller,
  type CallerJudge,
  type CallOrigin,
  connectionOf,
  holderOf,
  judgeByOwner,
  maySeeSecrets,
  notTrusted,
  type SecretsRule,
} from "@/api/caller.ts";
import { CallerQuota, STREAM_LIMITS } from "@/api/caller_quota.ts";
import { serverCredentials } from "@/api/credentials.ts";
import { IKE_API, TEST_API } from "@/api/definitions.ts";
import { EventStreams } from "@/api/event_streams.ts";
import { addCommonServices, listen, newServer, shutDown } from "@/api/listen.ts";
import {
  childDumpMessage,
  ikeDumpMessage,
  type IkeSettings,
  ikeSummaryMessage,
  pingMessage,
  summaryMessage,
} from "@/api/messages.ts";
import type {
  CHILDSADump,
  Empty,
  IKESADump,
  ListCHILDSAResp,
  ListIKESAResp,
  ListPingResult,
  MyIKEv2APISvc,
  MyIKEv2Event,
  PoolUsageSummary,
  SummaryResp,
} from "@/api/proto/api.ts";
import type {
  CHILDSAQueryRead,
  EmptyRead,
  EventFilterRead,
  IKESAQueryRead,
  ListCHILDSAQueryRead,
  ListIKESAQueryRead,
  PingResultQueryRead,
  RekeyChildReqRead,
  StopReqRead,
} from "@/api/proto/api_read.ts";
import { Refusal } from "@/api/refusal.ts";
import {
  addService,
  fullName,
  type Handlers,
  IKE_SERVICE,
  TEST_SERVICE,
} from "@/api/typed_service.ts";
import { showSpi32, showSpi64 } from "@/base/bytes.ts";
import type { EventFilter } from "@/engine/show/event_hub.ts";
import type { RunView } from "@/engine/show/view.ts";
import { ikeSettings } from "@/api/settings.ts";
import type { TestApiOptions } from "@/api/test_api_options.ts";

/** A Test API that listens. */
export interface TestApi {
  readonly address: string;
  /** The TCP port it listens on. */
  readonly port: number;
  /** Ends the event streams, after the test has ended and published its last event. */
  endEvents(): void;
  /**
   * Resolves after the end of the test, when every stream has sent everything to its client, at the
   * latest 2 s later.
   */
  finished(): Promise<void>;
  /** Stops listening and ends what is still open. */
  close(): Promise<void>;
}

/** How long the streams may take after the end of a test to send the rest to their clients. */
const SUBSCRIBERS_MS_MAX = 2_000;

/** How long open calls may take when the server closes. */
const CLOSE_GRACE_MS = 500;

/**
 * Serves the Test API of a run.
 *
 * @throws {SetupError} naming the option when it cannot listen there or use those TLS files.
 */
export async function startTestApi(view: RunView, options: TestApiOptions): Promise<TestApi> {
  const credentials = serverCredentials(options.tls);
  const server = newServer();
  const judge = judgeByOwner(options.trust);
  const service = new TestApiService(view, options.secrets, judge);
  addService(server, TEST_SERVICE, service.handlers());
  addService(server, IKE_SERVICE, ikeService(view, judge));
  const names = [fullName(TEST_SERVICE), fullName(IKE_SERVICE)];
  const health = addCommonServices(server, [TEST_API, IKE_API], names);
  const listening = await listen(server, {
    address: options.address,
    port: options.port,
    credentials,
    addressName: "apilistenaddr",
    portName: "apilistenport",
    trust: options.trust,
  });
  return {
    address: options.address,
    port: listening.port,
    endEvents: () => service.endEvents(),
    finished: async () => {
      await view.finalResult;
      for (const name of names) health.setStatus(name, "NOT_SERVING");
      await within(service.subscribersServed(), SUBSCRIBERS_MS_MAX);
    },
    close: () => shutDown(server, [listening], CLOSE_GRACE_MS),
  };
}

/**
 * The handlers of the thirteen calls of the Test API for one run, for calls from within this
 * process.
 */
export function testService(
  view: RunView,
  secrets: SecretsRule,
  judge: CallerJudge,
): Handlers<MyIKEv2APISvc> {
  return new TestApiService(view, secrets, judge).handlers();
}

type EventCall = ServerWritableStream<EventFilterRead, MyIKEv2Event>;
type FinalCall = ServerWritableStream<EmptyRead, SummaryResp>;

/** The handlers of the thirteen calls of the Test API. */
class TestApiService {
  readonly #view: RunView;
  readonly #secrets: SecretsRule;
  readonly #judge: CallerJudge;
  readonly #settings: IkeSettings;
  readonly #events: EventStreams;
  /** For each open stream, the promise that resolves at its end. */
  readonly #subscribers = new Set<Promise<void>>();

  readonly #streams = new CallerQuota(STREAM_LIMITS);

  constructor(view: RunView, secrets: SecretsRule, judge: CallerJudge) {
    this.#view = view;
    this.#secrets = secrets;
    this.#judge = judge;
    this.#settings = ikeSettings(view.setup);
    this.#events = new EventStreams(view.events);
  }

  handlers(): Handlers<MyIKEv2APISvc> {
    const judge = this.#judge;
    const view = this.#view;
    return {
      Stop: changeHandler("Stop", judge, (request, caller) => this.#stop(request, caller)),
      GetSummary: queryHandler(async () => summaryMessage(await view.summary())),
      GetIKESA: queryHandler((request, call) => this.#getIkeSa(request, call)),
      ListIKESA: queryHandler((request) => this.#listIkeSas(request)),
      ListCHILDSA: queryHandler((request) => this.#listChildSas(request)),
      GetCHILDSA: queryHandler((request, call) => this.#getChildSa(request, call)),
      SubscrEvent: (call) => this.#subscribe(call, (filter) => this.#sendEvents(call, filter)),
      UpdateEventFilter: queryHandler((request, call) => this.#updateFilter(request, call)),
      GetPingSummary: queryHandler((request) => this.#pings(request)),
      ClearPingStats: changeHandler("ClearPingStats", judge, async () => {
        await view.clearPings();
        return {};
      }),
      GetPoolUsageSummary: queryHandler(() => this.#poolUsage()),
      NotifyFinalResult: (call) => this.#subscribe(call, () => this.#sendFinalResult(call)),
      RekeyChild: changeHandler("RekeyChild", judge, (request) => this.#rekeyChild(request)),
    };
  }

  /** Ends the event streams, after each has sent what is in its queue. */
  endEvents(): void {
    this.#events.end();
  }

  /** Resolves when all streams are over. */
  async subscribersServed(): Promise<void> {
    this.#events.end();
    while (this.#subscribers.size > 0) await Promise.all(this.#subscribers);
  }

  async #poolUsage(): Promise<PoolUsageSummary> {
    const { v4, v6 } = await this.#view.poolUsage();
    return {
      V4StartAddr: v4?.start,
      V4Assigned: v4?.assigned,
      V6StartAddr: v6?.start,
      V6Assigned: v6?.assigned,
    };
  }

  async #pings({ Start, Len }: PingResultQueryRead): Promise<ListPingResult> {
    const [list, totals] = await Promise.all([
      this.#view.pings(Start, Len),
      this.#view.pingTotals(),
    ]);
    return {
      ResultList: list.map(pingMessage),
      TotalSent: totals.sent,
      TotalRecv: totals.received,
    };
  }

  #stop({ Gracefully }: StopReqRead, caller: Caller): Promise<Empty> {
    this.#view.events.publish(4, `Stop was asked for by ${caller.description}`);
    // The call is answered first: without `Gracefully` the process may end before the answer is
    // sent.
    setTimeout(() => this.#view.stop(Gracefully), 0);
    return Promise.resolve({});
  }

  async #rekeyChild({ OwnSPI }: RekeyChildReqRead): Promise<Empty> {
    const outcome = await this.#view.rekeyChild(OwnSPI);
    if (outcome.kind === "done") return {};
    throw notRekeyed(outcome, "CHILD_SA", showSpi32(OwnSPI));
  }

  async #getIkeSa({ OwnSPI }: IKESAQueryRead, call: CallOrigin): Promise<IKESADump> {
    const seesSecrets = await maySeeSecrets(this.#secrets, call, this.#judge);
    const spi = BigInt(OwnSPI);
    const sa = await this.#view.ikeSa(spi);
    if (!sa) throw new Refusal(status.NOT_FOUND, `No IKE SA has our SPI ${showSpi64(spi)}`);
    return ikeDumpMessage(sa, this.#settings, seesSecrets);
  }

  async #listIkeSas({ Start, Len }: ListIKESAQueryRead): Promise<ListIKESAResp> {
    const list = await this.#view.listIkeSas(Start, Len);
    return { SummaryList: list.map(ikeSummaryMessage) };
  }

  async #listChildSas({ IKEOwnSPI }: ListCHILDSAQueryRead): Promise<ListCHILDSAResp> {
    const spi = BigInt(IKEOwnSPI);
    const children = await this.#view.childSas(spi);
    if (!children) throw new Refusal(status.NOT_FOUND, `No IKE SA has our SPI ${showSpi64(spi)}`);
    return { OwnSPIList: children };
  }

  async #getChildSa({ OwnSPI }: CHILDSAQueryRead, call: CallOrigin): Promise<CHILDSADump> {
    const seesSecrets = await maySeeSecrets(this.#secrets, call, this.#judge);
    const child = await this.#view.childSa(OwnSPI);
    if (!child) throw new Refusal(status.NOT_FOUND, `No CHILD_SA has our SPI ${showSpi32(OwnSPI)}`);
    return childDumpMessage(child, seesSecrets);
  }

  async #updateFilter(request: EventFilterRead, call: CallOrigin): Promise<Empty> {
    const filter = this.#filter(request);
    if (this.#events.updateOwn(connectionOf(call), filter) > 0) return {};
    const caller = await this.#judge(call);
    if (!caller.isTrusted) {
      const { code, details } = notTrusted(caller, "A filter for the streams of others");
      throw new Refusal(code, details);
    }
    if (this.#events.updateAll(filter) > 0) return {};
    throw new Refusal(status.FAILED_PRECONDITION, "No event stream is open");
  }

  #filter(request: EventFilterRead): EventFilter {
    if (request.Level > 5) {
      throw new Refusal(
        status.INVALID_ARGUMENT,
        `Level is ${request.Level}; it goes from 1 (critical) to 5 (debug), 0 is the setup's loglevel`,
      );
    }
    return { level: request.Level || this.#view.setup.loglevel, keyword: request.keyword };
  }

  /**
   * Serves a stream and ends it with a status. Until its client has everything it is one of the
   * subscribers.
   */
  #subscribe<R, A>(
    call: ServerWritableStream<R, A>,
    serve: (request: R) => Promise<void>,
  ): void {
    const over = new Promise<void>((resolve) => {
      for (const name of ["close", "finish", "cancelled"]) call.on(name, () => resolve());
    });
    const served = this.#answerStream(call, serve).then(() => over);
    this.#subscribers.add(served);
    served.then(() => this.#subscribers.delete(served));
  }

  async #answerStream<R, A>(
    call: ServerWritableStream<R, A>,
    serve: (request: R) => Promise<void>,
  ): Promise<void> {
    try {
      const request = decodedRequest(call.request);
      const { isTrusted, key } = holderOf(await this.#judge(call as unknown as CallOrigin));
      const why = this.#streams.acquire({ key, isTrusted });
      if (why !== undefined) {
        throw new Refusal(status.RESOURCE_EXHAUSTED, `No more streams: ${why}`);
      }
      try {
        await serve(request);
      } finally {
        this.#streams.release({ key, isTrusted });
      }
    } catch (error) {
      // At the event "error" the library sends code and details of the error as the status, and
      // ends the stream.
      return void call.emit("error", statusOfRefusal(error));
    }
    call.end();
  }

  async #sendEvents(call: EventCall, request: EventFilterRead): Promise<void> {
    await this.#events.serve(call, this.#filter(request));
  }

  async #sendFinalResult(call: FinalCall): Promise<void> {
    // The headers tell the client that it is subscribed.
    call.sendMetadata(new Metadata());
    const left = new Promise<void>((resolve) => call.on("cancelled", () => resolve()));
    const final = await Promise.race([this.#view.finalResult, left]);
    if (final) call.write(summaryMessage(final.summary));
  }
}

function within(promise: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
