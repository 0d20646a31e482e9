/**
 * The one door to gRPC's connections, of the program and of its tests: whoever opens a client or a
 * server by it has the sessions of HTTP/2 guarded, without which the process may abort
 * (`http2_guard.ts`). `scripts/check_rooms.ts` refuses another way.
 * @module
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientOptions,
  type GrpcObject,
  loadPackageDefinition,
  Server,
} from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { guardHttp2Sessions } from "@/api/http2_guard.ts";

/** A client of the server at `host:port`; it connects when it is first needed. */
export function openGrpcClient(
  target: string,
  credentials: ChannelCredentials,
  options: ClientOptions = {},
): Client {
  guardHttp2Sessions();
  return new Client(target, credentials, options);
}

/** A server without services that listens nowhere yet. */
export function openGrpcServer(options: ChannelOptions): Server {
  guardHttp2Sessions();
  return new Server(options);
}

/** The client classes of a package's services, by name. */
export function loadGrpcPackage(definition: PackageDefinition): GrpcObject {
  guardHttp2Sessions();
  return loadPackageDefinition(definition);
}
