/**
 * Opens EAP peers with all methods of this program.
 * @module
 */
import type { OwnEapPeer } from "@/eap/conversation.ts";
import type { EapCredentials, EapEnvironment } from "@/eap/method.ts";
import { methodOf } from "@/eap/methods.ts";
import { converseAsPeer } from "@/eap/peer_conversation.ts";

/** Opens a peer with these credentials, which answers synchronously. */
export function openEapPeer(own: EapCredentials, env: EapEnvironment): OwnEapPeer {
  return converseAsPeer(own, env, methodOf);
}
