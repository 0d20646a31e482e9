/**
 * Authentication by a pre-shared key: the Shared Key Message Integrity Code (RFC 7296 §2.15).
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import type { Prf } from "@/crypto/backend.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { authBy, type AuthMethodPair, done, refuses, waits } from "@/ike/auth/authenticator.ts";
import { signedOctetsOf } from "@/ike/auth/signed_octets.ts";
import { secretIn } from "@/ike/auth/psk_table.ts";
import { showIdentity } from "@/ike/negotiate/identity.ts";
import type { Identity, IkeConfig, PskAuth } from "@/ike/records/config.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

/** See {@linkcode AuthMethodPair}. */
export const psk: AuthMethodPair<PskAuth, PskAuth> = {
  nameOf: () => "psk",

  own: {
    begin({ sa }, { config }) {
      const secret = secretOf(sa, config);
      if (!secret) return refuses(noSecret(sa));
      const method = sa.peer.ownAuth = AuthMethod.SHARED_KEY_MIC;
      const data = sharedKeyMic(sa.suite!.prf, secret, signedOctetsOf(sa, "own"));
      return done([{ type: PayloadType.AUTH, method, data }]);
    },
    take: () => done(),
  },

  peer: {
    begin: () => waits(),
    take(turn, { config }, payloads) {
      const { sa } = turn;
      const auth = authBy(turn, payloads, {
        methods: [AuthMethod.SHARED_KEY_MIC],
        wanted: "psk",
      });
      if (typeof auth === "string") return refuses(auth);
      const secret = secretOf(sa, config);
      if (!secret) return refuses(noSecret(sa));
      const data = sharedKeyMic(sa.suite!.prf, secret, signedOctetsOf(sa, "peer"));
      if (!sameOctets(auth.data, data) && !sa.env.broken.has("accept_any_auth")) {
        return refuses("its AUTH data (pre-shared key) is wrong: is psk the same?");
      }
      sa.peer.auth = auth.method;
      return done();
    },
  },
};

/**
 * The secret of the initiator's identity, or the secret for all identities; undefined if there is
 * neither.
 */
function secretOf(sa: IkeSa, { secret, table }: PskAuth): Uint8Array | undefined {
  return (table && secretIn(table, initiatorOf(sa))) ?? secret;
}

function initiatorOf({ originalInitiator, peer }: IkeSa): Identity {
  return (originalInitiator ? peer.ownId : peer.id)!;
}

function noSecret(sa: IkeSa): string {
  const who = showIdentity(initiatorOf(sa));
  return `there is no pre-shared key of ${who} (psks, pskfile), and psk is not set`;
}

/**
 * The configuration in which both ends authenticate by one pre-shared key, the octets of `secret`
 * in UTF-8.
 */
export function bothByPsk(secret: string): IkeConfig["auth"] {
  const config: PskAuth = { kind: "psk", secret: new TextEncoder().encode(secret) };
  return { own: config, peer: config };
}

const KEY_PAD = new TextEncoder().encode("Key Pad for IKEv2");

/**
 * AUTH data of the shared key message integrity code: prf(prf(secret, "Key Pad for IKEv2"), signed
 * octets) (RFC 7296 §2.15). An EAP method's MSK is such a secret too (§2.16).
 */
export function sharedKeyMic(prf: Prf, secret: Uint8Array, signed: Uint8Array): Uint8Array {
  return prf.compute(paddedKey(prf, secret), signed);
}

/** prf(secret, "Key Pad for IKEv2"), which is kept, as it is the same for all SAs of a test. */
function paddedKey(prf: Prf, secret: Uint8Array): Uint8Array {
  const kept = PADDED.get(secret);
  if (kept?.prf === prf) return kept.key;
  const key = prf.compute(secret, KEY_PAD);
  PADDED.set(secret, { prf, key });
  return key;
}

const PADDED = new WeakMap<Uint8Array, { readonly prf: Prf; readonly key: Uint8Array }>();
