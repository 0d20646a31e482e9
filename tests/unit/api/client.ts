/**
 * A gRPC client for the tests of the API: the library's own, over definitions loaded as a client
 * would, with promises in place of callbacks.
 * @module
 */
import {
  ChannelCredentials,
  type Client,
  credentials,
  type Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { loadGrpcPackage } from "@/api/grpc_door.ts";
import { startTestApi, type TestApi } from "@/api/test_api.ts";
import type { TestApiOptions } from "@/api/test_api_options.ts";
import { FakeRun } from "../../api/fake_view.ts";

/** A message as the client reads it: 64-bit numbers as text, what is absent is null. */
// deno-lint-ignore no-explicit-any -- messages are looked at field by field
export type Reply = any;

/** Options of a server on a free port of 127.0.0.1 without TLS. */
export const PLAIN: TestApiOptions = {
  address: "127.0.0.1",
  port: 0,
  tls: { certificate: "", key: "", clientCa: "" },
  secrets: "auto",
  trust: {},
};

/** One connection to a Test API. */
export class ApiClient {
  readonly #client: Client;
  constructor(
    target: string,
    channel: ChannelCredentials = credentials.createInsecure(),
    [file, name] = ["myikev2/api/api.proto", "api.MyIKEv2APISvc"],
  ) {
    const loaded = protoLoader.loadSync(file, {
      keepCase: true,
      longs: String,
      defaults: true,
      includeDirs: [`${import.meta.dirname}/../../../proto`],
    });
    const Service = name.split(".").reduce<Reply>(
      (at, part) => at[part],
      loadGrpcPackage(loaded),
    );
    // A connection of its own, not one shared with other clients of this process.
    this.#client = new Service(target, channel, {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
      // The library cannot check a certificate against an IP address; this is a name of the server's.
      ...(channel._isSecure() ? { "grpc.ssl_target_name_override": "myikev2.test" } : {}),
    });
  }
  /** A call with one answer; rejects with a ServiceError. */
  call(method: string, request: object = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      // deno-lint-ignore no-explicit-any
      (this.#client as any)[method](
        request,
        (error: ServiceError | null, reply: Reply) => error ? reject(error) : resolve(reply),
      );
    });
  }
  /** A call with a stream of answers; `opened` resolves when the server took it. */
  stream(method: string, request: object = {}): Stream {
    // deno-lint-ignore no-explicit-any
    return new Stream((this.#client as any)[method](request));
  }
  close(): void {
    this.#client.close();
  }
}

/** Answers as they come. */
export class Stream {
  readonly replies: Reply[] = [];
  readonly opened: Promise<Metadata>;
  /** Resolves to the status code. */
  readonly ended: Promise<number>;
  #changed: () => void = () => {};
  // deno-lint-ignore no-explicit-any
  constructor(readonly call: any) {
    this.opened = new Promise((resolve) => call.on("metadata", resolve));
    this.ended = new Promise((resolve) =>
      call.on("status", (s: { code: number }) => resolve(s.code))
    );
    call.on("data", (reply: Reply) => {
      this.replies.push(reply);
      this.#changed();
    });
    call.on("error", () => {});
  }
  /** Until `count` answers are there. */
  async until(count: number): Promise<void> {
    while (this.replies.length < count) {
      await new Promise<void>((resolve) => this.#changed = resolve);
    }
  }
}

/** Runs `body` with a served fake run and a client of it; ends both. */
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
