/**
 * Which methods the ends of a setup authenticate by: one each, or two (RFC 4739), and others in place of
 * the first (RFC 9593).
 * @module
 */
import type { IkeConf } from "@/setup/setup.ts";

/** The options that name methods. */
type Methods = Pick<IkeConf, "authownmethod" | "authpeermethod" | "authown2" | "authpeer2">;
/** Those and the options that name others. */
type AllMethods = Methods & Pick<IkeConf, "authownothers" | "authpeerothers">;

/** How this end authenticates, in order. */
export function ownMethods({ authownmethod, authown2 }: Methods): string[] {
  return authown2 === "none" ? [authownmethod] : [authownmethod, authown2];
}

/** How its peer does, in order. */
export function peerMethods({ authpeermethod, authpeer2 }: Methods): string[] {
  return authpeer2 === "none" ? [authpeermethod] : [authpeermethod, authpeer2];
}

/** All methods by which this end may authenticate. */
export function everyOwnMethod(methods: AllMethods): string[] {
  return [...ownMethods(methods), ...methods.authownothers];
}

/** All methods by which its peer may. */
export function everyPeerMethod(methods: AllMethods): string[] {
  return [...peerMethods(methods), ...methods.authpeerothers];
}

/** Whether a method is by a signature, with a certificate. */
export function isSignature(method: string): boolean {
  return method !== "psk" && method !== "null-auth" && !method.startsWith("eap");
}
