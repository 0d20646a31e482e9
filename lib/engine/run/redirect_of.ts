/**
 * Makes the configuration of redirection from a setup (RFC 5685), and looks up the address of a gateway by
 * its name.
 * @module
 */
import { lookup } from "node:dns/promises";
import { type IpAddress, parseAddress, showAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { GatewayIdType } from "@/iana/gateway_id_type.ts";
import type { GatewayIdentity, RedirectConfig } from "@/ike/records/redirect.ts";
import { showGateway } from "@/ike/negotiate/gateway_identity.ts";
import { gatewayOf } from "@/setup/gateway_text.ts";
import type { Setup } from "@/setup/setup.ts";

/** The configuration of this end; undefined: it does not take part. */
export function redirectOf({ role, ikeconf }: Setup): RedirectConfig | undefined {
  const { followredirect, redirectto, redirectat: at, redirectafter: afterMs } = ikeconf;
  if (role === "client") return followredirect ? { follows: true } : undefined;
  if (redirectto.length === 0) return undefined;
  const to = redirectto.map((text) => {
    const gateway = gatewayOf(text);
    must(typeof gateway !== "string", "a checked setup names gateways");
    return gateway;
  });
  return { follows: false, sends: { to, at, afterMs } };
}

/**
 * The address of a gateway to which a tunnel is redirected, of the same family as its own address `own`.
 * @throws {Error} with a sentence if it has none.
 */
export async function addressOfGateway(
  gateway: GatewayIdentity,
  own: IpAddress,
): Promise<IpAddress> {
  const addresses = gateway.idType === GatewayIdType.FQDN ? await resolve(gateway) : [gateway.data];
  const fits = addresses.find(({ length }) => length === own.length);
  if (fits) return fits;
  const found = addresses.map(showAddress).join(", ") || "none";
  throw new Error(
    `${showGateway(gateway)} has no address of the family of ${showAddress(own)} (found: ${found})`,
  );
}

async function resolve(gateway: GatewayIdentity): Promise<IpAddress[]> {
  const name = showGateway(gateway);
  const found = await lookup(name, { all: true }).catch((error: unknown) => {
    throw new Error(`the name ${name} has no address (${(error as Error).message})`);
  });
  return found.flatMap(({ address }) => parseAddress(address) ?? []);
}
