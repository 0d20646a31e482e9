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
  /** Whether a non-ESP marker was before it (RFC 3948 §2.2). */
  readonly encapsulated: boolean;
}

/** The receiver of a transport's messages. */
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
  /** The own port: that of listening sockets, or the one from which connections are opened if it is free. */
  readonly port: number;
  readonly counters: ConnectionCounters;
  /**
   * Opens a connection between the ends of a path. Messages that are sent by the returned path wait until the
   * connection is established. If the own port of `path` is in use, the returned path has another one.
   * @throws {SetupError | SystemError} if the system refuses at once.
   */
  open(path: Path): Path;
  /** Records that an authenticated SA uses the connection, which stays until it is released. */
  keep(path: Path): void;
  /**
   * Records that no SA uses the connection any more, so that it is closed after the messages that wait have
   * been sent.
   */
  release(path: Path): void;
}

/** Counters of TCP connections, and of packets and frames that were dropped. */
export interface ConnectionCounters {
  /** Number of connections that were opened here, and of those that were accepted. */
  opened: number;
  accepted: number;
  /**
   * Connections without an authenticated SA that were closed, as there were too many, their time was over, or
   * too many octets waited for them.
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
  /** Datagrams lost because a receive buffer was full; absent if the system does not report it. */
  readonly receiveDrops?: number;
  /** Datagrams to an address that is not ours; absent if no socket can receive them. */
  strays?: number;
}

/** Counters of a transport that has carried nothing yet. */
export function noDatagrams(): TransportCounters {
  return { sent: 0, received: 0, sendErrors: 0, keepalives: 0, keepalivesSent: 0, esp: 0 };
}

/** An open transport. */
export interface Transport {
  readonly name: "portable" | "native";
  readonly counters: TransportCounters;
  /** The own IKE port; the real one if the options say 0. */
  readonly ikePort: number;
  /** The own NAT-T port; undefined if the options have none. */
  readonly nattPort: number | undefined;
  /** The most tunnels that should be set up at a time, so that the receive buffer holds their messages. */
  readonly halfOpenMax: number;
  /** Sentences for the user about what these sockets lack; absent: nothing. */
  readonly notes?: readonly string[];
  /** The errors of datagrams that were sent; absent: the transport does not know them. */
  readonly sendErrors?: SendErrors;
  /** The counts of each rule of `impairment`; absent: there are no rules. */
  readonly impairment?: readonly ImpairmentCounts[];
  /** Carries ESP packets; absent: the transport carries IKE alone. */
  readonly esp?: EspCarrier | undefined;
  /** TCP connections; absent: the transport is UDP only. */
  readonly connections?: Connections | undefined;
  /** Sets the receiver of messages; it is called once. */
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
  /** Size of the receive buffer in octets, of which the system may give less; native only. */
  readonly receiveBufferOctets?: number | undefined;
  /** Whether the kernel handles the ESP that arrives at the NAT-T port; native only. */
  readonly kernelEsp?: boolean | undefined;
  /** Whether this process handles ESP in UDP: see {@linkcode Transport.esp}. */
  readonly ownEsp?: boolean | undefined;
  /** Whether to bind to addresses that no interface has (IP_FREEBIND); native only. */
  readonly freebind?: boolean | undefined;
  /** Whether other sockets of this process have the same addresses and ports; native only. */
  readonly isShared?: boolean | undefined;
  /** The interface of link-local addresses; absent: the interface by which a message of the peer arrived. */
  readonly linkLocalInterface?: string | undefined;
}
