/**
 * A gRPC server that begins to listen, and ends: what every API of ours has in common. Beside its own
 * service each has the health service and reflection.
 * @module
 */
import { logVerbosity, type Server, type ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { fileDescriptors, HEALTH, type ProtoFile } from "@/api/definitions.ts";
import { openGrpcServer } from "@/api/grpc_door.ts";
import { SetupError } from "@/base/errors.ts";
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
}

/** Requests are small: whoever sends more than this is not asking for anything we have. */
const REQUEST_OCTETS_MAX = 65_536;

/** Calls that one connection has open at once at most. */
const CALLS_PER_CONNECTION_MAX = 1_000;

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
 * Begins to listen; resolves to the port.
 *
 * @throws {SetupError} naming address, option and, for a port in use, the process that has it.
 */
export function listen(server: Server, options: ListenOptions): Promise<number> {
  const { address, port, credentials } = options;
  const endpoint = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(endpoint, credentials, (error, bound) => {
      if (error) reject(new SetupError(listenFailure(endpoint, error.message, options)));
      else resolve(bound);
    });
  });
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
export function shutDown(server: Server, graceMs: number): Promise<void> {
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
