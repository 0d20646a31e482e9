/**
 * A peer with all methods.
 * @module
 */
import type { OwnEapPeer } from "@/eap/conversation.ts";
import type { EapCredentials, EapEnvironment } from "@/eap/method.ts";
import { methodOf } from "@/eap/methods.ts";
import { converseAsPeer } from "@/eap/peer_conversation.ts";

/** A peer that answers by these credentials. Its answers come at once. */
export function openEapPeer(own: EapCredentials, env: EapEnvironment): OwnEapPeer {
  return converseAsPeer(own, env, methodOf);
}
