/**
 * The one client of gRPC: a connection to a server, and the calls of its services by promises, with the
 * types of their messages.
 * @module
 */
import {
  type ChannelCredentials,
  type Client,
  type ClientReadableStream,
  type ServiceError,
} from "@grpc/grpc-js";
import { openGrpcClient } from "@/api/grpc_door.ts";
import { Refusal } from "@/api/refusal.ts";
import type { CallOf, StreamName, UnaryName } from "@/api/call_types.ts";
import { type ApiService, definitionOf } from "@/api/typed_service.ts";

/** Pause before a server that is gone is tried again. */
const RECONNECT_MS = 500;

/** A connection of its own to one server; it is made when it is first needed. */
export class GrpcChannel {
  readonly #client: Client;

  /**
   * `target` is `address:port`, an IPv6 address in brackets, or `unix:PATH`. `serverName` is the name that
   * TLS asks for in place of an address: RFC 6066 §3 has no addresses.
   */
  constructor(target: string, credentials: ChannelCredentials, serverName?: string) {
    this.#client = openGrpcClient(target, credentials, {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
      "grpc.initial_reconnect_backoff_ms": RECONNECT_MS,
      "grpc.max_reconnect_backoff_ms": RECONNECT_MS,
      "grpc.enable_http_proxy": 0,
      ...(serverName === undefined ? {} : { "grpc.ssl_target_name_override": serverName }),
    });
  }

  /** The calls of one service of the server. */
  of<S>(service: ApiService<S>): ServiceClient<S> {
    return new ServiceClient(this.#client, service);
  }

  /** Ends the connection. */
  close(): void {
    this.#client.close();
  }
}

/** The calls of one service. */
export class ServiceClient<S> {
  readonly #client: Client;
  readonly #service: ApiService<S>;

  /** See {@linkcode GrpcChannel.of}. */
  constructor(client: Client, service: ApiService<S>) {
    this.#client = client;
    this.#service = service;
  }

  /**
   * A call with one answer, which may take `deadlineMs` milliseconds.
   * @throws {Refusal} with the server's status, or UNAVAILABLE, DEADLINE_EXCEEDED.
   */
  call<M extends UnaryName<S> & string>(
    method: M,
    request: CallOf<S, M>["request"],
    deadlineMs: number,
  ): Promise<CallOf<S, M>["answerRead"]> {
    type Answer = CallOf<S, M>["answerRead"];
    const { path, requestSerialize, responseDeserialize } = definitionOf(this.#service, method);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, answer?: Answer) => {
          if (error) reject(new Refusal(error.code, error.details));
          else resolve(answer as Answer);
        },
      );
    });
  }

  /** A call that is answered by messages until the server, or `cancel()`, ends them. */
  stream<M extends StreamName<S> & string>(
    method: M,
    request: CallOf<S, M>["request"],
  ): ClientReadableStream<CallOf<S, M>["answerRead"]> {
    const { path, requestSerialize, responseDeserialize } = definitionOf(this.#service, method);
    return this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    );
  }
}
