/**
 * TCP sockets that listen for the servers of this process. Each caller has a bounded number of connections,
 * so that no user of this host and no other host takes the places of others.
 * @module
 */
import net, { type Socket } from "node:net";
import { endsOf, isTrustedUser, ownerOfEnds, type TrustRules } from "@/api/caller.ts";
import { CallerQuota, CONNECTION_LIMITS, type Holder } from "@/api/caller_quota.ts";
import { must, SetupError } from "@/base/errors.ts";
import { callersChanged } from "@/native/iterations.ts";
import { showPortHolder } from "@/native/port_holder.ts";

/** Where to listen, and how the options that say so are called in error messages. */
export interface SocketOptions {
  /** In words; 0.0.0.0 and :: are all addresses. */
  readonly address: string;
  /** 0: a free one. */
  readonly port: number;
  readonly addressName: string;
  readonly portName: string;
  /** The callers who have places of their own among the connections. */
  readonly trust: TrustRules;
}

/** A socket that listens. */
export interface Listening {
  /** The port it got; 0: it has none. */
  readonly port: number;
  /** Takes no more connections; those that are open stay. */
  stop(): void;
}

/**
 * Begins to listen; each connection that has a place is handed over.
 *
 * @throws {SetupError} naming address, option and, for a port in use, the process that has it.
 */
export function listenAt(
  options: SocketOptions,
  hand: (socket: Socket) => void,
): Promise<Listening> {
  const { address, port, trust } = options;
  const endpoint = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const quota = new CallerQuota(CONNECTION_LIMITS);
  const listener = net.createServer((socket) => {
    if (takePlace(quota, holderOf(socket, trust), socket)) hand(socket);
  });
  return new Promise((resolve, reject) => {
    listener.once("error", (error) => {
      reject(new SetupError(listenFailure(endpoint, error.message, options)));
    });
    listener.listen({ host: address, port }, () => {
      const bound = listener.address();
      must(bound !== null && typeof bound === "object", "a TCP listener has an address");
      resolve({ port: bound.port, stop: () => listener.close() });
    });
  });
}

/** The caller at the other end: a user of this host, or an address of another host. */
function holderOf(socket: Socket, trust: TrustRules): Holder {
  const ends = endsOf(socket);
  const owner = ends && ownerOfEnds(ends, trust);
  return owner === undefined
    ? { key: socket.remoteAddress ?? "a caller who left", isTrusted: false }
    : { key: `user ${owner}`, isTrusted: isTrustedUser(owner, trust) };
}

/** Counts a connection for its caller; closes it and returns false when a limit is reached. */
export function takePlace(quota: CallerQuota, holder: Holder, socket: Socket): boolean {
  // An error before the library has the connection must not end the process.
  socket.on("error", () => {});
  if (quota.acquire(holder) !== undefined) {
    socket.destroy();
    return false;
  }
  callersChanged(1);
  socket.once("close", () => {
    callersChanged(-1);
    quota.release(holder);
  });
  return true;
}

function listenFailure(endpoint: string, why: string, options: SocketOptions): string {
  const { addressName, portName, port } = options;
  if (/EADDRINUSE|address already in use/i.test(why)) {
    const holder = showPortHolder("tcp", port);
    return `Cannot listen on ${endpoint}: ${holder} has it; set ${portName} to another port`;
  }
  if (/EADDRNOTAVAIL|assign requested address/i.test(why)) {
    return `Cannot listen on ${endpoint}: this host does not have the address of ${addressName}`;
  }
  if (/EACCES|permission denied/i.test(why)) {
    return `Cannot listen on ${endpoint}: ports below 1024 need CAP_NET_BIND_SERVICE; ` +
      `set ${portName} to another port`;
  }
  return `Cannot listen on ${endpoint} (${addressName}, ${portName}): ${why}`;
}
