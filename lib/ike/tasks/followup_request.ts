/**
 * IKE_FOLLOWUP_KE as initiator: the additional key exchanges of our CREATE_CHILD_SA, with one exchange for
 * each: HDR, SK {KEi(n), N(ADDITIONAL_KEY_EXCHANGE)} → ← HDR, SK {KEr(n), [N(ADDITIONAL_KEY_EXCHANGE)]} (RFC
 * 9370 §2.2.4). The task of the CREATE_CHILD_SA continues with them, and an SA is only made after the last
 * one.
 * @module
 */
import { must } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { CreateChildTask, IkeSa, RekeyIkeTask } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { Turn } from "@/ike/records/event.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import { addRound, deriveSecret, methodOf, ownKeyPayload } from "@/ike/tasks/key_exchange.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import type { Payload } from "@/wire/message.ts";

/** A task that begins with CREATE_CHILD_SA and may continue with IKE_FOLLOWUP_KE. */
export type SeriesTask = CreateChildTask | RekeyIkeTask;

/** How often in a row the peer may have lost the state of an exchange before the IKE SA is ended. */
export const STATES_LOST_MAX = 3;

/**
 * Whether the CREATE_CHILD_SA of the task is answered, and additional key exchanges follow or have followed.
 */
export function isInSeries({ additional }: SeriesTask): boolean {
  return additional.length > 0;
}

/** Whether the response to the last exchange of the task has arrived. */
export function isAnswered({ stage, rounds, additional }: SeriesTask): boolean {
  return stage === "deriving" && rounds.length > additional.length;
}

/**
 * Begins the additional key exchanges that the answer to CREATE_CHILD_SA has settled. Returns what is wrong
 * with the answer, if anything.
 */
export function beginSeries(
  task: SeriesTask,
  methods: readonly number[],
  answer: readonly Payload[],
): string | undefined {
  task.additional = methods;
  return methods.length > 0 ? takeLink(task, answer) : undefined;
}

/** Continues with the next additional key exchange. False: all are complete. */
export function nextInSeries(turn: Turn, task: SeriesTask): boolean {
  const { rounds, additional } = task;
  const next = rounds.length === 0 ? undefined : additional[rounds.length - 1];
  if (next === undefined || turn.sa.env.broken.has("skip_followup")) return false;
  addRound(turn, task, next);
  return true;
}

/** Sends the request of an additional key exchange whose key pair is generated. */
export function sendFollowup(turn: Turn, task: SeriesTask): void {
  must(task.link !== undefined, "the peer's last response links to the next request");
  task.stage = "sent";
  const link = notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, task.link);
  sendRequest(turn, ExchangeType.IKE_FOLLOWUP_KE, [...ownKeyPayload(task), link]);
}

/** Takes the response, and asks for the shared secret. Returns what is wrong with it, if anything. */
export function takeFollowup(
  turn: Turn,
  task: SeriesTask,
  answer: readonly Payload[],
): string | undefined {
  const fault = takeLink(task, answer);
  if (fault) return fault;
  if (deriveSecret(turn, task, answer)) return undefined;
  return `without a public value of ${nameOfKeGroup(methodOf(task))}`;
}

/** Takes the data by which the peer recognizes our next request; it must be there if one follows. */
function takeLink(task: SeriesTask, answer: readonly Payload[]): string | undefined {
  const { rounds, additional } = task;
  const link = findNotify(answer, NotifyType.ADDITIONAL_KEY_EXCHANGE);
  const isLast = rounds.length > additional.length;
  if (isLast && link) return "with ADDITIONAL_KEY_EXCHANGE though all key exchanges are done";
  if (!isLast && !link) return "without ADDITIONAL_KEY_EXCHANGE";
  task.link = link?.data;
  return undefined;
}

/** Records that a series is complete, so that the peer has kept its state. */
export function seriesComplete({ peer }: IkeSa): void {
  peer.statesLost = 0;
}

/**
 * Handles that the peer has lost the state of the exchanges before (STATE_NOT_FOUND). True: this happened too
 * often, and the IKE SA ends (RFC 9370 §2.2.4).
 */
export function stateLost({ sa }: Turn): boolean {
  if (++sa.peer.statesLost < STATES_LOST_MAX) return false;
  const text =
    `Peer answered IKE_FOLLOWUP_KE with STATE_NOT_FOUND ${STATES_LOST_MAX} times in a row`;
  const closeCode = CloseCode.REFUSED_HERE;
  sa.failure = { cause: "STATE_NOT_FOUND", closeCode, text };
  sa.queue.length = 0;
  sa.queue.push({ kind: "delete_ike", closeCode });
  return true;
}
