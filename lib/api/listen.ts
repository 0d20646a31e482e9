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
import { isTrustedUser, type TrustRules } from "@/api/caller.ts";
import { CallerQuota, CONNECTION_LIMITS } from "@/api/caller_quota.ts";
import { type GrpcSession, onNewSession, openGrpcServer } from "@/api/grpc_connections.ts";
import { listenAt, type Listening, type SocketOptions, takePlace } from "@/api/socket_listener.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import { makeDirectory } from "@/files/directory.ts";
import { removePrivate } from "@/files/private_file.ts";
import { peerUser } from "@/native/peer_credentials.ts";

/** Where and how a gRPC server listens. */
export interface ListenOptions extends SocketOptions {
  readonly credentials: ServerCredentials;
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
  const injector = server.createConnectionInjector(options.credentials);
  return listenAt(options, (socket) => injector.injectConnection(socket));
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
      // The library waits some seconds for connections whose client does not read; we do not.
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
