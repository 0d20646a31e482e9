/**
 * A gRPC server that begins to listen, and ends: what every API of ours has in common. Beside its own
 * service each has the health service and reflection.
 *
 * The sockets are our own and their connections are handed to the library, so that each caller has a
 * bounded number of them and the user at the far end of a Unix socket is known.
 * @module
 */
import { logVerbosity, type Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import net, { type Socket } from "node:net";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { fileDescriptors, HEALTH, type ProtoFile } from "@/api/definitions.ts";
import { endsOf, isTrustedUser, ownerOfEnds, type TrustRules } from "@/api/caller.ts";
import { Bounds, CONNECTION_LIMITS, type Holder } from "@/api/connection_bounds.ts";
import { type GrpcSession, onNewSession, openGrpcServer } from "@/api/grpc_door.ts";
import { must, SetupError, SystemError } from "@/base/errors.ts";
import { makeDirectory } from "@/files/directory.ts";
import { removePrivate } from "@/files/private_file.ts";
import { callersChanged } from "@/native/iterations.ts";
import { peerUser } from "@/native/peer_credentials.ts";
import { showPortHolder } from "@/native/port_holder.ts";

/** Where to listen, and how its options are called in error messages. */
export interface ListenOptions {
  /** In words; 0.0.0.0 and :: are all addresses. */
  readonly address: string;
  /** 0: a free one. */
  readonly port: number;
  readonly credentials: ServerCredentials;
  readonly addressName: string;
  readonly portName: string;
  /** Who has places of their own among the connections. */
  readonly trust: TrustRules;
}

/** A socket that listens. */
export interface Listening {
  /** The port it got; 0: it has none. */
  readonly port: number;
  /** Takes no more connections; those that are open stay. */
  stop(): void;
}

/** Requests are small: whoever sends more than this is not asking for anything we have. */
const REQUEST_OCTETS_MAX = 65_536;

/** Calls that one connection has open at once at most. */
const CALLS_PER_CONNECTION_MAX = 300;

/**
 * A server without services, that takes requests of so many octets. Answers may be of any size: only
 * the caller knows what it can take.
 */
export function newServer(requestOctetsMax = REQUEST_OCTETS_MAX): Server {
  // What goes wrong is told where it is handled; the library would write to the terminal too.
  setLogVerbosity(logVerbosity.NONE);
  return openGrpcServer({
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": requestOctetsMax,
    "grpc.max_concurrent_streams": CALLS_PER_CONNECTION_MAX,
  });
}

/** Adds health and reflection for services that are served already; returns the health service. */
export function addCommonServices(
  server: Server,
  files: readonly ProtoFile[],
  services: readonly string[],
): HealthImplementation {
  const health = new HealthImplementation();
  for (const name of ["", ...services]) health.setStatus(name, "SERVING");
  health.addToServer(server);
  // The library reads nothing of a package definition but the descriptors in it.
  const described = { "": { fileDescriptorProtos: fileDescriptors([HEALTH, ...files]) } };
  new ReflectionService(described as unknown as PackageDefinition, {
    services: [...services, "grpc.health.v1.Health"],
  }).addToServer(server);
  return health;
}

/**
 * Begins to listen.
 *
 * @throws {SetupError} naming address, option and, for a port in use, the process that has it.
 */
export function listen(server: Server, options: ListenOptions): Promise<Listening> {
  const { address, port, credentials, trust } = options;
  const endpoint = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const injector = server.createConnectionInjector(credentials);
  const bounds = new Bounds(CONNECTION_LIMITS);
  const listener = net.createServer((socket) => {
    const holder = holderOf(socket, trust);
    if (takePlace(bounds, holder, socket)) injector.injectConnection(socket);
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

/** The users at the far ends of the connections of a Unix socket, as the kernel named them. */
export type UnixUsers = WeakMap<GrpcSession, number>;

/** How a Unix socket is served. */
export interface UnixOptions {
  /** The option that names its path. */
  readonly option: string;
  /** Who has places of their own among the connections. */
  readonly trust: TrustRules;
  /** Is told the user of each connection. */
  readonly users: UnixUsers;
}

/**
 * Listens at a Unix socket, which every user may connect to; who does is known.
 * @throws {SetupError} naming the option.
 */
export async function listenUnix(
  server: Server,
  path: string,
  { option, trust, users }: UnixOptions,
): Promise<Listening> {
  const bounds = new Bounds(CONNECTION_LIMITS);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  let connecting: number | undefined;
  // A connection's session is made while the connection is handed over.
  onNewSession(server, (session) => {
    if (connecting !== undefined) users.set(session, connecting);
  });
  const listener = net.createServer((socket) => {
    const user = peerUser(descriptorOf(socket));
    const isTrusted = user !== undefined && isTrustedUser(user, trust);
    const holder = { key: `user ${user ?? "unknown"}`, isTrusted };
    if (!takePlace(bounds, holder, socket)) return;
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

/** The file descriptor of a connection that was just accepted; -1 where the runtime has none. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } };
  return handle?.fd ?? -1;
}

/** @throws {SetupError} */
async function bindUnix(listener: net.Server, path: string, option: string): Promise<void> {
  const fail = (words: string) => new SetupError(`Cannot listen on ${path} (${option}): ${words}`);
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

/** Who has the far end: a user of this host, or an address. */
function holderOf(socket: Socket, trust: TrustRules): Holder {
  const ends = endsOf(socket);
  const owner = ends && ownerOfEnds(ends, trust);
  return owner === undefined
    ? { key: socket.remoteAddress ?? "a caller who left", isTrusted: false }
    : { key: `user ${owner}`, isTrusted: isTrustedUser(owner, trust) };
}

/** Closes a connection for which there is no place. */
function takePlace(bounds: Bounds, holder: Holder, socket: Socket): boolean {
  // The library hears of errors once it has the connection.
  socket.on("error", () => {});
  if (bounds.take(holder) !== undefined) {
    socket.destroy();
    return false;
  }
  callersChanged(1);
  socket.once("close", () => {
    callersChanged(-1);
    bounds.give(holder);
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

/** Ends a server: open calls have `graceMs` to finish, then their connections are cut. */
export function shutDown(
  server: Server,
  listening: readonly Listening[],
  graceMs: number,
): Promise<void> {
  for (const each of listening) each.stop();
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      server.forceShutdown();
      // A connection whose peer does not read says only seconds later that it is gone.
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
