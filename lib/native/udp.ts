/**
 * The shim's UDP sockets: opening them, waiting for any of them, taking and sending datagrams in
 * batches. A datagram is a record in a buffer that C and TypeScript share (see `ffi/udp.h`).
 * @module
 */
import os from "node:os";
import type { IpAddress } from "@/base/address.ts";
import { must, SystemError } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";

/** Octets of a record before its payload. */
export const RECORD_OCTETS = 64;
/** Octets from one received record to the next: any payload fits, and records fall into different cache sets. */
export const SLOT_OCTETS = RECORD_OCTETS + 65_536 + 64;
/** Words (uint32, host order) of a record. */
export const RecordWord = {
  LENGTH: 0,
  SOCKET: 1,
  PEER_PORT: 2,
  FAMILY: 3,
  SCOPE: 12,
  FLAGS: 13,
  TRAFFIC_CLASS: 14,
  SEGMENT: 15,
};
/** Octets at which a record's addresses stand. */
export const RecordAt = { OWN: 16, PEER: 32 };
/**
 * Bits of a record's flags: the payload did not fit; the system did not tell the own address; to be
 * sent by a raw socket; to be sent in one piece with others of its length and way, where they follow;
 * the record is no datagram but an error that a datagram met which was sent ({@linkcode errorAt}).
 */
export const RecordFlag = { TRUNCATED: 1, NO_OWN: 2, RAW: 4, JOINS: 8, ERROR: 16 };

/** Bits of the flags of `my_udp_open`; above them the protocol of a raw socket. */
const OPEN_FREEBIND = 1, OPEN_BYPASS = 2, OPEN_ESP_IN_UDP = 4, OPEN_TRAFFIC_CLASS = 8;
const OPEN_MARK = 16, OPEN_ERRORS = 32, OPEN_RAW_SHIFT = 8;
/** What marked sockets send bears it: the rule that leads into tunnels passes it over. */
export const TUNNEL_MARK = 330;
/** What `my_udp_open` says of the step that failed. */
const STEPS = ["", "setns", "socket", "setsockopt", "bind", "setns"];
const STEP_RETURN = 5;

/** What to open. */
export interface UdpSocketWish {
  /** All zeros: any address of its family. */
  readonly address: IpAddress;
  /** 0: a free one. */
  readonly port: number;
  /** Path of a network namespace; absent: the process's own. */
  readonly namespacePath?: string | undefined;
  /** Also addresses that no interface has. */
  readonly freebind?: boolean | undefined;
  /** Octets to ask for; the system doubles them for its own books. 0: the system's default. */
  readonly receiveBufferOctets: number;
  /** The kernel takes ESP that comes in UDP (RFC 3948): it never reaches this process. */
  readonly espInUdp?: boolean;
  /**
   * It carries tunnels: tells DSCP and ECN of what arrives, bears {@linkcode TUNNEL_MARK}, and gives
   * datagrams of one length and sender in one record (`RecordWord.SEGMENT`).
   */
  readonly carriesTunnels?: boolean | undefined;
  /** It hands out what ICMP says of the datagrams that it sent, as records with an error. */
  readonly tellsErrors?: boolean;
  /** A raw socket of this IP protocol; absent: UDP. The port is ignored then. */
  readonly rawProtocol?: number;
  /** IPsec policies hold for it, as for any socket of the system: it has no bypass. */
  readonly underPolicy?: boolean;
}

/** An open socket. */
export interface UdpSocket {
  readonly fd: number;
  readonly port: number;
  /** The receive buffer as the system counts it, twice what was asked for at most. */
  readonly receiveBufferOctets: number;
  /** The errno name for which IPsec policies apply to this socket; undefined: they do not. */
  readonly bypassRefused: string | undefined;
}

/**
 * Opens and binds a socket.
 * @throws {SystemError} with the call that failed and its errno name.
 */
export function openUdpSocket(shim: ShimSymbols, wish: UdpSocketWish): UdpSocket {
  const { address, port, namespacePath = "", freebind = false, receiveBufferOctets } = wish;
  const path = new TextEncoder().encode(namespacePath), told = new Uint32Array(4);
  const flags = (wish.underPolicy ? 0 : OPEN_BYPASS) | (freebind ? OPEN_FREEBIND : 0) |
    (wish.espInUdp ? OPEN_ESP_IN_UDP : 0) |
    (wish.carriesTunnels ? OPEN_TRAFFIC_CLASS | OPEN_MARK : 0) |
    (wish.tellsErrors ? OPEN_ERRORS : 0) |
    (wish.rawProtocol ?? 0) << OPEN_RAW_SHIFT;
  const fd = shim.my_udp_open(
    path,
    path.length,
    address as Uint8Array<ArrayBuffer>,
    address.length,
    port,
    flags,
    receiveBufferOctets,
    told,
  );
  // The rest of the program runs in this thread, and would do so in the wrong namespace.
  must(told[0] !== STEP_RETURN, "a thread returns from a network namespace");
  if (fd < 0) {
    const errno = errnoName(-fd);
    const syscall = STEPS[told[0]!] || "socket";
    throw new SystemError(`${syscall} fails: ${errno}`, syscall, errno);
  }
  const bypassRefused = told[3] === 0 ? undefined : errnoName(told[3]!);
  return { fd, port: told[1]!, receiveBufferOctets: told[2]!, bypassRefused };
}

