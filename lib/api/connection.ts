/**
 * A running test as whoever asks it sees it: the calls of the Test API and of the service beside it,
 * whether they go over the network (`client.ts`) or stay in this process (`local.ts`).
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

/** What such a call is asked with. */
export type TestRequest<M extends TestCall> = CallOf<TestCalls, M>["request"];

/** What it answers. */
export type TestAnswer<M extends TestCall> = CallOf<TestCalls, M>["answerRead"];

/** Which events are wanted, as `EventFilter` of the API says it: level 0 is the setup's loglevel. */
export interface WantedEvents {
  /** 0–5. */
  readonly level: number;
  /** Case-sensitive; empty: all. */
  readonly keyword: string;
}

/** An event as it comes over the API. */
export interface ShownEvent {
  readonly level: number;
  readonly msg: string;
  /** Milliseconds since 1970. */
  readonly epochMs: number;
}

/** Events that come until they end, or are no longer wanted. */
export interface EventFeed {
  /** Resolves when there will be no more. @throws {Refusal} where they broke off. */
  readonly ended: Promise<void>;
  /** Another filter from now on. @throws {Refusal} */
  change(wanted: WantedEvents): Promise<void>;
  /** No more. */
  close(): void;
}

/** A running test that can be asked. */
export interface TestConnection {
  /** Where it is, in words. */
  readonly place: string;
  /** One call. @throws {Refusal} whose `message` says in words for people why there is no answer. */
  call<M extends TestCall>(method: M, request?: TestRequest<M>): Promise<TestAnswer<M>>;
  /** Begins to hear events. */
  events(wanted: WantedEvents, each: (event: ShownEvent) => void): EventFeed;
  /** The summary at the end of the test; nothing where the connection ended first. */
  final(): Promise<SummaryRespRead | undefined>;
  /** Ends the connection; the test goes on. */
  close(): void;
}

/** The service that a call belongs to. */
export function serviceOf(method: keyof TestCalls): ApiService<TestCalls> {
  const isOfIke = method === "RekeyIKESA" || method === "GetKeyExchanges";
  const service = isOfIke ? IKE_SERVICE : TEST_SERVICE;
  return service as unknown as ApiService<TestCalls>;
}

/** An event of the API in our words. */
export function shownEvent({ Level, Msg, EventTime }: MyIKEv2EventRead): ShownEvent {
  const epochMs = Number(EventTime?.seconds ?? 0) * 1e3 + (EventTime?.nanos ?? 0) / 1e6;
  return { level: Level, msg: Msg, epochMs };
}
