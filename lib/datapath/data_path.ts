/**
 * What carries the packets of CHILD_SAs, and what it is told of them: plain records, so that the
 * kernel, ESP in this process, and nothing at all are three implementations of one interface.
 * @module
 */
import type { IpAddress, IpPrefix, Path } from "@/base/address.ts";
import type { InnerPackets } from "@/datapath/inner_packets.ts";

/** Which implementation: the option `datapath`, resolved. */
export type DataPathKind = "kernel" | "userland" | "none";

/** A traffic selector (RFC 7296 §3.13.1); `last` and `endPort` belong to it. */
export interface Selector {
  readonly first: IpAddress;
  readonly last: IpAddress;
  /** IP protocol, uint8; 0: any. */
  readonly protocol: number;
  /** uint16; of ICMP: type in the upper, code in the lower octet. 65535–0: OPAQUE. */
  readonly startPort: number;
  readonly endPort: number;
}

/** The transforms of both directions, IANA numbers. */
export interface SaSuite {
  /** 3 ESP, 2 AH. */
  readonly protocol: number;
  /** Transform type 1; 0 for AH. */
  readonly encryption: number;
  /** The Key Length attribute; 0: a cipher of fixed length. */
  readonly keyBits: number;
  /** Transform type 3; 0: none (AEAD). */
  readonly integrity: number;
  readonly esn: boolean;
}

/** Keys of one direction, as KEYMAT gives them: the salt stands behind the encryption key. */
export interface SaKeys {
  readonly encryption: Uint8Array;
  readonly integrity: Uint8Array;
}

/** How ESP travels; ports are those of the path. */
export type Encapsulation = "none" | "udp" | "tcp";

/** Both directions of a CHILD_SA. */
export interface SaPair {
  /** uint32; what we receive on. */
  readonly spiIn: number;
  /** uint32; what we send on. */
  readonly spiOut: number;
  /**
   * uint32 ≥ 1; what this CHILD_SA, those it replaces and those that replace it have in common: their
   * policies stay while their states change.
   */
  readonly line: number;
  readonly suite: SaSuite;
  readonly keysIn: SaKeys;
  readonly keysOut: SaKeys;
  readonly tunnelMode: boolean;
  readonly encapsulation: Encapsulation;
  readonly path: Path;
  readonly ownSelectors: readonly Selector[];
  readonly peerSelectors: readonly Selector[];
  /** Packets; 0: replays are not looked for. */
  readonly replayWindow: number;
  /** Whether the other end wants no TFC padding (RFC 7296 §1.3.1). */
  readonly noTfcPadding: boolean;
}

/** What a data path counted for one CHILD_SA. */
export interface SaCounters {
  readonly packetsIn: number;
  readonly octetsIn: number;
  readonly packetsOut: number;
  readonly octetsOut: number;
}

/** What a data path did with all packets so far, of CHILD_SAs that are gone too. */
export interface DataPathTotals extends SaCounters {
  /** Packets that went no further, by cause; causes that did not happen are left out. */
  readonly drops: Readonly<Record<string, number>>;
}

/** Sequence numbers that are left when an SA without ESN asks to be replaced (RFC 4303 §3.3.3). */
export const SEQUENCE_LEFT = 2 ** 24;

/** What a data path tells by itself. */
export interface DataPathListener {
  /** A packet of the line wants an SA that is not there (RFC 4301 §4.4.1). */
  acquired(line: number): void;
  /** A state has come to an end that the data path itself sees: octets or packets. */
  expired(spiIn: number, hard: boolean): void;
  /**
   * An authentic packet in UDP came from elsewhere than the pair's path says. Told once for a place, or
   * again and again until the pair is moved.
   */
  peerMoved(spiIn: number, peerAddress: IpAddress, peerPort: number): void;
  /** An SA pair could not be put in; what was there before still is. */
  refused(spiIn: number, why: string): void;
  /** Worth a line in the log; levels as in IkeEffect. */
  note(level: 1 | 2 | 3 | 4, text: string): void;
}

/**
 * A data path. Calls are wishes, performed by {@linkcode DataPath.flush} at the latest, and before any
 * datagram that follows from them leaves.
 */
export interface DataPath {
  readonly kind: DataPathKind;
  /** Packets of our own without a device; absent: they go by sockets of the system. */
  readonly inner?: InnerPackets;
  /** What we receive on: from now on its packets are taken. */
  installIn(pair: SaPair): void;
  /** What we send on: from now on packets of its line leave by it. */
  installOut(pair: SaPair): void;
  /** Takes out both directions; the last of its line takes the policies with it. */
  uninstall(spiIn: number): void;
  /** The ends of the path have changed (RFC 4555, RFC 7296 §2.23). */
  move(spiIn: number, path: Path, encapsulation: Encapsulation): void;
  /** An inner address that the peer assigned is ours now, or is no more. */
  addInnerAddress(address: IpPrefix): void;
  removeInnerAddress(address: IpPrefix): void;
  /** Performs what is still only wished. */
  flush(): void;
  /** Undefined: no such CHILD_SA, or nobody counts. */
  counters(spiIn: number): SaCounters | undefined;
  /**
   * Milliseconds since an authentic packet of this CHILD_SA came that was no replay (RFC 7296 §2.4). Where
   * packets are only counted it is the time since they were last seen to be more. Undefined: none came, or
   * nobody knows.
   */
  silenceMs(spiIn: number): number | undefined;
  /** Undefined: somebody else keeps the books, as the kernel does. */
  totals(): DataPathTotals | undefined;
  /** Takes out everything that was put in, and nothing else. */
  close(): Promise<void>;
}
