/**
 * Records which datagrams could not be sent, and which ICMP errors came back: counted by cause with an
 * example, reported as sentences at a limited rate, and remembered for each path, so that "no answer" can be
 * explained. ICMP can be forged, so that it explains a failure but never causes one.
 * @module
 */
import { endsKey, type IpAddress, type Path, showAddress, showEndpoint } from "@/base/address.ts";

/** The most causes that are counted apart, and the most paths whose last error is remembered. */
const CAUSES_MAX = 50;
const ENDS_MAX = 10_000;
/** Milliseconds after the first report of a cause until the next, which has the number of errors since. */
const QUIET_MS = 10_000;
/** The cause under which all are counted once there are {@linkcode CAUSES_MAX}. */
const OTHER = "other errors";

/** The errors of one cause. */
export interface SendErrorFigures {
  readonly cause: string;
  readonly count: number;
  /** The first of these errors, as a sentence. */
  readonly example: string;
}

/** The last error of a path since a datagram came back by it. */
export interface SendTrouble {
  readonly words: string;
  /** Whether the datagram was sent, and an ICMP error came back. */
  readonly isIcmp: boolean;
}

/** An error to be counted. */
export interface NewSendError {
  readonly cause: string;
  readonly words: string;
  readonly path: Path;
  readonly isIcmp?: boolean;
  /** Number of datagrams; absent: one. */
  readonly count?: number;
  /** How many of them are IKE messages that were not sent. */
  readonly unsentIke?: number;
}

/** The errors of a transport. */
export interface SendErrors {
  /** Number of IKE messages that were not sent. */
  readonly unsentIke: number;
  /** Is called with a sentence for the log: at once for a new cause, then at intervals. */
  tell: ((words: string) => void) | undefined;
  /** The errors by cause, the most frequent first. */
  figures(): SendErrorFigures[];
  /** The last error of a path; undefined: there is none. */
  lastOf(path: Path): SendTrouble | undefined;
  /** Records that a datagram came by a path, so that its earlier errors are over. */
  received(path: Path): void;
}

interface Cause {
  count: number;
  readonly example: string;
  /** When the cause was last reported, in milliseconds, and how many errors came since. */
  reportedMs: number;
  untold: number;
}

/** The errors of one transport. */
export class SendErrorCounts implements SendErrors {
  unsentIke = 0;
  tell: ((words: string) => void) | undefined;
  readonly #causes = new Map<string, Cause>();
  /** The last error by the key of both ends, or by that of the peer if the own end is unknown. */
  readonly #last = new Map<string, SendTrouble>();
  readonly #nowMs: () => number;

  /** `nowMs` reads the clock; tests set it. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Counts an error, remembers it, and reports it if a report is due. */
  add(error: NewSendError): void {
    const { words, path, isIcmp = false, count = 1, unsentIke = 0 } = error;
    this.unsentIke += unsentIke;
    const key = endsKey(path);
    this.#last.delete(key);
    this.#last.set(key, { words, isIcmp });
    if (this.#last.size > ENDS_MAX) {
      const [oldest] = this.#last.keys();
      this.#last.delete(oldest!);
    }
    const isKnown = this.#causes.has(error.cause);
    const cause = isKnown || this.#causes.size < CAUSES_MAX ? error.cause : OTHER;
    const known = this.#causes.get(cause) ??
      { count: 0, example: words, reportedMs: -Infinity, untold: 0 };
    this.#causes.set(cause, known);
    known.count += count;
    known.untold += count;
    const nowMs = this.#nowMs();
    if (!this.tell || nowMs < known.reportedMs + QUIET_MS) return;
    const others = known.untold - 1;
    known.reportedMs = nowMs;
    known.untold = 0;
    this.tell(others > 0 ? `${words} (and ${others} more: ${cause})` : words);
  }

