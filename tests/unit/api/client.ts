/**
 * A client for the tests of the API: it has a promise for each call of a running test, and streams that
 * keep the messages they received.
 * @module
 */
import {
  type ChannelCredentials,
  type ClientReadableStream,
  credentials,
  type Metadata,
} from "@grpc/grpc-js";
import {
  serviceOf,
  type TestAnswer,
  type TestCall,
  type TestCalls,
  type TestRequest,
} from "@/api/connection.ts";
import { GrpcChannel } from "@/api/grpc_channel.ts";
import { startTestApi, type TestApi } from "@/api/test_api.ts";
import type { TestApiOptions } from "@/api/test_api_options.ts";
import type { CallOf, StreamName } from "@/api/call_types.ts";
import { FakeRun } from "../../api/fake_view.ts";

/** Options of a server on a free port of 127.0.0.1 without TLS. */
export const PLAIN: TestApiOptions = {
  address: "127.0.0.1",
  port: 0,
  tls: { certificate: "", key: "", clientCa: "" },
  secrets: "auto",
  trust: {},
};

/** Milliseconds after which a call without an answer fails. */
const ANSWER_MS = 60_000;

/** The name of a call that is answered by a stream. */
export type TestStream = StreamName<TestCalls>;

/** A message of such a stream. */
export type StreamMessage<M extends TestStream> = CallOf<TestCalls, M>["answerRead"];

/** One connection to a Test API. */
export class ApiClient {
  readonly #channel: GrpcChannel;
  constructor(target: string, channel: ChannelCredentials = credentials.createInsecure()) {
    // The library cannot verify a certificate for an IP address. This name is in the certificate of
    // the server.
    this.#channel = new GrpcChannel(
      target,
      channel,
      channel._isSecure() ? "myikev2.test" : undefined,
    );
  }
  /** Makes a call with one answer. The promise rejects with a `Refusal` if the server refuses. */
  call<M extends TestCall>(method: M, request: TestRequest<M> = {}): Promise<TestAnswer<M>> {
    return this.#channel.service(serviceOf(method)).call(method, request, ANSWER_MS);
  }
  /** Makes a call with a stream of answers; `opened` resolves when the server has accepted it. */
  stream<M extends TestStream>(
    method: M,
    request: CallOf<TestCalls, M>["request"] = {},
  ): Stream<StreamMessage<M>> {
    return new Stream(this.#channel.service(serviceOf(method)).stream(method, request));
  }
  close(): void {
    this.#channel.close();
  }
}

/** The answers to one call, in the order of their arrival. */
export class Stream<R> {
  readonly replies: R[] = [];
  /** Resolves when the server has accepted the call. */
  readonly opened: Promise<Metadata>;
  /** Resolves to the gRPC status code at the end of the stream. */
  readonly ended: Promise<number>;
  #changed: () => void = () => {};
  constructor(readonly call: ClientReadableStream<R>) {
    this.opened = new Promise((resolve) => call.on("metadata", resolve));
    this.ended = new Promise((resolve) =>
      call.on("status", (s: { code: number }) => resolve(s.code))
    );
    call.on("data", (reply: R) => {
      this.replies.push(reply);
      this.#changed();
    });
    call.on("error", () => {});
  }
  /** Waits until there are at least `count` answers. */
  async until(count: number): Promise<void> {
    while (this.replies.length < count) {
      await new Promise<void>((resolve) => this.#changed = resolve);
    }
  }
}

/** Serves the API of a fake run, calls `body` with the run, its server and a client, and ends all. */
export async function withApi(
  body: (served: { run: FakeRun; client: ApiClient; api: TestApi }) => Promise<void>,
  options: Partial<TestApiOptions> = {},
): Promise<void> {
  const run = new FakeRun();
  const api = await startTestApi(run, { ...PLAIN, ...options });
  const client = new ApiClient(`127.0.0.1:${api.port}`);
  try {
    await body({ run, client, api });
  } finally {
    client.close();
    run.end();
    await api.close();
  }
}
