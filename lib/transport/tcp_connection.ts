/**
 * One TCP connection with IKE and ESP in it (RFC 9329): what waits to be sent, and the frames of what
 * arrives. Frames are cut here, or by the kernel where it has the data path.
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

/** Octets of IKE that wait for a peer which does not read: more is no IKE any more. */
const PENDING_MAX = 1 << 20;
/** Octets of ESP that wait for a flush. */
const BATCH_MAX = 128 * 1024;

/** Why a connection is of no use any more. */
export interface ConnectionEnd {
  readonly why: string;
  /** What came was no stream of frames. */
  readonly isBad?: boolean;
}

/** What a connection is made of. */
export interface ConnectionParts {
  readonly shim: ShimSymbols;
  readonly fd: number;
  readonly path: Path;
  readonly tag: number;
  /** Begun here: who begins sends the prefix (RFC 9329 §4). */
  readonly opened: boolean;
  /** The kernel cuts frames, and takes ESP out. */
  readonly kernelEsp: boolean;
}

/** See the file. */
export class TcpConnection {
  readonly path: Path;
  readonly fd: number;
  readonly tag: number;
  /** Nobody uses it: it goes when nothing waits any more. */
  released = false;
  /** Whether room to send is waited for. */
  wantsRoom = false;
  readonly #shim: ShimSymbols;
  readonly #kernelEsp: boolean;
  readonly #reader: FrameReader;
  /** Whole frames, or the rest of one, in their order. */
  #pending: Uint8Array[] = [];
  #pendingOctets = 0;
  /** ESP of this turn. */
  #batch: Uint8Array[] = [];
  #batchOctets = 0;
  #connected: boolean;
  /** The system has no room for what is pending. */
  #isFull = false;
  /** The kernel cuts frames by now. */
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

  /** Whether the connection has come about; a connection of the peer's always has. */
  get stood(): boolean {
    return this.#connected;
  }

  /** Whether nothing waits to be sent, or nothing can be as it has not been connected yet. */
  get isIdle(): boolean {
    return !this.#connected || this.#pendingOctets === 0 && this.#batchOctets === 0;
  }

  /** Whether what is sent waits, and room must be waited for. */
  get isBlocked(): boolean {
    return !this.#connected || this.#isFull;
  }

  /** Octets that wait in this process: to be taken by the peer, or for the rest of their frame. */
  get heldOctets(): number {
    return this.#pendingOctets + this.#batchOctets + this.#reader.kept;
  }

  /** Adds an IKE message, which is never dropped while the connection stands. */
  sendIke(message: Uint8Array): ConnectionEnd | undefined {
    this.#settleBatch();
    this.#push(frameOf(message, MARKER_OCTETS));
    if (this.#pendingOctets > PENDING_MAX) return { why: "the peer reads nothing" };
    return undefined;
  }

  /** Adds an ESP packet, where the connection takes it; false: it is full. */
  sendEsp(packet: Uint8Array): boolean {
    if (this.isBlocked || this.#kernelEsp) return false;
    if (this.#batchOctets + packet.length + LENGTH_OCTETS > BATCH_MAX) return false;
    const frame = frameOf(packet, 0);
    this.#batch.push(frame);
    this.#batchOctets += frame.length;
    return true;
  }

  /** Sends what waits, as far as there is room. */
  flush(): ConnectionEnd | undefined {
    if (!this.#connected) return undefined;
    this.#settleBatch();
    if (this.#pending.length > 1 && !this.#framed) this.#join();
    this.#isFull = false;
    while (this.#pending.length > 0) {
      const frame = this.#pending[0]!;
      // A kernel that cuts frames writes the length itself.
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

  /** The system has something to tell: the connection stands, or has come to nothing. */
  settle(): ConnectionEnd | undefined {
    if (this.#connected) return undefined;
    const why = outcomeOf(this.#shim, this.fd);
    if (why !== undefined) return { why };
    // A kernel that cuts frames must not see the prefix; else it leaves with what waits for it.
    const first = this.#kernelEsp ? STREAM_PREFIX : concat(STREAM_PREFIX, ...this.#pending);
    // Not connected yet: the system says so.
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
   * Takes what is there once, into a buffer of at least {@linkcode FRAME_MAX} octets that is filled
   * anew for each call; `later`: nothing was.
   */
  receive(buffer: Uint8Array, take: FrameTaker): ConnectionEnd | "later" | undefined {
    if (!this.#connected) return "later";
    if (this.#framed) return this.#receiveFrame(buffer, take);
    const kept = this.#reader.putKept(buffer);
    // What stands behind the prefix is the kernel's to take where it cuts frames.
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

  /** Many frames leave by one call. */
  #join(): void {
    this.#pending = [concat(...this.#pending)];
  }
}

function endOf(got: TcpOutcome): ConnectionEnd | "later" | undefined {
  if (got === "later") return "later";
  return typeof got === "object" ? { why: got.ended } : undefined;
}
