/**
 * IKE_INTERMEDIATE as initiator, between IKE_SA_INIT and IKE_AUTH: HDR, SK {KEi(n)} → ← HDR,
 * SK {KEr(n)} (RFC 9242 §3.2, RFC 9370 §2.2.2), one exchange for each additional key exchange.
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { hearAnnouncement } from "@/ike/auth/announced.ts";
import { hearPpkIdentity, ppkIdentityKey } from "@/ike/auth/intermediate_ppk.ts";
import { nameOfNotify } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa, IntermediateTask } from "@/ike/records/sa.ts";
import { fail } from "@/ike/records/ike_sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { refusedHere } from "@/ike/records/failure.ts";
import { findError } from "@/ike/records/notify.ts";
import type { TaskKind } from "@/ike/records/task.ts";
import { newIkeAuth } from "@/ike/tasks/ike_auth_request.ts";
import {
  deriveSecret,
  generatePair,
  methodOf,
  newKeyExchange,
  ownKeyPayload,
  takeComputed,
} from "@/ike/tasks/key_exchange.ts";
import { advance, announcesNow, linkMessage, nextMethod } from "@/ike/tasks/intermediate.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import { findPayload } from "@/wire/message.ts";
import { clearForm } from "@/wire/protected.ts";

/** Makes the task for the next additional key exchange. */
export function newIntermediate(sa: IkeSa): IntermediateTask {
  const method = nextMethod(sa);
  must(method !== undefined, "an additional key exchange that is not done");
  return { kind: "intermediate", ...newKeyExchange(method) };
}

/** IKE_INTERMEDIATE as initiator; see {@linkcode TaskKind}. */
export const intermediateRequest: TaskKind<IntermediateTask> = {
  exchange: ExchangeType.IKE_INTERMEDIATE,

  begin(turn, task) {
    if (!generatePair(turn, task)) send(turn, task);
  },

  computed(turn, task, result) {
    takeComputed(task, result, {
      generated: () => send(turn, task),
      derived: (shared) => proceed(turn, shared),
      refused: (why) => fail(turn, refusedHere(`Cannot use the answer of ${peerOf(turn)}: ${why}`)),
    });
  },

  finish(turn, task, { payloads, clear }) {
    const { sa } = turn;
    const group = methodOf(task);
    const error = findError(payloads);
    if (error) {
      const name = nameOfNotify(error.notify);
      const what = group !== 0
        ? `the additional key exchange by ${nameOfKeGroup(group)}`
        : sa.setup!.intermediate!.ppk
        ? "the post-quantum pre-shared key"
        : "IKE_INTERMEDIATE, in which it was to announce methods of authentication";
      const text = `${peerOf(turn)} refused ${what} (${name})`;
      return fail(turn, { cause: name, closeCode: error.notify, text });
    }
    const ke = findPayload(payloads, PayloadType.KE);
    if (group !== 0 && ke?.group !== group) {
      const sent = ke ? `a value of ${nameOfKeGroup(ke.group)}` : "no KE payload";
      const text = `${peerOf(turn)} answered IKE_INTERMEDIATE with ${sent}, ` +
        `${nameOfKeGroup(group)} was negotiated`;
      return fail(turn, refusedHere(text));
    }
    const unmixed = hearPpkIdentity(turn, payloads);
    if (unmixed) return fail(turn, refusedHere(`Cannot trust ${peerOf(turn)}: ${unmixed}`));
    if (announcesNow(sa)) hearAnnouncement(turn, payloads);
    linkMessage(sa, false, clear!);
    if (!deriveSecret(turn, task, payloads)) proceed(turn, undefined);
  },
};

function send(turn: Turn, task: IntermediateTask): void {
  const { sa } = turn;
  const payloads = [...ownKeyPayload(task), ...ppkIdentityKey(sa)];
  task.stage = "sent";
  const [datagram] = sendRequest(turn, ExchangeType.IKE_INTERMEDIATE, payloads);
  linkMessage(sa, true, clearForm(datagram!, payloads));
}

function proceed(turn: Turn, shared: Uint8Array | undefined): void {
  const { sa } = turn;
  advance(turn, shared, sa.window.nextRequestId);
  sa.active = undefined;
  sa.queue.unshift(nextMethod(sa) === undefined ? newIkeAuth() : newIntermediate(sa));
}

function peerOf({ sa }: Turn): string {
  return showEndpoint(sa.path.peerAddress, sa.path.peerPort);
}
