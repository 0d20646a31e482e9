/**
 * EAP-MD5: the peer answers a challenge with a hash over it and the password (RFC 3748 §5.4, RFC 1994
 * §4). The server is not authenticated, and no keys are derived.
 *
 * ```text
 * +---------------+---------------+---------------+---------------+
 * |  Value-Size   |  Value ...
 * +---------------+---------------+---------------+---------------+
 * |  Name ...
 * ```
 * @module
 */
import { concat, Reader, sameOctets, Writer } from "@/base/bytes.ts";
import { md5 as hash } from "@/crypto/legacy.ts";
import { refuse } from "@/eap/failure.ts";
import type { EapMethod, PeerRun, ServerRun } from "@/eap/method.ts";
import { EapType } from "@/iana/eap_type.ts";

const CHALLENGE_OCTETS = 16;
const utf8 = new TextEncoder();

/** See {@linkcode EapMethod}. */
export const md5: EapMethod = {
  type: EapType.MD5_CHALLENGE,
  name: "EAP-MD5",
  word: "md5",
  derivesKeys: false,

  lacksAsPeer: ({ password }) => password === undefined ? "there is no eappassword" : undefined,

  beginAsPeer({ identity, password }): PeerRun {
    const secret = utf8.encode(password);
    return {
      take({ identifier, data }) {
        const response = digest(identifier, secret, valueIn(data));
        const name = utf8.encode(identity);
        return { then: "done", data: encodeValue(response, name), keys: undefined };
      },
    };
  },

  lacksAsServer({ user }) {
    if (!user) return "there is no such user";
    return user.password === undefined ? "the user has no password" : undefined;
  },

  beginAsServer({ user, env, settings }): ServerRun {
    const challenge = env.random(CHALLENGE_OCTETS);
    const secret = utf8.encode(user!.password);
    return {
      begin: () => encodeValue(challenge, utf8.encode(settings.name ?? "")),
      take({ identifier, data }) {
        if (!sameOctets(valueIn(data), digest(identifier, secret, challenge))) {
          refuse("wrong credentials", `the peer's response for "${user!.identity}" is wrong`);
        }
        return { then: "done", keys: undefined };
      },
    };
  },
};

function digest(identifier: number, secret: Uint8Array, challenge: Uint8Array): Uint8Array {
  return hash(concat(Uint8Array.of(identifier), secret, challenge));
}

/** The value of a challenge or response; the name after it is not used. */
function valueIn(data: Uint8Array): Uint8Array {
  const body = new Reader(data);
  const size = body.u8();
  if (size === 0) refuse("malformed", "the other end's value is empty");
  return body.take(size);
}

function encodeValue(value: Uint8Array, name: Uint8Array): Uint8Array {
  return new Writer(64).u8(value.length).put(value).put(name).done();
}
