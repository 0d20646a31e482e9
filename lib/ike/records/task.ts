/**
 * The errands of an IKE SA. A task is a plain record in the SA's queue; its kind holds what we ask,
 * how we take the answer, and how we answer the same request.
 * @module
 */
import type { Received } from "@/ike/records/received.ts";
import type { Answering } from "@/ike/records/sa.ts";
import type { ComputeResult, Turn } from "@/ike/records/event.ts";
import type { KnownPayload, Payload } from "@/wire/message.ts";

/** SPIs that {@linkcode CreateChildTask.deletedSpis} holds at most. */
export const OVERTAKING_MAX = 16;

/** What a kind of task does; `T` is its record. */
export interface TaskKind<T> {
  readonly exchange: number;
  /** Its turn has come: send the request, or ask for a computation first. */
  begin(turn: Turn, task: T): void;
  /** The computation it asked for. */
  computed?(turn: Turn, task: T, result: ComputeResult): void;
  /** Why a response is dropped as if it had never come; only what is not authenticated needs it. */
  doubts?(turn: Turn, task: T, response: Received): string | undefined;
  /** The peer's response to its request. */
  finish(turn: Turn, task: T, response: Received): void;
}

/** How an exchange of the peer is answered. */
export interface ResponderKind {
  readonly exchange: number;
  respond(turn: Turn, request: Received): void;
  /** The computation that `sa.answering` waits for. */
  computed?(turn: Turn, answering: Answering, result: ComputeResult): void;
}

/** What one feature answers to an INFORMATIONAL request. */
export interface InformationalAnswer {
  readonly payloads: readonly Payload[];
  /** The SA ends by this request: what is done once the response is sent, in place of all else. */
  readonly ends?: () => void;
}

/** One feature's part in answering INFORMATIONAL requests: the payloads `P` are its own. */
export interface InformationalPart<P extends KnownPayload = KnownPayload> {
  concerns(payload: KnownPayload): payload is P;
  /** Called where at least one payload of the request concerns it. */
  answer(turn: Turn, payloads: readonly P[], request: Received): InformationalAnswer;
}
