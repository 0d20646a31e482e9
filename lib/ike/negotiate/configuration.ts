/**
 * The configuration payload in IKE_AUTH: a client asks for inner addresses and DNS servers, a gateway assigns
 * them from its pools (RFC 7296 §2.19, §3.15).
 * @module
 */
import {
  type IpAddress,
  type IpPrefix,
  isUnspecified,
  parsePrefix,
  prefixContains,
  prefixRange,
  showAddress,
} from "@/base/address.ts";
import { CfgAttribute } from "@/iana/cfg_attribute.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { CpType } from "@/iana/cp_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { TsType } from "@/iana/ts_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { givenAttributes } from "@/ike/negotiate/cfg_attributes.ts";
import { identityKey } from "@/ike/negotiate/identity.ts";
import { inheritorOf } from "@/ike/records/ike_sa.ts";
import { PeerError } from "@/ike/records/notify.ts";
import type { AddressPool, InnerConfiguration } from "@/ike/records/pool.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { ConfigurationAttribute, CpPayload } from "@/wire/payloads/configuration.ts";

const ASKED = [
  CfgAttribute.INTERNAL_IP4_ADDRESS,
  CfgAttribute.INTERNAL_IP4_NETMASK,
  CfgAttribute.INTERNAL_IP4_DNS,
  CfgAttribute.INTERNAL_IP6_ADDRESS,
  CfgAttribute.INTERNAL_IP6_DNS,
];

/** The attributes and sizes of each address family. */
const FAMILIES = [
  {
    name: "IPv4",
    octets: 4,
    address: CfgAttribute.INTERNAL_IP4_ADDRESS,
    dns: CfgAttribute.INTERNAL_IP4_DNS,
    tsType: TsType.TS_IPV4_ADDR_RANGE,
    pool: "v4",
  },
  {
    name: "IPv6",
    octets: 16,
    address: CfgAttribute.INTERNAL_IP6_ADDRESS,
    dns: CfgAttribute.INTERNAL_IP6_DNS,
    tsType: TsType.TS_IPV6_ADDR_RANGE,
    pool: "v6",
  },
] as const;

/**
 * The CFG_REQUEST of a client. Attributes of remote access are empty, but for inner addresses that the tunnel
 * has already, as it authenticates again or is resumed: the client asks for them again (RFC 7296 §3.15.1).
 */
export function configurationRequest(sa: IkeSa): CpPayload {
  const { remoteAccess, cfgAttributes = [] } = sa.config;
  const asked = remoteAccess ? ASKED : [];
  const before = innerBefore(sa);
  const attributes = [
    ...asked.map((attribute) => ({ attribute, value: valueAsked(attribute, before) })),
    ...cfgAttributes,
  ];
  return { type: PayloadType.CP, cpType: CpType.CFG_REQUEST, attributes };
}

/** The inner addresses that the tunnel of an IKE SA has, or had before it was lost. */
export function innerBefore({ renews, setup, env }: IkeSa): readonly IpAddress[] {
  if (env.broken.has("forget_inner_address")) return [];
  if (renews) return inheritorOf(renews).inner?.addresses ?? [];
  return setup?.innerBefore ?? [];
}

/** The value by which an attribute is asked for: an address with the length of its prefix, or nothing. */
function valueAsked(attribute: number, before: readonly IpAddress[]): Uint8Array {
  const family = FAMILIES.find(({ address }) => address === attribute);
  const address = family && before.find(({ length }) => length === family.octets);
  if (!address) return new Uint8Array(0);
  return address.length === 4 ? address : Uint8Array.of(...address, 128);
}

/** The configuration that a CFG_REPLY assigns; undefined if there is no CFG_REPLY, or it has no address. */
export function assignedBy(payloads: readonly Payload[]): InnerConfiguration | undefined {
  const reply = findPayload(payloads, PayloadType.CP);
  if (reply?.cpType !== CpType.CFG_REPLY) return undefined;
  const values = (wanted: "address" | "dns") =>
    FAMILIES.flatMap((family) =>
      reply.attributes.filter((a) => a.attribute === family[wanted] && a.value.length > 0)
        .map(({ value }) => value.slice(0, family.octets))
    );
  const addresses = values("address");
  return addresses.length > 0 ? { addresses, dns: values("dns") } : undefined;
}

/** Ranges whose addresses no host can have: this network, loopback, multicast and above. */
const NEVER_ASSIGNED = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "ff00::/8"]
  .map((text) => parsePrefix(text)!);

/** The reason why an assigned address cannot be used; undefined: all can. */
export function unassignable(
  { addresses }: InnerConfiguration,
  hostNetworks: readonly IpPrefix[],
): string | undefined {
  for (const address of addresses) {
    const at = showAddress(address);
    if (NEVER_ASSIGNED.some((prefix) => prefixContains(prefix, address))) {
      return `it assigned ${at}, which is no address of a host`;
    }
    const network = hostNetworks.find((prefix) => prefixContains(prefix, address));
    if (!network) continue;
    const own = `${showAddress(prefixRange(network)[0])}/${network.bits}`;
    return `it assigned ${at}, an address of this host's own network ${own}, whose traffic would ` +
      "be diverted; give the gateway's pool another prefix";
  }
  return undefined;
}

