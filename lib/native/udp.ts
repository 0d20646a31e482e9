/**
 * The shim's UDP sockets: opens them, waits for any of them, and receives and sends datagrams in batches. A
 * datagram is a record in a buffer that C and TypeScript share (see `ffi/udp.h`).
 * @module
 */
import os from "node:os";
import type { IpAddress } from "@/base/address.ts";
import { must, SystemError } from "@/base/errors.ts";
import type { Shard } from "@/base/shard.ts";
import type { ShimSymbols } from "@/native/load.ts";

/** Octets of a record before its payload. */
export const RECORD_OCTETS = 64;
/** Octets from one received record to the next: any payload fits, and records fall into different cache sets. */
export const SLOT_OCTETS = RECORD_OCTETS + 65_536 + 64;
/** Indices of the words (uint32, host byte order) of a record. */
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
/** Offsets of the addresses in a record. */
export const RecordAt = { OWN: 16, PEER: 32 };
/**
 * Bits of a record's flags: the payload did not fit; the system did not tell the own address; the record is
 * sent by a raw socket; it may be sent in one piece with following records of its length and ends; it is no
 * datagram but an error about one that was sent ({@linkcode errorAt}).
 */
export const RecordFlag = { TRUNCATED: 1, NO_OWN: 2, RAW: 4, JOINS: 8, ERROR: 16 };

/** Bits of the flags of `my_udp_open`; above them the protocol of a raw socket. */
const OPEN_FREEBIND = 1;
const OPEN_BYPASS = 2;
const OPEN_ESP_IN_UDP = 4;
const OPEN_TRAFFIC_CLASS = 8;
const OPEN_MARK = 16;
const OPEN_ERRORS = 32;
const OPEN_SHARED = 64;
const OPEN_RAW_SHIFT = 8;
/** Mark of packets that sockets with tunnels send; the rule that leads into tunnels skips packets with it. */
export const TUNNEL_MARK = 330;
/** The step of `my_udp_open` that failed, by the number that it returns. */
const STEPS = ["", "setns", "socket", "setsockopt", "bind", "setns"];
const STEP_RETURN = 5;

/** The options of a socket. */
export interface UdpSocketOptions {
  /** The own address; all zeros: any address of its family. */
  readonly address: IpAddress;
  /** The own port; 0: a free one. */
  readonly port: number;
  /** Path of a network namespace; absent: the process's own. */
  readonly namespacePath?: string | undefined;
  /** Whether it may be bound to an address that no interface has. */
  readonly freebind?: boolean | undefined;
  /** Octets to ask for, which the system doubles for its own administration. 0: the system's default. */
  readonly receiveBufferOctets: number;
  /** Whether the kernel takes ESP that comes in UDP (RFC 3948), so that it never reaches this process. */
  readonly espInUdp?: boolean;
  /**
   * Whether it carries tunnels: then it reports DSCP and ECN of what arrives, sends with {@linkcode
   * TUNNEL_MARK}, and returns several datagrams of one length and sender in one record
   * (`RecordWord.SEGMENT`).
   */
  readonly carriesTunnels?: boolean | undefined;
  /** Whether errors about datagrams that it sent, as from ICMP, are returned as records. */
  readonly tellsErrors?: boolean;
  /** The IP protocol of a raw socket, whose port is ignored; absent: the socket is UDP. */
  readonly rawProtocol?: number;
  /** Whether other sockets of this process may be bound to the same address and port ({@linkcode steer}). */
  readonly isShared?: boolean | undefined;
  /** Whether IPsec policies apply to it, as to other sockets of the system; otherwise it bypasses them. */
  readonly underPolicy?: boolean;
}

/** An open socket. */
export interface UdpSocket {
  readonly fd: number;
  readonly port: number;
  /** The receive buffer as the system counts it, at most twice what was asked for. */
  readonly receiveBufferOctets: number;
  /** The errno name for which IPsec policies apply to this socket; undefined: they do not. */
  readonly bypassRefused: string | undefined;
}

/**
 * Opens and binds a socket.
 * @throws {SystemError} with the call that failed and its errno name.
 */
export function openUdpSocket(shim: ShimSymbols, options: UdpSocketOptions): UdpSocket {
  const { address, port, namespacePath = "", freebind = false, receiveBufferOctets } = options;
  const path = new TextEncoder().encode(namespacePath);
  const report = new Uint32Array(4);
  const flags = (options.underPolicy ? 0 : OPEN_BYPASS) | (freebind ? OPEN_FREEBIND : 0) |
    (options.espInUdp ? OPEN_ESP_IN_UDP : 0) |
    (options.carriesTunnels ? OPEN_TRAFFIC_CLASS | OPEN_MARK : 0) |
    (options.tellsErrors ? OPEN_ERRORS : 0) |
    (options.isShared ? OPEN_SHARED : 0) |
    (options.rawProtocol ?? 0) << OPEN_RAW_SHIFT;
  const fd = shim.my_udp_open(
    path,
    path.length,
    address as Uint8Array<ArrayBuffer>,
    address.length,
    port,
    flags,
    receiveBufferOctets,
    report,
  );
  // The rest of the program runs in this thread, which would otherwise be in the wrong namespace.
  must(report[0] !== STEP_RETURN, "a thread returns from a network namespace");
  if (fd < 0) {
    const errno = errnoName(-fd);
    const syscall = STEPS[report[0]!] || "socket";
    throw new SystemError(`${syscall} fails: ${errno}`, syscall, errno);
  }
  const bypassRefused = report[3] === 0 ? undefined : errnoName(report[3]!);
  return { fd, port: report[1]!, receiveBufferOctets: report[2]!, bypassRefused };
}

