/**
 * Which methods the ends of a setup authenticate by: one each, or two (RFC 4739).
 * @module
 */
import type { IkeConf } from "@/setup/setup.ts";

/** The options that name methods. */
type Methods = Pick<IkeConf, "authownmethod" | "authpeermethod" | "authown2" | "authpeer2">;

/** How this end authenticates, in order. */
export function ownMethods({ authownmethod, authown2 }: Methods): string[] {
  return authown2 === "none" ? [authownmethod] : [authownmethod, authown2];
}

/** How its peer does, in order. */
export function peerMethods({ authpeermethod, authpeer2 }: Methods): string[] {
  return authpeer2 === "none" ? [authpeermethod] : [authpeermethod, authpeer2];
}

/** Whether a method is by a signature, with a certificate. */
export function isSignature(method: string): boolean {
  return method !== "psk" && method !== "null-auth" && !method.startsWith("eap");
}
