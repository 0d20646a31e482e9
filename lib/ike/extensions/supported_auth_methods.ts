/**
 * SUPPORTED_AUTH_METHODS (RFC 9593 §3.1): a responder announces in the IKE_SA_INIT response how its peer may
 * authenticate, or sends an empty notify there if the last IKE_INTERMEDIATE response contains the
 * announcement. An initiator sends its announcement in the first IKE_AUTH request.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { announcement, announcementFollows, hearAnnouncement } from "@/ike/auth/announced.ts";
import { saysIntermediate } from "@/ike/extensions/intermediate_supported.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { newIntermediate } from "@/ike/records/setup_state.ts";

const { INTERMEDIATE_EXCHANGE_SUPPORTED, SUPPORTED_AUTH_METHODS } = NotifyType;

/** See {@linkcode Extension}. */
export const authMethodsOfResponder: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,

  says({ sa }, { response }) {
    const said = response ? announcement(sa) : [];
    const { intermediate } = sa.setup!;
    if (said.length === 0 || !intermediate) return said;
    intermediate.announces = true;
    return [announcementFollows()];
  },

  hears(turn, { header, payloads }) {
    const { sa } = turn;
    if (!header.response) return;
    hearAnnouncement(turn, payloads);
    const follows = findNotify(payloads, SUPPORTED_AUTH_METHODS)?.data.length === 0;
    const canFollow = saysIntermediate(sa.config) &&
      findNotify(payloads, INTERMEDIATE_EXCHANGE_SUPPORTED) !== undefined;
    if (!follows || !canFollow) return;
    sa.setup!.intermediate ??= newIntermediate([]);
    sa.setup!.intermediate.announces = true;
  },
};

/**
 * See {@linkcode Extension}. Only the sending of the request is here: a responder reads the announcement
 * before it authenticates itself (`choosePeer`).
 */
export const authMethodsOfInitiator: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says({ sa }, { response }) {
    // An IKE SA that is resumed is authenticated by the keys of its session: there is no method to choose.
    if (response || sa.setup!.resumed) return [];
    return sa.env.broken.has("keep_announcement_back") ? [] : announcement(sa);
  },
};
