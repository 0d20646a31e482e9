/**
 * Netlink sockets of the shim: requests to the kernel in batches with their results, dumps, and events of the
 * kernel. The caller encodes and decodes the bodies of messages; this file handles the header of 16 octets
 * and the acknowledgement (`linux/netlink.h`). Numbers are in host byte order, which is little-endian on
 * every machine on which Deno runs.
 * @module
 */
import { must, SystemError } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { closeFd, errnoName } from "@/native/udp.ts";

/** Netlink families (`linux/netlink.h`). */
export const NetlinkFamily = { ROUTE: 0, XFRM: 6 } as const;

/** Octets of a message's header. */
export const NETLINK_HEADER_OCTETS = 16;
/** Flags of a header: for a request, an acknowledged request, and one for a whole table. */
export const NetlinkFlag = {
  REQUEST: 1,
  ACK: 4,
  REPLACE: 0x100,
  EXCL: 0x200,
  DUMP: 0x300,
  CREATE: 0x400,
  APPEND: 0x800,
} as const;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** Flags of an answer: a text follows the error; the table changed while it was dumped. */
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_ACK_TLVS = 0x200;
/** Attribute of an acknowledgement that has the kernel's error text. */
const NLMSGERR_ATTR_MSG = 1;
/** The most octets of requests in one call; their acknowledgements fit into the smallest receive buffer. */
const BATCH_OCTETS = 64 * 1024;
const RECEIVE_OCTETS = 256 * 1024;
const SOCKET_BUFFER_OCTETS = 4 << 20;

/** Why the kernel refused a request: the name of the errno, and the kernel's own text if there is one. */
export interface NetlinkRefusal {
  readonly errno: string;
  readonly words: string;
}

/** A refusal as `EEXIST (the kernel's text)`. */
export function showRefusal({ errno, words }: NetlinkRefusal): string {
  return words ? `${errno} (${words})` : errno;
}

/** A message of the kernel; `body` is valid until the next call. */
export interface NetlinkMessage {
  readonly type: number;
  readonly body: Uint8Array;
}

/** The options of a netlink socket. */
export interface NetlinkOptions {
  readonly family: number;
  /** Bit mask of the multicast groups to receive; 0: only answers to requests arrive. */
  readonly groups?: number;
  /** Path of a network namespace; absent: the process's own. */
  readonly namespacePath?: string | undefined;
}

/** A netlink socket, nonblocking: the kernel answers a request before the call returns. */
export class NetlinkSocket {
  readonly fd: number;
  readonly #shim: ShimSymbols;
  readonly #out = new Uint8Array(BATCH_OCTETS);
  readonly #in = new Uint8Array(RECEIVE_OCTETS);
  #sequence = 0;
  #closed = false;

  /** @throws {SystemError} if the system refuses. */
  constructor(shim: ShimSymbols, { family, groups = 0, namespacePath = "" }: NetlinkOptions) {
    this.#shim = shim;
    const path = new TextEncoder().encode(namespacePath);
    const fd = shim.my_netlink_open(path, path.length, family, groups, SOCKET_BUFFER_OCTETS);
    this.fd = checked(fd, "netlink socket");
  }

  /**
   * Sends requests: whole messages with the flags REQUEST and ACK, which get their sequence numbers here. The
   * result has an entry for each request, in order: the refusal, or undefined.
   * @throws {SystemError} if the socket itself fails.
   */
  request(messages: readonly Uint8Array[]): (NetlinkRefusal | undefined)[] {
    const outcomes: (NetlinkRefusal | undefined)[] = new Array(messages.length).fill(undefined);
    for (let at = 0; at < messages.length;) at = this.#batch(messages, at, outcomes);
    return outcomes;
  }

