/**
 * The inside of EAP-TTLS at the peer (RFC 5281 §11): EAP in AVPs, or the password in the clear (PAP).
 * @module
 */
import { concat } from "@/base/bytes.ts";
import type { OwnEapPeer } from "@/eap/conversation.ts";
import { refuse } from "@/eap/failure.ts";
import type { EapCredentials, EapEnvironment } from "@/eap/method.ts";
import { encodeEap } from "@/eap/packet.ts";
import { type Avp, avp, AvpCode, decodeAvps, encodeAvps } from "@/eap/tls/avp.ts";
import type { InnerPeer, InnerPeerStep } from "@/eap/tls/inner.ts";
import { innerPeer } from "@/eap/tls/inner_eap.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";

const utf8 = new TextEncoder();
/** RFC 5281 §11.2.5: passwords are padded, so that their length is not visible. */
const PASSWORD_BLOCK = 16;

/** The inside by the inner method of these credentials. */
export function ttlsInnerPeer(
  own: EapCredentials,
  env: EapEnvironment,
): InnerPeer {
  if (own.inner === "pap") return papPeer(own);
  return eapPeer(innerPeer(own, env));
}

function papPeer({ identity, password }: EapCredentials): InnerPeer {
  const octets = utf8.encode(password);
  const short = octets.length % PASSWORD_BLOCK;
  const padding = new Uint8Array(short === 0 && octets.length > 0 ? 0 : PASSWORD_BLOCK - short);
  return {
    begin: () => ({
      then: "done",
      out: encodeAvps([
        avp(AvpCode.USER_NAME, utf8.encode(identity)),
        avp(AvpCode.USER_PASSWORD, concat(octets, padding)),
      ]),
    }),
    take: (plaintext) => {
      refuseUnknown(decodeAvps(plaintext), []);
      return { then: "done", out: new Uint8Array(0) };
    },
    notes: () => [],
    close: () => {},
  };
}

function eapPeer(peer: OwnEapPeer): InnerPeer {
  return {
    // The peer begins as if it had been asked (RFC 5281 §11.2.1). If the server has asked together with the end
    // of the handshake, the peer must not send a second response to one request.
    begin: (_, spoken) => {
      if (spoken) return { then: "more", out: new Uint8Array(0) };
      const { REQUEST: code } = EapCode;
      const type = EapType.IDENTITY;
      return step(peer, encodeEap({ code, identifier: 0, type, data: new Uint8Array(0) }));
    },
    take: (plaintext) => {
      const avps = decodeAvps(plaintext);
      refuseUnknown(avps, [AvpCode.EAP_MESSAGE]);
      const parts = avps.filter(({ code, vendor }) => code === AvpCode.EAP_MESSAGE && vendor === 0);
      if (parts.length === 0) return ended(peer, new Uint8Array(0));
      return step(peer, concat(...parts.map(({ data }) => data)));
    },
    notes: () => [],
    close: () => peer.close(),
  };
}

function step(peer: OwnEapPeer, packet: Uint8Array): InnerPeerStep {
  const answer = peer.step(packet);
  const nothing = new Uint8Array(0);
  switch (answer.kind) {
    case "send":
      return ended(peer, encodeAvps([avp(AvpCode.EAP_MESSAGE, answer.octets)]));
    case "succeeded":
      return { then: "done", out: nothing };
    case "failed":
      return refuse("refused by the other end", `inside, ${answer.why}`);
    case "discarded":
      return refuse("out of order", `inside, ${answer.why}`);
  }
}

/** A tunnel ends by the outer Success; few servers send an inner one. */
function ended(peer: OwnEapPeer, out: Uint8Array): InnerPeerStep {
  const end = peer.methodEnd();
  if (!end) return { then: "more", out };
  if (end.kind === "done") return { then: "done", out };
  return { then: "refused", out, cause: end.cause, why: `inside, ${end.why}` };
}

/** RFC 5281 §10.1: an end that does not know a mandatory AVP must not continue. */
function refuseUnknown(avps: readonly Avp[], known: readonly number[]): void {
  const other = avps.find(({ code, vendor, mandatory }) =>
    mandatory && !(vendor === 0 && known.includes(code))
  );
  if (!other) return;
  const vendor = other.vendor ? ` of vendor ${other.vendor}` : "";
  refuse("not supported", `the server sends AVP ${other.code}${vendor}, which must be known`);
}
