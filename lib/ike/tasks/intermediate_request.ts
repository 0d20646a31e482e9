/**
 * IKE_INTERMEDIATE as initiator, between IKE_SA_INIT and IKE_AUTH: HDR, SK {KEi(n)} → ← HDR,
 * SK {KEr(n)} (RFC 9242 §3.2, RFC 9370 §2.2.2), one exchange for each additional key exchange.
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfNotify } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { fail, refusedHere } from "@/ike/records/failure.ts";
import type { Turn } from "@/ike/records/ike_sa.ts";
import { findError } from "@/ike/records/notify.ts";
import type { IntermediateTask, TaskKind } from "@/ike/records/task.ts";
import { newIkeAuth } from "@/ike/tasks/ike_auth_request.ts";
import { advance, linkMessage, nextMethod } from "@/ike/tasks/intermediate.ts";
import { requestCompute, sendRequest } from "@/ike/window/exchange.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { clearForm } from "@/wire/protected.ts";

/** A fresh task for the next additional key exchange. */
export function newIntermediate(): IntermediateTask {
  return { kind: "intermediate", stage: "generating", ticket: 0, pair: undefined };
}

/** See {@linkcode TaskKind}. */
export const intermediateRequest: TaskKind<IntermediateTask> = {
  exchange: ExchangeType.IKE_INTERMEDIATE,

  begin(turn, task) {
    const group = nextMethod(turn.sa);
    must(group !== undefined, "an additional key exchange that is not done");
    task.stage = "generating";
    task.ticket = requestCompute(turn, { op: "ke_generate", group });
  },

  computed(turn, task, result) {
    if (result.op === "ke_generate") {
      task.pair = result.pair;
      send(turn, task);
    } else if (result.op === "ke_derive") {
      proceed(turn, result.shared);
    } else if (result.op === "refused") {
      fail(turn, refusedHere(`Cannot use the answer of ${peerOf(turn)}: ${result.why}`));
    }
  },

  finish(turn, task, { payloads, clear }) {
    const { sa } = turn, group = nextMethod(sa)!, error = findError(payloads);
    if (error) {
      const name = nameOfNotify(error.notify);
      const text = `${peerOf(turn)} refused the additional key exchange by ` +
        `${nameOfKeGroup(group)} (${name})`;
      return fail(turn, { cause: name, closeCode: error.notify, text });
    }
    const ke = findPayload(payloads, PayloadType.KE);
    if (!ke || ke.group !== group) {
      const sent = ke ? `a value of ${nameOfKeGroup(ke.group)}` : "no KE payload";
      const text = `${peerOf(turn)} answered IKE_INTERMEDIATE with ${sent}, ` +
        `${nameOfKeGroup(group)} was negotiated`;
      return fail(turn, refusedHere(text));
    }
    linkMessage(sa, false, clear!);
    task.stage = "deriving";
    const job = { op: "ke_derive", pair: task.pair!, peerPublic: ke.data } as const;
    task.ticket = requestCompute(turn, job);
  },
};

function send(turn: Turn, task: IntermediateTask): void {
  const { sa } = turn, { group, publicValue: data } = task.pair!;
  task.stage = "sent";
  const payloads: Payload[] = [{ type: PayloadType.KE, group, data }];
  const [datagram] = sendRequest(turn, ExchangeType.IKE_INTERMEDIATE, payloads);
  linkMessage(sa, true, clearForm(datagram!, payloads));
}

function proceed(turn: Turn, shared: Uint8Array): void {
  const { sa } = turn;
  advance(turn, shared, sa.nextRequestId);
  sa.active = undefined;
  sa.queue.unshift(nextMethod(sa) === undefined ? newIkeAuth() : newIntermediate());
}

function peerOf({ sa }: Turn): string {
  return showEndpoint(sa.path.peerAddress, sa.path.peerPort);
}
