/**
 * Authentication of an IKE SA that is resumed (RFC 5723 §5.1): each end proves that it has the keys, by
 * AUTH = prf(SK_px, signed octets) with SK_pi or SK_pr of the new IKE SA. The identities of the two ends, and
 * the methods by which they have authenticated originally, come from the ticket.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { type AuthMethodPair, done, refuses, waits } from "@/ike/auth/authenticator.ts";
import { signedOctetsOf, skPOf } from "@/ike/auth/signed_octets.ts";
import type { AuthEnd } from "@/ike/records/auth_rounds.ts";
import type { BothAuthConfigs, ResumedAuth } from "@/ike/records/config.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { findPayload } from "@/wire/message.ts";

const METHOD = AuthMethod.SHARED_KEY_MIC;
const RESUMED: BothAuthConfigs = { own: { kind: "resumed" }, peer: { kind: "resumed" } };

/** How both ends of an IKE SA authenticate: as configured or, if it is resumed, by the session's keys. */
export function authConfigOf({ config, setup }: IkeSa): BothAuthConfigs {
  return setup!.resumed ? RESUMED : config.auth;
}

/** See {@linkcode AuthMethodPair}. */
export const resumed: AuthMethodPair<ResumedAuth, ResumedAuth> = {
  nameOf: () => "the keys of the resumed session",

  own: {
    begin({ sa }) {
      sa.peer.ownAuth = sa.setup!.resumed!.ownAuth;
      return done([{ type: PayloadType.AUTH, method: METHOD, data: macOf(sa, "own") }]);
    },
    take: () => done(),
  },

  peer: {
    begin: () => waits(),
    take({ sa }, _side, payloads) {
      const auth = findPayload(payloads, PayloadType.AUTH);
      if (auth?.method !== METHOD) {
        return refuses(
          "it does not authenticate by the keys of the resumed session (RFC 5723 §5.1)",
        );
      }
      if (!sameOctets(auth.data, macOf(sa, "peer")) && !sa.env.broken.has("accept_any_auth")) {
        return refuses("its AUTH data is not by the keys of the resumed session (RFC 5723 §5.1)");
      }
      const { peerAuth, eapIdentity } = sa.setup!.resumed!;
      sa.peer.auth = peerAuth;
      sa.peer.eapIdentity = eapIdentity;
      return done();
    },
  },
};

/** prf(SK_px, signed octets), without the key pad of a pre-shared key (RFC 5723 §5.1). */
function macOf(sa: IkeSa, end: AuthEnd): Uint8Array {
  return sa.suite!.prf.compute(skPOf(sa, end), signedOctetsOf(sa, end));
}
