/**
 * EAP-MSCHAPv2: both ends prove that they know the hash of the password, from which keys are derived
 * (draft-kamath-pppext-eap-mschapv2-02; RFC 2759, RFC 3079).
 *
 * ```text
 * +---------------+---------------+---------------+---------------+
 * |    OpCode     | MS-CHAPv2-ID  |          MS-Length            |
 * +---------------+---------------+---------------+---------------+
 * |  Challenge, Response: Value-Size, Value, Name; Success, Failure: a text
 * ```
 * A response to Success or Failure is its OpCode alone. A change of the password is refused.
 * @module
 */
import { fromHex, Reader, sameOctets, toHex, Writer } from "@/base/bytes.ts";
import { refuse } from "@/eap/failure.ts";
import { printable } from "@/eap/identity.ts";
import type {
  EapCredentials,
  EapEnvironment,
  EapKeys,
  EapMethod,
  EapVerdict,
  PeerReply,
  PeerRun,
  ServerContext,
  ServerReply,
  ServerRun,
} from "@/eap/method.ts";
import {
  authenticatorResponse,
  CHALLENGE_OCTETS,
  type Challenges,
  mschapv2Msk,
  NT_RESPONSE_OCTETS,
  ntPasswordHash,
  ntResponse,
} from "@/eap/mschap/rfc2759.ts";
import { EapType } from "@/iana/eap_type.ts";

const OpCode = { CHALLENGE: 1, RESPONSE: 2, SUCCESS: 3, FAILURE: 4, CHANGE_PASSWORD: 7 } as const;
/** Octets of OpCode, MS-CHAPv2-ID and MS-Length. */
const HEADER_OCTETS = 4;
/** Peer-Challenge, 8 reserved octets, NT-Response, Flags. */
const RESPONSE_OCTETS = 49;
/** RFC 2759 §6: the meanings of `E=` in a Failure. */
const ERRORS: Readonly<Record<number, string>> = {
  646: "the account may not log in at this hour",
  647: "the account is disabled",
  648: "the password has expired, and this end does not change passwords",
  649: "the account may not dial in",
  691: "the user name or the password is wrong",
  709: "the password could not be changed",
};
const WRONG_PASSWORD = 691;
const utf8 = new TextEncoder();

/** See {@linkcode EapMethod}. */
export const mschapv2: EapMethod = {
  type: EapType.MSCHAPV2,
  name: "EAP-MSCHAPv2",
  word: "mschapv2",
  derivesKeys: true,
  lacksAsPeer: ({ password }) => password === undefined ? "there is no eappassword" : undefined,
  beginAsPeer,
  lacksAsServer({ user }) {
    if (!user) return "there is no such user";
    return user.password === undefined ? "the user has no password" : undefined;
  },
  beginAsServer,
};

interface PeerState {
  readonly identity: string;
  readonly passwordHash: Uint8Array;
  readonly env: EapEnvironment;
  challenges: Challenges | undefined;
  response: Uint8Array | undefined;
  readonly notes: string[];
}

function beginAsPeer({ identity, password }: EapCredentials, env: EapEnvironment): PeerRun {
  const state: PeerState = {
    identity,
    passwordHash: ntPasswordHash(password!),
    env,
    challenges: undefined,
    response: undefined,
    notes: [],
  };
  return { take: ({ data }) => peerTakes(state, data), notes: () => state.notes };
}

function peerTakes(state: PeerState, data: Uint8Array): PeerReply {
  const { opCode, id, body } = decodeHeader(data);
  switch (opCode) {
    case OpCode.CHALLENGE:
      if (state.challenges) refuse("out of order", "the server sends a second challenge");
      return { then: "more", data: respond(state, id!, body) };
    case OpCode.SUCCESS:
      return { then: "done", data: Uint8Array.of(OpCode.SUCCESS), keys: verified(state, body) };
    case OpCode.FAILURE:
      return refused(body);
    default:
      return refuse("malformed", `the server sends OpCode ${opCode}`);
  }
}

function respond(state: PeerState, id: number, body: Reader): Uint8Array {
  const { identity, passwordHash, env } = state;
  const size = body.u8();
  if (size !== CHALLENGE_OCTETS) refuse("malformed", `the server's challenge has ${size} octets`);
  const authenticator = body.take(CHALLENGE_OCTETS).slice();
  const challenges = { authenticator, peer: env.random(CHALLENGE_OCTETS), userName: identity };
  state.challenges = challenges;
  state.response = ntResponse(challenges, passwordHash);
  const value = new Writer(128).u8(RESPONSE_OCTETS).put(challenges.peer).put(new Uint8Array(8));
  value.put(state.response).u8(0).put(utf8.encode(identity));
  return encode(OpCode.RESPONSE, id, value.done());
}

/** Verifies the proof that the server knows the password: `S=` and 40 hex digits (RFC 2759 §5). */
function verified(state: PeerState, body: Reader): EapKeys {
  const { challenges, response, passwordHash } = state;
  if (!challenges || !response) return refuse("out of order", "the server says Success at once");
  const text = new TextDecoder().decode(body.rest());
  const [, digits] = /^S=([0-9A-Fa-f]{40})(?: |$)/.exec(text) ?? [];
  if (digits === undefined) return refuse("malformed", "the server's Success has no S=");
  const wanted = authenticatorResponse(challenges, passwordHash, response);
  if (!sameOctets(fromHex(digits)!, wanted)) {
    refuse(
      "wrong credentials",
      "the server's authenticator response is wrong: it has another password",
    );
  }
  const [, message] = / M=(.*)$/s.exec(text) ?? [];
  if (message) state.notes.push(`the server says: ${printable(message).slice(0, 253)}`);
  return { msk: mschapv2Msk(passwordHash, response) };
}

