/**
 * The interface of tasks. A task is a plain record in the queue of an SA; its kind has the functions that
 * send our request, handle the response, and answer the same request of the peer.
 * @module
 */
import type { Received } from "@/ike/records/received.ts";
import type { Answering } from "@/ike/records/sa.ts";
import type { ComputeResult, Turn } from "@/ike/records/event.ts";
import type { KnownPayload, Payload } from "@/wire/message.ts";

/** The most SPIs in {@linkcode CreateChildTask.deletedSpis}. */
export const DELETED_SPIS_MAX = 16;

/** The functions for one kind of task; `T` is its record. */
export interface TaskKind<T> {
  readonly exchange: number;
  /** Begins the task when its turn has come: sends the request, or asks for a computation first. */
  begin(turn: Turn, task: T): void;
  /** Handles the result of a computation. */
  computed?(turn: Turn, task: T, result: ComputeResult): void;
  /**
   * The reason why a response is dropped as if it had not come. Only needed for responses that are not
   * authenticated.
   */
  reasonToDrop?(turn: Turn, task: T, response: Received): string | undefined;
  /** Handles the peer's response. */
  finish(turn: Turn, task: T, response: Received): void;
}

/** Answers an exchange of the peer. */
export interface ResponderKind {
  readonly exchange: number;
  respond(turn: Turn, request: Received): void;
  /** Handles the result of the computation for which `sa.answering` waits. */
  computed?(turn: Turn, answering: Answering, result: ComputeResult): void;
}

/** The answer of one feature to an INFORMATIONAL request. */
export interface InformationalAnswer {
  readonly payloads: readonly Payload[];
  /** Ends the SA after the response has been sent; set if the request ends it. */
  readonly ends?: () => void;
}

/** The part of one feature in answering INFORMATIONAL requests; `P` are the payloads that it handles. */
export interface InformationalPart<P extends KnownPayload = KnownPayload> {
  concerns(payload: KnownPayload): payload is P;
  /** Is called if the request has at least one payload that it handles. */
  answer(turn: Turn, payloads: readonly P[], request: Received): InformationalAnswer;
}
