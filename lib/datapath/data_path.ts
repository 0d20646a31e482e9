/**
 * The interface of what carries the packets of CHILD_SAs: the kernel, ESP in this process, or nothing at
 * all. It is told of CHILD_SAs by plain records.
 * @module
 */
import type { IpAddress, IpPrefix, Path } from "@/base/address.ts";
import type { InnerPackets } from "@/datapath/inner_packets.ts";

/** The implementation, after the value `auto` of the option `datapath` was resolved. */
export type DataPathKind = "kernel" | "userland" | "none";

/** A traffic selector (RFC 7296 §3.13.1). `last` and `endPort` are included. */
export interface Selector {
  readonly first: IpAddress;
  readonly last: IpAddress;
  /** IP protocol, uint8; 0 stands for any. */
  readonly protocol: number;
  /** uint16; of ICMP the type in the upper and the code in the lower octet. 65535 to 0 means OPAQUE. */
  readonly startPort: number;
  readonly endPort: number;
}

/** The transforms of both directions, by IANA number. */
export interface SaSuite {
  /** 3 for ESP, 2 for AH. */
  readonly protocol: number;
  /** Encryption algorithm (transform type 1); 0 for AH. */
  readonly encryption: number;
  /** Value of the Key Length attribute; 0 for a cipher of fixed key length. */
  readonly keyBits: number;
  /** Integrity algorithm (transform type 3); 0 for none, as with an AEAD cipher. */
  readonly integrity: number;
  readonly esn: boolean;
}

/** Keys of one direction in the form of KEYMAT: a salt follows the encryption key. */
export interface SaKeys {
  readonly encryption: Uint8Array;
  readonly integrity: Uint8Array;
}

/** What ESP is encapsulated in; the ports are those of the path. */
export type Encapsulation = "none" | "udp" | "tcp";

/** Both directions of a CHILD_SA. */
export interface SaPair {
  /** The SPI of packets that we receive, uint32. */
  readonly spiIn: number;
  /** The SPI of packets that we send, uint32. */
  readonly spiOut: number;
  /**
   * A number from 1 on, uint32, that a CHILD_SA has in common with those that it replaces by a rekey and
   * those that replace it. Their policies stay while their states change.
   */
  readonly rekeyChain: number;
  readonly suite: SaSuite;
  readonly keysIn: SaKeys;
  readonly keysOut: SaKeys;
  readonly tunnelMode: boolean;
  readonly encapsulation: Encapsulation;
  readonly path: Path;
  readonly ownSelectors: readonly Selector[];
  readonly peerSelectors: readonly Selector[];
  /** The replay window in packets; 0: replays are not detected. */
  readonly replayWindow: number;
  /** Whether the other end wants no TFC padding (RFC 7296 §1.3.1). */
  readonly noTfcPadding: boolean;
  /** How packets are aggregated and fragmented (IP-TFS, RFC 9347); absent: each is sent by itself. */
  readonly aggfrag?: AggfragTerms | undefined;
}

/** Aggregation and fragmentation of a CHILD_SA. */
export interface AggfragTerms {
  /** Whether the other end takes packets in fragments. */
  readonly fragments: boolean;
  /** Octets of a payload with its header; 0: as many as the path MTU allows. */
  readonly payloadOctets: number;
  /** Payloads in a second; 0: as there are packets. */
  readonly rate: number;
}

/** Packets and octets of one CHILD_SA. */
export interface SaCounters {
  readonly packetsIn: number;
  readonly octetsIn: number;
  readonly packetsOut: number;
  readonly octetsOut: number;
}

/** Packets and octets of all CHILD_SAs so far, also of those that are gone. */
export interface DataPathTotals extends SaCounters {
  /** Payloads of IP-TFS that were sent and received, and octets of padding in the former (RFC 9347). */
  readonly payloadsOut: number;
  readonly payloadsIn: number;
  readonly paddingOut: number;
  /** Packets that were dropped, by cause; causes that did not occur are left out. */
  readonly drops: Readonly<Record<string, number>>;
}

/** How many sequence numbers are left when an SA without ESN asks to be rekeyed (RFC 4303 §3.3.3). */
export const SEQUENCE_LEFT = 2 ** 24;

/** What a data path reports. */
export interface DataPathListener {
  /** A packet needs an SA of a rekey chain, and there is none (RFC 4301 §4.4.1). */
  acquired(rekeyChain: number): void;
  /** A CHILD_SA has reached a limit of packets or octets that the data path itself counts. */
  expired(spiIn: number, hard: boolean): void;
  /**
   * An authentic packet in UDP came from other ends than the pair's path says. It is reported once for each
   * address and port, or again and again until the pair is moved.
   */
  peerMoved(spiIn: number, peerAddress: IpAddress, peerPort: number): void;
  /** A pair of SAs could not be installed. Those that were installed before stay. */
  refused(spiIn: number, why: string): void;
  /** A sentence for the log, at a level as in `IkeEffect`. */
  note(level: 1 | 2 | 3 | 4, text: string): void;
}

/**
 * A data path. Calls take effect with {@linkcode DataPath.flush} at the latest, which is called before any
 * datagram is sent that depends on them.
 */
export interface DataPath {
  readonly kind: DataPathKind;
  /** Sends and receives packets of our own without a device; absent: they go by sockets of the system. */
  readonly inner?: InnerPackets;
  /** Installs the inbound SA of a pair: from now on its packets are accepted. */
  installIn(pair: SaPair): void;
  /** Installs the outbound SA of a pair: from now on packets of its rekey chain leave by it. */
  installOut(pair: SaPair): void;
  /** Removes both SAs of a pair, and with the last pair of a rekey chain its policies. */
  uninstall(spiIn: number): void;
  /** Changes the path of a CHILD_SA (RFC 4555, RFC 7296 §2.23). */
  move(spiIn: number, path: Path, encapsulation: Encapsulation): void;
  /** Adds an inner address that the peer has assigned to us, or removes it. */
  addInnerAddress(address: IpPrefix): void;
  removeInnerAddress(address: IpPrefix): void;
  /** Performs the calls that have not taken effect yet. */
  flush(): void;
  /** The counters of a CHILD_SA; undefined: there is no such CHILD_SA, or its packets are not counted. */
  counters(spiIn: number): SaCounters | undefined;
  /**
   * Milliseconds since the last authentic packet of this CHILD_SA that was no replay (RFC 7296 §2.4). A data
   * path that only sees counters tells the time since it saw the counter grow. Undefined: no packet came, or
   * unknown.
   */
  silenceMs(spiIn: number): number | undefined;
  /** Packets of all CHILD_SAs; undefined: they are not counted here, but in the kernel. */
  totals(): DataPathTotals | undefined;
  /** Removes everything that was installed, and nothing else. */
  close(): Promise<void>;
}
