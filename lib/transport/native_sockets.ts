/**
 * Opens the sockets of the native transport: one for each port and address family, bound to the own address
 * if there is a single one, and to any address otherwise.
 * @module
 */
import { type IpAddress, isUnspecified } from "@/base/address.ts";
import { must, SetupError, SystemError } from "@/base/errors.ts";
import { areLocalByRoutes } from "@/native/local_routes.ts";
import type { ShimSymbols } from "@/native/load.ts";
import {
  closeFd,
  openUdpSocket,
  steer,
  type UdpSocket,
  type UdpSocketOptions,
} from "@/native/udp.ts";
import { refusalOf } from "@/transport/refusal.ts";
import type { UdpOptions } from "@/transport/transport.ts";

/** Size of the receive buffer that is requested if the options do not give one, in octets. */
const RECEIVE_BUFFER_OCTETS = 8 << 20;
/**
 * The most addresses that get a socket each. That is necessary if another process has the port at some other
 * address, so that no socket can be bound to any address.
 */
const OWN_SOCKETS_MAX = 1024;
/** The most attempts to find a port that is free for both families. */
const FREE_PORT_TRIES = 20;

/** A socket, and the datagrams that it carries. */
export interface NativeSocket extends UdpSocket {
  readonly natt: boolean;
  /** The own address to which it is bound; all zeros: it is bound to any address. */
  readonly address: IpAddress;
}

/** All sockets of a transport, with the ports they have. */
export interface NativeSockets {
  readonly sockets: readonly NativeSocket[];
  readonly ikePort: number;
  readonly nattPort: number | undefined;
}

/**
 * Opens the sockets of all ports. If one cannot be opened, the others are closed again. @throws {SetupError |
 * SystemError} as described at {@linkcode refusalOf}.
 */
export function openSockets(shim: ShimSymbols, given: UdpOptions): NativeSockets {
  const options = needsFreebind(given) ? { ...given, freebind: true } : given;
  must(options.ownAddresses.length > 0, "an own address");
  const ike = openPort({ shim, options, natt: false }, options.ikePort);
  const ikePort = ike[0]!.port;
  if (options.nattPort === undefined) return { sockets: ike, ikePort, nattPort: undefined };
  try {
    const natt = openPort({ shim, options, natt: true }, options.nattPort);
    return { sockets: [...ike, ...natt], ikePort, nattPort: natt[0]!.port };
  } catch (e) {
    closeAll(shim, ike);
    throw e;
  }
}

/** Whether several own IPv6 addresses are local by routes, so that sockets need IPV6_FREEBIND to send from them. */
export function needsFreebind({ ownAddresses, namespace }: UdpAddresses): boolean {
  // The routes are those of this process's namespace.
  const six = ownAddresses.filter(({ length }) => length === 16);
  return namespace === undefined && six.length > 1 && areLocalByRoutes(six);
}

type UdpAddresses = Pick<UdpOptions, "ownAddresses" | "namespace">;

/**
 * Opens the sockets of all ports once for each of several workers, which share them: each gets what is for its
 * SPIs (`ffi/udp_steer.c`). @throws {SetupError | SystemError} as described at {@linkcode refusalOf}.
 */
export function openShardSockets(
  shim: ShimSymbols,
  options: UdpOptions,
  shards: number,
): readonly NativeSockets[] {
  // A socket that shares its port is not refused where another test of this user shares it too.
  const { sockets: alone, ikePort, nattPort } = openSockets(shim, options);
  closeAll(shim, alone);
  const shared: UdpOptions = { ...options, ikePort, nattPort, isShared: true };
  const opened: NativeSockets[] = [];
  try {
    while (opened.length < shards) {
      const one = openSockets(shim, shared);
      // The kernel numbers the sockets of a port in the order in which they are bound.
      if (opened.length === 0) {
        for (const { fd, natt } of one.sockets) steer(shim, fd, { shards, natt });
      }
      opened.push(one);
    }
    return opened;
  } catch (e) {
    for (const { sockets } of opened) closeAll(shim, sockets);
    throw e;
  }
}

/** Closes sockets. */
export function closeAll(shim: ShimSymbols, sockets: readonly NativeSocket[]): void {
  for (const { fd } of sockets) closeFd(shim, fd);
}

