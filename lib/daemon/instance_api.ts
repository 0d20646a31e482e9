/**
 * A client of the Test API of an instance, for the daemon and for the controller.
 * @module
 */
import { credentials } from "@grpc/grpc-js";
import { GrpcChannel, type ServiceClient } from "@/api/grpc_channel.ts";
import type { MyIKEv2APISvc } from "@/api/proto/api.ts";
import type { SummaryRespRead } from "@/api/proto/api_read.ts";
import type { CallOf, UnaryName } from "@/api/call_types.ts";
import { TEST_SERVICE } from "@/api/typed_service.ts";
import { type IpAddress, showEndpoint } from "@/base/address.ts";

/** Asked for in TLS: an address is no server name (RFC 6066 §3), so that the library needs another. */
const SERVER_NAME = "instance.myikev2";

/** The summary that an instance sends when its test ends. */
export interface FinalSummary {
  /** Resolves to true once the instance has accepted the subscription, to false if it refused. */
  readonly subscribed: Promise<boolean>;
  /** Resolves at the end of the test; to undefined if the connection ended without a summary. */
  readonly summary: Promise<SummaryRespRead | undefined>;
}

type TestCall = UnaryName<MyIKEv2APISvc>;

/** The API of one instance. */
export class InstanceApi {
  readonly #channel: GrpcChannel;
  readonly #calls: ServiceClient<MyIKEv2APISvc>;

  /**
   * TLS is used where the instance has it; its certificate is not verified: who answers on this
   * address of our own bridge is the process we started there.
   */
  constructor(address: IpAddress, port: number, tls: boolean) {
    const channel = tls
      ? credentials.createSsl(null, null, null, { rejectUnauthorized: false })
      : credentials.createInsecure();
    const target = showEndpoint(address, port);
    this.#channel = new GrpcChannel(target, channel, tls ? SERVER_NAME : undefined);
    this.#calls = this.#channel.service(TEST_SERVICE);
  }

  /** One call. @throws {Refusal} with the instance's status, or UNAVAILABLE, DEADLINE_EXCEEDED. */
  call<M extends TestCall>(
    method: M,
    request: CallOf<MyIKEv2APISvc, M>["request"],
    deadlineMs: number,
  ): Promise<CallOf<MyIKEv2APISvc, M>["answerRead"]> {
    return this.#calls.call(method, request, deadlineMs);
  }

  /** Subscribes to the final summary (NotifyFinalResult). */
  finalSummary(): FinalSummary {
    const stream = this.#calls.stream("NotifyFinalResult", {});
    let subscribed = false;
    let summary: SummaryRespRead | undefined;
    const ended = new Promise<void>((resolve) => {
      for (const name of ["end", "error"]) stream.on(name, () => resolve());
    });
    const opened = new Promise<void>((resolve) =>
      stream.on("metadata", () => {
        subscribed = true;
        resolve();
      })
    );
    stream.on("data", (message) => summary = message);
    return {
      subscribed: Promise.race([opened, ended]).then(() => subscribed),
      summary: ended.then(() => summary),
    };
  }

  /** Ends the connection. */
  close(): void {
    this.#channel.close();
  }
}
