/**
 * A client of the Test API of an instance, for the daemon and for the controller.
 * @module
 */
import {
  type Client,
  type ClientReadableStream,
  credentials,
  type ServiceDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadService, TEST_API } from "@/api/definitions.ts";
import { openGrpcClient } from "@/api/grpc_door.ts";
import type { Message } from "@/api/messages.ts";
import { Refusal } from "@/api/calls.ts";
import { type IpAddress, showEndpoint } from "@/base/address.ts";

/** Pause before the next attempt to connect, in milliseconds. */
const RECONNECT_MS = 500;

/** The summary that an instance sends when its test ends. */
export interface FinalSummary {
  /** Resolves to true once the instance has accepted the subscription, to false if it refused. */
  readonly subscribed: Promise<boolean>;
  /** Resolves at the end of the test; to undefined if the connection ended without a summary. */
  readonly summary: Promise<Message | undefined>;
}

let service: ServiceDefinition | undefined;

/** The API of one instance. */
export class InstanceApi {
  readonly #client: Client;

  /**
   * TLS is used where the instance has it; its certificate is not verified: who answers on this
   * address of our own bridge is the process we started there.
   */
  constructor(address: IpAddress, port: number, tls: boolean) {
    const channel = tls
      ? credentials.createSsl(null, null, null, { rejectUnauthorized: false })
      : credentials.createInsecure();
    this.#client = openGrpcClient(showEndpoint(address, port), channel, {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
      "grpc.initial_reconnect_backoff_ms": RECONNECT_MS,
      "grpc.max_reconnect_backoff_ms": RECONNECT_MS,
      "grpc.enable_http_proxy": 0,
      // An address is no server name (RFC 6066 §3), so the library has to be given another name.
      ...(tls ? { "grpc.ssl_target_name_override": "instance.myikev2" } : {}),
    });
  }

  /** One call. @throws {Refusal} with the instance's status, or UNAVAILABLE, DEADLINE_EXCEEDED. */
  call(method: string, request: Message, deadlineMs: number): Promise<Message> {
    service ??= loadService(TEST_API, "MyIKEv2APISvc");
    const { path, requestSerialize, responseDeserialize } = service[method]!;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, answer?: Message) => {
          if (error) reject(new Refusal(error.code, error.details));
          else resolve(answer ?? {});
        },
      );
    });
  }

  /** Subscribes to the final summary (NotifyFinalResult). */
  final(): FinalSummary {
    service ??= loadService(TEST_API, "MyIKEv2APISvc");
    const { path, requestSerialize, responseDeserialize } = service.NotifyFinalResult!;
    const stream: ClientReadableStream<Message> = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      {},
    );
    let subscribed = false, summary: Message | undefined;
    const ended = new Promise<void>((resolve) => {
      for (const name of ["end", "error"]) stream.on(name, () => resolve());
    });
    const opened = new Promise<void>((resolve) =>
      stream.on("metadata", () => {
        subscribed = true;
        resolve();
      })
    );
    stream.on("data", (message: Message) => summary = message);
    return {
      subscribed: Promise.race([opened, ended]).then(() => subscribed),
      summary: ended.then(() => summary),
    };
  }

  /** Ends the connection. */
  close(): void {
    this.#client.close();
  }
}