/**
 * The largest packet, in octets, that reaches an address without being fragmented, as far as the system
 * knows; undefined: it knows no route there.
 */
export function pathMtu(shim: ShimSymbols, address: IpAddress): number | undefined {
  const mtu = shim.my_path_mtu(address as Uint8Array<ArrayBuffer>, address.length);
  return mtu > 0 ? mtu : undefined;
}

/** Datagrams the socket has lost because its receive buffer was full. */
export function receiveDropsOf(shim: ShimSymbols, fd: number): number {
  return Math.max(0, shim.my_udp_drops(fd));
}

/** A record that the system refused to send. */
export interface RefusedRecord {
  /** Where it begins in the buffer. */
  readonly at: number;
  /** `ENETUNREACH`, say. */
  readonly errno: string;
}

/** What became of records to be sent. */
export interface SendOutcome {
  readonly sent: number;
  /** Datagrams that the system did not take. */
  readonly refused: number;
  /** The first of them, {@linkcode LISTED_MAX} at most; of several in one piece the first alone. */
  readonly listed: readonly RefusedRecord[];
}

/** `LISTED_MAX` of `ffi/udp_batch.c`. */
const LISTED_MAX = 64;
/** Words of the account of `my_udp_send`: sent, refused, listed; then offset and errno of each. */
const ACCOUNT_WORDS = 3;
const account = new Uint32Array(ACCOUNT_WORDS + 2 * LISTED_MAX);

/** Sends the records in the first `octets` of a buffer. */
export function sendRecords(shim: ShimSymbols, records: Uint8Array, octets: number): SendOutcome {
  const result = shim.my_udp_send(records as Uint8Array<ArrayBuffer>, octets, account);
  must(result === 0, "records that follow each other");
  const [sent, refused, count] = account as unknown as readonly [number, number, number];
  const listed: RefusedRecord[] = [];
  for (let word = ACCOUNT_WORDS; listed.length < count; word += 2) {
    listed.push({ at: account[word]!, errno: errnoName(account[word + 1]!) });
  }
  return { sent, refused, listed };
}

/** What a record with `RecordFlag.ERROR` says. */
export interface RecordError {
  /** `ECONNREFUSED`, say. */
  readonly errno: string;
  /** Type and code of the ICMP message that said so; undefined: the system said so itself. */
  readonly icmp: { readonly type: number; readonly code: number } | undefined;
  /** Who sent that message, lent; undefined: it is not known. */
  readonly offender: IpAddress | undefined;
}

/** Reads the error in the record at `at` of a buffer whose words are `words`. */
export function errorAt(buffer: Uint8Array, words: Uint32Array, at: number): RecordError {
  const word = at >> 2, said = words[word + RecordWord.TRAFFIC_CLASS]!;
  const octets = words[word + RecordWord.LENGTH]!, offenderAt = at + RECORD_OCTETS;
  return {
    errno: errnoName(words[word + RecordWord.SEGMENT]!),
    icmp: said === 0 && octets === 0 ? undefined : { type: said >> 8, code: said & 255 },
    offender: octets === 0 ? undefined : buffer.subarray(offenderAt, offenderAt + octets),
  };
}

/** Waits for many sockets at once, and receives from them. */
export class SocketWait {
  readonly #shim: ShimSymbols;
  readonly #epoll: number;
  readonly #wake: number;

  /** @throws {SystemError} where file descriptors have run out. */
  constructor(shim: ShimSymbols) {
    this.#shim = shim;
    const told = new Int32Array(1);
    this.#epoll = checked(shim.my_wait_open(told), "epoll_create1");
    this.#wake = told[0]!;
  }

  /** Adds a socket; the records of its datagrams have the tag. */
  add(fd: number, tag: number): void {
    checked(this.#shim.my_wait_add(this.#epoll, fd, tag), "epoll_ctl");
  }

  /** Resolves when something can be received, or `wake` was called. */
  async wait(): Promise<void> {
    checked(await this.#shim.my_wait(this.#epoll, -1), "epoll_wait");
  }

  /**
   * Receives what has arrived, {@linkcode SLOT_OCTETS} for each datagram from the start of the buffer.
   * @returns how many.
   * @throws {SystemError} where a socket is of no use any more.
   */
  receive(arena: Uint8Array): number {
    const buffer = arena as Uint8Array<ArrayBuffer>;
    const { my_udp_receive } = this.#shim;
    return checked(my_udp_receive(this.#epoll, buffer, buffer.length, SLOT_OCTETS), "recvmmsg");
  }

  /** Ends {@linkcode wait}, for good. */
  wake(): void {
    this.#shim.my_wait_wake(this.#wake);
  }

  /** Closes it; to be called when nobody waits any more. */
  close(): void {
    this.#shim.my_close(this.#epoll);
    this.#shim.my_close(this.#wake);
  }
}

/** Closes a file descriptor of the shim. */
export function closeFd(shim: ShimSymbols, fd: number): void {
  shim.my_close(fd);
}

/** `EACCES` for 13. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(os.constants.errno)) {
    if (value === errno) return name;
  }
  return `errno ${errno}`;
}

function checked(result: number, syscall: string): number {
  if (result >= 0) return result;
  const errno = errnoName(-result);
  throw new SystemError(`${syscall} fails: ${errno}`, syscall, errno);
}