  /**
   * Sends one request, and returns the messages that the kernel sends before its acknowledgement.
   * @throws {SystemError} with the errno name if the kernel refuses.
   */
  ask(message: Uint8Array): NetlinkMessage[] {
    const request = message.slice();
    const sequence = ++this.#sequence;
    const found: NetlinkMessage[] = [];
    wordsOf(request, 0).setUint32(8, sequence, true);
    checked(this.#shim.my_netlink_send(this.fd, request, request.length), "sendto");
    for (;;) {
      for (const answer of this.#receive()) {
        if (answer.sequence !== sequence) continue;
        if (answer.type !== NLMSG_ERROR) {
          found.push({ type: answer.type, body: answer.body.slice() });
          continue;
        }
        const refused = refusalIn(answer);
        if (!refused) return found;
        throw new SystemError(`netlink refuses: ${showRefusal(refused)}`, "sendto", refused.errno);
      }
    }
  }

  /** All entries for which a DUMP request asks. @throws {SystemError} if the kernel refuses. */
  dump(message: Uint8Array): NetlinkMessage[] {
    for (;;) {
      const found = this.#dumpOnce(message);
      if (found) return found;
    }
  }

  /** Copies of the events that the kernel has sent. `lost`: some did not fit into the receive buffer. */
  events(): { readonly messages: NetlinkMessage[]; readonly lost: boolean } {
    const messages: NetlinkMessage[] = [];
    let lost = false;
    for (;;) {
      const octets = this.#shim.my_netlink_receive(this.fd, this.#in, this.#in.length);
      if (octets === 0) return { messages, lost };
      if (octets < 0 && errnoName(-octets) === "ENOBUFS") {
        lost = true;
        continue;
      }
      checked(octets, "recvmsg");
      for (const { type, body } of messagesIn(this.#in.subarray(0, octets))) {
        messages.push({ type, body: body.slice() });
      }
    }
  }

  /** Closes the socket. Idempotent. */
  close(): void {
    if (!this.#closed) closeFd(this.#shim, this.fd);
    this.#closed = true;
  }

  /** Sends as many requests as fit, and reads their results; returns the index of the next request. */
  #batch(
    messages: readonly Uint8Array[],
    from: number,
    outcomes: (NetlinkRefusal | undefined)[],
  ): number {
    let octets = 0;
    let to = from;
    const first = this.#sequence + 1;
    while (to < messages.length) {
      const message = messages[to]!;
      const room = message.length + 3 & ~3;
      if (octets + room > BATCH_OCTETS) break;
      this.#out.fill(0, octets + message.length, octets + room);
      this.#out.set(message, octets);
      wordsOf(this.#out, octets).setUint32(8, ++this.#sequence, true);
      octets += room;
      to++;
    }
    must(to > from, "a netlink request that fits a batch");
    checked(this.#shim.my_netlink_send(this.fd, this.#out, octets), "sendto");
    let open = to - from;
    while (open > 0) {
      for (const answer of this.#receive()) {
        const index = answer.sequence - first;
        if (answer.type !== NLMSG_ERROR || index < 0 || index >= to - from) continue;
        outcomes[from + index] = refusalIn(answer);
        open--;
      }
    }
    return to;
  }

  /** One attempt at a dump. Undefined: the table changed meanwhile, so that the dump has to be repeated. */
  #dumpOnce(message: Uint8Array): NetlinkMessage[] | undefined {
    const request = message.slice();
    const sequence = ++this.#sequence;
    const found: NetlinkMessage[] = [];
    wordsOf(request, 0).setUint32(8, sequence, true);
    checked(this.#shim.my_netlink_send(this.fd, request, request.length), "sendto");
    let changed = false;
    for (;;) {
      for (const answer of this.#receive()) {
        if (answer.sequence !== sequence) continue;
        changed ||= (answer.flags & NLM_F_DUMP_INTR) !== 0;
        if (answer.type === NLMSG_DONE) return changed ? undefined : found;
        const refused = answer.type === NLMSG_ERROR ? refusalIn(answer) : undefined;
        if (refused) {
          throw new SystemError(
            `a netlink dump fails: ${showRefusal(refused)}`,
            "dump",
            refused.errno,
          );
        }
        if (answer.type > NLMSG_DONE) found.push({ type: answer.type, body: answer.body.slice() });
      }
    }
  }

  /**
   * Receives one datagram of answers, which the kernel has put into the socket before the request returned.
   */
  #receive(): Answer[] {
    const octets = this.#shim.my_netlink_receive(this.fd, this.#in, this.#in.length);
    if (octets === 0) throw new SystemError("netlink gives no answer", "recvmsg", "EAGAIN");
    checked(octets, "recvmsg");
    return messagesIn(this.#in.subarray(0, octets));
  }
}

interface Answer extends NetlinkMessage {
  readonly flags: number;
  readonly sequence: number;
}

function messagesIn(octets: Uint8Array): Answer[] {
  const found: Answer[] = [];
  for (let at = 0; at + NETLINK_HEADER_OCTETS <= octets.length;) {
    const header = wordsOf(octets, at);
    const length = header.getUint32(0, true);
    must(length >= NETLINK_HEADER_OCTETS && at + length <= octets.length, "whole netlink messages");
    found.push({
      type: header.getUint16(4, true),
      flags: header.getUint16(6, true),
      sequence: header.getUint32(8, true),
      body: octets.subarray(at + NETLINK_HEADER_OCTETS, at + length),
    });
    at += length + 3 & ~3;
  }
  return found;
}

/** The refusal in an acknowledgement; undefined if its error is 0. */
function refusalIn({ body, flags }: Answer): NetlinkRefusal | undefined {
  const error = wordsOf(body, 0).getInt32(0, true);
  if (error === 0) return undefined;
  return { errno: errnoName(-error), words: flags & NLM_F_ACK_TLVS ? wordsIn(body) : "" };
}

/** The kernel's own text, which follows the error and the request's header (NETLINK_CAP_ACK). */
function wordsIn(body: Uint8Array): string {
  for (let at = 4 + NETLINK_HEADER_OCTETS; at + 4 <= body.length;) {
    const attribute = wordsOf(body, at);
    const length = attribute.getUint16(0, true);
    if (length < 4) break;
    if ((attribute.getUint16(2, true) & 0x3fff) === NLMSGERR_ATTR_MSG) {
      return new TextDecoder().decode(body.subarray(at + 4, at + length)).replace(/\0.*$/, "");
    }
    at += length + 3 & ~3;
  }
  return "";
}

function wordsOf(octets: Uint8Array, at: number): DataView {
  return new DataView(octets.buffer, octets.byteOffset + at, octets.length - at);
}

function checked(result: number, syscall: string): number {
  if (result >= 0) return result;
  const errno = errnoName(-result);
  throw new SystemError(`${syscall} fails: ${errno}`, syscall, errno);
}