  figures(): SendErrorFigures[] {
    return [...this.#causes].map(([cause, { count, example }]) => ({ cause, count, example }))
      .sort((a, b) => b.count - a.count);
  }

  lastOf(path: Path): SendTrouble | undefined {
    return this.#last.get(endsKey(path)) ?? this.#last.get(endsKey({ ...path, ...NOWHERE }));
  }

  received(path: Path): void {
    if (this.#last.size === 0) return;
    this.#last.delete(endsKey(path));
    this.#last.delete(endsKey({ ...path, ...NOWHERE }));
  }
}

/** The errors of two transports, UDP and TCP, as one. */
export class JoinedSendErrors implements SendErrors {
  readonly #udp: SendErrors;
  readonly #tcp: SendErrors;

  constructor(udp: SendErrors, tcp: SendErrors) {
    this.#udp = udp;
    this.#tcp = tcp;
  }

  get unsentIke(): number {
    return this.#udp.unsentIke + this.#tcp.unsentIke;
  }

  get tell(): ((words: string) => void) | undefined {
    return this.#udp.tell;
  }

  set tell(tell: ((words: string) => void) | undefined) {
    this.#udp.tell = tell;
    this.#tcp.tell = tell;
  }

  figures(): SendErrorFigures[] {
    return [...this.#udp.figures(), ...this.#tcp.figures()].sort((a, b) => b.count - a.count);
  }

  lastOf(path: Path): SendTrouble | undefined {
    return (path.tcp ? this.#tcp : this.#udp).lastOf(path);
  }

  received(path: Path): void {
    (path.tcp ? this.#tcp : this.#udp).received(path);
  }
}

/** The meaning of an errno for a datagram, with a remedy if there is an obvious one. */
const ERRNO_MEANINGS: Readonly<Record<string, string>> = {
  EACCES: "Permission denied: no unicast address, or a route that prohibits it",
  EADDRNOTAVAIL: "No interface has the own address",
  EAGAIN: "The socket's send buffer stays full",
  ECONNREFUSED: "Connection refused",
  EHOSTUNREACH: "No route to host: its neighbour does not answer, or a route says so",
  EINVAL: "Invalid argument: an own address, port or scope that cannot be sent from",
  EMSGSIZE: "Message too long",
  ENETDOWN: "The network is down",
  ENETUNREACH: "Network is unreachable: no route leads there",
  ENOBUFS: "No buffer space: the device's queue or the kernel's neighbour table is full",
  ENODEV: "No such device",
  EPERM: "Operation not permitted: a firewall of this host, most likely",
};

/** An errno with its meaning, as in `Network is unreachable: no route leads there (ENETUNREACH)`. */
export function showErrno(errno: string): string {
  const meaning = ERRNO_MEANINGS[errno];
  return meaning === undefined ? errno : `${meaning} (${errno})`;
}

/** A datagram that the system refused to send. */
export function refusedDatagram(
  path: Path,
  errno: string,
  { count = 1, unsentIke = 0 }: { readonly count?: number; readonly unsentIke?: number },
): NewSendError {
  const cause = showErrno(errno);
  return { cause, words: `${cannotSend(path)}: ${cause}`, path, count, unsentIke };
}

/** A datagram that cannot be sent by any socket or connection of this transport. */
export function unroutableDatagram(path: Path, why: string, unsentIke: number): NewSendError {
  return { cause: why, words: `${cannotSend(path)}: ${why}`, path, unsentIke };
}

/** A TCP connection that could not be made; `why` is an errno name, or a sentence. */
export function refusedConnection(path: Path, why: string): NewSendError {
  const cause = `TCP: ${showErrno(why)}`;
  const to = showEndpoint(path.peerAddress, path.peerPort);
  const from = showEndpoint(path.ownAddress, path.ownPort);
  return { cause, words: `Cannot connect to ${to} from ${from}: ${showErrno(why)}`, path };
}

/** The reason why a datagram cannot be sent by any UDP socket of this transport. */
export function whyNoDatagram(
  { isClosed, hasSocket, length, peerPort }: {
    readonly isClosed: boolean;
    readonly hasSocket: boolean;
    /** Octets of the payload. */
    readonly length: number;
    readonly peerPort: number;
  },
): string {
  if (isClosed) return "the sockets are closed";
  if (!hasSocket) return "no socket is at the own address and port";
  return peerPort === 0 ? "port 0 is nobody's" : `${length} octets are more than a datagram takes`;
}

function cannotSend({ ownAddress, ownPort, peerAddress, peerPort }: Path): string {
  const to = showEndpoint(peerAddress, peerPort);
  return `Cannot send to ${to} from ${showEndpoint(ownAddress, ownPort)}`;
}

/** Names of ICMP destination unreachable codes (RFC 792, RFC 1812 §5.2.7.1), and of those of ICMPv6. */
const UNREACHABLE_4: readonly string[] = [
  "network unreachable",
  "host unreachable",
  "protocol unreachable",
  "port unreachable: nothing listens there",
  "fragmentation needed",
  "source route failed",
  "network unknown",
  "host unknown",
  "source host isolated",
  "network administratively prohibited",
  "host administratively prohibited",
  "network unreachable for this type of service",
  "host unreachable for this type of service",
  "communication administratively prohibited",
];
const UNREACHABLE_6: readonly string[] = [
  "no route to destination",
  "communication administratively prohibited",
  "beyond the scope of the source address",
  "address unreachable",
  "port unreachable: nothing listens there",
  "source address failed a policy",
  "route rejected",
];

/** An ICMP error, or an error of the system, about a datagram that was sent. */
export function icmpError(
  path: Path,
  { errno, icmp, offender }: {
    readonly errno: string;
    readonly icmp: { readonly type: number; readonly code: number } | undefined;
    readonly offender: IpAddress | undefined;
  },
): NewSendError {
  if (!icmp) return { ...refusedDatagram(path, errno, {}), isIcmp: true };
  const isV4 = path.peerAddress.length === 4;
  const { type, code } = icmp;
  const cause = `${isV4 ? "ICMP" : "ICMPv6"} ${
    (isV4 ? showIcmp4(type, code) : showIcmp6(type, code)) ?? `type ${type}, code ${code}`
  }`;
  const to = showEndpoint(path.peerAddress, path.peerPort);
  const who = offender ? showAddress(offender) : "Somebody";
  return { cause, words: `${who} says of a datagram to ${to}: ${cause}`, path, isIcmp: true };
}

/**
 * Describes an ICMP error: type 3 is destination unreachable, 11 time exceeded, 12 a parameter problem (RFC
 * 792).
 */
function showIcmp4(type: number, code: number): string | undefined {
  if (type === 3) return UNREACHABLE_4[code];
  if (type === 11) return "time to live exceeded";
  return type === 12 ? "parameter problem" : undefined;
}

/**
 * Describes an ICMPv6 error: type 1 is destination unreachable, 2 packet too big, 3 time exceeded, 4 a
 * parameter problem (RFC 4443 §3).
 */
function showIcmp6(type: number, code: number): string | undefined {
  if (type === 1) return UNREACHABLE_6[code];
  if (type === 2) return "packet too big";
  if (type === 3) return "hop limit exceeded";
  return type === 4 ? "parameter problem" : undefined;
}

/** The own end of a path whose own end is unknown. */
const NOWHERE = { ownAddress: new Uint8Array(0), ownPort: 0 };
