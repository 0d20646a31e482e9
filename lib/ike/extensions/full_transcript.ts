/**
 * IKE_SA_INIT_FULL_TRANSCRIPT_AUTH in IKE_SA_INIT: AUTH of either end covers both messages of IKE_SA_INIT,
 * so that nobody can have altered what the ends offered each other (draft-ietf-ipsecme-ikev2-downgrade-
 * prevention). Each end says it whether or not the other did, and counts on it where it heard it too: if it
 * was stripped from one message, the ends authenticate different octets, and there is no IKE SA.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify, PeerError } from "@/ike/records/notify.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

const { IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, NO_PROPOSAL_CHOSEN } = NotifyType;
/** The cause of a failure where the peer does not say it and `transcriptauth: require` needs it. */
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

/** Initiator: why the response is not taken; undefined: it is. */
export function transcriptFault(sa: IkeSa): Failure | undefined {
  if (!isMissed(sa)) return undefined;
  return { cause: CAUSE, closeCode: CloseCode.REFUSED_HERE, text: `Peer ${WHY}` };
}

function isMissed({ config, setup, env }: IkeSa): boolean {
  return config.fullTranscript === "require" && !setup!.fullTranscript &&
    !env.broken.has("waive_transcript");
}
