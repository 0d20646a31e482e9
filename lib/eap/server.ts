/**
 * Opens EAP servers with all methods of this program.
 * @module
 */
import type { OwnEapServer } from "@/eap/conversation.ts";
import type { EapEnvironment, EapServerSettings } from "@/eap/method.ts";
import { methodOf } from "@/eap/methods.ts";
import { converseAsServer } from "@/eap/server_conversation.ts";

/** Opens a server with these settings, which answers synchronously. */
export function openEapServer(settings: EapServerSettings, env: EapEnvironment): OwnEapServer {
  return converseAsServer(settings, env, methodOf);
}
