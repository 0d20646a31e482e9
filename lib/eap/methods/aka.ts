/**
 * EAP-AKA: a USIM and its home network authenticate each other (RFC 4187).
 * @module
 */
import type { EapMethod } from "@/eap/method.ts";
import { akaPeer } from "@/eap/sim/aka_peer.ts";
import { akaServer } from "@/eap/sim/aka_server.ts";
import { simIdentity } from "@/eap/sim/peer_session.ts";
import { lacksSubscriber } from "@/eap/sim/server_session.ts";
import { AKA, AKA_PRIME, type SimVariant } from "@/eap/sim/variant.ts";

/** See {@linkcode EapMethod}. */
export const aka: EapMethod = akaMethod(AKA, "aka");

/** EAP-AKA′: AKA with keys that are bound to the access network's name (RFC 9048). */
export const akaPrime: EapMethod = akaMethod(AKA_PRIME, "aka-prime");

function akaMethod(variant: SimVariant, word: string): EapMethod {
  return {
    type: variant.type,
    name: variant.name,
    word,
    derivesKeys: true,
    lacksAsPeer: ({ sim }) => sim ? undefined : "there is no eapsimk and eapsimopc",
    identityAsPeer: (own) => simIdentity(variant, own),
    beginAsPeer: (own, env, sent) => akaPeer(variant, { own, env }, sent),
    lacksAsServer: (context) => lacksSubscriber(variant, context),
    beginAsServer: (context) => akaServer(variant, context),
  };
}
