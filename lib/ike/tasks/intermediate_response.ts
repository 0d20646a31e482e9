/**
 * IKE_INTERMEDIATE as responder (RFC 9242 §3.2, RFC 9370 §2.2.2): each exchange that was negotiated
 * in IKE_SA_INIT is answered once and in its order; the answer still goes under the keys of before.
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { must, WireError } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { PeerError } from "@/ike/records/notify.ts";
import type { ResponderKind } from "@/ike/records/task.ts";
import { advance, linkMessage, nextMethod } from "@/ike/tasks/intermediate.ts";
import { requestCompute, sendResponse } from "@/ike/window/exchange.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { clearForm } from "@/wire/protected.ts";

/** See {@linkcode ResponderKind}. */
export const intermediateResponse: ResponderKind = {
  exchange: ExchangeType.IKE_INTERMEDIATE,

  respond(turn, request) {
    const { sa } = turn, group = nextMethod(sa);
    if (group === undefined) {
      throw new WireError("Cannot take one IKE_INTERMEDIATE more: all is done");
    }
    const ke = findPayload(request.payloads, PayloadType.KE);
    if (ke?.group !== group) {
      const sent = ke ? `a value of ${nameOfKeGroup(ke.group)}` : "no KE payload";
      throw new WireError(
        `Cannot take ${sent} in IKE_INTERMEDIATE: ${nameOfKeGroup(group)} was negotiated`,
      );
    }
    linkMessage(sa, true, request.clear!);
    const ticket = requestCompute(turn, { op: "ke_respond", group, peerPublic: ke.data });
    sa.answering = { kind: "intermediate", ticket, request };
  },

  computed(turn, { request }, result) {
    const { sa } = turn, { peerAddress, peerPort } = request.path;
    if (result.op === "refused") {
      const from = showEndpoint(peerAddress, peerPort);
      const text = `Cannot use the public value of ${from}: ${result.why}`;
      throw new PeerError(NotifyType.INVALID_SYNTAX, text);
    }
    must(result.op === "ke_respond", "a responder asks for both halves at once");
    const group = nextMethod(sa)!;
    const payloads: Payload[] = [{ type: PayloadType.KE, group, data: result.publicValue }];
    const { shared } = result, authMessageId = request.header.messageId + 1;
    if (sa.env.broken.has("answer_by_new_keys")) {
      advance(turn, shared, authMessageId);
      return void sendResponse(turn, request, payloads);
    }
    const [datagram] = sendResponse(turn, request, payloads);
    linkMessage(sa, false, clearForm(datagram!, payloads));
    advance(turn, shared, authMessageId);
  },
};
