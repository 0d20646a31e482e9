/**
 * Answers neighbour solicitations (RFC 4861 §4.3) for the IPv6 addresses of prefixes that have a local route,
 * as the kernel answers them only for addresses that an interface has. Frames of Ethernet:
 *
 *      0        6         12     14            22           38                54            78
 *     +--------+---------+------+-------------+------------+-----------------+-------------+----------+
 *     | to MAC | from MAC| 86dd | … IPv6      | source     | destination     | ICMPv6      | options  |
 *     +--------+---------+------+-------------+------------+-----------------+-------------+----------+
 *
 * @module
 */
import type { IpAddress, IpPrefix } from "@/base/address.ts";
import { octetsKey } from "@/base/bytes.ts";
import { foldSum, IpProtocol, sumWords } from "@/esp/ip_packet.ts";

const ETHER_TYPE_AT = 12;
const ETHER_TYPE_IPV6 = 0x86dd;
const IP_AT = 14;
const SOURCE_AT = IP_AT + 8;
const DESTINATION_AT = IP_AT + 24;
const ICMP_AT = IP_AT + 40;
const TARGET_AT = ICMP_AT + 8;
const OPTIONS_AT = TARGET_AT + 16;
const ADDRESS_OCTETS = 16;
const MAC_OCTETS = 6;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const HOP_LIMIT = 255;
/** Flags of an advertisement: it was asked for, and it replaces what the asker knows (RFC 4861 §4.4). */
const SOLICITED = 0x40;
const OVERRIDE = 0x20;
const SOURCE_LINK_LAYER = 1;
const TARGET_LINK_LAYER = 2;
/** Octets of an advertisement with its one option. */
const ANSWER_OCTETS = OPTIONS_AT + 8;
/** ff02::1, and the Ethernet address of this group (RFC 2464 §7). */
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
/** The first 13 octets of a solicited-node address (RFC 4291 §2.7.1). */
const SOLICITED_NODE = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff);

/** The addresses for which solicitations are answered. */
export class AddressSet {
  readonly #alone = new Set<string>();
  readonly #prefixes: IpPrefix[] = [];

  /** Only prefixes of IPv6 count. */
  constructor(prefixes: readonly IpPrefix[]) {
    for (const prefix of prefixes) {
      if (prefix.address.length !== ADDRESS_OCTETS) continue;
      if (prefix.bits === 8 * ADDRESS_OCTETS) this.#alone.add(octetsKey(prefix.address));
      else this.#prefixes.push(prefix);
    }
  }

  /** Whether there is no address. */
  get isEmpty(): boolean {
    return this.#alone.size + this.#prefixes.length === 0;
  }

  /** Whether it has an address. */
  has(address: IpAddress): boolean {
    return this.#alone.has(octetsKey(address)) ||
      this.#prefixes.some((prefix) => isWithin(address, prefix));
  }
}

/**
 * The frame of the advertisement that answers a solicitation; undefined: it asks for none of the addresses, or
 * is not valid (RFC 4861 §7.1.1). `mac` is that of the interface.
 */
export function answerTo(
  frame: Uint8Array,
  addresses: AddressSet,
  mac: Uint8Array,
): Uint8Array | undefined {
  if (!isSolicitation(frame)) return undefined;
  const target = frame.subarray(TARGET_AT, TARGET_AT + ADDRESS_OCTETS);
  const source = frame.subarray(SOURCE_AT, SOURCE_AT + ADDRESS_OCTETS);
  if (!addresses.has(target)) return undefined;
  // Somebody who has no address yet wants to take the target, and hears that it is in use (RFC 4862 §5.4.4).
  const isProbe = source.every((octet) => octet === 0);
  const answer = new Uint8Array(ANSWER_OCTETS);
  answer.set(isProbe ? ALL_NODES_MAC : frame.subarray(MAC_OCTETS, 2 * MAC_OCTETS));
  answer.set(mac, MAC_OCTETS);
  answer.set([ETHER_TYPE_IPV6 >> 8, ETHER_TYPE_IPV6 & 255, 0x60], ETHER_TYPE_AT);
  answer.set([0, ANSWER_OCTETS - ICMP_AT, IpProtocol.ICMPV6, HOP_LIMIT], IP_AT + 4);
  answer.set(target, SOURCE_AT);
  answer.set(isProbe ? ALL_NODES : source, DESTINATION_AT);
  answer[ICMP_AT] = ADVERTISEMENT;
  answer[ICMP_AT + 4] = isProbe ? OVERRIDE : SOLICITED | OVERRIDE;
  answer.set(target, TARGET_AT);
  answer.set([TARGET_LINK_LAYER, 1], OPTIONS_AT);
  answer.set(mac, OPTIONS_AT + 2);
  const checksum = foldSum(sumOf(answer, ANSWER_OCTETS - ICMP_AT));
  answer[ICMP_AT + 2] = checksum >> 8;
  answer[ICMP_AT + 3] = checksum;
  return answer;
}

/** Whether a frame is a valid solicitation (RFC 4861 §7.1.1). */
function isSolicitation(frame: Uint8Array): boolean {
  if (frame.length < OPTIONS_AT) return false;
  const octets = frame[IP_AT + 4]! << 8 | frame[IP_AT + 5]!;
  const isIcmp = frame[ETHER_TYPE_AT] === ETHER_TYPE_IPV6 >> 8 &&
    frame[ETHER_TYPE_AT + 1] === (ETHER_TYPE_IPV6 & 255) && frame[IP_AT]! >> 4 === 6 &&
    frame[IP_AT + 6] === IpProtocol.ICMPV6 && frame[IP_AT + 7] === HOP_LIMIT;
  if (!isIcmp || octets < OPTIONS_AT - ICMP_AT || ICMP_AT + octets > frame.length) return false;
  if (frame[ICMP_AT] !== SOLICITATION || frame[ICMP_AT + 1] !== 0) return false;
  if (frame[TARGET_AT] === 0xff || foldSum(sumOf(frame, octets)) !== 0) return false;
  const isProbe = frame.subarray(SOURCE_AT, SOURCE_AT + ADDRESS_OCTETS)
    .every((octet) => octet === 0);
  const toGroup = SOLICITED_NODE.every((octet, i) => frame[DESTINATION_AT + i] === octet);
  let tellsSource = false;
  for (let at = OPTIONS_AT; at < ICMP_AT + octets;) {
    const length = 8 * (frame[at + 1] ?? 0);
    if (length === 0 || at + length > ICMP_AT + octets) return false;
    if (frame[at] === SOURCE_LINK_LAYER) tellsSource = true;
    at += length;
  }
  return !isProbe || toGroup && !tellsSource;
}

/** The sum of the message of a frame with its pseudo-header (RFC 8200 §8.1). */
function sumOf(frame: Uint8Array, octets: number): number {
  return sumWords(frame, SOURCE_AT, 2 * ADDRESS_OCTETS) + octets + IpProtocol.ICMPV6 +
    sumWords(frame, ICMP_AT, octets);
}

function isWithin(address: IpAddress, { address: first, bits }: IpPrefix): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== first[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (address[whole]! ^ first[whole]!) >> 8 - rest === 0;
}