/**
 * The largest packet, in octets, that reaches an address without fragmentation, as far as the system knows;
 * undefined: it knows no route to it.
 */
export function pathMtu(shim: ShimSymbols, address: IpAddress): number | undefined {
  const mtu = shim.my_path_mtu(address as Uint8Array<ArrayBuffer>, address.length);
  return mtu > 0 ? mtu : undefined;
}

/**
 * Distributes datagrams among the sockets that share the address and port of `fd`, by the SPI that is ours
 * (`ffi/udp_steer.c`). They are `shards`, and are bound in the order of their workers. `natt`: the port also
 * receives ESP.
 * @throws {SystemError} if the kernel refuses.
 */
export function steer(
  shim: ShimSymbols,
  fd: number,
  { shards, natt }: { readonly shards: number; readonly natt: boolean },
): void {
  checked(shim.my_udp_steer(fd, shards, natt ? 1 : 0), "setsockopt");
}

/** Offset of the SPI in the header of ESP. */
const SPI_OF_ESP = 0;

/**
 * Lets a raw socket of ESP receive only packets whose SPI belongs to a worker.
 * @throws {SystemError} if the kernel refuses.
 */
export function filterEsp(
  shim: ShimSymbols,
  { fd, family }: { readonly fd: number; readonly family: 4 | 16 },
  { number, of }: Shard,
): void {
  const isFour = family === 4 ? 1 : 0;
  checked(shim.my_raw_filter(fd, of, number, SPI_OF_ESP, isFour), "setsockopt");
}

/** Number of datagrams that the socket has lost because its receive buffer was full. */
export function receiveDropsOf(shim: ShimSymbols, fd: number): number {
  return Math.max(0, shim.my_udp_drops(fd));
}

/** A record that the system refused to send. */
export interface RefusedRecord {
  /** Offset of the record in the buffer. */
  readonly at: number;
  /** Name of the errno, such as `ENETUNREACH`. */
  readonly errno: string;
}

/** The outcome of sending records. */
export interface SendOutcome {
  readonly sent: number;
  /** Number of datagrams that the system did not take. */
  readonly refused: number;
  /** The first of these, at most {@linkcode LISTED_MAX}; of several in one piece only the first. */
  readonly listed: readonly RefusedRecord[];
}

/** `LISTED_MAX` of `ffi/udp_batch.c`. */
const LISTED_MAX = 64;
/**
 * Words of the outcome of `my_udp_send`: sent, refused, listed; then offset and errno of each that is listed.
 */
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

/** The content of a record with `RecordFlag.ERROR`. */
export interface RecordError {
  /** Name of the errno, such as `ECONNREFUSED`. */
  readonly errno: string;
  /** Type and code of the ICMP message; undefined: the error is the system's own. */
  readonly icmp: { readonly type: number; readonly code: number } | undefined;
  /** Sender of the ICMP message, valid until the next record; undefined if unknown. */
  readonly offender: IpAddress | undefined;
}

/** Reads the error in the record at `at` of a buffer whose words are `words`. */
export function errorAt(buffer: Uint8Array, words: Uint32Array, at: number): RecordError {
  const word = at >> 2;
  const said = words[word + RecordWord.TRAFFIC_CLASS]!;
  const octets = words[word + RecordWord.LENGTH]!;
  const offenderAt = at + RECORD_OCTETS;
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

  /** @throws {SystemError} if file descriptors have run out. */
  constructor(shim: ShimSymbols) {
    this.#shim = shim;
    const report = new Int32Array(1);
    this.#epoll = checked(shim.my_wait_open(report), "epoll_create1");
    this.#wake = report[0]!;
  }

  /** Adds a socket; records of its datagrams have the tag. */
  add(fd: number, tag: number): void {
    checked(this.#shim.my_wait_add(this.#epoll, fd, tag), "epoll_ctl");
  }

  /** Resolves when something can be received, or `wake` was called. */
  async wait(): Promise<void> {
    checked(await this.#shim.my_wait(this.#epoll, -1), "epoll_wait");
  }

  /**
   * Receives what has arrived: a record in each {@linkcode SLOT_OCTETS} from the start of the buffer.
   * @returns how many.
   * @throws {SystemError} if a socket has become unusable.
   */
  receive(arena: Uint8Array): number {
    const buffer = arena as Uint8Array<ArrayBuffer>;
    const { my_udp_receive } = this.#shim;
    return checked(my_udp_receive(this.#epoll, buffer, buffer.length, SLOT_OCTETS), "recvmmsg");
  }

  /** Ends {@linkcode wait} for ever. */
  wake(): void {
    this.#shim.my_wait_wake(this.#wake);
  }

  /** Closes it. Nobody may wait any more. */
  close(): void {
    this.#shim.my_close(this.#epoll);
    this.#shim.my_close(this.#wake);
  }
}

/** Closes a file descriptor of the shim. */
export function closeFd(shim: ShimSymbols, fd: number): void {
  shim.my_close(fd);
}

/** The name of an errno: `EACCES` for 13. */
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
