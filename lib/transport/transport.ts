/**
 * The interface of what carries IKE messages, in UDP (portable or native) and in TCP. Messages are passed
 * without their non-ESP marker, which the transport adds and removes; ESP has an interface of its own.
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import type { ImpairmentCounts } from "@/transport/impairment.ts";
import type { SendErrors } from "@/transport/send_errors.ts";

/** A received IKE message, and the path by which it came. */
export interface Datagram {
  /** The IKE message, without a non-ESP marker. It is valid only until the listener returns. */
  readonly octets: Uint8Array;
  readonly path: Path;
  /** Whether a non-ESP marker isEstablished before it (RFC 3948 §2.2). */
  readonly encapsulated: boolean;
}

/** Whoever receives what arrives at a transport. */
export interface TransportListener {
  datagrams(batch: readonly Datagram[]): void;
  /** Is called when the sockets have failed, so that nothing will arrive any more; not after a close. */
  failed(error: unknown): void;
  /** Is called with TCP connections that have ended although they were not released. */
  lost?(ends: readonly LostConnection[]): void;
}

/** A TCP connection that has ended. */
export interface LostConnection {
  readonly path: Path;
  readonly why: string;
}

/** The TCP connections of a transport (RFC 9329), each named by its path. */
export interface Connections {
  /** The own port: the one that listens, or the one that connections are opened from where it is free. */
  readonly port: number;
  readonly counters: ConnectionCounters;
  /**
   * Opens a connection between the ends of a path. What is sent by the returned path waits until the
   * connection is established. If the own port of `path` is in use, the returned path has another one.
   * @throws {SetupError | SystemError} if the system refuses at once.
   */
  open(path: Path): Path;
  /** Tells that an authenticated SA uses the connection, which stays until it is released. */
  keep(path: Path): void;
  /** Tells that no SA uses the connection any more, so that it is closed when what waits has been sent. */
  release(path: Path): void;
}

/** Counters of TCP connections, and of what was dropped in them. */
export interface ConnectionCounters {
  /** Number of connections that were opened here, and of those that were accepted. */
  opened: number;
  accepted: number;
  /**
   * Connections without an authenticated SA that were closed, as there were too many, their time was over, or
   * too much waited for them.
   */
  crowdedOut: number;
  idle: number;
  hoarding: number;
  /** Connections closed because the stream was wrong: no prefix, a length of 0 or 1 (RFC 9329 §3, §4). */
  badStreams: number;
  /** ESP packets that were dropped because their connection was full. */
  espDropped: number;
  /** Frames that are neither IKE nor ESP nor a keepalive. */
  badFrames: number;
}

/** Counters of datagrams. */
export interface TransportCounters {
  sent: number;
  received: number;
  /** Datagrams that the system refused to send. */
  sendErrors: number;
  /** NAT-T keepalives received and sent (RFC 3948 §2.3); they count in `received` and `sent` too. */
  keepalives: number;
  keepalivesSent: number;
  /** ESP packets received in UDP or TCP. */
  esp: number;
  /** Datagrams lost because a receive buffer was full; absent where the system does not tell. */
  readonly receiveDrops?: number;
  /** Datagrams to an address that is not ours; absent where no socket receives such. */
  strays?: number;
}

/** An open transport. */
export interface Transport {
  readonly name: "portable" | "native";
  readonly counters: TransportCounters;
  /** The own IKE port; where 0 was asked for, the one that was taken. */
  readonly ikePort: number;
  /** The NAT-T port; undefined where none was asked for. */
  readonly nattPort: number | undefined;
  /** The most tunnels that should be set up at a time, so that the receive buffer holds their messages. */
  readonly halfOpenMax: number;
  /** Sentences for the tester about what these sockets lack; absent: nothing. */
  readonly notes?: readonly string[];
  /** The errors of what was sent; absent: the transport cannot tell. */
  readonly sendErrors?: SendErrors;
  /** What each rule of `impairment` did to messages; absent: there are no rules. */
  readonly impairment?: readonly ImpairmentCounts[];
  /** Carries ESP packets; absent: the transport carries IKE alone. */
  readonly esp?: EspCarrier | undefined;
  /** TCP connections; absent: the transport is UDP only. */
  readonly connections?: Connections | undefined;
  /** Sets the receiver of what arrives; it is called once. */
  listen(listener: TransportListener): void;
  /**
   * Sends an IKE message, at the latest with {@linkcode flush}; from the NAT-T port and in TCP it gets a
   * marker.
   */
  send(octets: Uint8Array, path: Path): void;
  /** Sends a NAT-T keepalive, at the latest with {@linkcode flush}; only possible from the NAT-T port. */
  keepalive(path: Path): void;
  flush(): void;
  close(): Promise<void>;
}

/** The options of a transport in TCP. */
export interface TcpOptions extends
  Pick<
    UdpOptions,
    "ownAddresses" | "namespace" | "kernelEsp" | "ownEsp" | "freebind"
  > {
  /** The own TCP port; 0 takes a free one. */
  readonly port: number;
  /** Whether it listens at the own addresses; false: it only opens connections. */
  readonly listens: boolean;
  /** The most connections of strangers at a time. */
  readonly strangersMax?: number;
  /** Milliseconds that a stranger has to authenticate. */
  readonly strangerMs?: number;
  /** The most octets that may wait for all strangers: to be read by them, or for the rest of a frame. */
  readonly strangersHeldMax?: number;
}

/** The options of a transport in UDP. */
export interface UdpOptions {
  /** Own addresses. Each gets a socket (portable), or all of a family share one (native). All zeros: any. */
  readonly ownAddresses: readonly IpAddress[];
  /** The own IKE port; 0 takes a free one. */
  readonly ikePort: number;
  /** The own NAT-T port; 0 takes a free one, undefined opens none. */
  readonly nattPort?: number | undefined;
  /** The network namespace of the sockets: a name of `ip netns`, or a path. Native only. */
  readonly namespace?: string | undefined;
  /** Octets of receive buffer to ask for, of which the system may give less; native only. */
  readonly receiveBufferOctets?: number | undefined;
  /** Whether the kernel takes the ESP that comes to the NAT-T port; native only. */
  readonly kernelEsp?: boolean | undefined;
  /** Whether this process handles ESP in UDP: see {@linkcode Transport.esp}. */
  readonly ownEsp?: boolean | undefined;
  /** Whether to bind to addresses that no interface has (IP_FREEBIND); native only. */
  readonly freebind?: boolean | undefined;
  /** The interface of link-local addresses; absent: the interface by which a peer was heard is used. */
  readonly linkLocalInterface?: string | undefined;
}
