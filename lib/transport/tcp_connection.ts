/**
 * One TCP connection that carries IKE and ESP (RFC 9329): queues what is sent, and finds the frames in what
 * arrives. The stream is split into frames here, or by the kernel if the kernel has the data path.
 * @module
 */
import type { Path } from "@/base/address.ts";
import { concat } from "@/base/bytes.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { frameByKernel, outcomeOf, receiveTcp, sendTcp, type TcpOutcome } from "@/native/tcp.ts";
import { MARKER_OCTETS } from "@/transport/non_esp_marker.ts";
import {
  frameOf,
  FrameReader,
  type FrameTaker,
  LENGTH_OCTETS,
  STREAM_PREFIX,
} from "@/transport/tcp_frames.ts";

/**
 * The most octets of IKE messages that wait for a peer which does not read; beyond that the connection is
 * closed.
 */
const PENDING_MAX = 1 << 20;
/** The most octets of ESP that wait for a flush; further packets are dropped. */
const BATCH_MAX = 128 * 1024;

/** The reason why a connection has ended. */
export interface ConnectionEnd {
  readonly why: string;
  /** Whether the peer's stream was malformed. */
  readonly isBad?: boolean;
}

/** Options of a connection. */
export interface ConnectionParts {
  readonly shim: ShimSymbols;
  readonly fd: number;
  readonly path: Path;
  readonly tag: number;
  /** Whether we opened it: whoever opens a connection sends the stream prefix (RFC 9329 §4). */
  readonly opened: boolean;
  /** Whether the kernel splits the stream into frames, and takes the ESP out of it. */
  readonly kernelEsp: boolean;
}

/** A connection that this end opened or accepted. */
export class TcpConnection {
  readonly path: Path;
  readonly fd: number;
  readonly tag: number;
  /** Whether no SA uses it any more: it is closed as soon as nothing waits to be sent. */
  released = false;
  /** Whether the transport waits for room to send. */
  wantsRoom = false;
  readonly #shim: ShimSymbols;
  readonly #kernelEsp: boolean;
  readonly #reader: FrameReader;
  /** Whole frames, or the unsent rest of one, in the order of sending. */
  #pending: Uint8Array[] = [];
  #pendingOctets = 0;
  /** Frames with ESP since the last flush. */
  #batch: Uint8Array[] = [];
  #batchOctets = 0;
  #connected: boolean;
  /** Whether the system has no room for what is pending. */
  #isFull = false;
  /** Whether the kernel has begun to split the stream into frames. */
  #framed = false;

  constructor({ shim, fd, path, tag, opened, kernelEsp }: ConnectionParts) {
    this.path = path;
    this.fd = fd;
    this.tag = tag;
    this.#shim = shim;
    this.#kernelEsp = kernelEsp;
    this.#connected = !opened;
    this.#reader = new FrameReader(!opened);
  }

  /** Whether the connection is established; a connection that was accepted always is. */
  get isEstablished(): boolean {
    return this.#connected;
  }

  /** Whether nothing waits to be sent, or the connection is not established yet. */
  get isIdle(): boolean {
    return !this.#connected || this.#pendingOctets === 0 && this.#batchOctets === 0;
  }

  /** Whether sending has to wait until the connection is established, or there is room. */
  get isBlocked(): boolean {
    return !this.#connected || this.#isFull;
  }

  /** Octets that wait in this process: to be taken by the peer, or for the rest of their frame. */
  get heldOctets(): number {
    return this.#pendingOctets + this.#batchOctets + this.#reader.kept;
  }

