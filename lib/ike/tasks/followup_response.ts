/**
 * IKE_FOLLOWUP_KE as responder (RFC 9370 §2.2.4): answers each additional key exchange that the answer to a
 * CREATE_CHILD_SA has settled, in order; the last one makes the CHILD_SA or the IKE SA.
 * @module
 */
import { must, WireError } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { AwaitedFollowup, IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";
import { findNotify, PeerError } from "@/ike/records/notify.ts";
import type { ResponderKind } from "@/ike/records/task.ts";
import {
  awaitedUntilMs,
  findAwaited,
  forgetFollowup,
  linkNotify,
  newLink,
} from "@/ike/tasks/awaited_keys.ts";
import { completeChild } from "@/ike/tasks/child_negotiation.ts";
import { childUp } from "@/ike/tasks/create_child_response.ts";
import { replace, successor } from "@/ike/tasks/rekey_ike.ts";
import { requestCompute, sendResponse } from "@/ike/window/exchange.ts";
import { findPayload } from "@/wire/message.ts";

/** IKE_FOLLOWUP_KE as responder; see {@linkcode ResponderKind}. */
export const followupResponse: ResponderKind = {
  exchange: ExchangeType.IKE_FOLLOWUP_KE,

  respond(turn, request) {
    const { sa } = turn;
    const { payloads } = request;
    if (!findNotify(payloads, NotifyType.ADDITIONAL_KEY_EXCHANGE)) {
      throw new WireError("Cannot take IKE_FOLLOWUP_KE without ADDITIONAL_KEY_EXCHANGE");
    }
    const awaited = findAwaited(sa, payloads);
    if (!awaited || isGone(turn, awaited)) throw notFound();
    mayGoOn(turn, awaited);
    const group = awaited.methods[0]!;
    const ke = findPayload(payloads, PayloadType.KE)!;
    if (ke.group !== group) {
      throw new WireError(
        `Cannot take a value of ${nameOfKeGroup(ke.group)} in IKE_FOLLOWUP_KE: ` +
          `${nameOfKeGroup(group)} was negotiated`,
      );
    }
    const ticket = requestCompute(turn, { op: "ke_respond", group, peerPublic: ke.data });
    sa.answering = { kind: "followup", ticket, request, awaited };
  },

  computed(turn, answering, result) {
    must(answering.kind === "followup", "IKE_FOLLOWUP_KE waits for its own computation");
    if (result.op === "refused") {
      throw new PeerError(NotifyType.INVALID_SYNTAX, `Cannot use the public value: ${result.why}`);
    }
    must(result.op === "ke_respond", "a responder asks for both halves at once");
    const { request, awaited } = answering;
    const group = awaited.methods[0]!;
    // Its time may be over by now, or the SA that it was to replace may be gone.
    if (!turn.sa.followups.includes(awaited) || isGone(turn, awaited)) throw notFound();
    mayGoOn(turn, awaited);
    awaited.methods = awaited.methods.slice(1);
    awaited.secrets = [...awaited.secrets, result.shared];
    awaited.link = newLink(turn.sa);
    awaited.untilMs = awaitedUntilMs(turn);
    const ke = { type: PayloadType.KE, group, data: result.publicValue } as const;
    if (awaited.methods.length > 0) {
      return void sendResponse(turn, request, [ke, linkNotify(awaited)]);
    }
    const madeKnown = complete(turn, awaited);
    sendResponse(turn, request, [ke]);
    madeKnown();
  },
};

function notFound(): PeerError {
  const text = "IKE_FOLLOWUP_KE belongs to no CREATE_CHILD_SA that waits for it here";
  return new PeerError(NotifyType.STATE_NOT_FOUND, text);
}

/** Whether the SA to be completed, or the one that it was to replace, is gone; then the state is dropped. */
function isGone(turn: Turn, awaited: AwaitedFollowup): boolean {
  if (awaited.kind !== "create_child") return false;
  const { child, old } = awaited;
  if (child.state !== "closed" && old?.state !== "closed") return false;
  forgetFollowup(turn, awaited);
  return true;
}

/**
 * Checks for collisions. @throws {PeerError} if an exchange of ours prevents it now (RFC 7296 §2.25.1,
 * §2.25.2).
 */
function mayGoOn(turn: Turn, awaited: AwaitedFollowup): void {
  const why = hindrance(turn.sa, awaited);
  if (!why) return;
  forgetFollowup(turn, awaited);
  throw new PeerError(NotifyType.TEMPORARY_FAILURE, `IKE_FOLLOWUP_KE while ${why}`);
}

function hindrance(sa: IkeSa, awaited: AwaitedFollowup): string | undefined {
  if (sa.phase === "closing" || isReplaced(sa)) return "the IKE SA is going";
  const { active } = sa;
  if (awaited.kind === "create_child") {
    if (awaited.old?.state === "closing") return "the CHILD_SA is closed";
    return awaited.old?.state === "rekeyed" ? "the CHILD_SA is replaced" : undefined;
  }
  const busy = active?.kind === "create_child" || active?.kind === "delete_child";
  return busy ? "a CHILD_SA is under way" : undefined;
}

/** Makes the SA after the last exchange; returns what is done after the response is sent. */
function complete(turn: Turn, awaited: AwaitedFollowup): () => void {
  const { sa } = turn;
  const { nonceI, nonceR, secrets: [shared, ...additional] } = awaited;
  const keys = { nonceI, nonceR, shared: shared!, additional };
  sa.followups = sa.followups.filter((other) => other !== awaited);
  if (awaited.kind === "create_child") {
    const { child, agreed, group, old } = awaited;
    completeChild(turn, child, {
      ...agreed,
      inputs: { ...keys, group, ...(old ? { replaces: old } : {}) },
    });
    return () => childUp(turn, child, old);
  }
  const { spiI, spiR, suite } = awaited;
  return () => {
    const made = successor(turn, { ...keys, initiatedHere: false, spiI, spiR, suite });
    // A peer that continues its rekey knows that none of ours crosses it, or that ours has lost.
    const active = sa.active?.kind === "rekey_ike" ? sa.active : undefined;
    if (active?.rival) active.rival.sa = made;
    replace(turn, made);
  };
}