/** Sentences for the user about what the sockets lack. */
export function notesOf(sockets: readonly NativeSocket[]): string[] {
  const refused = sockets.find((socket) => socket.bypassRefused)?.bypassRefused;
  return refused === undefined ? [] : [
    `IPsec policies of this machine apply to IKE as well: no bypass for our sockets (${refused}; ` +
    "it needs CAP_NET_ADMIN and a kernel with XFRM)",
  ];
}

/** Values that all sockets of one port share. */
interface Opening {
  readonly shim: ShimSymbols;
  readonly options: UdpOptions;
  readonly natt: boolean;
}

/** Opens one port for the families of the own addresses; 0 means a port that is free for each of them. */
function openPort(opening: Opening, port: number): NativeSocket[] {
  const { shim, options } = opening;
  for (let tries = 1;; tries++) {
    const opened: NativeSocket[] = [];
    try {
      for (const octets of [4, 16]) {
        const addresses = options.ownAddresses.filter((a) => a.length === octets);
        const same = opened[0]?.port ?? port;
        if (addresses.length > 0) opened.push(...openFamily(opening, addresses, same));
      }
      return opened;
    } catch (e) {
      closeAll(shim, opened);
      const mayTryAgain = port === 0 && opened.length > 0 && tries < FREE_PORT_TRIES;
      if (!mayTryAgain) throw e;
    }
  }
}

/** Opens the socket of one family, bound to its one address or, where there are several, to any. */
function openFamily(
  opening: Opening,
  addresses: readonly IpAddress[],
  port: number,
): NativeSocket[] {
  const [first] = addresses;
  if (addresses.length === 1) return [openSocket(opening, first!, port)];
  const { freebind, isShared } = opening.options;
  if (!freebind && !isShared) probe(opening, addresses, port);
  try {
    return [openSocket(opening, new Uint8Array(first!.length), port)];
  } catch (e) {
    // Another process has the port at some address, which need not be one of ours.
    const mayStillGo = e instanceof SetupError && port !== 0 &&
      addresses.length <= OWN_SOCKETS_MAX && !addresses.some(isUnspecified);
    if (!mayStillGo) throw e;
    return openEach(opening, addresses, port);
  }
}

function openEach(
  opening: Opening,
  addresses: readonly IpAddress[],
  port: number,
): NativeSocket[] {
  const opened: NativeSocket[] = [];
  try {
    for (const address of addresses) opened.push(openSocket(opening, address, port));
    return opened;
  } catch (e) {
    closeAll(opening.shim, opened);
    throw e;
  }
}

/** Binds to each address once: a socket for any address would not fail for one that no interface has. */
function probe(opening: Opening, addresses: readonly IpAddress[], port: number): void {
  const { shim, options } = opening;
  for (const address of addresses) {
    const socketOptions = {
      ...socketOptionsFor(options, address, 0),
      receiveBufferOctets: 0,
      underPolicy: true,
    };
    try {
      closeFd(shim, openUdpSocket(shim, socketOptions).fd);
    } catch (e) {
      throw refusalFor(e, opening, { address, port });
    }
  }
}

function openSocket(opening: Opening, address: IpAddress, port: number): NativeSocket {
  const { shim, options, natt } = opening;
  try {
    const socketOptions = {
      ...socketOptionsFor(options, address, port),
      espInUdp: natt && options.kernelEsp === true,
      carriesTunnels: options.ownEsp,
      tellsErrors: true,
      isShared: options.isShared,
    };
    return { ...openUdpSocket(shim, socketOptions), natt, address };
  } catch (e) {
    throw refusalFor(e, opening, { address, port });
  }
}

function socketOptionsFor(options: UdpOptions, address: IpAddress, port: number): UdpSocketOptions {
  const { namespace, freebind, receiveBufferOctets = RECEIVE_BUFFER_OCTETS } = options;
  const namespacePath = namespace?.includes("/")
    ? namespace
    : namespace && `/run/netns/${namespace}`;
  return { address, port, namespacePath, freebind, receiveBufferOctets };
}

/** An error of the setup for an error of the system; any other error is returned as it is. */
function refusalFor(
  e: unknown,
  { natt, options: { namespace } }: Opening,
  end: { readonly address: IpAddress; readonly port: number },
): unknown {
  if (!(e instanceof SystemError)) return e;
  return refusalOf({ ...end, natt, namespace, syscall: e.syscall, errno: e.errno });
}
