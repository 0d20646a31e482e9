/**
 * A connection to a running test, with the calls of the Test API and of the service for IKE SAs.
 * The calls go over the network (`client.ts`) or stay in this process (`local.ts`).
 * @module
 */
import type { MyIKEv2APISvc } from "@/api/proto/api.ts";
import type { MyIKEv2EventRead, SummaryRespRead } from "@/api/proto/api_read.ts";
import type { MyIKEv2IKESvc } from "@/api/proto/ikeapi.ts";
import type { CallOf, UnaryName } from "@/api/call_types.ts";
import { type ApiService, IKE_SERVICE, TEST_SERVICE } from "@/api/typed_service.ts";

/** All calls to a running test: those of the Test API, and `RekeyIKESA`. */
export interface TestCalls extends MyIKEv2APISvc, MyIKEv2IKESvc {}

/** A call with one answer. */
export type TestCall = UnaryName<TestCalls>;

/** The request of a call. */
export type TestRequest<M extends TestCall> = CallOf<TestCalls, M>["request"];

/** The answer of a call. */
export type TestAnswer<M extends TestCall> = CallOf<TestCalls, M>["answerRead"];

/**
 * Which events are wanted, as `EventFilter` of the API says it: level 0 is the setup's loglevel.
 */
export interface WantedEvents {
  /** 0–5. */
  readonly level: number;
  /** Text that the event must contain, case-sensitive; empty: every event. */
  readonly keyword: string;
}

/** An event as the API sends it. */
export interface ShownEvent {
  readonly level: number;
  readonly msg: string;
  /** Milliseconds since 1970. */
  readonly epochMs: number;
}

/** A subscription to events, which lasts until the test ends or the subscriber closes it. */
export interface EventFeed {
  /** Resolves after the last event. @throws {Refusal} when the connection broke off. */
  readonly ended: Promise<void>;
  /** Changes the filter for later events. @throws {Refusal} */
  change(wanted: WantedEvents): Promise<void>;
  /** Ends the subscription. */
  close(): void;
}

/** A connection to a running test. */
export interface TestConnection {
  /** Where the test runs, as text for people: `address:port` or `this process`. */
  readonly place: string;
  /** Makes one call. @throws {Refusal} whose `message` tells people why there is no answer. */
  call<M extends TestCall>(method: M, request?: TestRequest<M>): Promise<TestAnswer<M>>;
  /** Subscribes to events; `each` is called with every event. */
  events(wanted: WantedEvents, each: (event: ShownEvent) => void): EventFeed;
  /**
   * Resolves to the summary at the end of the test, or to undefined when the connection ended
   * before.
   */
  finalSummary(): Promise<SummaryRespRead | undefined>;
  /** Ends the connection; the test goes on. */
  close(): void;
}

/** The service that a call belongs to. */
export function serviceOf(method: keyof TestCalls): ApiService<TestCalls> {
  const isOfIke = method === "RekeyIKESA" || method === "GetKeyExchanges";
  const service = isOfIke ? IKE_SERVICE : TEST_SERVICE;
  return service as unknown as ApiService<TestCalls>;
}

/** An event of the API with our names. */
export function shownEvent({ Level, Msg, EventTime }: MyIKEv2EventRead): ShownEvent {
  const epochMs = Number(EventTime?.seconds ?? 0) * 1e3 + (EventTime?.nanos ?? 0) / 1e6;
  return { level: Level, msg: Msg, epochMs };
}
