/**
 * The key exchanges of an exchange that we initiate, wherever it is: IKE_SA_INIT, IKE_INTERMEDIATE (RFC
 * 9242), CREATE_CHILD_SA and the IKE_FOLLOWUP_KE exchanges after it (RFC 9370). A round has a method and
 * our key pair: it is generated, its public value is sent, and the shared secret is computed from the
 * peer's (RFC 7296 §1.2, §2.14, RFC 9370 §2.2). A peer that wants another method says so by
 * INVALID_KE_PAYLOAD (§1.3, §2.7).
 * @module
 */
import { must } from "@/base/errors.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { KeyExchange, KeyExchangeRound } from "@/ike/records/sa.ts";
import type { ComputeResult, Turn } from "@/ike/records/event.ts";
import { requestCompute } from "@/ike/window/exchange.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** How often a CREATE_CHILD_SA begins again at most because the peer wants another method or is busy. */
export const RESTARTS_MAX = 4;
/** Octets of our nonces: half of the longest prf key, and more than the 16 that RFC 7296 §2.10 requires. */
export const NONCE_OCTETS = 32;

/** A first round by a method (Transform Type 4); 0: the exchange has no key exchange. */
export function newKeyExchange(method: number): KeyExchange {
  const rounds = method === 0 ? [] : [newRound(method)];
  return { stage: "generating", ticket: 0, rounds, restarts: 0 };
}

function newRound(method: number): KeyExchangeRound {
  return { method, pair: undefined, shared: undefined };
}

/** Begins another round after those that are complete. */
export function addRound(turn: Turn, task: KeyExchange, method: number): void {
  task.rounds = [...task.rounds, newRound(method)];
  generatePair(turn, task);
}

/** The shared secrets of all rounds that are complete, in their order. */
export function secretsOf({ rounds }: KeyExchange): Uint8Array[] {
  return rounds.flatMap(({ shared }) => shared ? [shared] : []);
}

/** The method of the round in progress; 0: the exchange has no key exchange. */
export function methodOf({ rounds }: KeyExchange): number {
  return rounds.at(-1)?.method ?? 0;
}

/** Asks for a key pair of the round in progress. False: none is needed. */
export function generatePair(turn: Turn, task: KeyExchange): boolean {
  const group = methodOf(task);
  if (group === 0) return false;
  task.stage = "generating";
  task.ticket = requestCompute(turn, { op: "ke_generate", group });
  return true;
}

/** The KE payload of a request; empty if the exchange has no key exchange. */
export function ownKeyPayload({ rounds }: KeyExchange): Payload[] {
  const round = rounds.at(-1);
  if (!round) return [];
  must(round.pair !== undefined, "a request goes out once its key pair is there");
  return [{ type: PayloadType.KE, group: round.method, data: round.pair.publicValue }];
}

/**
 * Asks for the shared secret with the peer's public value. False: the answer has none, or one of another
 * method.
 */
export function deriveSecret(turn: Turn, task: KeyExchange, answer: readonly Payload[]): boolean {
  const ke = findPayload(answer, PayloadType.KE);
  const round = task.rounds.at(-1);
  if (!round || ke?.group !== round.method) return false;
  task.stage = "deriving";
  const job = { op: "ke_derive", pair: round.pair!, peerPublic: ke.data } as const;
  task.ticket = requestCompute(turn, job);
  return true;
}

/** What a task does with the results of its key exchange. */
export interface KeyExchangeSteps {
  /** Is called when our key pair is generated, so that the request can be sent. */
  generated(): void;
  /** Is called with the shared secret, which its round keeps. */
  derived(shared: Uint8Array): void;
  /** Is called if the peer's public value is not acceptable. */
  refused(why: string): void;
}

/** Takes the result of a computation. */
export function takeComputed(
  task: KeyExchange,
  result: ComputeResult,
  steps: KeyExchangeSteps,
): void {
  if (result.op === "ke_generate") {
    task.rounds.at(-1)!.pair = result.pair;
    steps.generated();
  } else if (result.op === "ke_derive") {
    task.rounds.at(-1)!.shared = result.shared;
    steps.derived(result.shared);
  } else if (result.op === "refused") {
    steps.refused(result.why);
  }
}

/** The method that INVALID_KE_PAYLOAD asks for; 0: it names none. */
export function wantedMethod({ notify, data }: NotifyPayload): number {
  const names = notify === NotifyType.INVALID_KE_PAYLOAD && data.length === 2;
  return names ? data[0]! << 8 | data[1]! : 0;
}

/**
 * Changes to the method that the peer asks for, and begins the round again. False: it is not configured, it
 * is the same again, or this has happened too often (`restartsMax`).
 */
export function changeMethod(
  task: KeyExchange,
  error: NotifyPayload,
  { methods, restartsMax = RESTARTS_MAX }: {
    readonly methods: readonly number[];
    readonly restartsMax?: number;
  },
): boolean {
  const method = wantedMethod(error);
  if (!methods.includes(method) || method === methodOf(task)) return false;
  if (++task.restarts > restartsMax) return false;
  task.rounds = [...task.rounds.slice(0, -1), newRound(method)];
  return true;
}