/** The answer to a request: the leases of the SA, and the payload of the response. */
export interface Grant {
  /** Undefined: no address was asked for, and other attributes are given. */
  readonly inner: InnerConfiguration | undefined;
  readonly reply: CpPayload;
}

/**
 * Leases what a CFG_REQUEST asks for. An address of a family is leased if it is asked for, TSi has selectors
 * of the family, and there is a pool; one of several requested addresses is enough (RFC 7296 §3.15.4).
 * Undefined: there is no request, or no pool, so that the request may be ignored (§2.19).
 * @throws {PeerError} INTERNAL_ADDRESS_FAILURE if no address at all can be leased.
 */
export function grant(sa: IkeSa, request: readonly Payload[]): Grant | undefined {
  const cp = findPayload(request, PayloadType.CP);
  const { pools } = sa.env;
  if (cp?.cpType !== CpType.CFG_REQUEST) return undefined;
  const given = givenAttributes(sa, cp);
  const reply = (more: readonly ConfigurationAttribute[]): CpPayload => ({
    type: PayloadType.CP,
    cpType: CpType.CFG_REPLY,
    attributes: [...more, ...given],
  });
  const hasPool = pools?.v4 !== undefined || pools?.v6 !== undefined;
  if (!pools || !hasPool || given.length > 0 && !asksAddress(cp)) {
    return given.length > 0 ? { inner: undefined, reply: reply([]) } : undefined;
  }
  // A request without a CHILD_SA (RFC 6023) has no selectors that could name a family.
  const selectors = findPayload(request, PayloadType.TSI)?.selectors;
  const addresses: IpAddress[] = [];
  const attributes: ConfigurationAttribute[] = [];
  const dns: IpAddress[] = [];
  const reasons: string[] = [];
  for (const family of FAMILIES) {
    const asked = cp.attributes.find((a) => a.attribute === family.address);
    const pool = pools[family.pool];
    if (!asked || selectors && !selectors.some((ts) => ts.tsType === family.tsType)) continue;
    const address = pool && pool.lease(ownerOf(sa), wishOf(asked, family.octets));
    if (!address) {
      reasons.push(pool ? allLeased(pool, family.name) : `there is no ${family.name} pool`);
      continue;
    }
    addresses.push(address);
    attributes.push(...addressAttributes(cp, pool, address));
    if (!cp.attributes.some((a) => a.attribute === family.dns)) continue;
    dns.push(...pool.plan.dns);
    attributes.push(...pool.plan.dns.map((value) => ({ attribute: family.dns, value })));
  }
  if (addresses.length === 0) {
    const why = reasons.join(", ") || "it asks for no address of a family its TSi names";
    const text = `No inner address to assign: ${why}`;
    throw new PeerError(NotifyType.INTERNAL_ADDRESS_FAILURE, text);
  }
  return { inner: { addresses, dns }, reply: reply(attributes) };
}

function asksAddress({ attributes }: CpPayload): boolean {
  return attributes.some((a) => FAMILIES.some(({ address }) => address === a.attribute));
}

/**
 * The owner of a lease: a peer that is not authenticated has no identity, so that the lease only belongs to
 * this IKE SA. By EAP a peer proves another identity than IDi, which others may give as well: the lease
 * belongs to both together. Peers that share a secret and an identity are one peer to a gateway.
 */
function ownerOf({ peer, spiI, spiR }: IkeSa): string {
  const isNobody = peer.auth === AuthMethod.NULL_AUTHENTICATION;
  if (isNobody) return `nobody ${spiI} ${spiR}`;
  const key = identityKey(peer.id!);
  return peer.eapIdentity === undefined ? key : `${key} by EAP ${peer.eapIdentity}`;
}

function allLeased(pool: AddressPool, name: string): string {
  return `all ${pool.assigned} addresses of the ${name} pool are assigned`;
}

/** The address that a client asks for; undefined if it is unspecified. */
function wishOf({ value }: ConfigurationAttribute, octets: number): IpAddress | undefined {
  const address = value.slice(0, octets);
  return address.length === octets && !isUnspecified(address) ? address : undefined;
}

function addressAttributes(
  cp: CpPayload,
  { plan }: AddressPool,
  address: IpAddress,
): ConfigurationAttribute[] {
  if (address.length === 16) {
    const value = Uint8Array.of(...address, plan.prefixBits);
    return [{ attribute: CfgAttribute.INTERNAL_IP6_ADDRESS, value }];
  }
  const own = { attribute: CfgAttribute.INTERNAL_IP4_ADDRESS, value: address };
  const attribute = CfgAttribute.INTERNAL_IP4_NETMASK;
  if (!cp.attributes.some((a) => a.attribute === attribute)) return [own];
  const mask = plan.prefixBits === 0 ? 0 : -1 << (32 - plan.prefixBits);
  const value = Uint8Array.of(mask >>> 24, mask >>> 16, mask >>> 8, mask);
  return [own, { attribute, value }];
}
