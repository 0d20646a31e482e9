/**
 * IKE_FOLLOWUP_KE as initiator: the additional key exchanges of a CREATE_CHILD_SA of ours, one exchange
 * each: HDR, SK {KEi(n), N(ADDITIONAL_KEY_EXCHANGE)} → ← HDR, SK {KEr(n), [N(ADDITIONAL_KEY_EXCHANGE)]}
 * (RFC 9370 §2.2.4). The task of the CREATE_CHILD_SA goes on with them, and nothing is made before the
 * last one.
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

/** A task that begins with CREATE_CHILD_SA and may go on with IKE_FOLLOWUP_KE. */
export type SeriesTask = CreateChildTask | RekeyIkeTask;

/** How often in a row the peer may have forgotten what it was to complete, before the IKE SA ends. */
export const STATES_LOST_MAX = 3;

/**
 * Whether the CREATE_CHILD_SA of the task is answered, and additional key exchanges are to follow or have
 * followed it.
 */
export function isInSeries({ additional }: SeriesTask): boolean {
  return additional.length > 0;
}

/** Whether the peer's response to the last exchange of the task has come. */
export function isAnswered({ stage, rounds, additional }: SeriesTask): boolean {
  return stage === "deriving" && rounds.length > additional.length;
}

/**
 * Begins with the additional key exchanges that the answer to CREATE_CHILD_SA settled. A text: what is
 * wrong with the answer.
 */
export function beginSeries(
  task: SeriesTask,
  methods: readonly number[],
  answer: readonly Payload[],
): string | undefined {
  task.additional = methods;
  return methods.length > 0 ? takeLink(task, answer) : undefined;
}

/** Goes on to the next additional key exchange. False: all are complete. */
export function nextInSeries(turn: Turn, task: SeriesTask): boolean {
  const { rounds, additional } = task;
  const next = rounds.length === 0 ? undefined : additional[rounds.length - 1];
  if (next === undefined || turn.sa.env.broken.has("skip_followup")) return false;
  addRound(turn, task, next);
  return true;
}

/** Sends the request of an additional key exchange, whose key pair is there. */
export function sendFollowup(turn: Turn, task: SeriesTask): void {
  must(task.link !== undefined, "the peer's last response links to the next request");
  task.stage = "sent";
  const link = notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, task.link);
  sendRequest(turn, ExchangeType.IKE_FOLLOWUP_KE, [...ownKeyPayload(task), link]);
}

/** Takes the response to it, and asks for the shared secret. A text: what is wrong with it. */
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

/** The blob by which the peer knows our next request; it is there where one has to follow. */
function takeLink(task: SeriesTask, answer: readonly Payload[]): string | undefined {
  const { rounds, additional } = task;
  const link = findNotify(answer, NotifyType.ADDITIONAL_KEY_EXCHANGE);
  const isLast = rounds.length > additional.length;
  if (isLast && link) return "with ADDITIONAL_KEY_EXCHANGE though all key exchanges are done";
  if (!isLast && !link) return "without ADDITIONAL_KEY_EXCHANGE";
  task.link = link?.data;
  return undefined;
}

/** One series is complete: the peer remembers what it begins. */
export function seriesComplete({ peer }: IkeSa): void {
  peer.statesLost = 0;
}

/**
 * The peer has forgotten the exchanges before (STATE_NOT_FOUND). True: that was once too often, and the
 * IKE SA ends (RFC 9370 §2.2.4).
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
