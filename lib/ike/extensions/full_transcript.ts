/**
 * IKE_SA_INIT_FULL_TRANSCRIPT_AUTH in IKE_SA_INIT: AUTH of either end covers both messages of IKE_SA_INIT, so
 * that an attacker who changes what the ends offer each other is detected (draft-ietf-ipsecme-ikev2-
 * downgrade-prevention). Each end sends the notify whether or not the peer has sent it, and applies it if it
 * has received it as well. If an attacker removes the notify from one message, the two ends authenticate
 * different octets, so that no IKE SA is established.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify, PeerError } from "@/ike/records/notify.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

const { IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, NO_PROPOSAL_CHOSEN } = NotifyType;
/** The cause of a failure if the peer does not send the notify that `transcriptauth: require` demands. */
const CAUSE = "NO_FULL_TRANSCRIPT_AUTH";
const WHY = "did not say IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, and transcriptauth is require";

/** See {@linkcode Extension}. */
export const fullTranscript: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,

  says: ({ sa }) => sa.config.fullTranscript ? [notify(IKE_SA_INIT_FULL_TRANSCRIPT_AUTH)] : [],

  hears({ sa, out }, { header, payloads }) {
    const says = findNotify(payloads, IKE_SA_INIT_FULL_TRANSCRIPT_AUTH) !== undefined;
    sa.setup!.fullTranscript = says && sa.config.fullTranscript !== undefined;
    if (sa.setup!.fullTranscript) {
      const text = "AUTH covers both messages of IKE_SA_INIT (IKE_SA_INIT_FULL_TRANSCRIPT_AUTH)";
      out.push({ kind: "note", level: 4, text }, sa);
    }
    if (!header.response && isMissed(sa)) throw new PeerError(NO_PROPOSAL_CHOSEN, `Peer ${WHY}`);
  },
};

/** Initiator: the failure if the response lacks the notify that is required; undefined: it does not. */
export function transcriptFault(sa: IkeSa): Failure | undefined {
  if (!isMissed(sa)) return undefined;
  return { cause: CAUSE, closeCode: CloseCode.REFUSED_HERE, text: `Peer ${WHY}` };
}

/** Whether the notify is required and the peer has not sent it. */
function isMissed({ config, setup, env }: IkeSa): boolean {
  return config.fullTranscript === "require" && !setup!.fullTranscript &&
    !env.broken.has("waive_transcript");
}
