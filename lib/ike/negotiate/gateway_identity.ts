/**
 * The data of REDIRECT and REDIRECTED_FROM (RFC 5685 §7.2, §7.3):
 *
 * ```text
 * | GW Ident Type (uint8) | GW Ident Len (uint8) | New Responder GW Identity | Nonce Data (REDIRECT in IKE_SA_INIT) |
 * ```
 * @module
 */
import { type IpAddress, showAddress } from "@/base/address.ts";
import { concat } from "@/base/bytes.ts";
import { printable } from "@/base/printable.ts";
import { GatewayIdType } from "@/iana/gateway_id_type.ts";
import type { GatewayIdentity } from "@/ike/records/redirect.ts";

/** Octets of an identity of each type; a domain name has 1 to 255. */
const OCTETS = new Map<number, number>([
  [GatewayIdType.IPV4_ADDRESS, 4],
  [GatewayIdType.IPV6_ADDRESS, 16],
]);

/** The identity of a gateway by its address. */
export function gatewayAt(address: IpAddress): GatewayIdentity {
  const { IPV4_ADDRESS, IPV6_ADDRESS } = GatewayIdType;
  return { idType: address.length === 4 ? IPV4_ADDRESS : IPV6_ADDRESS, data: address };
}

/** The data of a notify that names a gateway; `nonce` is that of the request, in IKE_SA_INIT. */
export function gatewayData(
  { idType, data }: GatewayIdentity,
  nonce: Uint8Array = new Uint8Array(0),
): Uint8Array {
  return concat(Uint8Array.of(idType, data.length), data, nonce);
}

/** The gateway that a notify names, and the octets after it; undefined: the notify is malformed. */
export function gatewayIn(
  octets: Uint8Array,
): { readonly gateway: GatewayIdentity; readonly rest: Uint8Array } | undefined {
  const [idType, length] = octets;
  if (idType === undefined || length === undefined || octets.length < 2 + length) return undefined;
  const fixed = OCTETS.get(idType);
  const fits = fixed === undefined ? idType === GatewayIdType.FQDN && length > 0 : fixed === length;
  if (!fits) return undefined;
  const data = octets.slice(2, 2 + length);
  return { gateway: { idType, data }, rest: octets.slice(2 + length) };
}

/** `192.0.2.1`, `2001:db8::1` or `gw.example.com`. */
export function showGateway({ idType, data }: GatewayIdentity): string {
  return idType === GatewayIdType.FQDN
    ? printable(new TextDecoder().decode(data))
    : showAddress(data);
}
