/**
 * The gRPC client of the whole program: a connection to a server. The calls of its services return
 * promises, and their messages are typed.
 * @module
 */
import {
  type ChannelCredentials,
  type Client,
  type ClientReadableStream,
  type ServiceError,
} from "@grpc/grpc-js";
import { openGrpcClient } from "@/api/grpc_connections.ts";
import { Refusal } from "@/api/refusal.ts";
import type { CallOf, StreamName, UnaryName } from "@/api/call_types.ts";
import { type ApiService, definitionOf } from "@/api/typed_service.ts";

/** Pause before the client connects again to a server that it lost. */
const RECONNECT_MS = 500;

/**
 * A connection to one server, which is opened by the first call and shared with no other channel.
 */
export class GrpcChannel {
  readonly #client: Client;

  /**
   * `target` is `address:port`, with an IPv6 address in brackets, or `unix:PATH`. `serverName` is
   * the server name that TLS sends if `target` is an address, as RFC 6066 §3 allows no addresses.
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
  service<S>(service: ApiService<S>): ServiceClient<S> {
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

  /** See {@linkcode GrpcChannel.service}. */
  constructor(client: Client, service: ApiService<S>) {
    this.#client = client;
    this.#service = service;
  }

  /**
   * Makes a call with one answer, which may take `deadlineMs` milliseconds.
   * @throws {Refusal} with the status of the server, UNAVAILABLE, or DEADLINE_EXCEEDED.
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

  /**
   * Makes a call that is answered by a stream of messages, until the server ends it or `cancel()`
   * is called.
   */
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
