/**
 * A server with all methods.
 * @module
 */
import type { OwnEapServer } from "@/eap/conversation.ts";
import type { EapEnvironment, EapServerSettings } from "@/eap/method.ts";
import { methodOf } from "@/eap/methods.ts";
import { converseAsServer } from "@/eap/server_conversation.ts";

/** A server with these settings. Its answers come at once. */
export function openEapServer(settings: EapServerSettings, env: EapEnvironment): OwnEapServer {
  return converseAsServer(settings, env, methodOf);
}
