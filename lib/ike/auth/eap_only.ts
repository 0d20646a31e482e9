/**
 * EAP-only authentication (RFC 5998): the responder, which is the EAP server, sends no AUTH
 * before EAP is complete; the key of the EAP method then authenticates both ends. The initiator
 * offers it by EAP_ONLY_AUTHENTICATION.
 * @module
 */
import { AuthMethod } from "@/iana/auth_method.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { Turn } from "@/ike/records/event.ts";
import {
  type AuthMethodPair,
  type AuthStep,
  done,
  refuses,
  waits,
} from "@/ike/auth/authenticator.ts";
import { signature } from "@/ike/auth/signature.ts";
import type { AuthSide } from "@/ike/records/auth_rounds.ts";
import type { EapOnlyOwnAuth, EapOnlyPeerAuth, VerifyingAuth } from "@/ike/records/config.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import { findPayload, type Payload } from "@/wire/message.ts";

/** See {@linkcode AuthMethodPair}. */
export const eapOnly: AuthMethodPair<EapOnlyOwnAuth, EapOnlyPeerAuth> = {
  nameOf: () => "eap-only",

  own: {
    begin({ sa }) {
      const { payloads } = sa.setup!.authRequest!;
      if (!findNotify(payloads, NotifyType.EAP_ONLY_AUTHENTICATION)) {
        return refuses(
          "it does not offer EAP-only authentication (EAP_ONLY_AUTHENTICATION, RFC 5998), " +
            "authownmethod is eap-only",
        );
      }
      sa.peer.ownAuth = AuthMethod.PRIVATE_EAP_ONLY;
      return done();
    },
    take: () => done(),
  },

  peer: {
    begin: () => waits([notify(NotifyType.EAP_ONLY_AUTHENTICATION)]),

    take(turn, side, payloads) {
      // RFC 5998 §3: a responder may nevertheless authenticate by a signature, which must then be
      // valid.
      if (findPayload(payloads, PayloadType.AUTH)) return verify(turn, side, payloads);
      turn.sa.peer.auth = AuthMethod.PRIVATE_EAP_ONLY;
      return done();
    },

    computed: (turn, side, result) =>
      signature.peer.computed!(turn, side.progress as AuthSide<VerifyingAuth>, result),
  },
};

function verify(
  turn: Turn,
  side: AuthSide<EapOnlyPeerAuth>,
  payloads: readonly Payload[],
): AuthStep {
  const { verifying } = side.config;
  if (!verifying) {
    return refuses("it sent an AUTH payload, and without cadir it cannot be verified");
  }
  const inner = { config: verifying, progress: undefined, done: false };
  side.progress = inner;
  return signature.peer.take(turn, inner, payloads);
}
