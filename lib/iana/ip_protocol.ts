/**
 * IANA protocol-numbers: those that traffic selectors name in practice.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** IP protocol, uint8. In a traffic selector 0 means any (RFC 7296 §3.13.1). */
export const IpProtocol = {
  HOPOPT: 0,
  ICMP: 1,
  IGMP: 2,
  IPV4: 4,
  TCP: 6,
  UDP: 17,
  IPV6: 41,
  GRE: 47,
  ESP: 50,
  AH: 51,
  ICMPV6: 58,
  OSPF: 89,
  IPCOMP: 108,
  L2TP: 115,
  SCTP: 132,
  MH: 135,
  UDPLITE: 136,
} as const;

const NAMES = namesOf(IpProtocol);

/** The name of a number, such as `UDP`, or `unknown(253)` if the table has none. */
export function nameOfIpProtocol(value: number): string {
  return nameIn(NAMES, value);
}