function refused(body: Reader): PeerReply {
  const text = new TextDecoder().decode(body.rest());
  const code = Number(/^E=(\d{1,10})/.exec(text)?.[1]);
  const [, message] = / M=(.*)$/s.exec(text) ?? [];
  const meaning = ERRORS[code] ?? "the server gives a reason that is not known";
  const said = message ? `: ${printable(message).slice(0, 253)}` : "";
  return {
    then: "refused",
    data: Uint8Array.of(OpCode.FAILURE),
    cause: "refused by the other end",
    why: `${meaning} (E=${Number.isNaN(code) ? "missing" : code}${said})`,
  };
}

interface ServerState {
  readonly context: ServerContext;
  readonly challenge: Uint8Array;
  readonly passwordHash: Uint8Array;
  stage: "challenged" | "succeeding" | "failing";
  keys: EapKeys | undefined;
  id: number;
}

function beginAsServer(context: ServerContext): ServerRun {
  const { user, env, settings } = context;
  const state: ServerState = {
    context,
    challenge: env.random(CHALLENGE_OCTETS),
    passwordHash: ntPasswordHash(user!.password!),
    stage: "challenged",
    keys: undefined,
    id: 0,
  };
  return {
    begin(identifier) {
      state.id = identifier;
      const value = new Writer(64).u8(CHALLENGE_OCTETS).put(state.challenge);
      return encode(
        OpCode.CHALLENGE,
        identifier,
        value.put(utf8.encode(settings.name ?? "")).done(),
      );
    },
    take: ({ data }, next) => serverTakes(state, data, next),
    // Some peers, such as strongSwan, end the conversation when they get a Failure, and never acknowledge it.
    verdict: () => state.stage === "failing" ? wrongResponse(state) : undefined,
  };
}

function wrongResponse({ context: { user } }: ServerState): EapVerdict {
  const why = `the peer's response for "${user!.identity}" is wrong`;
  return { cause: "wrong credentials", why };
}

function serverTakes(state: ServerState, data: Uint8Array, next: number): ServerReply {
  const { opCode, id, body } = decodeHeader(data);
  if (opCode === OpCode.CHANGE_PASSWORD) {
    return refuse("not supported", "the peer asks to change its password, which is not done here");
  }
  switch (state.stage) {
    case "challenged":
      if (opCode !== OpCode.RESPONSE) {
        return refuse("out of order", `the peer sends OpCode ${opCode}`);
      }
      return { then: "more", data: judge(state, { id: id!, body, next }) };
    case "succeeding":
      if (opCode === OpCode.SUCCESS) return { then: "done", keys: state.keys };
      return refuse("refused by the other end", "the peer does not accept this server's proof");
    case "failing": {
      const { cause, why } = wrongResponse(state);
      return refuse(cause, why);
    }
  }
}

function judge(
  state: ServerState,
  { id, body, next }: { readonly id: number; readonly body: Reader; readonly next: number },
): Uint8Array {
  if (id !== state.id) refuse("malformed", `the peer's MS-CHAPv2-ID is ${id}, not ${state.id}`);
  const size = body.u8();
  if (size !== RESPONSE_OCTETS) refuse("malformed", `the peer's response has ${size} octets`);
  const peer = body.take(CHALLENGE_OCTETS);
  body.take(8);
  const response = body.take(NT_RESPONSE_OCTETS);
  body.u8();
  // RFC 2759 §8.2: the hash covers the name that the response contains.
  const userName = new TextDecoder().decode(body.rest());
  const challenges = { authenticator: state.challenge, peer, userName };
  if (!sameOctets(response, ntResponse(challenges, state.passwordHash))) {
    state.stage = "failing";
    const c = toHex(state.context.env.random(CHALLENGE_OCTETS)).toUpperCase();
    const text = `E=${WRONG_PASSWORD} R=0 C=${c} V=3 M=Authentication failed`;
    return encode(OpCode.FAILURE, next, utf8.encode(text));
  }
  state.stage = "succeeding";
  state.keys = { msk: mschapv2Msk(state.passwordHash, response) };
  const proof = toHex(authenticatorResponse(challenges, state.passwordHash, response));
  return encode(OpCode.SUCCESS, id, utf8.encode(`S=${proof.toUpperCase()} M=OK`));
}

/** Reads the OpCode, and the rest of the header unless the OpCode is alone; MS-Length is checked. */
function decodeHeader(data: Uint8Array): {
  readonly opCode: number;
  readonly id: number | undefined;
  readonly body: Reader;
} {
  const header = new Reader(data);
  const opCode = header.u8();
  const alone = header.left === 0 && (opCode === OpCode.SUCCESS || opCode === OpCode.FAILURE);
  if (alone) return { opCode, id: undefined, body: header };
  const id = header.u8();
  const length = header.u16();
  if (length < HEADER_OCTETS || length > data.length) {
    refuse("malformed", `MS-Length is ${length} in ${data.length} octets`);
  }
  return { opCode, id, body: new Reader(data, HEADER_OCTETS, length) };
}

function encode(opCode: number, id: number, body: Uint8Array): Uint8Array {
  return new Writer(128).u8(opCode).u8(id).u16(HEADER_OCTETS + body.length).put(body).done();
}
