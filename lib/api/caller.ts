/**
 * Who calls: the connection a call came by, and whether its caller may see keys and passwords.
 * @module
 */
import { parseAddress } from "@/base/address.ts";

/** What is asked of a call of the gRPC library. */
export interface CallOrigin {
  /** `address:port`; an IPv6 address without brackets. */
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: unknown };
}

/** The option `apisecrets`: who sees keys and PSK in dumps. */
export type SecretsRule = "auto" | "always" | "never";

/** Names the caller's connection: no two open ones share an address and port. */
export function connectionOf(call: CallOrigin): string {
  return call.getPeer();
}

/**
 * Whether the caller may see secrets. `auto`: on loopback, or with a client certificate; the server
 * lets in none that it could not verify.
 */
export function maySeeSecrets(rule: SecretsRule, call: CallOrigin): boolean {
  if (rule !== "auto") return rule === "always";
  return isLoopback(call.getPeer()) || call.getAuthContext().sslPeerCertificate !== undefined;
}

/** Whether the address of `address:port` is 127.0.0.0/8 or ::1, IPv4-mapped or not. */
export function isLoopback(peer: string): boolean {
  const host = peer.slice(0, peer.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
  const address = parseAddress(host);
  if (!address) return false;
  if (address.length === 4) return address[0] === 127;
  if (address.subarray(0, 10).some((octet) => octet !== 0)) return false;
  const mapped = address[10] === 0xff && address[11] === 0xff;
  if (mapped) return address[12] === 127;
  return address.subarray(10, 15).every((octet) => octet === 0) && address[15] === 1;
}
