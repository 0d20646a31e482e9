/**
 * The inside of EAP-TTLS at the server (RFC 5281 §11): EAP in AVPs, PAP, CHAP and MS-CHAP-V2.
 * @module
 */
import { concat, Reader, sameOctets, toHex } from "@/base/bytes.ts";
import { md5 } from "@/crypto/legacy.ts";
import { refuse } from "@/eap/failure.ts";
import { identityText, printable } from "@/eap/identity.ts";
import type { InnerMethod, ServerContext } from "@/eap/method.ts";
import type { OwnEapServer } from "@/eap/conversation.ts";
import { authenticatorResponse, ntPasswordHash, ntResponse } from "@/eap/mschap/rfc2759.ts";
import {
  type Avp,
  avp,
  AvpCode,
  decodeAvps,
  encodeAvps,
  findAvp,
  MICROSOFT,
} from "@/eap/tls/avp.ts";
import type { TlsSession } from "@/eap/tls/engine.ts";
import type { InnerServer, InnerServerStep } from "@/eap/tls/inner.ts";
import { allowedInner, innerServer } from "@/eap/tls/inner_eap.ts";
import { ttlsChallenge } from "@/eap/tls/keys.ts";

/** Identifier, Flags, Peer-Challenge, 8 reserved octets, NT-Response (RFC 2548 §2.3.2). */
const MS_RESPONSE_OCTETS = 50;
const CHAP_OCTETS = 17;
const utf8 = new TextEncoder();

interface State {
  readonly context: ServerContext;
  session: TlsSession | undefined;
  eap: OwnEapServer | undefined;
  /** The user who has proved the password by MS-CHAP-V2, but has not acknowledged our proof yet. */
  proved: string | undefined;
  readonly notes: string[];
}

/** The inside, by the method that the peer chooses of those that the settings allow. */
export function ttlsInnerServer(
  context: ServerContext,
): InnerServer {
  const state: State = {
    context,
    session: undefined,
    eap: undefined,
    proved: undefined,
    notes: [],
  };
  return {
    begin: (session) => {
      state.session = session;
      return undefined; // the peer begins
    },
    take: (plaintext) => take(state, plaintext),
    notes: () => state.notes,
    close: () => state.eap?.close(),
  };
}

function take(state: State, plaintext: Uint8Array): InnerServerStep {
  const { proved } = state;
  if (plaintext.length === 0) {
    if (proved !== undefined) return { then: "done", identity: proved };
    return refuse("out of order", "the peer says nothing inside the tunnel");
  }
  const avps = decodeAvps(plaintext);
  const eap = avps.filter(({ code, vendor }) => code === AvpCode.EAP_MESSAGE && vendor === 0);
  if (eap.length > 0) return eapStep(state, concat(...eap.map(({ data }) => data)));
  if (findAvp(avps, AvpCode.USER_PASSWORD)) return pap(state, avps);
  if (findAvp(avps, AvpCode.CHAP_PASSWORD)) return chap(state, avps);
  if (findAvp(avps, AvpCode.MS_CHAP2_RESPONSE, MICROSOFT)) return msChap(state, avps);
  const codes = avps.map(({ code }) => code).join(", ");
  return refuse("not supported", `the peer sends AVP ${codes}, and no way to prove itself`);
}

function eapStep(state: State, packet: Uint8Array): InnerServerStep {
  state.eap ??= innerServer(state.context);
  const answer = state.eap.step(packet);
  switch (answer.kind) {
    case "send":
      return { then: "more", out: encodeAvps([avp(AvpCode.EAP_MESSAGE, answer.octets)]) };
    case "succeeded":
      state.notes.push(`inside, ${answer.outcome.methodName}`);
      return { then: "done", identity: answer.outcome.identity };
    case "failed":
      return refuse("wrong credentials", `inside, ${answer.why}`);
    case "discarded":
      return refuse("out of order", `inside, ${answer.why}`);
  }
}

