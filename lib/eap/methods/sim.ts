/**
 * EAP-SIM: a SIM answers several GSM challenges, so that the derived keys are long enough (RFC 4186).
 * @module
 */
import type { EapMethod } from "@/eap/method.ts";
import { simIdentity } from "@/eap/sim/peer_session.ts";
import { lacksSubscriber } from "@/eap/sim/server_session.ts";
import { simPeer } from "@/eap/sim/sim_peer.ts";
import { simServer } from "@/eap/sim/sim_server.ts";
import { SIM } from "@/eap/sim/variant.ts";

/** See {@linkcode EapMethod}. */
export const sim: EapMethod = {
  type: SIM.type,
  name: SIM.name,
  word: "sim",
  derivesKeys: true,
  lacksAsPeer: (own) => own.sim ? undefined : "there is no eapsimk and eapsimopc",
  identityAsPeer: (own) => simIdentity(SIM, own),
  beginAsPeer: simPeer,
  lacksAsServer: (context) => lacksSubscriber(SIM, context),
  beginAsServer: simServer,
};
