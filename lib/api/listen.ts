/**
 * Starts and stops the gRPC server of an API. Every API has the health service and reflection
 * beside its own services.
 *
 * The listening sockets are ours, and we hand their connections to the library: in this way the
 * number of connections of each caller is bounded, and the user at the other end of a Unix socket
 * is known.
 * @module
 */
import { logVerbosity, type Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import net, { type Socket } from "node:net";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { fileDescriptors, HEALTH, type ProtoFile } from "@/api/definitions.ts";
import { endsOf, isTrustedUser, ownerOfEnds, type TrustRules } from "@/api/caller.ts";
import { CallerQuota, CONNECTION_LIMITS, type Holder } from "@/api/caller_quota.ts";
import { type GrpcSession, onNewSession, openGrpcServer } from "@/api/grpc_connections.ts";
import { must, SetupError, SystemError } from "@/base/errors.ts";
import { makeDirectory } from "@/files/directory.ts";
import { removePrivate } from "@/files/private_file.ts";
import { callersChanged } from "@/native/iterations.ts";
import { peerUser } from "@/native/peer_credentials.ts";
import { showPortHolder } from "@/native/port_holder.ts";

/** Where a server listens, and the names of these options in error messages. */
export interface ListenOptions {
  /** The address as text; 0.0.0.0 and :: stand for all addresses. */
  readonly address: string;
  /** The TCP port; 0 means any free port. */
  readonly port: number;
  readonly credentials: ServerCredentials;
  readonly addressName: string;
  readonly portName: string;
  /** Which callers have the larger quota of connections. */
  readonly trust: TrustRules;
}

/** A socket that listens. */
export interface Listening {
  /** The TCP port it listens on; 0 for a Unix socket. */
  readonly port: number;
  /** Accepts no more connections; those that are open stay open. */
  stop(): void;
}

/** The largest request that a server accepts; requests of our services are much smaller. */
const REQUEST_OCTETS_MAX = 65_536;

/** How many calls one connection may have open at once. */
const CALLS_PER_CONNECTION_MAX = 300;

/**
 * A server that has no services yet, and accepts requests of up to `requestOctetsMax` octets.
 * Answers may be of any size, as only the client knows how much it accepts.
 */
export function newServer(requestOctetsMax = REQUEST_OCTETS_MAX): Server {
  // Errors are reported where they are handled. Without this the library would write them to the
  // terminal as well.
  setLogVerbosity(logVerbosity.NONE);
  return openGrpcServer({
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": requestOctetsMax,
    "grpc.max_concurrent_streams": CALLS_PER_CONNECTION_MAX,
  });
}

/**
 * Adds the health service and reflection for the services that the server already has, and returns
 * the health service.
 */
export function addCommonServices(
  server: Server,
  files: readonly ProtoFile[],
  services: readonly string[],
): HealthImplementation {
  const health = new HealthImplementation();
  for (const name of ["", ...services]) health.setStatus(name, "SERVING");
  health.addToServer(server);
  // The library reads only the descriptors of a package definition.
  const described = { "": { fileDescriptorProtos: fileDescriptors([HEALTH, ...files]) } };
  new ReflectionService(described as unknown as PackageDefinition, {
    services: [...services, "grpc.health.v1.Health"],
  }).addToServer(server);
  return health;
}

/**
 * Begins to listen on a TCP port.
 *
 * @throws {SetupError} naming the address, the option and, if the port is in use, the process that
 * uses it.
 */
export function listen(server: Server, options: ListenOptions): Promise<Listening> {
  const { address, port, credentials, trust } = options;
  const endpoint = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const injector = server.createConnectionInjector(credentials);
  const quota = new CallerQuota(CONNECTION_LIMITS);
  const listener = net.createServer((socket) => {
    const holder = holderOf(socket, trust);
    if (takePlace(quota, holder, socket)) injector.injectConnection(socket);
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

/** The user id at the other end of each connection of a Unix socket, as the kernel reports it. */
export type UnixUsers = WeakMap<GrpcSession, number>;

/** How a server listens on a Unix socket. */
export interface UnixOptions {
  /** The option that names its path. */
  readonly option: string;
  /** Which callers have the larger quota of connections. */
  readonly trust: TrustRules;
  /** Gets an entry for each connection. */
  readonly users: UnixUsers;
}

/**
 * Listens on a Unix socket, to which every user may connect; the user of each connection is known.
 * @throws {SetupError} naming the option.
 */
export async function listenUnix(
  server: Server,
  path: string,
  { option, trust, users }: UnixOptions,
): Promise<Listening> {
  const quota = new CallerQuota(CONNECTION_LIMITS);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  let connecting: number | undefined;
  // The library makes the session of a connection within injectConnection().
  onNewSession(server, (session) => {
    if (connecting !== undefined) users.set(session, connecting);
  });
  const listener = net.createServer((socket) => {
    const user = peerUser(descriptorOf(socket));
    const isTrusted = user !== undefined && isTrustedUser(user, trust);
    const holder = { key: `user ${user ?? "unknown"}`, isTrusted };
    if (!takePlace(quota, holder, socket)) return;
    connecting = user;
    injector.injectConnection(socket);
    connecting = undefined;
  });
  await bindUnix(listener, path, option);
  return {
    port: 0,
    stop: () => {
      listener.close();
      removePrivate(path);
    },
  };
}

/**
 * The file descriptor of a connection that was just accepted; -1 if the runtime does not tell it.
 */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } };
  return handle?.fd ?? -1;
}

/** @throws {SetupError} */
async function bindUnix(listener: net.Server, path: string, option: string): Promise<void> {
  const fail = (why: string) => new SetupError(`Cannot listen on ${path} (${option}): ${why}`);
  try {
    makeDirectory(path.slice(0, path.lastIndexOf("/")), "service", 0o755);
  } catch (e) {
    throw e instanceof SystemError ? fail(e.message) : e;
  }
  if (await isAnswered(path)) throw fail("another process listens there");
  const info = statOf(path);
  if (info && !info.isSocket) throw fail("there is a file that is no socket");
  if (info) removePrivate(path);
  await new Promise<void>((resolve, reject) => {
    listener.once("error", (error) => reject(fail(error.message)));
    listener.listen({ path, readableAll: true, writableAll: true }, () => resolve());
  });
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch {
    return undefined;
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
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
function takePlace(quota: CallerQuota, holder: Holder, socket: Socket): boolean {
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

function listenFailure(endpoint: string, why: string, options: ListenOptions): string {
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

/**
 * Stops a server: open calls have `graceMs` milliseconds to finish, then their connections are
 * closed.
 */
export function shutDown(
  server: Server,
  listening: readonly Listening[],
  graceMs: number,
): Promise<void> {
  for (const each of listening) each.stop();
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      server.forceShutdown();
      // The library waits some seconds for connections whose client does not read; we do not.
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
