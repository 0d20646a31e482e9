/**
 * Opens all gRPC clients and servers of the program and of its tests, so that the HTTP/2 sessions
 * are guarded: without the guard the process may abort (`http2_guard.ts`). `scripts/check_rooms.ts`
 * refuses code that opens them in another way.
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

/** A client of the server at `host:port`, which connects at its first call. */
export function openGrpcClient(
  target: string,
  credentials: ChannelCredentials,
  options: ClientOptions = {},
): Client {
  guardHttp2Sessions();
  return new Client(target, credentials, options);
}

/** A server that has no services yet and does not listen. */
export function openGrpcServer(options: ChannelOptions): Server {
  guardHttp2Sessions();
  return new Server(options);
}

/** The HTTP/2 session of one client, at the server. */
export type GrpcSession = ServerHttp2Session;

/**
 * Calls `heard` with each new session of the server's newest connection injector. It reads a
 * private field of the library, which has no public way to the sessions.
 */
export function onNewSession(server: Server, heard: (session: GrpcSession) => void): void {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> };
  const last = [...http2Servers?.keys() ?? []].at(-1);
  must(last !== undefined, "the gRPC library keeps its HTTP/2 servers");
  last.on("session", heard);
}

/** The session that a call came by, or undefined for a call within this process. */
export function sessionOf(call: object): GrpcSession | undefined {
  const { call: inner } = call as { call?: { stream?: { session?: GrpcSession } } };
  return inner?.stream?.session;
}
