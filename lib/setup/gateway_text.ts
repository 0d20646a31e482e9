/**
 * Another gateway as setups write it: an address, or a domain name (RFC 5685 §7.2).
 * @module
 */
import { parseAddress, whyUnreachable } from "@/base/address.ts";
import { GatewayIdType } from "@/iana/gateway_id_type.ts";

/** A gateway in octets, or why a text names none. */
export type GatewayText = { readonly idType: number; readonly data: Uint8Array } | string;

/** Reads one; a domain name has letters, digits, hyphens and dots, at most 253 of them. */
export function gatewayOf(text: string): GatewayText {
  const data = parseAddress(text);
  if (data) {
    const why = whyUnreachable(data);
    const { IPV4_ADDRESS, IPV6_ADDRESS } = GatewayIdType;
    return why ? `is ${why}` : { idType: data.length === 4 ? IPV4_ADDRESS : IPV6_ADDRESS, data };
  }
  const isName = text.length <= 253 && /^[a-z0-9-]+(\.[a-z0-9-]+)*\.?$/i.test(text) &&
    !/^[\d.]+$/.test(text);
  if (!isName) return "is neither an address nor a domain name";
  return { idType: GatewayIdType.FQDN, data: new TextEncoder().encode(text) };
}
