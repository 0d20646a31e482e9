/**
 * IKE_INTERMEDIATE as responder (RFC 9242 §3.2, RFC 9370 §2.2.2): each exchange that was negotiated in
 * IKE_SA_INIT is answered once, in order; its response is still protected by the keys from before it. The
 * last exchange may mix in a post-quantum pre-shared key (RFC 9867 §3.1).
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { must, WireError } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { announcement } from "@/ike/auth/announced.ts";
import { takePpkIdentityKey } from "@/ike/auth/intermediate_ppk.ts";
import type { Turn } from "@/ike/records/event.ts";
import { fail } from "@/ike/records/ike_sa.ts";
import { notify, PeerError } from "@/ike/records/notify.ts";
import type { Received } from "@/ike/records/received.ts";
import type { ResponderKind } from "@/ike/records/task.ts";
import { advance, announcesNow, linkMessage, nextMethod } from "@/ike/tasks/intermediate.ts";
import { requestCompute, sendResponse } from "@/ike/window/exchange.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { clearForm } from "@/wire/protected.ts";

/** IKE_INTERMEDIATE as responder; see {@linkcode ResponderKind}. */
export const intermediateResponse: ResponderKind = {
  exchange: ExchangeType.IKE_INTERMEDIATE,

  respond(turn, request) {
    const { sa } = turn;
    const group = nextMethod(sa);
    if (group === undefined) {
      throw new WireError("Cannot take one IKE_INTERMEDIATE more: all is done");
    }
    const ke = findPayload(request.payloads, PayloadType.KE);
    if (group !== 0 && ke?.group !== group) {
      const sent = ke ? `a value of ${nameOfKeGroup(ke.group)}` : "no KE payload";
      throw new WireError(
        `Cannot take ${sent} in IKE_INTERMEDIATE: ${nameOfKeGroup(group)} was negotiated`,
      );
    }
    linkMessage(sa, true, request.clear!);
    if (group === 0) return answer(turn, request, undefined);
    const ticket = requestCompute(turn, { op: "ke_respond", group, peerPublic: ke!.data });
    sa.answering = { kind: "intermediate", ticket, request };
  },

  computed(turn, { request }, result) {
    if (result.op === "refused") {
      const text = `Cannot use the public value of ${peerOf(request)}: ${result.why}`;
      throw new PeerError(NotifyType.INVALID_SYNTAX, text);
    }
    must(result.op === "ke_respond", "a responder asks for both halves at once");
    answer(turn, request, result);
  },
};

/** Answers an exchange, with our public value if it has a key exchange, and changes to the next keys. */
function answer(
  turn: Turn,
  request: Received,
  key: { readonly publicValue: Uint8Array; readonly shared: Uint8Array } | undefined,
): void {
  const { sa } = turn;
  const group = nextMethod(sa)!;
  const authMessageId = request.header.messageId + 1;
  const ppk = takePpkIdentityKey(turn, request.payloads);
  if (typeof ppk === "string") {
    const closeCode = NotifyType.AUTHENTICATION_FAILED;
    const cause = "AUTHENTICATION_FAILED";
    sendResponse(turn, request, [notify(closeCode)]);
    return fail(turn, { cause, closeCode, text: `Cannot trust ${peerOf(request)}: ${ppk}` });
  }
  const payloads: Payload[] = [
    ...(key ? [{ type: PayloadType.KE, group, data: key.publicValue } as const] : []),
    ...ppk,
    ...(announcesNow(sa) && !sa.env.broken.has("keep_announcement_back") ? announcement(sa) : []),
  ];
  if (sa.env.broken.has("answer_by_new_keys")) {
    advance(turn, key?.shared, authMessageId);
    return void sendResponse(turn, request, payloads);
  }
  const [datagram] = sendResponse(turn, request, payloads);
  linkMessage(sa, false, clearForm(datagram!, payloads));
  advance(turn, key?.shared, authMessageId);
}

function peerOf({ path }: Received): string {
  return showEndpoint(path.peerAddress, path.peerPort);
}
