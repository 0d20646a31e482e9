/**
 * NULL authentication (RFC 7619): by SK_pi or SK_pr in place of a secret, an end proves only that
 * it has made the keys of this IKE SA. Its identity is unknown.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { authBy, type AuthMethodPair, done, refuses, waits } from "@/ike/auth/authenticator.ts";
import { sharedKeyMic } from "@/ike/auth/psk.ts";
import { signedOctetsOf, skPOf } from "@/ike/auth/signed_octets.ts";
import type { AuthEnd } from "@/ike/records/auth_rounds.ts";
import type { NullAuth } from "@/ike/records/config.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

const METHOD = AuthMethod.NULL_AUTHENTICATION;

/** See {@linkcode AuthMethodPair}. */
export const nullAuth: AuthMethodPair<NullAuth, NullAuth> = {
  nameOf: () => "null-auth",

  own: {
    begin({ sa }) {
      sa.peer.ownAuth = METHOD;
      return done([{ type: PayloadType.AUTH, method: METHOD, data: macOf(sa, "own") }]);
    },
    take: () => done(),
  },

  peer: {
    begin: () => waits(),
    take(turn, _side, payloads) {
      const { sa, out } = turn;
      const auth = authBy(turn, payloads, { methods: [METHOD], wanted: "null-auth" });
      if (typeof auth === "string") return refuses(auth);
      if (!sameOctets(auth.data, macOf(sa, "peer")) && !sa.env.broken.has("accept_any_auth")) {
        return refuses("its AUTH data (NULL authentication) is not of the keys of this IKE SA");
      }
      sa.peer.auth = METHOD;
      const text = "The peer is not authenticated: it came by NULL authentication (RFC 7619)";
      out.push({ kind: "note", level: 4, text }, sa);
      return done();
    },
  },
};

/** RFC 7619 §2.1: the shared secret is SK_pi of an initiator, or SK_pr of a responder. */
function macOf(sa: IkeSa, end: AuthEnd): Uint8Array {
  return sharedKeyMic(sa.suite!.prf, skPOf(sa, end), signedOctetsOf(sa, end));
}