  /**
   * Queues an IKE message. It is not dropped while the connection exists; too many of them end the
   * connection.
   */
  sendIke(message: Uint8Array): ConnectionEnd | undefined {
    this.#settleBatch();
    this.#push(frameOf(message, MARKER_OCTETS));
    if (this.#pendingOctets > PENDING_MAX) return { why: "the peer reads nothing" };
    return undefined;
  }

  /** Queues an ESP packet; false: the connection is full, and the packet is dropped. */
  sendEsp(packet: Uint8Array): boolean {
    if (this.isBlocked || this.#kernelEsp) return false;
    if (this.#batchOctets + packet.length + LENGTH_OCTETS > BATCH_MAX) return false;
    const frame = frameOf(packet, 0);
    this.#batch.push(frame);
    this.#batchOctets += frame.length;
    return true;
  }

  /** Sends what is queued as far as there is room; returns the reason if that ended the connection. */
  flush(): ConnectionEnd | undefined {
    if (!this.#connected) return undefined;
    this.#settleBatch();
    if (this.#pending.length > 1 && !this.#framed) this.#join();
    this.#isFull = false;
    while (this.#pending.length > 0) {
      const frame = this.#pending[0]!;
      // A kernel that splits the stream into frames writes the length field itself.
      const at = this.#framed ? LENGTH_OCTETS : 0;
      const sent = sendTcp(this.#shim, this.fd, frame, at);
      if (sent === "later") return void (this.#isFull = true);
      if (typeof sent === "object") return { why: sent.ended };
      this.#pendingOctets -= at + sent;
      if (at + sent < frame.length) {
        if (this.#framed) return { why: "the kernel took a part of a frame" };
        this.#pending[0] = frame.subarray(at + sent);
        return void (this.#isFull = true);
      }
      this.#pending.shift();
    }
    return undefined;
  }

  /** Is called when the socket is ready: the connection is now established, or could not be made. */
  settle(): ConnectionEnd | undefined {
    if (this.#connected) return undefined;
    const why = outcomeOf(this.#shim, this.fd);
    if (why !== undefined) return { why };
    // If the kernel splits frames, the prefix must not be passed to it; otherwise it is sent with the queued
    // frames.
    const first = this.#kernelEsp ? STREAM_PREFIX : concat(STREAM_PREFIX, ...this.#pending);
    // "later" means that the connection is not established yet.
    const sent = sendTcp(this.#shim, this.fd, first, 0);
    if (sent === "later") return undefined;
    if (typeof sent === "object") return { why: sent.ended };
    if (sent < STREAM_PREFIX.length) return { why: "no room for the stream prefix" };
    this.#connected = true;
    if (this.#kernelEsp) return this.#frameByKernel();
    this.#pending = sent < first.length ? [first.subarray(sent)] : [];
    this.#pendingOctets = first.length - sent;
    return undefined;
  }

  /**
   * Receives once, into a buffer of at least {@linkcode FRAME_MAX} octets that each call fills from its
   * start. `later`: nothing has arrived.
   */
  receive(buffer: Uint8Array, take: FrameTaker): ConnectionEnd | "later" | undefined {
    if (!this.#connected) return "later";
    if (this.#framed) return this.#receiveFrame(buffer, take);
    const kept = this.#reader.putKept(buffer);
    // If the kernel splits frames, only the prefix is read here, and the rest of the stream is left to it.
    const most = this.#kernelEsp ? STREAM_PREFIX.length - kept : buffer.length - kept;
    const got = receiveTcp(this.#shim, this.fd, buffer, kept, most);
    const end = endOf(got);
    if (end) return end;
    const fault = this.#reader.read(buffer, kept + (got as number), take);
    if (fault) return { why: fault, isBad: true };
    if (this.#kernelEsp && !this.#reader.awaitsPrefix) return this.#frameByKernel();
    return undefined;
  }

  #receiveFrame(buffer: Uint8Array, take: FrameTaker): ConnectionEnd | "later" | undefined {
    const got = receiveTcp(this.#shim, this.fd, buffer, 0);
    const end = endOf(got);
    if (end) return end;
    take(buffer, 0, got as number);
    return undefined;
  }

  #frameByKernel(): ConnectionEnd | undefined {
    if (!this.#kernelEsp || this.#framed) return undefined;
    const refused = frameByKernel(this.#shim, this.fd);
    if (refused) return { why: `the kernel has no ESP in TCP (${refused}: espintcp)` };
    this.#framed = true;
    return undefined;
  }

  #settleBatch(): void {
    for (const frame of this.#batch) this.#push(frame);
    this.#batch = [];
    this.#batchOctets = 0;
  }

  #push(frame: Uint8Array): void {
    this.#pending.push(frame);
    this.#pendingOctets += frame.length;
  }

  /** Joins all frames that wait, so that they are sent by one system call. */
  #join(): void {
    this.#pending = [concat(...this.#pending)];
  }
}

function endOf(got: TcpOutcome): ConnectionEnd | "later" | undefined {
  if (got === "later") return "later";
  return typeof got === "object" ? { why: got.ended } : undefined;
}
