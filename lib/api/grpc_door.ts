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
  Server,
} from "@grpc/grpc-js";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import { guardHttp2Sessions } from "@/api/http2_guard.ts";
import { must } from "@/base/errors.ts";

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

/** The HTTP/2 connection of one client of a server. */
export type GrpcSession = ServerHttp2Session;

/**
 * Tells of the new connections of what the server listens on since its last injector was made; the
 * library has no public name for them.
 */
export function onNewSession(server: Server, heard: (session: GrpcSession) => void): void {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> };
  const last = [...http2Servers?.keys() ?? []].at(-1);
  must(last !== undefined, "the gRPC library keeps its HTTP/2 servers");
  last.on("session", heard);
}

/** The connection that a call of a server came by; undefined where it came by none. */
export function sessionOf(call: object): GrpcSession | undefined {
  const { call: inner } = call as { call?: { stream?: { session?: GrpcSession } } };
  return inner?.stream?.session;
}
