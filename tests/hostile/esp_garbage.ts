/**
 * Makes the packets of a flood of ESP from a seed: packets of strangers, packets that were overheard, and
 * packets of a hostile peer that has keys.
 * @module
 */
import { parseAddress, type Path } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import type { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import type { SaPair, Selector } from "@/datapath/data_path.ts";
import type { UserlandDrops } from "@/datapath/userland_counters.ts";
import { writeHeaderChecksum } from "@/esp/ip_packet.ts";
import { OutboundSa } from "@/esp/outbound.ts";
import { type PacketCipher, type PacketKeys, packetMeasures } from "@/esp/packet_cipher.ts";
import { portablePacketCipher } from "@/esp/packet_cipher.ts";
import { loadShim } from "@/native/load.ts";
import { PacketKey } from "@/native/packet_keys.ts";

/** The kinds of packets, and the counter of the gateway to which each belongs. */
export const KINDS = {
  "random octets": "unknownSpi",
  "an SPI that nobody has": "unknownSpi",
  "cut where no packet ends": "truncated",
  "overheard and repeated": "replayed",
  "left of the window": "replayed",
  "changed anywhere behind the SPI": "badIcv",
  "a number far ahead, forged": "badIcv",
  "a spoofed inner source": "wrongSelectors",
  "an inner destination of another tunnel": "wrongSelectors",
  "a protocol that was not agreed": "wrongSelectors",
  "an inner packet that is none": "badInner",
  "IPv4 said to be IPv6": "badInner",
  "padding that is none": "badTrailer",
  "a dummy packet": "dummy",
  "congestion met by who knows none": "congestion",
} as const satisfies Readonly<Record<string, keyof UserlandDrops>>;

/** A kind of {@linkcode KINDS}. */
export type Kind = keyof typeof KINDS;

/** The names of all kinds. */
export const KIND_NAMES = Object.keys(KINDS) as Kind[];

const UDP = 17;
const IPV4 = 4;
const IPV6 = 41;
const DUMMY = 59;
const CE = 3;
const KEY_OCTETS = 20;
const INNER_OCTETS = 256;
/** How far ahead sequence numbers are. */
const AHEAD = 1 << 20;
/** Two tunnels of the gateway: one is attacked, the other is that of the attacker. */
const VICTIM = { number: 1, peer: "10.66.1.1", own: "10.66.0.1" };
const INSIDER = { number: 2, peer: "10.66.1.2", own: "10.66.0.2" };

/** A packet, and the traffic class with which it is sent. */
export interface Made {
  readonly packet: Uint8Array;
  readonly trafficClass: number;
}

/** The gateway's CHILD_SAs, in UDP between two addresses. */
export function gatewayPairs(path: Path): readonly SaPair[] {
  return [VICTIM, INSIDER].map(({ number, peer, own }) => ({
    spiIn: spiOf(number),
    spiOut: 0x7000_0000 + number,
    rekeyChain: number,
    path,
    suite: { protocol: 3, encryption: 20, keyBits: 128, integrity: 0, esn: false },
    keysIn: { encryption: keyOf(number), integrity: new Uint8Array(0) },
    keysOut: { encryption: keyOf(100 + number), integrity: new Uint8Array(0) },
    tunnelMode: true,
    encapsulation: "udp" as const,
    replayWindow: 1024,
    noTfcPadding: false,
    ownSelectors: [selector(own)],
    peerSelectors: [selector(peer)],
  }));
}

function spiOf(number: number): number {
  return 0x6000_0000 + number;
}

function keyOf(number: number): Uint8Array {
  return Uint8Array.from({ length: KEY_OCTETS }, (_, i) => 7 * number + 3 * i & 255);
}

function address(text: string): Uint8Array {
  const octets = parseAddress(text);
  must(octets !== undefined, `address: ${text}`);
  return octets;
}

function selector(text: string): Selector {
  return {
    first: address(text),
    last: address(text),
    protocol: UDP,
    startPort: 0,
    endPort: 0xffff,
  };
}

/** Both peers of the gateway: an honest one and an attacker. */
export class EspGarbage {
  readonly #random: SeededRandom;
  readonly #victim: OutboundSa;
  readonly #insider: OutboundSa;
  /** The cipher of the attacker's SA, for packets that no {@linkcode OutboundSa} makes. */
  readonly #cipher = cipherOf(INSIDER.number);
  readonly #good = innerPacket(VICTIM.peer, VICTIM.own);
  /** Good packets as they were on the wire: the first ones and the last one. */
  readonly #overheard: Uint8Array[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#victim = outbound(VICTIM.number);
    this.#insider = outbound(INSIDER.number);
  }

  /** The next good packet; valid until the next one is made. */
  good(): Made {
    const packet = seal(this.#victim, this.#good, IPV4);
    if (this.#overheard.length < 64) this.#overheard.push(packet);
    else this.#overheard[63] = packet;
    return { packet, trafficClass: 0 };
  }

  /** A bad packet; at least 2048 good ones must have been made before. */
  make(kind: Kind): Made {
    const trafficClass = kind === "congestion met by who knows none" ? CE : 0;
    return { packet: this.#packet(kind), trafficClass };
  }

  #packet(kind: Kind): Uint8Array {
    const random = this.#random;
    const last = this.#overheard.at(-1)!;
    switch (kind) {
      case "random octets": {
        // The first octets are neither an IKE message nor a keepalive nor an own SPI.
        const packet = random.octets(8 + random.below(1400));
        packet[0] = 0x80 | packet[0]!;
        return packet;
      }
      case "an SPI that nobody has":
        return changed(last, (view) => view.setUint32(0, 0x6000_0003 + random.below(1 << 20)));
      case "cut where no packet ends":
        return last.slice(0, 4 * random.below(last.length / 4 - 1) + 5 + random.below(3));
      case "overheard and repeated":
        return last.slice();
      case "left of the window":
        return this.#overheard[random.below(60)]!.slice();
      case "changed anywhere behind the SPI":
        return this.#flipped(last);
      case "a number far ahead, forged":
        return changed(last, (view) => view.setUint32(4, 0x7fff_0000 + random.below(0xffff)));
      default:
        return this.#fromInside(kind);
    }
  }

  /** Changes one bit of a packet with a number that is new even after others were sent. */
  #flipped(last: Uint8Array): Uint8Array {
    const packet = changed(last, (view) => view.setUint32(4, view.getUint32(4) + AHEAD));
    packet[8 + this.#random.below(packet.length - 8)]! ^= 1 << this.#random.below(8);
    return packet;
  }

  /** Makes a packet that only a peer with keys can send. */
  #fromInside(kind: Kind): Uint8Array {
    const insider = this.#insider;
    const { peer, own } = INSIDER;
    switch (kind) {
      case "a spoofed inner source":
        return seal(insider, innerPacket(VICTIM.peer, own), IPV4);
      case "an inner destination of another tunnel":
        return seal(insider, innerPacket(peer, VICTIM.own), IPV4);
      case "a protocol that was not agreed":
        return seal(insider, innerPacket(peer, own, 6), IPV4);
      case "an inner packet that is none":
        return seal(insider, new Uint8Array(this.#random.below(INNER_OCTETS)), IPV4);
      case "IPv4 said to be IPv6":
        return seal(insider, innerPacket(peer, own), IPV6);
      case "a dummy packet":
        return seal(insider, this.#random.octets(100), DUMMY);
      case "padding that is none":
        return this.#badPadding();
      default:
        return seal(insider, innerPacket(peer, own), IPV4);
    }
  }

  #badPadding(): Uint8Array {
    // This is the next packet of the SA, with another plaintext under the same number.
    const packet = seal(this.#insider, new Uint8Array(62), IPV4);
    const clear = 64;
    packet.fill(0, 16, 16 + clear);
    packet.set([1 + this.#random.below(255), IPV4], 16 + clear - 2);
    this.#cipher.seal(packet, 0, clear, undefined);
    return packet;
  }
}

function changed(packet: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = packet.slice();
  change(new DataView(copy.buffer, copy.byteOffset));
  return copy;
}

function seal(sa: OutboundSa, clear: Uint8Array, nextHeader: number): Uint8Array {
  const packet = new Uint8Array(sa.sealedOctets(clear.length));
  sa.seal(clear, nextHeader, packet, 0);
  return packet;
}

function outbound(number: number): OutboundSa {
  const random = () => must(false, "counter modes draw nothing") as never;
  return new OutboundSa({ spi: spiOf(number), cipher: cipherOf(number), esn: false, random });
}

function cipherOf(number: number): PacketCipher {
  const encryption = keyOf(number);
  const cipher = portableBackend().cipher(20, 128)!;
  const keys: PacketKeys = {
    cipher,
    encryption,
    integrity: undefined,
    authentication: new Uint8Array(0),
  };
  const { symbols } = loadShim();
  if (!symbols) return portablePacketCipher(keys);
  const key = new PacketKey(symbols, {
    encryption: 20,
    encryptionKey: encryption,
    integrity: 0,
    integrityKey: keys.authentication,
    seals: true,
  });
  return {
    measures: packetMeasures(keys),
    seal: (...of) => key.seal(...of),
    open: () => false,
    close: () => key.close(),
  };
}

/** A UDP datagram, or one that claims to be another protocol. */
function innerPacket(from: string, to: string, protocol = UDP): Uint8Array {
  const packet = new Uint8Array(INNER_OCTETS);
  const view = new DataView(packet.buffer, packet.byteOffset);
  packet.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol]);
  view.setUint16(2, INNER_OCTETS);
  packet.set(address(from), 12);
  packet.set(address(to), 16);
  view.setUint32(20, 0x30390009);
  view.setUint16(24, INNER_OCTETS - 20);
  writeHeaderChecksum(packet, 0);
  return packet;
}
