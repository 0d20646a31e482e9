/**
 * What moves datagrams: one interface, a portable and a native variant. IKE messages only, without
 * their non-ESP marker; the variant puts it on and takes it off.
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";
import type { EspCarrier } from "@/esp/carrier.ts";
import type { ImpairmentCounts } from "@/transport/impairment.ts";
import type { SendErrors } from "@/transport/send_errors.ts";

/** A received IKE message and the way it came. */
export interface Datagram {
  /** The IKE message, without a non-ESP marker. Only lent: valid until the listener returns. */
  readonly octets: Uint8Array;
  readonly path: Path;
  /** Whether a non-ESP marker stood before it (RFC 3948 §2.2). */
  readonly encapsulated: boolean;
}

/** Who takes what arrives. */
export interface TransportListener {
  datagrams(batch: readonly Datagram[]): void;
  /** The sockets are of no use any more; what was closed on purpose says nothing. */
  failed(error: unknown): void;
  /** TCP connections that are no more, though nobody here let them go. */
  lost?(ends: readonly LostConnection[]): void;
}

/** A TCP connection that is no more. */
export interface LostConnection {
  readonly path: Path;
  readonly why: string;
}

/** TCP connections (RFC 9329), as the core's owner sees them: each is known by its path. */
export interface Connections {
  /** The own port: where it listens, or what it connects from where that is free. */
  readonly port: number;
  readonly counters: ConnectionCounters;
  /**
   * Begins a connection between the ends of a path; what is sent by the path that it returns waits
   * until there is one. Its own port is another where that of `path` is not free.
   * @throws {SetupError | SystemError} where the system refuses at once.
   */
  open(path: Path): Path;
  /** An authenticated SA uses it: it stays until it is released. */
  keep(path: Path): void;
  /** No SA uses it any more: it is closed once what waits is sent. */
  release(path: Path): void;
}

/** TCP connections by what became of them. */
export interface ConnectionCounters {
  /** Begun by us, and taken. */
  opened: number;
  accepted: number;
  /** Of strangers, closed: too many of them, nobody authenticated in time, or too much waited for it. */
  crowdedOut: number;
  idle: number;
  hoarding: number;
  /** Closed for what came: no prefix, a length of 0 or 1 (RFC 9329 §3, §4). */
  badStreams: number;
  /** ESP packets that found a full connection. */
  espDropped: number;
  /** Frames that are neither IKE nor ESP nor a keepalive. */
  badFrames: number;
}

/** Datagrams by what became of them. */
export interface TransportCounters {
  sent: number;
  received: number;
  /** The system refused to send it. */
  sendErrors: number;
  /** NAT-T keepalives that came, and that went (RFC 3948 §2.3); part of `received` and `sent`. */
  keepalives: number;
  keepalivesSent: number;
  /** ESP in UDP that came. */
  esp: number;
  /** Lost by full receive buffers; absent where it cannot be told. */
  readonly receiveDrops?: number;
  /** Sent to an address that is none of ours; absent where no socket can get such. */
  strays?: number;
}

/** Open sockets. */
export interface Transport {
  readonly name: "portable" | "native";
  readonly counters: TransportCounters;
  /** The port that was asked for as 0 is a real one here. */
  readonly ikePort: number;
  /** The NAT-T port; undefined where none was asked for. */
  readonly nattPort: number | undefined;
  /** Tunnels that should be on their way at a time at most: what the receive buffer stands. */
  readonly halfOpenMax: number;
  /** What a tester should know of these sockets, in sentences; absent: nothing. */
  readonly notes?: readonly string[];
  /** What could not be sent, and why; absent: it cannot tell. */
  readonly sendErrors?: SendErrors;
  /** What was done to messages on purpose, rule by rule; absent: nothing. */
  readonly impairment?: readonly ImpairmentCounts[];
  /** Absent: it moves IKE alone. */
  readonly esp?: EspCarrier | undefined;
  /** Absent: there is only UDP. */
  readonly connections?: Connections | undefined;
  /** Takes what arrives; to be called once. */
  listen(listener: TransportListener): void;
  /** Sends an IKE message; from the NAT-T port and in TCP with a marker. May wait for {@linkcode flush}. */
  send(octets: Uint8Array, path: Path): void;
  /** Sends a NAT-T keepalive; from the NAT-T port only. May wait for {@linkcode flush}. */
  keepalive(path: Path): void;
  flush(): void;
  close(): Promise<void>;
}

/** What to open of TCP. */
export interface TcpOptions extends
  Pick<
    UdpOptions,
    "ownAddresses" | "namespace" | "kernelEsp" | "ownEsp" | "freebind"
  > {
  /** 0: a free one. */
  readonly port: number;
  /** Whether it listens at the own addresses; false: connections are only begun from here. */
  readonly listens: boolean;
  /** Connections of strangers at a time, at most. */
  readonly strangersMax?: number;
  /** How long a stranger has to authenticate. */
  readonly strangerMs?: number;
  /** Octets that may wait for all strangers: to be read by them, or for the rest of what they sent. */
  readonly strangersHeldMax?: number;
}

/** What to open. */
export interface UdpOptions {
  /** Each gets a socket (portable), or all of a family share one (native). All zeros: any address. */
  readonly ownAddresses: readonly IpAddress[];
  /** 0: a free one. */
  readonly ikePort: number;
  /** 0: a free one; undefined: none. */
  readonly nattPort?: number | undefined;
  /** The network namespace of the sockets: a name of `ip netns`, or a path. Native only. */
  readonly namespace?: string | undefined;
  /** Octets of receive buffer to ask for; native only, where the system may give less. */
  readonly receiveBufferOctets?: number | undefined;
  /** The kernel takes ESP that comes to the NAT-T port; native only. */
  readonly kernelEsp?: boolean | undefined;
  /** ESP in UDP is handled in this process: see {@linkcode Transport.esp}. */
  readonly ownEsp?: boolean | undefined;
  /** Take addresses that no interface has (IP_FREEBIND); native only. */
  readonly freebind?: boolean | undefined;
  /** The interface whose link link-local addresses are on; absent: those of peers heard tell it. */
  readonly linkLocalInterface?: string | undefined;
}