/** Zeros after the password are padding. */
function pap(state: State, avps: readonly Avp[]): InnerServerStep {
  const { identity, password } = userOf(state, avps, { method: "pap", name: "PAP" });
  const said = findAvp(avps, AvpCode.USER_PASSWORD)!;
  const own = utf8.encode(password);
  const padded = new Uint8Array(Math.max(said.length, own.length));
  padded.set(own);
  if (said.length < own.length || !sameOctets(said, padded)) wrong("PAP", identity);
  return { then: "done", identity };
}

function chap(state: State, avps: readonly Avp[]): InnerServerStep {
  const { identity, password } = userOf(state, avps, { method: "md5", name: "CHAP" });
  const said = findAvp(avps, AvpCode.CHAP_PASSWORD)!;
  const { session } = state;
  const { challenge, identifier } = ttlsChallenge(session!);
  if (said.length !== CHAP_OCTETS) refuse("malformed", `CHAP-Password has ${said.length} octets`);
  checkChallenge(findAvp(avps, AvpCode.CHAP_CHALLENGE), { challenge, said: said[0]!, identifier });
  const wanted = md5(concat(Uint8Array.of(identifier), utf8.encode(password), challenge));
  if (!sameOctets(said.subarray(1), wanted)) wrong("CHAP", identity);
  return { then: "done", identity };
}

function msChap(state: State, avps: readonly Avp[]): InnerServerStep {
  const { identity, password } = userOf(state, avps, { method: "mschapv2", name: "MS-CHAP-V2" });
  const said = findAvp(avps, AvpCode.MS_CHAP2_RESPONSE, MICROSOFT)!;
  const { session } = state;
  if (said.length !== MS_RESPONSE_OCTETS) {
    refuse("malformed", `MS-CHAP2-Response has ${said.length} octets`);
  }
  const { challenge, identifier } = ttlsChallenge(session!);
  const body = new Reader(said);
  const id = body.u8();
  checkChallenge(findAvp(avps, AvpCode.MS_CHAP_CHALLENGE, MICROSOFT), {
    challenge,
    said: id,
    identifier,
  });
  body.u8();
  const peer = body.take(16);
  const response = body.rest().subarray(8);
  const challenges = { authenticator: challenge, peer, userName: identity };
  const hash = ntPasswordHash(password);
  if (!sameOctets(response, ntResponse(challenges, hash))) wrong("MS-CHAP-V2", identity);
  state.proved = identity;
  state.notes.push("inside, MS-CHAP-V2");
  const proof = toHex(authenticatorResponse(challenges, hash, response)).toUpperCase();
  const data = concat(Uint8Array.of(identifier), utf8.encode(`S=${proof}`));
  return { then: "more", out: encodeAvps([avp(AvpCode.MS_CHAP2_SUCCESS, data, MICROSOFT)]) };
}

/** RFC 5281 §11.2.2: the challenge must be that of the tunnel; otherwise it is a replayed response of another tunnel. */
function checkChallenge(
  sent: Uint8Array | undefined,
  { challenge, said, identifier }: {
    readonly challenge: Uint8Array;
    readonly said: number;
    readonly identifier: number;
  },
): void {
  if (!sent || !sameOctets(sent, challenge) || said !== identifier) {
    refuse("wrong credentials", "the peer's challenge is not that of the tunnel");
  }
}

function userOf(
  { context }: State,
  avps: readonly Avp[],
  { method, name }: { readonly method: InnerMethod; readonly name: string },
): { readonly identity: string; readonly password: string } {
  if (!allowedInner(context).includes(method)) {
    refuse("no common method", `the peer proves itself by ${name}, which is not allowed`);
  }
  const data = findAvp(avps, AvpCode.USER_NAME);
  if (!data) return refuse("malformed", "the peer sends no User-Name");
  const identity = identityText(data);
  const password = context.settings.users.find(identity)?.password;
  if (password === undefined) {
    return refuse("no credentials", `inside, "${printable(identity)}" has no password`);
  }
  return { identity, password };
}

function wrong(name: string, identity: string): never {
  return refuse("wrong credentials", `inside, the peer's ${name} for "${identity}" is wrong`);
}
