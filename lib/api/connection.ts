/**
 * A running test as whoever asks it sees it: the calls of the Test API and of the service beside it,
 * whether they go over the network (`client.ts`) or stay in this process (`local.ts`).
 * @module
 */
import { IKE_API, loadProto, type ProtoFile, TEST_API } from "@/api/definitions.ts";
import type { Message } from "@/api/messages.ts";
import { must } from "@/base/errors.ts";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

/** A call of the Test API with one answer, or `RekeyIKESA`. */
export type TestCall =
  | "Stop"
  | "GetSummary"
  | "GetIKESA"
  | "ListIKESA"
  | "ListCHILDSA"
  | "GetCHILDSA"
  | "UpdateEventFilter"
  | "GetPingSummary"
  | "ClearPingStats"
  | "GetPoolUsageSummary"
  | "RekeyChild"
  | "RekeyIKESA";

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
  /** Resolves when there will be no more. @throws {CallFailed} where they broke off. */
  readonly ended: Promise<void>;
  /** Another filter from now on. @throws {CallFailed} */
  change(wanted: WantedEvents): Promise<void>;
  /** No more. */
  close(): void;
}

/** A running test that can be asked. */
export interface TestConnection {
  /** Where it is, in words. */
  readonly place: string;
  /** One call; 64-bit numbers of the answer are decimal text. @throws {CallFailed} */
  call(method: TestCall, request?: Message): Promise<Message>;
  /** Begins to hear events. */
  events(wanted: WantedEvents, each: (event: ShownEvent) => void): EventFeed;
  /** The summary at the end of the test; nothing where the connection ended first. */
  final(): Promise<Message | undefined>;
  /** Ends the connection; the test goes on. */
  close(): void;
}

/** A call that was not answered with OK. */
export class CallFailed extends Error {
  override name = "CallFailed";
  /** `code`: the number of the gRPC status; `details`: what the other side says about it. */
  constructor(readonly code: number, readonly details: string) {
    super(details);
  }
}

/** How a method is encoded and where it is; of a stream, of one of its messages. */
export function methodOf(name: string): MethodDefinition<Message, Message> {
  const [file, service] = name === "RekeyIKESA"
    ? [IKE_API, "MyIKEv2IKESvc"] as const
    : [TEST_API, "MyIKEv2APISvc"] as const;
  const definition = serviceOf(file, service)[name];
  must(definition !== undefined, `${service} has the call ${name}`);
  return definition as MethodDefinition<Message, Message>;
}

const loaded = new Map<string, ServiceDefinition>();

/** Loaded once in a process. */
function serviceOf(file: ProtoFile, name: string): ServiceDefinition {
  const known = loaded.get(name);
  if (known) return known;
  const service = loadProto(file)[`${file.package}.${name}`] as ServiceDefinition;
  loaded.set(name, service);
  return service;
}

/** An event of the API in our words. */
export function shownEvent(message: Message): ShownEvent {
  const { Level, Msg, EventTime } = message as {
    Level: number;
    Msg: string;
    EventTime: { seconds: string; nanos: number } | null;
  };
  const epochMs = Number(EventTime?.seconds ?? 0) * 1e3 + (EventTime?.nanos ?? 0) / 1e6;
  return { level: Level, msg: Msg, epochMs };
}
