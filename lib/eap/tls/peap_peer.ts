/**
 * The inside of PEAPv0 at the peer (MS-PEAP): EAP packets without their headers, and finally the result,
 * with a cryptobinding if the server sends one.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import type { OwnEapPeer } from "@/eap/conversation.ts";
import { refuse } from "@/eap/failure.ts";
import type { EapCredentials, EapEnvironment } from "@/eap/method.ts";
import type { TlsSession } from "@/eap/tls/engine.ts";
import type { InnerPeer, InnerPeerStep } from "@/eap/tls/inner.ts";
import { innerPeer } from "@/eap/tls/inner_eap.ts";
import { compoundKeys } from "@/eap/tls/keys.ts";
import {
  decodeExtensions,
  encodeExtensions,
  isExtensions,
  verifyBinding,
} from "@/eap/tls/peap_tlv.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";

const HEADER_OCTETS = 4;
const NOTHING = new Uint8Array(0);

interface State {
  readonly peer: OwnEapPeer;
  session: TlsSession | undefined;
  readonly notes: string[];
}

/** The inside by the inner method of these credentials. */
export function peapInnerPeer(
  own: EapCredentials,
  env: EapEnvironment,
): InnerPeer {
  const state: State = { peer: innerPeer(own, env), session: undefined, notes: [] };
  return {
    begin: (session) => {
      state.session = session;
      return { then: "more", out: NOTHING }; // the server begins
    },
    take: (plaintext, identifier) =>
      isExtensions(plaintext, EapCode.REQUEST)
        ? result(state, plaintext)
        : step(state, plaintext, identifier),
    notes: () => state.notes,
    close: () => state.peer.close(),
  };
}

function step({ peer }: State, plaintext: Uint8Array, identifier: number): InnerPeerStep {
  const answer = peer.step(withHeader(plaintext, identifier));
  switch (answer.kind) {
    case "send":
      return { then: "more", out: answer.octets.subarray(HEADER_OCTETS) };
    case "failed":
      return refuse(
        answer.cause === "malformed" ? "malformed" : "refused by the other end",
        `inside, ${answer.why}`,
      );
    case "succeeded":
      return refuse("out of order", "the server says Success inside the tunnel");
    case "discarded":
      return refuse("out of order", `inside, ${answer.why}`);
  }
}

/** Some servers send the first request for the identity with its header. */
function withHeader(plaintext: Uint8Array, identifier: number): Uint8Array {
  const whole = plaintext.length === HEADER_OCTETS + 1 && plaintext[0] === EapCode.REQUEST &&
    plaintext[2] === 0 && plaintext[3] === plaintext.length &&
    plaintext[HEADER_OCTETS] === EapType.IDENTITY;
  if (whole) return plaintext;
  const length = HEADER_OCTETS + plaintext.length;
  const header = Uint8Array.of(EapCode.REQUEST, identifier, length >>> 8, length);
  return concat(header, plaintext);
}

/** Takes the result of the server, and answers with that of this end. */
function result({ peer, session, notes }: State, packet: Uint8Array): InnerPeerStep {
  const { success, binding } = decodeExtensions(packet);
  const end = peer.methodEnd();
  const { RESPONSE } = EapCode;
  const identifier = packet[1]!;
  const refused = encodeExtensions(RESPONSE, identifier, { success: false });
  if (end?.kind === "refused") {
    return { then: "refused", out: refused, cause: end.cause, why: `inside, ${end.why}` };
  }
  if (success !== true) {
    const why = "inside, the server says failure";
    return { then: "refused", out: refused, cause: "refused by the other end", why };
  }
  if (!end) {
    const why = "inside, the server says success before the inner method is through";
    return { then: "refused", out: refused, cause: "out of order", why };
  }
  if (!binding) return { then: "done", out: encodeExtensions(RESPONSE, identifier, { success }) };
  const { cmk, keys } = compoundKeys(session!, end.msk);
  verifyBinding(binding, cmk, "request");
  notes.push("the tunnel and the inner method are bound to each other");
  const bound = { cmk, nonce: binding.nonce };
  return { then: "done", out: encodeExtensions(RESPONSE, identifier, { success, bound }), keys };
}
